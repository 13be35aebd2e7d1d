//! Where in an order of agents a request found its own: no agent before that place had room, so the next request of its shape looks
//! only at those that have changed since, and goes on from there. Must not know the order.

use std::collections::BTreeMap;

use crate::cache::Changes;
use crate::shapes::ShapeKey;

/// So many shapes are remembered; then it begins anew.
const SHAPES_KEPT: usize = 4_096;
/// With more changes than that since, a walk from the beginning is as fast.
const MOST_CHANGES: u64 = 512;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hint {
    /// Up to which change it holds; None before the first decision.
    followed: Option<u64>,
    /// No agent with a lower key has room.
    key: u32,
}

impl Hint {
    /// From which key on there may be room; `key_of` is asked for the key of an agent that has changed, if it has room now.
    pub(crate) fn start(&self, changes: &Changes, key_of: impl Fn(usize) -> Option<u32>) -> u32 {
        let known = self.followed.filter(|followed| changes.end() - followed <= MOST_CHANGES);
        let changed = known.and_then(|followed| changes.since(followed));
        changed.map_or(0, |rows| rows.filter_map(key_of).fold(self.key, u32::min))
    }

    pub(crate) fn set(&mut self, changes: &Changes, key: u32) {
        *self = Self { followed: Some(changes.end()), key };
    }
}

#[derive(Debug, Default)]
pub(crate) struct Hints(BTreeMap<ShapeKey, Hint>);

impl Hints {
    pub(crate) fn of(&mut self, shape: ShapeKey) -> &mut Hint {
        if self.0.len() >= SHAPES_KEPT && !self.0.contains_key(&shape) {
            self.0.clear();
        }
        self.0.entry(shape).or_default()
    }
}
