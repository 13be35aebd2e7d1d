//! Two profiles on the same records, each in a cluster of its own in which its own choices hold.
//!
//! What is asked for is what the records ask for; tasks end in both clusters when they end in the log. Must not know where
//! records come from.

use model::{AgentId, AppId, Event, LaunchedTask, Record, Seq, TaskId, Workload};
use placement::{Account, Faulty, ReadyProfile, Scratch};
use state::State;

use crate::trial::Filled;
use crate::{Asked, Packing, Shadow};

pub struct Comparison {
    shadows: [Shadow; 2],
    decisions: u64,
    agreed: u64,
    first: Option<FirstDifference>,
    filled: Filled<[Packing; 2]>,
}

/// The first launch that the two place differently. Up to it, their clusters are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstDifference {
    pub seq: Seq,
    pub task: TaskId,
    pub app: AppId,
    /// How many instances of the app the same record launches before it.
    nth: usize,
    /// None where there is no room.
    pub agents: [Option<AgentId>; 2],
}

/// What one of the two came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    pub placed: u64,
    pub not_placed: u64,
    pub packing: Packing,
}

impl Comparison {
    /// Both begin with the cluster as it is in this state.
    #[must_use]
    pub fn begin(profiles: [ReadyProfile; 2], state: &State) -> Self {
        let shadows = profiles.map(|profile| Shadow::begin(profile, state));
        Self { shadows, decisions: 0, agreed: 0, first: None, filled: Filled::default() }
    }

    pub fn follow(&mut self, record: &Record) -> Result<(), Faulty> {
        self.filled.before(record, || packing(&self.shadows));
        for shadow in &mut self.shadows {
            shadow.follow(record);
            if let Some(fault) = shadow.fault() {
                return Err(fault.clone());
            }
        }
        let launches: Vec<(&LaunchedTask, &AppId)> = record.events.iter().filter_map(placed).collect();
        for (place, (task, app)) in launches.iter().enumerate() {
            let agents = [0, 1].map(|side: usize| self.shadows[side].place_of(&task.id, task.agent));
            self.decisions += 1;
            self.filled.has_launched();
            if agents[0] == agents[1] {
                self.agreed += 1;
            } else if self.first.is_none() {
                let nth = launches[..place].iter().filter(|(_, earlier)| earlier == app).count();
                let (task, app) = (task.id.clone(), (*app).clone());
                self.first = Some(FirstDifference { seq: record.seq, task, app, nth, agents });
            }
        }
        Ok(())
    }

    /// The accounts of both of a decision in this record, which is followed meanwhile.
    pub fn accounts(&mut self, record: &Record, of: &FirstDifference) -> [Option<Account>; 2] {
        [0, 1].map(|side: usize| {
            let mut told = None;
            self.shadows[side].follow_observed(
                record,
                Some(&mut |asked: &Asked<'_>, scratch: &mut Scratch<'_>| {
                    if *asked.app == of.app && asked.nth == of.nth {
                        told = scratch.account(asked.profile, asked.seed, asked.request).ok();
                    }
                }),
            );
            told
        })
    }

    #[must_use]
    pub const fn first_difference(&self) -> Option<&FirstDifference> {
        self.first.as_ref()
    }

    /// How many launches both decided, and of how many both chose the same agent, or none.
    #[must_use]
    pub const fn agreed(&self) -> (u64, u64) {
        (self.decisions, self.agreed)
    }

    /// How full they are is as of the end, or of the moment before agents went away when nothing was launched after that.
    #[must_use]
    pub fn sums(&self) -> [Sums; 2] {
        let packing = self.filled.or_else(|| packing(&self.shadows));
        [0, 1].map(|side: usize| {
            let counts = self.shadows[side].counts();
            let (not_placed, placed) = (counts.without_room, counts.decisions - counts.without_room);
            Sums { placed, not_placed, packing: packing[side] }
        })
    }
}

fn packing(shadows: &[Shadow; 2]) -> [Packing; 2] {
    [0, 1].map(|side: usize| shadows[side].packing().1)
}

/// A launch that placement decided.
fn placed(event: &Event) -> Option<(&LaunchedTask, &AppId)> {
    let Event::TaskLaunched { task } = event else { return None };
    match &task.workload {
        Workload::App { app, .. } if task.explanation.is_some() => Some((task, app)),
        _ => None,
    }
}
