//! Agents in the order of a key that does not depend on the request, so that one order serves every request: the first
//! agent on the way that has room is the best one.
//!
//! What has changed is told apart first, with a copy of what the filters read; most requests find theirs among that. It is put into
//! the order when somebody walks there. Must not know requests, only the levels that they need.

use crate::cache::Changes;
use crate::columns::{LANES, Stock};
use crate::ledger::Ledger;
use crate::levels::Levels;
use crate::recent::{Recent, Standing};
use crate::runs::Runs;

/// How agents are ranked by policies whose scores differ between requests only by a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// By id.
    Id,
    /// The least [vacancy](crate::Node::vacancy) first.
    LeastVacant,
    /// The most vacancy first.
    MostVacant,
    /// The most vacancy but for that of GPUs first.
    MostVacantButGpus,
}

impl Order {
    fn key(self, stock: &Stock, row: usize) -> u32 {
        let lane = row % LANES;
        match self {
            Self::Id => row as u32,
            Self::LeastVacant => stock.vacancy[lane],
            Self::MostVacant => u32::MAX - stock.vacancy[lane],
            Self::MostVacantButGpus => u32::MAX - (stock.vacancy[lane] - stock.gpu_vacancy[lane]),
        }
    }

    /// None when the agent is not there.
    fn standing(self, row: usize, ledger: &Ledger<'_>) -> Option<Standing> {
        let stock = ledger.stock(row / LANES);
        let standing = || {
            let key = self.key(stock, row);
            Standing { key, levels: Levels::of(key, &stock.fits_of(row % LANES)) }
        };
        ledger.columns.is_active(row).then(standing)
    }

    fn runs(self, ledger: &Ledger<'_>) -> Runs {
        let rows = ledger.columns.rows();
        Runs::new(rows, (0..rows).filter_map(|row| Some((row, self.standing(row, ledger)?))))
    }
}

/// With more changes than that at once, all of them are put into the order straight away.
const MOST_TOLD_APART: u64 = 512;

/// The agents in one order.
#[derive(Debug, Default)]
pub(crate) struct Ranked {
    /// Up to which change this has followed; None before it has begun.
    followed: Option<u64>,
    recent: Recent,
    /// As of this number in `recent`.
    runs: Runs,
    settled: u64,
}

impl Ranked {
    pub(crate) fn catch_up(&mut self, order: Order, changes: &Changes, ledger: &Ledger<'_>) {
        let changed = self.followed.and_then(|number| Some((changes.end() - number, changes.since(number)?)));
        match changed {
            Some((count, rows)) if count <= MOST_TOLD_APART => {
                rows.for_each(|row| self.tell_apart(row, order.standing(row, ledger)));
            }
            Some((_, rows)) => {
                self.settle();
                rows.for_each(|row| self.runs.set(row, order.standing(row, ledger).as_ref()));
                self.begin_anew();
            }
            None => {
                self.runs = order.runs(ledger);
                self.begin_anew();
            }
        }
        self.followed = Some(changes.end());
    }

    fn begin_anew(&mut self) {
        self.recent.begin_anew();
        self.settled = self.recent.end();
    }

    fn tell_apart(&mut self, row: usize, standing: Option<Standing>) {
        if self.recent.is_full() {
            self.settle();
            self.recent.forget_older_half();
        }
        self.recent.add(row, standing);
    }

    /// Puts what has changed into the order.
    fn settle(&mut self) {
        if self.settled < self.recent.end() {
            self.recent.since(self.settled).for_each(|(row, standing)| self.runs.set(row, standing.as_ref()));
            self.settled = self.recent.end();
        }
    }

    /// What has changed of late.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The order, as it is now.
    pub(crate) fn runs(&mut self) -> &Runs {
        self.settle();
        &self.runs
    }

    /// What is wrong with it, for tests: it must be what it would be if it were made anew.
    pub(crate) fn check(&mut self, order: Order, ledger: &Ledger<'_>) -> Option<String> {
        let fresh = order.runs(ledger);
        (self.runs().agents() != fresh.agents()).then(|| format!("the agents are not in the order {order:?}"))
    }
}
