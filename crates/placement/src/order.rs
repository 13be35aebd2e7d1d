//! Agents in the order of a key that does not depend on the request, so that one order serves every request: the first
//! agent on the way that has room is the best one.
//!
//! Runs of up to [`RUN`] agents, sorted, each with a copy of what the filters read first, so that a walk reads memory in a
//! row. Must not know requests, only the narrow columns that they need.

use crate::cache::Changes;
use crate::columns::{LANES, NARROW_COLUMNS, Stock};
use crate::ledger::Ledger;

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
    pub(crate) fn key(self, stock: &Stock, row: usize) -> u32 {
        let lane = row % LANES;
        match self {
            Self::Id => row as u32,
            Self::LeastVacant => stock.vacancy[lane],
            Self::MostVacant => u32::MAX - stock.vacancy[lane],
            Self::MostVacantButGpus => u32::MAX - (stock.vacancy[lane] - stock.gpu_vacancy[lane]),
        }
    }
}

/// How many agents are looked at together.
const RUN: usize = 64;
/// Of an agent that is not there.
const ABSENT: u64 = u64::MAX;

#[derive(Debug, Clone)]
struct Run {
    len: usize,
    /// A key, and the row below it.
    keys: [u64; RUN],
    fit: [[i32; RUN]; NARROW_COLUMNS],
}

impl Run {
    const EMPTY: Self = Self { len: 0, keys: [ABSENT; RUN], fit: [[i32::MIN; RUN]; NARROW_COLUMNS] };

    fn place_of(&self, key: u64) -> usize {
        self.keys[..self.len].partition_point(|known| *known < key)
    }

    fn set(&mut self, place: usize, key: u64, fits: &[i32; NARROW_COLUMNS]) {
        self.keys[place] = key;
        for (column, fit) in self.fit.iter_mut().zip(fits) {
            column[place] = *fit;
        }
    }

    fn insert(&mut self, place: usize, key: u64, fits: &[i32; NARROW_COLUMNS]) {
        self.keys.copy_within(place..self.len, place + 1);
        for column in &mut self.fit {
            column.copy_within(place..self.len, place + 1);
        }
        self.len += 1;
        self.set(place, key, fits);
    }

    fn remove(&mut self, place: usize) {
        self.keys.copy_within(place + 1..self.len, place);
        for column in &mut self.fit {
            column.copy_within(place + 1..self.len, place);
        }
        self.len -= 1;
        self.set(self.len, ABSENT, &[i32::MIN; NARROW_COLUMNS]);
    }

    fn split_off(&mut self, at: usize) -> Box<Self> {
        let mut rest = Box::new(Self::EMPTY);
        rest.len = self.len - at;
        rest.keys[..rest.len].copy_from_slice(&self.keys[at..self.len]);
        self.keys[at..].fill(ABSENT);
        for (rest_column, column) in rest.fit.iter_mut().zip(&mut self.fit) {
            rest_column[..self.len - at].copy_from_slice(&column[at..self.len]);
            column[at..].fill(i32::MIN);
        }
        self.len = at;
        rest
    }

    /// All ones for those that have as much as is needed in every narrow column.
    fn fitting(&self, least: &[i32; NARROW_COLUMNS]) -> [i32; RUN] {
        let mut ok = [-1; RUN];
        for (column, least) in self.fit.iter().zip(least) {
            if *least != i32::MIN {
                for (ok, fit) in ok.iter_mut().zip(column) {
                    *ok &= -i32::from(fit >= least);
                }
            }
        }
        ok
    }
}

/// The agents in one order.
#[derive(Debug, Default)]
pub(crate) struct Ranked {
    /// Up to which change this has followed; None before it has begun.
    followed: Option<u64>,
    /// The first key of each run.
    firsts: Vec<u64>,
    #[expect(clippy::vec_box, reason = "a run is 2 KB, and runs are put in and taken out in the middle")]
    runs: Vec<Box<Run>>,
    /// By row.
    keys: Vec<u64>,
}

const fn joined(key: u32, row: usize) -> u64 {
    (key as u64) << 32 | row as u64
}

/// An agent on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) key: u32,
    pub(crate) row: usize,
}

impl Ranked {
    pub(crate) fn catch_up(&mut self, order: Order, changes: &Changes, ledger: &Ledger<'_>) {
        let changed = self.followed.and_then(|number| changes.since(number));
        match changed {
            Some(rows) => rows.for_each(|row| self.follow(order, row, ledger)),
            None => self.begin(order, ledger),
        }
        self.followed = Some(changes.end());
    }

    fn begin(&mut self, order: Order, ledger: &Ledger<'_>) {
        self.keys = vec![ABSENT; ledger.columns.rows()];
        (self.firsts, self.runs) = (Vec::new(), Vec::new());
        let active = (0..self.keys.len()).filter(|row| ledger.columns.is_active(*row));
        let mut keys: Vec<u64> = active.map(|row| joined(order.key(ledger.stock(row / LANES), row), row)).collect();
        keys.sort_unstable();
        // Three quarters full, so that there is room for what comes.
        for part in keys.chunks(RUN * 3 / 4) {
            let mut run = Box::new(Run::EMPTY);
            run.len = part.len();
            for (place, key) in part.iter().enumerate() {
                let row = *key as u32 as usize;
                run.set(place, *key, &ledger.stock(row / LANES).fits_of(row % LANES));
                self.keys[row] = *key;
            }
            self.firsts.push(part[0]);
            self.runs.push(run);
        }
    }

    fn follow(&mut self, order: Order, row: usize, ledger: &Ledger<'_>) {
        if self.keys.len() <= row {
            self.keys.resize(row + 1, ABSENT);
        }
        let stock = ledger.stock(row / LANES);
        let key = match ledger.columns.is_active(row) {
            true => joined(order.key(stock, row), row),
            false => ABSENT,
        };
        let fits = stock.fits_of(row % LANES);
        let before = std::mem::replace(&mut self.keys[row], key);
        if before != ABSENT {
            let index = self.run_of(before);
            let run = &mut self.runs[index];
            let place = run.place_of(before);
            // As a rule it stays between its neighbours.
            let after_last = place == 0 || run.keys[place - 1] < key;
            let before_next = place + 1 < run.len && key < run.keys[place + 1];
            if key != ABSENT && place > 0 && after_last && before_next {
                return run.set(place, key, &fits);
            }
            self.remove(index, place);
        }
        if key != ABSENT {
            self.insert(key, &fits);
        }
    }

    /// The run in which a key is, or would be.
    fn run_of(&self, key: u64) -> usize {
        self.firsts.partition_point(|first| *first <= key).saturating_sub(1)
    }

    fn remove(&mut self, index: usize, place: usize) {
        let run = &mut self.runs[index];
        run.remove(place);
        if run.len == 0 {
            self.runs.remove(index);
            self.firsts.remove(index);
        } else {
            self.firsts[index] = run.keys[0];
        }
    }

    fn insert(&mut self, key: u64, fits: &[i32; NARROW_COLUMNS]) {
        if self.runs.is_empty() {
            self.runs.push(Box::new(Run::EMPTY));
            self.firsts.push(key);
        }
        let mut index = self.run_of(key);
        if self.runs[index].len == RUN {
            let rest = self.runs[index].split_off(RUN / 2);
            self.firsts.insert(index + 1, rest.keys[0]);
            self.runs.insert(index + 1, rest);
            index = self.run_of(key);
        }
        let run = &mut self.runs[index];
        run.insert(run.place_of(key), key, fits);
        self.firsts[index] = run.keys[0];
    }

    /// The first agent from `from` on, and before the key `until`, that has what is needed in the narrow columns and is accepted.
    pub(crate) fn first(
        &self,
        from: Step,
        until: Option<u32>,
        least: &[i32; NARROW_COLUMNS],
        mut accepts: impl FnMut(usize) -> bool,
    ) -> Option<Step> {
        let from = joined(from.key, from.row);
        let until = until.map_or(ABSENT, |key| joined(key, 0));
        let start = self.run_of(from);
        let mut skipped = self.runs.get(start).map_or(0, |run| run.place_of(from));
        for (first, run) in
            self.firsts[start.min(self.firsts.len())..].iter().zip(&self.runs[start.min(self.runs.len())..])
        {
            if *first >= until {
                return None;
            }
            let ok = run.fitting(least);
            let places = (std::mem::take(&mut skipped)..run.len).filter(|place| ok[*place] != 0);
            for place in places {
                let key = run.keys[place];
                if key >= until {
                    return None;
                }
                let row = key as u32 as usize;
                if accepts(row) {
                    return Some(Step { key: (key >> 32) as u32, row });
                }
            }
        }
        None
    }

    /// What is wrong with it, for tests: it must be what it would be if it were made anew.
    pub(crate) fn check(&self, order: Order, ledger: &Ledger<'_>) -> Option<String> {
        let mut fresh = Self::default();
        fresh.begin(order, ledger);
        let entries = |ranked: &Self| -> Vec<(u64, [i32; NARROW_COLUMNS])> {
            let of_run = |run: &Run| -> Vec<(u64, [i32; NARROW_COLUMNS])> {
                (0..run.len).map(|place| (run.keys[place], run.fit.each_ref().map(|column| column[place]))).collect()
            };
            ranked.runs.iter().flat_map(|run| of_run(run)).collect()
        };
        let firsts_agree = self.firsts.iter().eq(self.runs.iter().map(|run| &run.keys[0]));
        (entries(self) != entries(&fresh) || !firsts_agree)
            .then(|| format!("the agents are not in the order {order:?}"))
    }
}
