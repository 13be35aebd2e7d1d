//! What every story may refer to: hostnames, names of frameworks, open offers, and since when tasks run.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentId, CommandKind, Event, FrameworkId, OfferId, Record, Row, Seq, TaskId, TaskState, Timestamp, UpdateId,
};
use state::State;

use super::{Said, What};
use crate::mention::ignored_reports;
use crate::words;

#[derive(Debug, Default)]
pub(super) struct Known {
    hosts: BTreeMap<AgentId, String>,
    frameworks: BTreeMap<FrameworkId, String>,
    /// Active tasks.
    tasks: BTreeMap<TaskId, Life>,
    /// Tasks that ended, the record that said so and its time; the newest ones.
    ended: BTreeMap<TaskId, (Seq, UpdateId)>,
    order: std::collections::VecDeque<TaskId>,
}

#[derive(Debug, Clone, Copy)]
struct Life {
    launched_at: Timestamp,
    running_at: Option<Timestamp>,
}

/// How many ended tasks are remembered, to recognise reports that come twice.
const ENDED_KEPT: usize = 10_000;

impl Known {
    pub(super) fn of(state: &State) -> Self {
        let mut known = Self::default();
        for agent in state.agents.values() {
            known.hosts.insert(agent.id, agent.description.hostname.clone());
        }
        for framework in state.frameworks.values() {
            known.frameworks.insert(framework.id, framework.info.name.clone());
        }
        for task in state.tasks.values().filter(|task| task.is_active()) {
            let life = Life { launched_at: task.launched_at, running_at: task.running_since };
            known.tasks.insert(task.id.clone(), life);
        }
        known
    }

    /// Before the record is told.
    pub(super) fn see(&mut self, record: &Record) {
        for event in &record.events {
            match event {
                Event::AgentRegistered { agent, description } | Event::AgentReconnected { agent, description } => {
                    self.hosts.insert(*agent, description.hostname.clone());
                }
                Event::FrameworkSubscribed { framework, info } => {
                    self.frameworks.insert(*framework, info.name.clone());
                }
                Event::TaskLaunched { task } => {
                    let life = Life { launched_at: record.cause.at, running_at: None };
                    self.tasks.insert(task.id.clone(), life);
                }
                Event::Restored { row } => {
                    if let Row::Agent(agent) = &**row {
                        self.hosts.insert(agent.id, agent.description.hostname.clone());
                    }
                }
                _ => {}
            }
        }
    }

    /// After it was told.
    pub(super) fn forget(&mut self, record: &Record) {
        for event in &record.events {
            let Event::TaskStatusChanged { task, status, update, .. } = event else { continue };
            if status.state == TaskState::Running
                && let Some(life) = self.tasks.get_mut(task)
            {
                life.running_at.get_or_insert(record.cause.at);
            }
            if status.state.is_terminal() {
                self.tasks.remove(task);
                if let Some(update) = update {
                    self.ended.insert(task.clone(), (record.seq, update.clone()));
                    self.order.push_back(task.clone());
                }
            }
        }
        while self.order.len() > ENDED_KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }

    pub(super) fn agent(&self, agent: AgentId) -> String {
        words::agent(agent, self.hosts.get(&agent))
    }

    pub(super) fn framework(&self, framework: FrameworkId) -> String {
        let name = self.frameworks.get(&framework);
        name.map_or_else(|| framework.to_string(), |name| format!("{framework} ({})", words::one_line(name)))
    }

    /// `, 0.3 s after its launch`, or `, after it ran for 2 s`.
    pub(super) fn after(&self, task: &TaskId, state: TaskState, at: Timestamp) -> String {
        let Some(life) = self.tasks.get(task) else { return String::new() };
        match life.running_at.filter(|_| state.is_terminal()) {
            Some(running_at) => format!(", after it ran for {}", words::span(at.ms_since(running_at))),
            None => format!(", {} after its launch", words::span(at.ms_since(life.launched_at))),
        }
    }

    /// Reports of certain tasks, or of one agent, that were no news.
    pub(super) fn repeated(&self, record: &Record, is_meant: impl Fn(AgentId, &TaskId) -> bool) -> Vec<Said> {
        let CommandKind::UpdateStatus { agent, .. } = &record.cause.kind else { return Vec::new() };
        let meant = ignored_reports(record).filter(|update| is_meant(*agent, &update.task));
        let said = meant.map(|update| {
            let (task, state, agent) = (words::short(&update.task), update.status.state, self.agent(*agent));
            let known = match self.ended.get(&update.task) {
                Some((seq, id)) if *id == update.id => format!("it is the very report of record {seq}"),
                Some((seq, _)) => format!("it is another report than that of record {seq}, which ended the task"),
                None => "the cluster knew as much".to_owned(),
            };
            let text = format!("{agent} reports {state} of {task} again; {known}, and nothing follows from it");
            Said::new(What::Repeated, text)
        });
        said.collect()
    }
}

/// Offers that are open, and when they were made.
#[derive(Debug, Default)]
pub(super) struct OpenOffers(BTreeMap<OfferId, (FrameworkId, Timestamp)>);

impl OpenOffers {
    pub(super) fn open(&mut self, offer: OfferId, framework: FrameworkId, at: Timestamp) {
        self.0.insert(offer, (framework, at));
    }

    /// For how long it was open, if it is one of these.
    pub(super) fn close(&mut self, offer: OfferId, at: Timestamp) -> Option<u64> {
        self.0.remove(&offer).map(|(_, made_at)| at.ms_since(made_at))
    }
}

/// Tasks that a story is about.
pub(super) type Tasks = BTreeSet<TaskId>;
