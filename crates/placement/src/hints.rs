//! What a request learned of an order of agents, for the next one of its shape: who comes before a certain place has no room, but
//! for a few. The next one looks at these, at who has changed since, and only then goes on from that place.
//!
//! Must not know the order.

use std::hash::{Hash, Hasher};

use crate::block::{key_of, row_of};
use crate::mixing::Mixing;
use crate::recent::Recent;
use crate::shapes::ShapeKey;

/// Shapes are remembered in so many sets of so many; in a set, the oldest makes room.
const SETS: usize = 64;
const WAYS: usize = 8;
/// How many agents are remembered that come before the place and have room.
const KEPT: usize = 8;

/// A few agents by their keys, sorted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Few {
    keys: [u64; KEPT],
    len: usize,
}

impl Few {
    fn as_slice(&self) -> &[u64] {
        &self.keys[..self.len]
    }

    /// Of those that come first and are equal, the first row from `pivot` on, going round.
    pub(crate) fn first_from(&self, pivot: usize) -> Option<u64> {
        let first = self.as_slice().first()?;
        let equals = self.as_slice().iter().take_while(|key| key_of(**key) == key_of(*first));
        equals.copied().find(|key| row_of(*key) >= pivot).or(Some(*first))
    }

    /// Returns the last one when it is one too many.
    fn add(&mut self, key: u64) -> Option<u64> {
        let last = (self.len == KEPT).then(|| self.keys[KEPT - 1]);
        match last {
            Some(last) if last < key => return Some(key),
            Some(_) => {}
            None => self.len += 1,
        }
        let mut place = self.len - 1;
        while place > 0 && self.keys[place - 1] > key {
            self.keys[place] = self.keys[place - 1];
            place -= 1;
        }
        self.keys[place] = key;
        last
    }
}

/// Nobody with a key below `end` has room, but for these.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    pub(crate) end: u32,
    pub(crate) few: Few,
}

impl Known {
    /// One more that has room. When there are too many, less is known.
    pub(crate) fn add(&mut self, key: u64) {
        if let Some(dropped) = self.few.add(key) {
            self.end = key_of(dropped);
            self.few.len = self.few.as_slice().partition_point(|key| key_of(*key) < self.end);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hint {
    known: Known,
    /// As of this change.
    followed: u64,
}

impl Hint {
    /// What is known still, and from which change on agents have to be looked at; None when they have been forgotten.
    pub(crate) fn known(&self, recent: &Recent) -> Option<(Known, u64)> {
        let Self { known, followed } = *self;
        if !recent.knows(followed) {
            return None;
        }
        let mut still = Known { end: known.end, few: Few::default() };
        for key in known.few.as_slice().iter().filter(|key| !recent.has_changed(row_of(**key), followed)) {
            still.add(*key);
        }
        Some((still, followed))
    }

    pub(crate) fn set(&mut self, recent: &Recent, known: Known) {
        *self = Self { known, followed: recent.end() };
    }
}

#[derive(Debug, Default)]
struct Set {
    hashes: [u64; WAYS],
    hints: [Option<(ShapeKey, Hint)>; WAYS],
    oldest: usize,
}

/// Empty until the first is asked for.
#[derive(Debug, Default)]
pub(crate) struct Hints(Vec<Set>);

impl Hints {
    pub(crate) fn of(&mut self, shape: ShapeKey) -> &mut Hint {
        if self.0.is_empty() {
            self.0.resize_with(SETS, Set::default);
        }
        let mut hasher = Mixing::default();
        shape.hash(&mut hasher);
        let hash = hasher.finish();
        self.0[hash as usize % SETS].of(hash, shape)
    }
}

impl Set {
    fn of(&mut self, hash: u64, shape: ShapeKey) -> &mut Hint {
        let is_it = |way: &usize| {
            self.hashes[*way] == hash && self.hints[*way].as_ref().is_some_and(|(known, _)| *known == shape)
        };
        let way = (0..WAYS).find(is_it).unwrap_or_else(|| {
            let way = self.oldest;
            self.oldest = (way + 1) % WAYS;
            self.hashes[way] = hash;
            self.hints[way] = None;
            way
        });
        &mut self.hints[way].get_or_insert_with(|| (shape, Hint::default())).1
    }
}
