//! Agents that have changed, one after the other, with the state that they have now; so that who has looked at all agents once needs
//! to look at these only. Must not know who asks.

use crate::block::{BLOCK, Block, joined, key_of, places, row_of};
use crate::levels::{Least, Levels};

/// So many changes are remembered, and half of them when they become more.
const BLOCKS_KEPT: usize = 16;

/// An agent in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) key: u32,
    pub(crate) levels: Levels,
}

#[derive(Debug)]
pub(crate) struct Recent {
    /// The number of the first change that is remembered, where a part begins. No change has the number 0.
    base: u64,
    /// The number of the next.
    end: u64,
    parts: Vec<Block>,
    /// By row, the number of its last change.
    latest: Vec<u64>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { base: BLOCK as u64, end: BLOCK as u64, parts: Vec::new(), latest: Vec::new() }
    }
}

impl Recent {
    /// The number of the next change.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    pub(crate) const fn knows(&self, number: u64) -> bool {
        self.base <= number && number <= self.end
    }

    pub(crate) fn is_full(&self) -> bool {
        self.end - self.base == (BLOCKS_KEPT * BLOCK) as u64
    }

    pub(crate) fn forget_older_half(&mut self) {
        self.parts.drain(..BLOCKS_KEPT / 2);
        self.base += (BLOCKS_KEPT / 2 * BLOCK) as u64;
    }

    /// From here on, only later changes are known.
    pub(crate) fn begin_anew(&mut self) {
        self.parts.clear();
        self.base = (self.end + 1).next_multiple_of(BLOCK as u64);
        self.end = self.base;
    }

    const fn place_of(&self, number: u64) -> (usize, usize) {
        let place = (number - self.base) as usize;
        (place / BLOCK, place % BLOCK)
    }

    /// There must be room. None stands for an agent that is not there.
    pub(crate) fn add(&mut self, row: usize, standing: Option<Standing>) {
        if self.latest.len() <= row {
            self.latest.resize(row + 1, 0);
        }
        let before = std::mem::replace(&mut self.latest[row], self.end);
        if before >= self.base {
            self.put(before, joined(0, row), &Levels::NOBODY);
        }
        if (self.end - self.base).is_multiple_of(BLOCK as u64) {
            self.parts.push(Block::EMPTY);
        }
        match standing {
            Some(Standing { key, levels }) => self.put(self.end, joined(key, row), &levels),
            None => self.put(self.end, joined(0, row), &Levels::NOBODY),
        }
        self.end += 1;
    }

    fn put(&mut self, number: u64, key: u64, levels: &Levels) {
        let (part, place) = self.place_of(number);
        self.parts[part].set(place, key, levels);
    }

    /// Whether a row has changed from this number on.
    pub(crate) fn has_changed(&self, row: usize, since: u64) -> bool {
        self.latest.get(row).is_some_and(|latest| *latest >= since)
    }

    /// What has changed from a number on, which must be known; each row once, as it is now.
    pub(crate) fn since(&self, number: u64) -> impl Iterator<Item = (usize, Option<Standing>)> + '_ {
        (number..self.end).filter_map(|number| {
            let (part, place) = self.place_of(number);
            let (key, levels) = (self.parts[part].keys[place], self.parts[part].levels_at(place));
            let row = row_of(key);
            let standing = (!levels.is_nobody()).then_some(Standing { key: key_of(key), levels });
            (self.latest[row] == number).then_some((row, standing))
        })
    }

    /// The keys of those that have changed from a number on, and may have what is needed; which includes a key.
    pub(crate) fn for_each_fitting(&self, number: u64, least: &Least, mut tell: impl FnMut(u64)) {
        let (first, mut start) = self.place_of(number);
        let mut left = (self.end - self.base) as usize - first * BLOCK;
        for block in self.parts.get(first..).unwrap_or_default() {
            let fitting = block.fitting(least, start..left.min(BLOCK));
            places(fitting).for_each(|place| tell(block.keys[place]));
            left = left.saturating_sub(BLOCK);
            start = 0;
        }
    }
}
