//! What decisions keep for the next ones: agents in the order of a key, and their scores by the shape of what is asked for.
//!
//! Each part remembers up to which change of an agent it has followed, and catches up when it is asked again; so it stays
//! valid when other shapes, or changes that the log tells, come in between. A cache only makes answers faster: with any
//! cache, or none, they are the same. Must not know what the changes were.

use std::sync::{Arc, Mutex, PoisonError};

use crate::columns::Columns;
use crate::demand::Demand;
use crate::hints::Hints;
use crate::ledger::Ledger;
use crate::order::{Order, Ranked};
use crate::shapes::Shapes;
use crate::wanted::Wanted;

/// So many changes are remembered, and twice as many as there are agents: who has not followed them begins anew.
const CHANGES_KEPT: usize = 4_096;

/// Rows that have changed, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The number of the first that is remembered.
    base: u64,
    rows: Vec<u32>,
    /// By row, the number of its last change.
    latest: Vec<u64>,
}

impl Changes {
    pub(crate) fn note(&mut self, row: usize) {
        if self.latest.len() <= row {
            self.latest.resize(row + 1, 0);
        }
        self.latest[row] = self.end();
        self.rows.push(row as u32);
        if self.rows.len() > CHANGES_KEPT + 2 * self.latest.len() {
            let gone = self.rows.len() / 2;
            self.rows.drain(..gone);
            self.base += gone as u64;
        }
    }

    /// The number of the next change.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.rows.len() as u64
    }

    /// The rows that have changed from this number on, once each; None when that is no longer known.
    pub(crate) fn since(&self, number: u64) -> Option<impl Iterator<Item = usize> + '_> {
        let first = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let numbered = (number..).zip(&self.rows[first..]);
        Some(numbered.filter(|(number, row)| self.latest[**row as usize] == *number).map(|(_, row)| *row as usize))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) changes: Changes,
    generation: u64,
    /// The names of policies that have decided, by their number.
    policies: Vec<Box<str>>,
    /// With where requests found theirs.
    orders: Vec<(Order, Ranked, Hints)>,
    pub(crate) shapes: Shapes,
    /// The revisions of the demand and of the agents that `wanted` is made from.
    wanted_of: Option<(u64, u64)>,
    wanted: Arc<Wanted>,
    revision: u64,
}

impl Cache {
    /// Forgets everything when rows are not what they were.
    fn settle(&mut self, columns: &Columns) {
        if self.generation != columns.generation {
            self.generation = columns.generation;
            self.orders.clear();
            self.shapes.clear();
            self.wanted_of = None;
        }
    }

    /// What is asked for, and the number of this state of it.
    pub(crate) fn wanted(&mut self, demand: &Demand, columns: &Columns) -> (Arc<Wanted>, u64) {
        let of = (demand.revision, columns.revision);
        if self.wanted_of != Some(of) {
            self.wanted_of = Some(of);
            self.wanted = Arc::default();
            self.revision += 1;
        }
        (Arc::clone(&self.wanted), self.revision)
    }

    pub(crate) fn check(&mut self, ledger: &Ledger<'_>) -> Vec<String> {
        let Self { changes, orders, .. } = self;
        let check = |(order, ranked, _): &mut (Order, Ranked, Hints)| {
            ranked.catch_up(*order, changes, ledger);
            ranked.check(*order, ledger)
        };
        orders.iter_mut().filter_map(check).collect()
    }

    /// The number of a policy.
    pub(crate) fn policy(&mut self, name: &str) -> usize {
        self.policies.iter().position(|known| **known == *name).unwrap_or_else(|| {
            self.policies.push(name.into());
            self.policies.len() - 1
        })
    }

    /// The agents in an order, as of the last time that somebody asked, what has changed since, and where requests found theirs.
    pub(crate) fn order(&mut self, order: Order) -> (&mut Ranked, &Changes, &mut Hints) {
        let index = self.orders.iter().position(|(known, ..)| *known == order).unwrap_or_else(|| {
            self.orders.push((order, Ranked::default(), Hints::default()));
            self.orders.len() - 1
        });
        let (_, ranked, hints) = &mut self.orders[index];
        (ranked, &self.changes, hints)
    }
}

/// A view's cache. Whoever decides borrows it; who finds it lent works with a new one.
#[derive(Debug, Default)]
pub(crate) struct CacheCell(Mutex<Option<Box<Cache>>>);

impl Clone for CacheCell {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl CacheCell {
    /// The view has changed here.
    pub(crate) fn note(&mut self, row: usize) {
        let cache = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = cache {
            cache.changes.note(row);
        }
    }

    pub(crate) fn lend(&self, columns: &Columns) -> Box<Cache> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        cache.settle(columns);
        cache
    }

    pub(crate) fn take_back(&self, cache: Box<Cache>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cache);
    }
}
