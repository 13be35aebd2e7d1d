//! The scores of all agents, by policy and by the shape of what is asked for: requests of one shape differ in nothing that a
//! score may depend on, so a decision re-scores the agents that have changed since the shape was asked for last.
//!
//! Must not know how a score comes about.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::cache::Changes;
use crate::demand::Shape;
use crate::policy::Score;

/// So many scores are kept, of all shapes together: 64 MB.
const SCORES_KEPT: usize = 1 << 24;
/// How many shapes that were seen once are remembered: scores are kept from the second time on.
const SEEN_KEPT: usize = 256;
/// How many scores have a common maximum.
const GROUP: usize = 64;
const NOT_FEASIBLE: i32 = -1;

/// What scores depend on beside the agent. What differs most comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShapeKey {
    pub(crate) shape: Shape,
    pub(crate) ports: usize,
    /// Which state of what is asked for; 0 for policies that do not look at it.
    pub(crate) wanted: u64,
    /// The policy's number in the cache.
    pub(crate) policy: usize,
}

/// The scores of all agents for one shape.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    followed: Option<u64>,
    scores: Vec<i32>,
    highest: Vec<i32>,
}

impl Scores {
    /// `score` is asked for an agent by its row, and says None when it is not feasible.
    pub(crate) fn catch_up(&mut self, rows: usize, changes: &Changes, mut score: impl FnMut(usize) -> Option<Score>) {
        let mut encoded = |row| score(row).map_or(NOT_FEASIBLE, |score| score.min(Score::MAX).0 as i32);
        match self.followed.and_then(|number| changes.since(number)) {
            Some(changed) => {
                self.scores.resize(rows.next_multiple_of(GROUP), NOT_FEASIBLE);
                self.highest.resize(self.scores.len() / GROUP, NOT_FEASIBLE);
                for row in changed {
                    self.set(row, encoded(row));
                }
            }
            None => {
                self.scores = (0..rows).map(encoded).collect();
                self.scores.resize(rows.next_multiple_of(GROUP), NOT_FEASIBLE);
                self.highest = self.scores.chunks(GROUP).map(highest).collect();
            }
        }
        self.followed = Some(changes.end());
    }

    fn set(&mut self, row: usize, score: i32) {
        let before = std::mem::replace(&mut self.scores[row], score);
        let group = row / GROUP;
        if score >= self.highest[group] {
            self.highest[group] = score;
        } else if before == self.highest[group] {
            self.highest[group] = highest(&self.scores[group * GROUP..(group + 1) * GROUP]);
        }
    }

    /// The best agent; among equals the first from `pivot` on, going round.
    pub(crate) fn best(&self, pivot: usize) -> Option<(usize, Score)> {
        let best = highest(&self.highest);
        if best == NOT_FEASIBLE {
            return None;
        }
        let row =
            self.find(best, pivot..self.scores.len()).or_else(|| self.find(best, 0..pivot.min(self.scores.len())))?;
        Some((row, Score(best as u32)))
    }

    fn find(&self, score: i32, rows: std::ops::Range<usize>) -> Option<usize> {
        let mut row = rows.start;
        while row < rows.end {
            let group_end = (row / GROUP + 1) * GROUP;
            if self.highest[row / GROUP] == score
                && let Some(place) = self.scores[row..group_end.min(rows.end)].iter().position(|known| *known == score)
            {
                return Some(row + place);
            }
            row = group_end;
        }
        None
    }
}

fn highest(scores: &[i32]) -> i32 {
    scores.iter().fold(NOT_FEASIBLE, |highest, score| highest.max(*score))
}

#[derive(Debug, Default)]
pub(crate) struct Shapes {
    /// With the number of the request that asked last.
    kept: BTreeMap<ShapeKey, (u64, Scores)>,
    /// Hashes of shapes that were asked for once; two shapes of one hash do no harm.
    seen: VecDeque<u64>,
    requests: u64,
}

impl Shapes {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The scores for a shape; None when it is asked for the first time.
    pub(crate) fn scores(&mut self, key: &ShapeKey, rows: usize) -> Option<&mut Scores> {
        self.requests += 1;
        if !self.kept.contains_key(key) {
            if !self.was_seen(key) {
                return None;
            }
            while self.kept.len() >= (SCORES_KEPT / rows.max(1)).max(1) {
                let oldest = self.kept.iter().min_by_key(|(_, (asked, _))| *asked).map(|(key, _)| key.clone())?;
                self.kept.remove(&oldest);
            }
            self.kept.insert(key.clone(), (0, Scores::default()));
        }
        let (asked, scores) = self.kept.get_mut(key)?;
        *asked = self.requests;
        Some(scores)
    }

    fn was_seen(&mut self, key: &ShapeKey) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let hash = hasher.finish();
        match self.seen.iter().position(|known| *known == hash) {
            Some(place) => {
                self.seen.remove(place);
                true
            }
            None => {
                self.seen.truncate(SEEN_KEPT - 1);
                self.seen.push_front(hash);
                false
            }
        }
    }
}
