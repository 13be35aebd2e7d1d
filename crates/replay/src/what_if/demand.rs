//! What a log's part asks of the cluster besides commands: how long tasks took to start, how long they ran, how they ended.
//!
//! It is read off the records once, before a fork of them is run. What decides must not know it.

use std::collections::BTreeMap;

use model::{
    AgentId, AppId, AppVersion, Event, FrameworkId, Record, Seq, StatusReason, TaskId, TaskState, TaskStatus,
    Timestamp, Workload,
};
use state::State;

use super::instances::{Instance, Instances};

/// The life of one run of one instance, as recorded.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// The record that launched it; the fork itself for what was there before.
    pub(crate) launched_by: Seq,
    launched_at: Timestamp,
    pub(crate) agent: AgentId,
    /// What was reported while it was active, and how long after the launch.
    pub(crate) reports: Vec<(u64, TaskStatus)>,
    /// The record that asked it to end, and when.
    kill: Option<(Seq, Timestamp)>,
    pub(crate) end: End,
}

#[derive(Debug, Clone)]
pub(crate) enum End {
    /// It was active at the end of the records.
    Unseen,
    Itself {
        after_ms: u64,
        status: TaskStatus,
    },
    /// It was asked to, by that record, and took so long.
    Asked {
        by: Seq,
        took_ms: u64,
    },
    /// With its agent, which was removed, or stopped, or found it gone.
    WithAgent,
}

/// What a run does of which the log has no life.
#[derive(Debug, Clone, Default)]
pub(crate) struct Typical {
    pub(crate) reports: Vec<(u64, TaskStatus)>,
    /// None where most do not end by themselves.
    pub(crate) end: Option<(u64, TaskStatus)>,
    /// How long it takes to end when asked to.
    pub(crate) dying_ms: u64,
}

/// All lives between the fork and the end of the records.
#[derive(Debug)]
pub struct Demand {
    pub(crate) lives: BTreeMap<Instance, Life>,
    typical: BTreeMap<(AppId, AppVersion), Typical>,
    of_all: Typical,
    /// Higher than the id of any agent that the records name.
    pub(crate) next_agent: AgentId,
    /// Of frameworks outside, what they are called.
    pub(crate) frameworks: BTreeMap<FrameworkId, String>,
    /// How many records there are, and which time they span.
    pub records: u64,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The demand of records that are still being read.
#[derive(Debug)]
pub struct Reading {
    instances: Instances,
    demand: Demand,
    /// Time begins with the first record, where the fork is before it.
    begins_with_nothing: bool,
}

impl Reading {
    /// Begins with the state at the fork.
    #[must_use]
    pub fn begin(state: &State) -> Self {
        let instances = Instances::begin(state);
        let mut lives = BTreeMap::new();
        for task in state.tasks.values().filter(|task| task.is_active()) {
            let Some(instance) = instances.of(&task.id) else { continue };
            // An example for others of how long a start takes.
            let ran_after = task.running_since.map(|at| (at.ms_since(task.launched_at), running()));
            let life = Life {
                launched_by: state.seq,
                launched_at: task.launched_at,
                agent: task.agent,
                reports: ran_after.into_iter().collect(),
                kill: task.kill.map(|kill| (state.seq, kill.at)),
                end: End::Unseen,
            };
            lives.insert(instance.clone(), life);
        }
        let frameworks = state.frameworks.values().map(|row| (row.id, row.info.name.clone())).collect();
        let demand = Demand {
            lives,
            typical: BTreeMap::new(),
            of_all: Typical::default(),
            next_agent: state.header.next_agent,
            frameworks,
            records: 0,
            from: state.at,
            to: state.at,
        };
        Self { instances, demand, begins_with_nothing: state.seq == Seq::default() }
    }

    pub fn follow(&mut self, record: &Record) {
        let (seq, at) = (record.seq, record.cause.at);
        if self.begins_with_nothing && self.demand.records == 0 {
            self.demand.from = at;
        }
        self.demand.records += 1;
        self.demand.to = self.demand.to.max(at);
        for event in &record.events {
            match event {
                Event::TaskStatusChanged { task, update, status, agent: _ } => {
                    self.report(task, update.is_none(), status, at);
                }
                Event::TaskKillRequested { task, .. } => {
                    if let Some(life) = self.life(task) {
                        life.kill.get_or_insert((seq, at));
                    }
                }
                Event::AgentRegistered { agent, .. } => {
                    self.demand.next_agent = self.demand.next_agent.max(agent.next());
                }
                Event::FrameworkSubscribed { framework, info } => {
                    self.demand.frameworks.insert(*framework, info.name.clone());
                }
                _ => {}
            }
            self.instances.follow(event);
            if let Event::TaskLaunched { task } = event
                && let Workload::App { .. } = task.workload
                && let Some(instance) = self.instances.of(&task.id)
            {
                let (agent, reports) = (task.agent, Vec::new());
                let life = Life { launched_by: seq, launched_at: at, agent, reports, kill: None, end: End::Unseen };
                self.demand.lives.insert(instance.clone(), life);
            }
        }
    }

    /// When all records were read.
    #[must_use]
    pub fn close(self) -> Demand {
        let mut demand = self.demand;
        let mut of_apps: BTreeMap<(AppId, AppVersion), Vec<&Life>> = BTreeMap::new();
        for (instance, life) in &demand.lives {
            of_apps.entry((instance.app.clone(), instance.config)).or_default().push(life);
        }
        let all: Vec<&Life> = demand.lives.values().collect();
        // Without any example a task runs at once.
        let of_all = typical(&all, &Typical { reports: vec![(0, running())], ..Typical::default() });
        let typical = of_apps.into_iter().map(|(app, lives)| (app, typical(&lives, &of_all))).collect();
        // Whether tasks end by themselves says nothing about other apps.
        (demand.of_all, demand.typical) = (Typical { end: None, ..of_all }, typical);
        demand
    }

    fn life(&mut self, task: &TaskId) -> Option<&mut Life> {
        self.demand.lives.get_mut(self.instances.of(task)?)
    }

    fn report(&mut self, task: &TaskId, is_of_master: bool, status: &TaskStatus, at: Timestamp) {
        let Some(life) = self.life(task) else { return };
        let after_ms = at.ms_since(life.launched_at);
        if !status.state.is_terminal() {
            life.reports.push((after_ms, status.clone()));
            return;
        }
        life.end = match life.kill {
            _ if is_of_master || is_with_agent(status) => End::WithAgent,
            Some((by, asked_at)) => End::Asked { by, took_ms: at.ms_since(asked_at) },
            None => End::Itself { after_ms, status: status.clone() },
        };
    }
}

impl Life {
    /// Whether it was that record that asked it to end.
    pub(crate) fn was_asked_by(&self, record: Option<Seq>) -> bool {
        self.kill.is_some_and(|(by, _)| record == Some(by))
    }
}

impl Demand {
    pub(crate) fn typical(&self, instance: &Instance) -> &Typical {
        self.typical.get(&(instance.app.clone(), instance.config)).unwrap_or(&self.of_all)
    }

    /// How long a run takes to end when it is asked to.
    pub(crate) fn dying_ms(&self, instance: &Instance) -> u64 {
        match self.lives.get(instance) {
            Some(Life { end: End::Asked { took_ms, .. }, .. }) => *took_ms,
            _ => self.typical(instance).dying_ms,
        }
    }
}

/// Whether an end is the agent's doing, and not the task's.
pub(crate) fn is_with_agent(status: &TaskStatus) -> bool {
    status.state.is_terminal()
        && matches!(
            status.reason,
            Some(StatusReason::AgentStopped | StatusReason::EndedUnobserved | StatusReason::AgentRemoved)
        )
}

/// The median of everything. What is not known of these lives is as it is `otherwise`.
fn typical(lives: &[&Life], otherwise: &Typical) -> Typical {
    let started = lives.iter().filter(|life| life.reports.iter().any(|(_, status)| status.state == TaskState::Running));
    let mut started: Vec<(u64, &Life)> = started.map(|life| (running_after_ms(life), *life)).collect();
    let mut ends: Vec<(u64, &TaskStatus)> = Vec::new();
    let mut dying: Vec<u64> = Vec::new();
    for life in lives {
        match &life.end {
            End::Itself { after_ms, status } => ends.push((*after_ms, status)),
            End::Asked { took_ms, .. } => dying.push(*took_ms),
            End::Unseen | End::WithAgent => {}
        }
    }
    let most_end = ends.len() * 2 > lives.len();
    started.sort_by_key(|(after_ms, _)| *after_ms);
    ends.sort_by_key(|(after_ms, _)| *after_ms);
    dying.sort_unstable();
    let reports = median(&started).map_or_else(|| otherwise.reports.clone(), |(_, life)| life.reports.clone());
    let end = median(&ends).filter(|_| most_end).map(|(after_ms, status)| (*after_ms, (*status).clone()));
    Typical { reports, end, dying_ms: median(&dying).copied().unwrap_or(otherwise.dying_ms) }
}

const fn running() -> TaskStatus {
    TaskStatus { state: TaskState::Running, reason: None, message: None, exit: None }
}

fn running_after_ms(life: &Life) -> u64 {
    let running = life.reports.iter().find(|(_, status)| status.state == TaskState::Running);
    running.map_or(u64::MAX, |(after_ms, _)| *after_ms)
}

fn median<T>(sorted: &[T]) -> Option<&T> {
    sorted.get(sorted.len().checked_sub(1)? / 2)
}
