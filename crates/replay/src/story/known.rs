//! What every story may refer to: hostnames, names of frameworks, open offers, and since when tasks run.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentId, CommandKind, Event, FrameworkId, OfferId, Record, Row, Seq, StatusUpdate, TaskId, TaskState, Timestamp,
    UpdateId,
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
    /// Tasks that ended; the newest ones.
    ended: BTreeMap<TaskId, End>,
    order: std::collections::VecDeque<TaskId>,
}

#[derive(Debug, Clone, Copy)]
struct Life {
    agent: AgentId,
    state: TaskState,
    launched_at: Timestamp,
    running_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct End {
    agent: AgentId,
    state: TaskState,
    /// The record that said so, unless it is older than what is told.
    seq: Option<Seq>,
    /// The report that said so, if any did.
    update: Option<UpdateId>,
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
        for task in state.tasks.values() {
            let (agent, state) = (task.agent, task.status.state);
            if task.is_active() {
                let life = Life { agent, state, launched_at: task.launched_at, running_at: task.running_since };
                known.tasks.insert(task.id.clone(), life);
            } else {
                known.end(&task.id, End { agent, state, seq: None, update: None });
            }
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
                    let (agent, launched_at) = (task.agent, record.cause.at);
                    let life = Life { agent, state: TaskState::Staging, launched_at, running_at: None };
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
            let Event::TaskStatusChanged { task, agent, status, update } = event else { continue };
            if let Some(life) = self.tasks.get_mut(task) {
                life.state = status.state;
                if status.state == TaskState::Running {
                    life.running_at.get_or_insert(record.cause.at);
                }
            }
            if status.state.is_terminal() {
                self.tasks.remove(task);
                let (seq, update) = (Some(record.seq), update.clone());
                self.end(task, End { agent: *agent, state: status.state, seq, update });
            }
        }
    }

    fn end(&mut self, task: &TaskId, end: End) {
        self.ended.insert(task.clone(), end);
        self.order.push_back(task.clone());
        if self.order.len() > ENDED_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
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

    /// Reports of certain tasks, or of one agent, from which nothing followed.
    pub(super) fn repeated(&self, record: &Record, is_meant: impl Fn(AgentId, &TaskId) -> bool) -> Vec<Said> {
        let CommandKind::UpdateStatus { agent, .. } = &record.cause.kind else { return Vec::new() };
        let meant = ignored_reports(record).filter(|update| is_meant(*agent, &update.task));
        let said = meant.map(|update| {
            let (task, state, by) = (words::short(&update.task), update.status.state, self.agent(*agent));
            let details = words::details(&update.status).map(|details| format!(" ({details})")).unwrap_or_default();
            let why = self.why_ignored(record, *agent, update);
            let text = format!("{by} reports {state} of {task}{details}{why} nothing follows from it");
            Said::new(What::Repeated, text)
        });
        said.collect()
    }

    /// What the cluster had of the task when the report came.
    fn why_ignored(&self, record: &Record, by: AgentId, update: &StatusUpdate) -> String {
        // Reports that came together are heard one after the other.
        let now = record.events.iter().rev().find_map(|event| match event {
            Event::TaskStatusChanged { task, agent, status, .. } if *task == update.task => {
                Some((*agent, status.state))
            }
            _ => None,
        });
        let (life, end) = (self.tasks.get(&update.task), self.ended.get(&update.task));
        let had = now.or_else(|| life.map(|life| (life.agent, life.state)));
        let Some((agent, state)) = had.or_else(|| end.map(|end| (end.agent, end.state))) else {
            return ", which the cluster does not know;".to_owned();
        };
        let since = end.and_then(|end| end.seq);
        if let (Some(seq), true) = (since, end.is_some_and(|end| end.update.as_ref() == Some(&update.id))) {
            return format!(" again; it is the very report of record {seq}, and");
        }
        if agent != by || state != update.status.state {
            let whose = if agent == by { String::new() } else { format!(" on {}", self.agent(agent)) };
            let since = since.map(|seq| format!(" since record {seq}")).unwrap_or_default();
            return format!(", which the cluster has as {state}{whose}{since};");
        }
        match since {
            Some(seq) => format!(" again; it is another report than that of record {seq}, which ended the task, and"),
            None => " again; the cluster knew as much, and".to_owned(),
        }
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
