//! Where in an order of agents a request found its own: no agent before that place had room, so the next request of its shape looks
//! only at those that have changed since, and goes on from there. Must not know the order.

use std::collections::BTreeMap;

use crate::cache::Changes;
use crate::shapes::ShapeKey;

/// So many shapes are remembered; then it begins anew.
const SHAPES_KEPT: usize = 4_096;
/// With more changes than that since, a walk from the beginning is as fast.
const MOST_CHANGES: u64 = 512;

#[derive(Debug, Clone, Copy)]
struct Hint {
    /// Up to which change it holds.
    followed: u64,
    /// No agent with a lower key has room.
    key: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Hints(BTreeMap<ShapeKey, Hint>);

impl Hints {
    /// From which key on there may be room; `key_of` is asked for the key of an agent that has changed, if it has room now.
    pub(crate) fn start(&self, shape: &ShapeKey, changes: &Changes, key_of: impl Fn(usize) -> Option<u32>) -> u32 {
        let known = self.0.get(shape).filter(|hint| changes.end() - hint.followed <= MOST_CHANGES);
        let changed = known.and_then(|hint| Some((hint, changes.since(hint.followed)?)));
        changed.map_or(0, |(hint, rows)| rows.filter_map(key_of).fold(hint.key, u32::min))
    }

    pub(crate) fn set(&mut self, shape: ShapeKey, changes: &Changes, key: u32) {
        if self.0.len() >= SHAPES_KEPT && !self.0.contains_key(&shape) {
            self.0.clear();
        }
        self.0.insert(shape, Hint { followed: changes.end(), key });
    }
}
