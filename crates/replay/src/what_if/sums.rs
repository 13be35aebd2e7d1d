//! What a run of records came to: how full the cluster was, who waited for how long and why, what could not be placed.
//!
//! Follows the records of one run. Must not know which one it is.

use std::collections::{BTreeMap, VecDeque};

use model::{AgentId, AppId, Event, Record, StatusReason, TaskState, Timestamp, WaitingCause, Workload};
use scheduler::{Packing, World};
use serde::Serialize;
use state::State;

use super::instances::{Instance, Instances};

/// What holds instances back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    NothingFits,
    Backoff,
    Dependency,
    EarlierStep,
}

/// How the cluster was at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub packing: Packing,
    /// Instances that are wanted and not launched.
    pub missing: u64,
    pub running: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Tasks of apps that were launched; `relaunched` are those that were not the first run of their instance.
    pub launched: u64,
    pub relaunched: u64,
    /// Ended by themselves, well or not.
    pub finished: u64,
    pub failed: u64,
    pub killed: u64,
    /// Given up because their agent was removed, or went down with it.
    pub lost: u64,
    /// How many instances fitted nowhere, once for each time that it began.
    pub not_placed: u64,
    /// How long instances waited in all, by what the master says of the reason, in milliseconds.
    pub waited_ms: BTreeMap<Cause, u64>,
    /// How long launched instances had been missing: how many of them for how many milliseconds.
    pub launch_waits: BTreeMap<u64, u64>,
    /// What is missing at the end.
    pub missing: u64,
    /// Commands of users that were refused, and the first of them with the reason.
    pub refused: u64,
    pub first_refused: Option<String>,
    /// Tasks of frameworks outside that were launched, and that were refused.
    pub framework_launched: u64,
    pub framework_refused: u64,
    /// At equal intervals from the fork to the end.
    pub points: Vec<Point>,
}

/// Sums in the making.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) sums: Sums,
    /// Where each instance that was launched since the fork went.
    pub(crate) places: BTreeMap<Instance, AgentId>,
    /// Since when each app has waited, how many instances, and why.
    waiting: BTreeMap<AppId, (Timestamp, u32, Cause)>,
    /// By app, since when each missing instance is, the oldest first.
    missing: BTreeMap<AppId, VecDeque<Timestamp>>,
    missing_now: u64,
    next_point: Timestamp,
    step_ms: u64,
    last_point: Timestamp,
}

impl Counting {
    /// Looks `points` times at how full the cluster is.
    pub(crate) fn begin(state: &State, to: Timestamp, points: u32) -> Self {
        let step_ms = to.ms_since(state.at).div_ceil(u64::from(points.max(1))).max(1);
        let mut counting = Self {
            sums: Sums::default(),
            places: BTreeMap::new(),
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
            missing_now: 0,
            next_point: state.at,
            step_ms,
            last_point: to,
        };
        for (id, app) in state.apps.iter() {
            if let Some(waiting) = &app.waiting {
                counting.waiting.insert(id.clone(), (state.at, waiting.instances, Cause::of(&waiting.cause)));
            }
            counting.settle(state, id, 0, state.at);
        }
        counting
    }

    /// Time goes on to this moment.
    pub(crate) fn pass(&mut self, to: Timestamp, world: &World) {
        let to = to.min(self.last_point);
        if self.next_point > to {
            return;
        }
        let packing = Packing::of(&world.view);
        let running = world.state.active_by_state().get(&TaskState::Running).copied().unwrap_or(0).into();
        while self.next_point <= to {
            self.sums.points.push(Point { at: self.next_point, packing, missing: self.missing_now, running });
            self.next_point = self.next_point.plus_ms(self.step_ms);
        }
    }

    /// Counts a record that the world has by now, and the instances do not.
    pub(crate) fn follow(&mut self, record: &Record, world: &World, instances: &Instances) {
        let at = record.cause.at;
        let mut launched: BTreeMap<&AppId, usize> = BTreeMap::new();
        for event in &record.events {
            let app = match event {
                Event::TaskLaunched { task } => match &task.workload {
                    Workload::App { app, .. } => {
                        self.sums.launched += 1;
                        *launched.entry(app).or_default() += 1;
                        continue;
                    }
                    Workload::Own(_) => {
                        self.sums.framework_launched += 1;
                        continue;
                    }
                },
                Event::LaunchRefused { .. } => {
                    self.sums.framework_refused += 1;
                    continue;
                }
                Event::TaskStatusChanged { task, status, .. } if status.state.is_terminal() => {
                    let Some(instance) = instances.of(task) else { continue };
                    self.end(status.state, status.reason);
                    &instance.app
                }
                Event::TaskKillRequested { task, .. } => match instances.of(task) {
                    Some(instance) => &instance.app,
                    None => continue,
                },
                Event::WaitingChanged { app, waiting } => {
                    let now = waiting.as_ref().map(|waiting| (at, waiting.instances, Cause::of(&waiting.cause)));
                    self.wait(app, now, at);
                    continue;
                }
                Event::AppChanged { app, .. } => &app.id,
                Event::AppDestroyed { app } => {
                    self.wait(app, None, at);
                    app
                }
                _ => continue,
            };
            launched.entry(app).or_default();
        }
        for (app, launched) in launched {
            self.settle(&world.state, app, launched, at);
        }
    }

    /// An instance that was launched, once it has its number.
    pub(crate) fn place(&mut self, instance: &Instance, agent: AgentId) {
        self.sums.relaunched += u64::from(instance.incarnation > 0);
        self.places.insert(instance.clone(), agent);
    }

    pub(crate) fn close(mut self, at: Timestamp, world: &World) -> (Sums, BTreeMap<Instance, AgentId>) {
        self.pass(at, world);
        let waiting: Vec<AppId> = self.waiting.keys().cloned().collect();
        waiting.iter().for_each(|app| self.wait(app, None, at));
        self.sums.missing = self.missing_now;
        (self.sums, self.places)
    }

    fn end(&mut self, state: TaskState, reason: Option<StatusReason>) {
        let sums = &mut self.sums;
        let with_agent = matches!(
            reason,
            Some(StatusReason::AgentRemoved | StatusReason::AgentStopped | StatusReason::EndedUnobserved)
        );
        let count = match state {
            _ if with_agent => &mut sums.lost,
            TaskState::Finished => &mut sums.finished,
            TaskState::Killed => &mut sums.killed,
            TaskState::Lost => &mut sums.lost,
            _ => &mut sums.failed,
        };
        *count += 1;
    }

    fn wait(&mut self, app: &AppId, now: Option<(Timestamp, u32, Cause)>, at: Timestamp) {
        let before = match now {
            Some(now) => self.waiting.insert(app.clone(), now),
            None => self.waiting.remove(app),
        };
        if let Some((since, instances, cause)) = before {
            *self.sums.waited_ms.entry(cause).or_default() += u64::from(instances) * at.ms_since(since);
        }
        let unplaced = |told: Option<(Timestamp, u32, Cause)>| match told {
            Some((_, instances, Cause::NothingFits)) => u64::from(instances),
            _ => 0,
        };
        self.sums.not_placed += unplaced(now).saturating_sub(unplaced(before));
    }

    /// Brings the list of what is missing of an app up to date, of which so many were launched just now.
    fn settle(&mut self, state: &State, id: &AppId, launched: usize, at: Timestamp) {
        let missing = state.apps.get(id).map_or(0, |app| {
            let (current, _) = state.tasks_of_app(id).staying(app.config_version);
            (app.spec.instances as usize).saturating_sub(current)
        });
        let since = self.missing.entry(id.clone()).or_default();
        let before = since.len();
        for _ in 0..launched {
            let waited_ms = at.ms_since(since.pop_front().unwrap_or(at));
            *self.sums.launch_waits.entry(waited_ms).or_default() += 1;
        }
        since.resize(missing, at);
        self.missing_now = self.missing_now + missing as u64 - before as u64;
        if missing == 0 {
            self.missing.remove(id);
        }
    }
}

impl Cause {
    const fn of(cause: &WaitingCause) -> Self {
        match cause {
            WaitingCause::NothingFits { .. } => Self::NothingFits,
            WaitingCause::Backoff { .. } => Self::Backoff,
            WaitingCause::Dependency { .. } => Self::Dependency,
            WaitingCause::EarlierStep => Self::EarlierStep,
        }
    }
}

impl Sums {
    /// How long this share of the launched instances had been missing at most, in milliseconds.
    #[must_use]
    pub fn launch_wait_ms(&self, percent: u64) -> u64 {
        let all: u64 = self.launch_waits.values().sum();
        let wanted = (all * percent).div_ceil(100);
        let mut seen = 0;
        let reaches = |(_, count): &(&u64, &u64)| {
            seen += **count;
            seen >= wanted
        };
        self.launch_waits.iter().find(reaches).map_or(0, |(ms, _)| *ms)
    }

    /// The mean over time.
    #[must_use]
    pub fn mean(&self, of: impl Fn(&Point) -> f64) -> f64 {
        self.points.iter().map(of).sum::<f64>() / self.points.len().max(1) as f64
    }

    #[must_use]
    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }
}
