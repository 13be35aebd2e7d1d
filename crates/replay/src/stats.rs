//! What a log is made of, counted while it passes.

mod over_time;
mod spread;

use std::collections::BTreeMap;

use model::{AgentId, AppId, CommandKind, Event, Record, Seq, StatusReason, TaskId, TaskState, Timestamp};
use serde::Serialize;

use crate::mention::{app_of, ignored_reports};
use over_time::{OverTime, Seconds};
use spread::Spread;

pub use over_time::{Busy, Rates, Slot};
pub use spread::Percentiles;

/// How many of the largest records and the busiest seconds are kept.
const KEPT: usize = 10;
/// How many apps, agents and principals are told apart; what comes later is counted together under `…`.
const NAMES: usize = 100_000;
const OTHERS: &str = "…";

/// Counts records; [`Stats::told`] says what it came to.
#[derive(Debug, Default)]
pub struct Stats {
    told: Told,
    over_time: OverTime,
    seconds: Seconds,
    launched: BTreeMap<TaskId, Timestamp>,
    to_running: Spread,
    waits: Spread,
    waiting: BTreeMap<AppId, Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Told {
    pub first: Option<Seq>,
    pub last: Option<Seq>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub records: u64,
    /// Of the records as the log keeps them.
    pub bytes: u64,
    pub events: BTreeMap<&'static str, u64>,
    pub commands: BTreeMap<&'static str, u64>,
    pub principals: BTreeMap<String, Commands>,
    pub apps: BTreeMap<String, OfApp>,
    pub agents: BTreeMap<String, OfAgent>,
    pub launches: u64,
    /// How tasks ended.
    pub ends: BTreeMap<&'static str, u64>,
    /// Why tasks failed.
    pub failures: BTreeMap<&'static str, u64>,
    /// Reports of agents that were no news: they came twice, or late.
    pub ignored_reports: u64,
    /// From a task's launch to its first report that it runs.
    pub launch_to_running_ms: Percentiles,
    /// For how long apps had instances that waited.
    pub waited_ms: Percentiles,
    pub over_time: Rates,
    pub busiest_seconds: Vec<Busy>,
    pub largest: Vec<Large>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Commands {
    pub records: u64,
    pub events: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OfApp {
    pub launches: u64,
    pub ends: u64,
    pub failures: u64,
    /// How often it began to wait.
    pub waits: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfAgent {
    pub hostname: String,
    pub launches: u64,
    pub failures: u64,
    pub ignored_reports: u64,
    pub disconnects: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Large {
    pub seq: Seq,
    pub bytes: u64,
    pub command: &'static str,
    pub events: u64,
}

impl Stats {
    /// Counts one record, which has so many bytes in the log.
    pub fn see(&mut self, record: &Record, bytes: u64) {
        let at = record.cause.at;
        let told = &mut self.told;
        told.first.get_or_insert(record.seq);
        told.from.get_or_insert(at);
        (told.last, told.to) = (Some(record.seq), Some(at));
        told.records += 1;
        told.bytes += bytes;
        *told.commands.entry(record.cause.kind.name()).or_default() += 1;
        let of_principal = named(&mut told.principals, &record.cause.principal.0);
        of_principal.records += 1;
        of_principal.events += record.events.len() as u64;
        self.seconds.see(at);
        self.over_time.see(at, |slot| slot.records += 1);
        self.keep_large(record, bytes);
        if let CommandKind::UpdateStatus { agent, .. } = &record.cause.kind {
            let ignored = ignored_reports(record).count() as u64;
            if ignored > 0 {
                self.told.ignored_reports += ignored;
                self.agent(*agent).ignored_reports += ignored;
            }
        }
        record.events.iter().for_each(|event| self.see_event(event, at));
    }

    fn agent(&mut self, agent: AgentId) -> &mut OfAgent {
        named(&mut self.told.agents, &agent.to_string())
    }

    fn app(&mut self, app: &AppId) -> &mut OfApp {
        named(&mut self.told.apps, app.as_str())
    }

    fn keep_large(&mut self, record: &Record, bytes: u64) {
        let largest = &mut self.told.largest;
        if largest.len() == KEPT && largest.last().is_some_and(|least| least.bytes >= bytes) {
            return;
        }
        let place = largest.partition_point(|other| other.bytes >= bytes);
        let (command, events) = (record.cause.kind.name(), record.events.len() as u64);
        largest.insert(place, Large { seq: record.seq, bytes, command, events });
        largest.truncate(KEPT);
    }

    fn see_event(&mut self, event: &Event, at: Timestamp) {
        *self.told.events.entry(event.name()).or_default() += 1;
        match event {
            Event::AgentRegistered { agent, description } | Event::AgentReconnected { agent, description } => {
                self.agent(*agent).hostname.clone_from(&description.hostname);
            }
            Event::AgentDisconnected { agent, .. } => self.agent(*agent).disconnects += 1,
            Event::OffersMade { offers, .. } => {
                let made = offers.offers.len() as u64;
                self.over_time.see(at, |slot| slot.offers += made);
            }
            Event::TaskLaunched { task } => {
                self.told.launches += 1;
                self.over_time.see(at, |slot| slot.launches += 1);
                self.launched.insert(task.id.clone(), at);
                self.agent(task.agent).launches += 1;
                if let Some(app) = task.workload.app() {
                    self.app(app).launches += 1;
                }
            }
            Event::TaskStatusChanged { task, agent, status, .. } => self.see_status(task, *agent, status, at),
            Event::WaitingChanged { app, waiting: Some(_) } if !self.waiting.contains_key(app) => {
                self.waiting.insert(app.clone(), at);
                self.app(app).waits += 1;
            }
            Event::WaitingChanged { app, waiting: None } | Event::AppDestroyed { app } => {
                if let Some(since) = self.waiting.remove(app) {
                    self.waits.add(at.ms_since(since));
                }
            }
            _ => {}
        }
    }

    fn see_status(&mut self, task: &TaskId, agent: AgentId, status: &model::TaskStatus, at: Timestamp) {
        if status.state == TaskState::Running
            && let Some(launched) = self.launched.remove(task)
        {
            self.to_running.add(at.ms_since(launched));
        }
        if !status.state.is_terminal() {
            return;
        }
        self.launched.remove(task);
        *self.told.ends.entry(status.state.name()).or_default() += 1;
        let failed = matches!(status.state, TaskState::Failed | TaskState::Lost | TaskState::Error);
        if failed {
            let reason = status.reason.map_or(status.state.name(), reason);
            *self.told.failures.entry(reason).or_default() += 1;
            self.over_time.see(at, |slot| slot.failures += 1);
            self.agent(agent).failures += 1;
        }
        if let Some(app) = app_of(task) {
            let of_app = self.app(&app);
            of_app.ends += 1;
            of_app.failures += u64::from(failed);
        }
    }

    #[must_use]
    pub fn told(&self) -> Told {
        Told {
            launch_to_running_ms: self.to_running.percentiles(),
            waited_ms: self.waits.percentiles(),
            over_time: self.over_time.rates(),
            busiest_seconds: self.seconds.busiest(),
            ..self.told.clone()
        }
    }
}

/// The counts under a name, or under that of all others when there are too many names.
fn named<'a, T: Default>(counts: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    let is_known = counts.contains_key(name);
    let name = if is_known || counts.len() < NAMES { name } else { OTHERS };
    counts.entry(name.to_owned()).or_default()
}

/// As the log has it.
const fn reason(reason: StatusReason) -> &'static str {
    match reason {
        StatusReason::CommandFailed => "command_failed",
        StatusReason::LaunchFailed => "launch_failed",
        StatusReason::ImagePullFailed => "image_pull_failed",
        StatusReason::OutOfMemory => "out_of_memory",
        StatusReason::KillRequested => "kill_requested",
        StatusReason::AgentStopped => "agent_stopped",
        StatusReason::EndedUnobserved => "ended_unobserved",
        StatusReason::AgentRemoved => "agent_removed",
        StatusReason::InvalidOffers => "invalid_offers",
        StatusReason::InvalidTask => "invalid_task",
    }
}
