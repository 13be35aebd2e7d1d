//! One profile on the records of a log, in a cluster of its own in which its choices hold, and how that fills up on the way.
//!
//! Must not know where records come from, nor how the figures are shown.

use model::{AgentId, Event, Record, TaskId};
use placement::{Faulty, ReadyProfile};
use state::State;

use crate::{Packing, Shadow, ShadowCounts};

/// With so many points every second one is dropped, and from then on only every second one is taken.
const MOST_POINTS: usize = 512;

pub struct Trial {
    shadow: Shadow,
    points: Vec<TrialPoint>,
    /// So many launches lie between two points.
    apart: u64,
    filled: Filled<TrialPoint>,
}

/// The cluster of the log and the profile's own, after so many launches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialPoint {
    pub launches: u64,
    pub recorded: Packing,
    pub own: Packing,
}

impl Trial {
    /// Begins with the cluster as it is in this state.
    #[must_use]
    pub fn begin(profile: ReadyProfile, state: &State) -> Self {
        Self { shadow: Shadow::begin(profile, state), points: Vec::new(), apart: 1, filled: Filled::default() }
    }

    pub fn follow(&mut self, record: &Record) -> Result<(), Faulty> {
        self.filled.before(record, || point(&self.shadow));
        let before = self.shadow.counts().decisions;
        self.shadow.follow(record);
        if let Some(fault) = self.shadow.fault() {
            return Err(fault.clone());
        }
        let launches = self.shadow.counts().decisions;
        if launches > before {
            self.filled.has_launched();
        }
        if launches / self.apart > before / self.apart {
            self.points.push(point(&self.shadow));
        }
        if self.points.len() == MOST_POINTS {
            let mut nth = 0_usize;
            self.points.retain(|_| {
                nth += 1;
                nth.is_multiple_of(2)
            });
            self.apart *= 2;
        }
        Ok(())
    }

    #[must_use]
    pub const fn counts(&self) -> ShadowCounts {
        self.shadow.counts()
    }

    /// Where a task that was launched, in the cluster on `live`, is in the profile's own; None when there was no room.
    #[must_use]
    pub fn place_of(&self, task: &TaskId, live: AgentId) -> Option<AgentId> {
        self.shadow.place_of(task, live)
    }

    /// Some hundred moments on the way, and the last one: the end, or the moment before agents went away when nothing was launched
    /// after that.
    #[must_use]
    pub fn points(&self) -> Vec<TrialPoint> {
        let end = self.filled.or_else(|| point(&self.shadow));
        let earlier = self.points.iter().filter(|point| point.launches < end.launches);
        earlier.copied().chain([end]).collect()
    }
}

fn point(shadow: &Shadow) -> TrialPoint {
    let (recorded, own) = shadow.packing();
    TrialPoint { launches: shadow.counts().decisions, recorded, own }
}

/// How full a cluster was before it was taken down, which is how many a log ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filled<T> {
    kept: Option<T>,
    has_launched: bool,
}

impl<T> Default for Filled<T> {
    fn default() -> Self {
        Self { kept: None, has_launched: false }
    }
}

impl<T: Copy> Filled<T> {
    /// To be told of every record before it is followed.
    pub(crate) fn before(&mut self, record: &Record, as_it_is: impl FnOnce() -> T) {
        if self.has_launched && record.events.iter().any(takes_an_agent_away) {
            self.kept = Some(as_it_is());
            self.has_launched = false;
        }
    }

    pub(crate) const fn has_launched(&mut self) {
        self.has_launched = true;
    }

    /// What was kept, unless something was launched since.
    pub(crate) fn or_else(&self, as_it_is: impl FnOnce() -> T) -> T {
        self.kept.filter(|_| !self.has_launched).unwrap_or_else(as_it_is)
    }
}

const fn takes_an_agent_away(event: &Event) -> bool {
    matches!(event, Event::AgentDisconnected { .. } | Event::AgentRemoved { .. })
}
