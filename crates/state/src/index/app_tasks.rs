//! The tasks of one app, counted.

use std::collections::{BTreeMap, BTreeSet};

use model::{AppVersion, TaskId, TaskState, Timestamp};

use super::{Standing, count_down};

/// The tasks of one app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppTasks {
    pub active: BTreeSet<TaskId>,
    /// Those of the active ones that were asked to end, by version.
    pub killing: BTreeMap<AppVersion, u32>,
    /// Those of the active ones that run and were not asked to end, by version.
    pub running: BTreeMap<AppVersion, u32>,
    /// The active ones by version.
    pub by_version: BTreeMap<AppVersion, u32>,
    pub ended: BTreeSet<(Timestamp, TaskId)>,
}

impl AppTasks {
    pub(crate) const fn none() -> &'static Self {
        static NONE: AppTasks = AppTasks {
            active: BTreeSet::new(),
            killing: BTreeMap::new(),
            running: BTreeMap::new(),
            by_version: BTreeMap::new(),
            ended: BTreeSet::new(),
        };
        &NONE
    }

    /// How many run, of this version or a later one.
    #[must_use]
    pub fn running_since(&self, version: AppVersion) -> u32 {
        self.running.range(version..).map(|(_, count)| count).sum()
    }

    /// How many are active and were not asked to end: of this version or a later one, and of older ones.
    #[must_use]
    pub fn staying(&self, version: AppVersion) -> (usize, usize) {
        let since: u32 = self.by_version.range(version..).map(|(_, count)| count).sum();
        let killing_since: u32 = self.killing.range(version..).map(|(_, count)| count).sum();
        let killing: u32 = self.killing.values().sum();
        let current = (since - killing_since) as usize;
        (current, self.active.len() - killing as usize - current)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.ended.is_empty()
    }

    /// Counts an active task.
    pub(super) fn count(&mut self, version: AppVersion, standing: Standing) {
        if let Some(counts) = self.counts_of(standing) {
            *counts.entry(version).or_default() += 1;
        }
    }

    pub(super) fn count_down(&mut self, version: AppVersion, standing: Standing) {
        if let Some(counts) = self.counts_of(standing) {
            count_down(counts, &version);
        }
    }

    fn counts_of(&mut self, standing: Standing) -> Option<&mut BTreeMap<AppVersion, u32>> {
        if standing.is_killed {
            Some(&mut self.killing)
        } else {
            (standing.state == TaskState::Running).then_some(&mut self.running)
        }
    }
}
