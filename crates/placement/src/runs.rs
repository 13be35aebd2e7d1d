//! Agents in an order, in runs: what is in one run comes before what is in the next; within a run they are as they came, so that
//! nothing needs to be moved for one to come or go. Must not know where keys come from.

use crate::block::{BLOCK, Block, joined, key_of, places, row_of};
use crate::levels::Least;
use crate::recent::Standing;

/// Of a row that is in no run.
const NOWHERE: u32 = u32::MAX;

#[derive(Debug)]
struct Run {
    len: usize,
    /// The lowest key that belongs here, and the lowest beyond.
    low: u64,
    high: u64,
    block: Block,
}

impl Run {
    const fn new(low: u64, high: u64) -> Self {
        Self { len: 0, low, high, block: Block::EMPTY }
    }

    fn has_place_for(&self, key: u64) -> bool {
        self.low <= key && key < self.high
    }
}

#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// In order: where each run begins, and its number.
    lows: Vec<u64>,
    order: Vec<u32>,
    /// By number.
    runs: Vec<Run>,
    vacant: Vec<u32>,
    /// By row, the number of its run and its place there, as one number.
    homes: Vec<u32>,
}

const fn split(home: u32) -> (usize, usize) {
    (home as usize / BLOCK, home as usize % BLOCK)
}

impl Runs {
    /// Of so many rows.
    pub(crate) fn new(rows: usize, agents: impl Iterator<Item = (usize, Standing)>) -> Self {
        let mut agents: Vec<(usize, Standing)> = agents.collect();
        agents.sort_unstable_by_key(|(row, standing)| (standing.key, *row));
        let mut made = Self { homes: vec![NOWHERE; rows], ..Self::default() };
        // Three quarters full, so that there is room for what comes.
        for part in agents.chunks(BLOCK * 3 / 4) {
            let (row, first) = part[0];
            let low = if made.lows.is_empty() { 0 } else { joined(first.key, row) };
            let index = made.lows.len();
            made.open(index, low, u64::MAX);
            for (row, standing) in part {
                made.push(index, *row, standing);
            }
        }
        made
    }

    /// Puts an empty run in, in front of the one that is at this place now.
    fn open(&mut self, index: usize, low: u64, high: u64) {
        let run = Run::new(low, high);
        let number = match self.vacant.pop() {
            Some(number) => {
                self.runs[number as usize] = run;
                number
            }
            None => {
                self.runs.push(run);
                self.runs.len() as u32 - 1
            }
        };
        self.lows.insert(index, low);
        self.order.insert(index, number);
        if let Some(before) = index.checked_sub(1) {
            self.runs[self.order[before] as usize].high = low;
        }
    }

    /// The place of the run to which a key belongs.
    fn run_of(&self, key: u64) -> usize {
        self.lows.partition_point(|low| *low <= key).saturating_sub(1)
    }

    fn push(&mut self, index: usize, row: usize, standing: &Standing) {
        let number = self.order[index];
        let run = &mut self.runs[number as usize];
        run.block.set(run.len, joined(standing.key, row), &standing.levels);
        self.homes[row] = number * BLOCK as u32 + run.len as u32;
        run.len += 1;
    }

    /// Where an agent stands now; None when it is not there.
    pub(crate) fn set(&mut self, row: usize, standing: Option<&Standing>) {
        if self.homes.len() <= row {
            self.homes.resize(row + 1, NOWHERE);
        }
        let home = self.homes[row];
        if home != NOWHERE {
            let (number, place) = split(home);
            let run = &mut self.runs[number];
            if let Some(standing) = standing.filter(|standing| run.has_place_for(joined(standing.key, row))) {
                return run.block.set(place, joined(standing.key, row), &standing.levels);
            }
            self.remove(row);
        }
        if let Some(standing) = standing {
            self.insert(row, standing);
        }
    }

    fn remove(&mut self, row: usize) {
        let home = std::mem::replace(&mut self.homes[row], NOWHERE);
        let (number, place) = split(home);
        let run = &mut self.runs[number];
        run.len -= 1;
        if place < run.len {
            let (key, levels) = (run.block.keys[run.len], run.block.levels_at(run.len));
            run.block.set(place, key, &levels);
            self.homes[row_of(key)] = home;
        }
        if run.len == 0 {
            let low = run.low;
            self.close(self.run_of(low));
        }
    }

    /// Takes an empty run out; its keys belong to the one before, or else to the next.
    fn close(&mut self, index: usize) {
        self.lows.remove(index);
        let number = self.order.remove(index);
        self.vacant.push(number);
        let Run { low, high, .. } = self.runs[number as usize];
        if let Some(before) = index.checked_sub(1) {
            self.runs[self.order[before] as usize].high = high;
        } else if let Some(next) = self.order.first() {
            self.runs[*next as usize].low = low;
            self.lows[0] = low;
        }
    }

    fn insert(&mut self, row: usize, standing: &Standing) {
        if self.order.is_empty() {
            self.open(0, 0, u64::MAX);
        }
        let key = joined(standing.key, row);
        let mut index = self.run_of(key);
        if self.runs[self.order[index] as usize].len == BLOCK {
            self.divide(index);
            index = self.run_of(key);
        }
        self.push(index, row, standing);
    }

    /// The higher half of a run becomes one of its own.
    fn divide(&mut self, index: usize) {
        let number = self.order[index] as usize;
        let mut keys = self.runs[number].block.keys;
        keys.sort_unstable();
        let moved = &keys[BLOCK / 2..];
        let high = self.runs[number].high;
        self.open(index + 1, moved[0], high);
        for key in moved {
            let row = row_of(*key);
            let (number, place) = split(self.homes[row]);
            let levels = self.runs[number].block.levels_at(place);
            self.remove(row);
            self.push(index + 1, row, &Standing { key: key_of(*key), levels });
        }
    }

    /// The first agent from one key on, and before another, that has what is needed, as far as levels tell, and is accepted.
    pub(crate) fn first(
        &self,
        from: u64,
        until: u64,
        least: &Least,
        mut accepts: impl FnMut(usize) -> bool,
    ) -> Option<u64> {
        for number in &self.order[self.run_of(from).min(self.order.len())..] {
            let run = &self.runs[*number as usize];
            if run.low >= until {
                return None;
            }
            let fitting = run.block.fitting(least, 0..run.len);
            if fitting == 0 {
                continue;
            }
            let keys = || places(fitting).map(|place| run.block.keys[place]).filter(|key| from <= *key && *key < until);
            let Some(first) = keys().min() else { continue };
            if accepts(row_of(first)) {
                return Some(first);
            }
            let mut found = None;
            for key in keys().filter(|key| *key != first) {
                if found.is_none_or(|found| key < found) && accepts(row_of(key)) {
                    found = Some(key);
                }
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// All agents, in order, for tests. Panics when runs are not what they say of themselves.
    pub(crate) fn agents(&self) -> Vec<(usize, Standing)> {
        let mut agents = Vec::new();
        for (index, number) in self.order.iter().enumerate() {
            let run = &self.runs[*number as usize];
            let high = self.lows.get(index + 1).copied().unwrap_or(u64::MAX);
            assert_eq!((run.low, run.high), (self.lows[index], high), "the bounds of run {index}");
            let mut keys = run.block.keys[..run.len].to_vec();
            keys.sort_unstable();
            for key in keys {
                let (of, place) = split(self.homes[row_of(key)]);
                assert!(
                    of == *number as usize && run.block.keys[place] == key && run.has_place_for(key),
                    "run {index}"
                );
                let standing = Standing { key: key_of(key), levels: run.block.levels_at(place) };
                agents.push((row_of(key), standing));
            }
        }
        agents
    }
}
