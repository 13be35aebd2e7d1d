//! What happened in the cluster, counted over its whole life: the part of the state that metrics are made of.
//!
//! Counted are records whose leader has a fold that counts them; the state says which. They are integers, so that the same
//! records give the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Filter, OfferOutcome, StatusReason};

/// The upper bounds of [`Times`], inclusive.
pub const TIMES_BOUNDS_MS: [u64; 15] =
    [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000];

/// How many profiles are counted by their names; those that come later count as [`OTHER_PROFILES`].
const MAX_PROFILES: usize = 64;
pub const OTHER_PROFILES: &str = "other";

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// How long frameworks outside of the cluster had an offer, by what became of it.
    #[serde(default)]
    pub offers_open: BTreeMap<OfferOutcome, Times>,
    /// Offers that were taken back because the agent, or what it has, is not there any more; the others because the
    /// framework went.
    #[serde(default)]
    pub offers_rescinded_for_agent: u64,
    /// Launches by the profile that chose the agent.
    #[serde(default)]
    pub placed_by: BTreeMap<Arc<str>, u64>,
    /// Launches on agents that a framework chose.
    #[serde(default)]
    pub placed_by_framework: u64,
    /// How often an app's instances began to fit nowhere, or were found to for another reason, by the filter that kept most
    /// agents off.
    #[serde(default)]
    pub fitted_nowhere: BTreeMap<Filter, u64>,
    /// The same, where there was no agent at all.
    #[serde(default)]
    pub fitted_without_agents: u64,
    /// Launches that a framework asked for and did not get.
    #[serde(default)]
    pub launches_refused: u64,
    /// From when an instance could have been launched until it was.
    #[serde(default)]
    pub until_launched: Times,
    /// From a launch until its agent reported that the task runs.
    #[serde(default)]
    pub until_started: Times,
    /// Both together.
    #[serde(default)]
    pub until_running: Times,
    /// Tasks that ended, by reason; those without one apart.
    #[serde(default)]
    pub ended_for: BTreeMap<StatusReason, u64>,
    #[serde(default)]
    pub ended_without_reason: u64,
    /// Agents that were lost: removed because they were silent for too long.
    #[serde(default)]
    pub agents_timed_out: u64,
    /// How often the connection to an agent was lost.
    #[serde(default)]
    pub agents_disconnected: u64,
}

/// Times, by how long they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// How many were up to each of [`TIMES_BOUNDS_MS`] and above the one before it; the last ones are above all of them.
    pub counts: [u64; TIMES_BOUNDS_MS.len() + 1],
    pub sum_ms: u64,
}

impl Times {
    pub fn add(&mut self, ms: u64) {
        self.counts[TIMES_BOUNDS_MS.partition_point(|bound| *bound < ms)] += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }
}

impl Counts {
    pub fn placed_by(&mut self, profile: &str) {
        if let Some(count) = self.placed_by.get_mut(profile) {
            *count += 1;
            return;
        }
        let name = if self.placed_by.len() < MAX_PROFILES { profile } else { OTHER_PROFILES };
        *self.placed_by.entry(name.into()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_below_the_bound_that_it_reaches() {
        let mut times = Times::default();
        for ms in [0, 10, 11, 7_200_000, 7_200_001] {
            times.add(ms);
        }
        assert_eq!((times.counts[0], times.counts[1], times.counts[14], times.counts[15]), (2, 1, 1, 1));
        assert_eq!(times.sum_ms, 14_400_022);
    }

    #[test]
    fn names_of_profiles_are_bounded() {
        let mut counts = Counts::default();
        for number in 0..100 {
            counts.placed_by(&format!("profile-{number}"));
        }
        assert_eq!((counts.placed_by.len(), counts.placed_by["other"]), (65, 36));
    }
}
