//! What a request learned of an order of agents, for the next one of its shape: who comes before a certain place has no room, but
//! for a few. The next one looks at these, at who has changed since, and only then goes on from that place.
//!
//! Must not know the order.

use std::hash::Hasher;

use crate::block::{key_of, row_of};
use crate::levels::Least;
use crate::mixing::Mixing;
use crate::recent::Recent;
use crate::shapes::ShapeKey;

/// Shapes are remembered in so many sets of so many; in a set, the oldest makes room.
const SETS: usize = 64;
const WAYS: usize = 8;
/// How many agents are remembered that come before the place and have room.
const KEPT: usize = 8;

/// A few agents by their keys, sorted.
#[derive(Debug, Default)]
struct Few {
    keys: [u64; KEPT],
    len: usize,
}

impl Few {
    fn as_slice(&self) -> &[u64] {
        &self.keys[..self.len]
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

    fn retain(&mut self, keeps: impl Fn(u64) -> bool) {
        let mut len = 0;
        for place in 0..self.len {
            if keeps(self.keys[place]) {
                self.keys[len] = self.keys[place];
                len += 1;
            }
        }
        self.len = len;
    }
}

/// Nobody with a key below `end` has room, but for a few.
#[derive(Debug, Default)]
pub(crate) struct Hint {
    /// As of this change.
    followed: u64,
    end: u32,
    few: Few,
}

impl Hint {
    /// Looks at those that have changed; `has_room` is asked about those that have what is needed as far as levels tell.
    pub(crate) fn catch_up(&mut self, recent: &Recent, least: &Least, has_room: impl Fn(usize) -> bool) {
        let followed = std::mem::replace(&mut self.followed, recent.end());
        if !recent.knows(followed) {
            (self.end, self.few.len) = (0, 0);
            return;
        }
        self.few.retain(|key| !recent.has_changed(row_of(key), followed));
        recent.for_each_fitting(followed, &least.and_key(self.end), |key| {
            if key_of(key) < self.end && has_room(row_of(key)) {
                self.add(key);
            }
        });
    }

    /// One more that has room. When there are too many, less is known.
    fn add(&mut self, key: u64) {
        if let Some(dropped) = self.few.add(key) {
            self.end = key_of(dropped);
            self.few.len = self.few.as_slice().partition_point(|key| key_of(*key) < self.end);
        }
    }

    /// Of those that come first and are equal, the first row from `pivot` on, going round; None when the first is not known.
    pub(crate) fn first_from(&self, pivot: usize) -> Option<u64> {
        let first = self.few.as_slice().first()?;
        let equals = self.few.as_slice().iter().take_while(|key| key_of(**key) == key_of(*first));
        equals.copied().find(|key| row_of(*key) >= pivot).or(Some(*first))
    }

    /// Nobody with a lower key has room, but for those that are known.
    pub(crate) const fn end(&self) -> u32 {
        self.end
    }

    pub(crate) const fn set_end(&mut self, end: u32) {
        self.end = end;
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
        // Shapes seldom differ in nothing but the rest.
        let mut hasher = Mixing::default();
        shape.shape.amounts.iter().for_each(|amount| hasher.write_u64(amount.cast_unsigned()));
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
