//! Whose story is told: an app, a task, an agent or an offer, by its id or the beginning of it.

use std::collections::BTreeSet;
use std::fmt;

use model::{AgentId, AppId, Event, OfferId, Record, Row, TaskId};
use state::State;

use crate::mention::{self, Mention};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    App(AppId),
    Task(TaskId),
    Agent(AgentId),
    Offer(OfferId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(id) => write!(f, "app {id}"),
            Self::Task(id) => write!(f, "task {id}"),
            Self::Agent(id) => write!(f, "agent {id}"),
            Self::Offer(id) => write!(f, "offer {id}"),
        }
    }
}

/// Why nobody, or more than one, is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOne {
    #[error(
        "the log names no app, task, agent or offer '{0}', and none whose id begins so; `bayplan replay stats` lists apps and agents"
    )]
    Nobody(String),
    #[error("'{text}' is the beginning of several: {}; say more of it", listed(found))]
    Several { text: String, found: Vec<Subject> },
}

fn listed(found: &[Subject]) -> String {
    let names: Vec<_> = found.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if found.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

const LISTED: usize = 4;

/// Looks through a log for everybody who may be meant.
#[derive(Debug)]
pub struct Search {
    text: String,
    /// Who is called exactly so.
    exact: Option<Subject>,
    /// No more than can be listed, and one to know that there are more.
    found: BTreeSet<Subject>,
}

impl Search {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), exact: None, found: BTreeSet::new() }
    }

    /// Whether nothing that comes later can make a difference.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.exact.is_some()
    }

    /// Who is there at the beginning.
    pub fn begin(&mut self, state: &State) {
        state.apps.keys().for_each(|app| self.see_app(app));
        state.tasks.keys().for_each(|task| self.see_task(task));
        state.agents.values().for_each(|agent| self.see_agent(agent.id, &agent.description.hostname));
        state.offers.keys().for_each(|offer| self.see_offer(*offer));
    }

    pub fn see(&mut self, record: &Record) {
        for event in &record.events {
            match event {
                Event::AppChanged { app, .. } => self.see_app(&app.id),
                Event::TaskLaunched { task } => {
                    self.see_task(&task.id);
                    self.see_offer(task.offer);
                }
                Event::AgentRegistered { agent, description } | Event::AgentReconnected { agent, description } => {
                    self.see_agent(*agent, &description.hostname);
                }
                Event::OffersMade { offers, .. } => offers.offers.iter().for_each(|offer| self.see_offer(*offer)),
                Event::Restored { row } => match &**row {
                    Row::Agent(agent) => self.see_agent(agent.id, &agent.description.hostname),
                    _ => mention::of_event(event, &mut |mention| match mention {
                        Mention::App(app) => self.see_app(app),
                        Mention::Task(task) => self.see_task(task),
                        Mention::Offer(offer) => self.see_offer(offer),
                        _ => {}
                    }),
                },
                _ => {}
            }
        }
    }

    fn enter(&mut self, subject: Subject, is_exact: bool) {
        if is_exact {
            self.exact = Some(subject);
        } else if self.found.len() <= LISTED {
            self.found.insert(subject);
        }
    }

    /// An app's name may be given without the slash, and then wins over tasks whose ids begin so.
    fn see_app(&mut self, app: &AppId) {
        let wanted = self.text.trim_start_matches('/');
        let name = &app.as_str()[1..];
        if name.starts_with(wanted) && !self.text.is_empty() {
            self.enter(Subject::App(app.clone()), name == wanted);
        }
    }

    fn see_task(&mut self, task: &TaskId) {
        if !self.text.is_empty() && task.as_str().starts_with(&self.text) {
            self.enter(Subject::Task(task.clone()), task.as_str() == self.text);
        }
    }

    fn see_agent(&mut self, agent: AgentId, hostname: &str) {
        let is_exact = agent.to_string() == self.text || hostname == self.text;
        if is_exact || (!self.text.is_empty() && hostname.starts_with(&self.text)) {
            self.enter(Subject::Agent(agent), is_exact);
        }
    }

    fn see_offer(&mut self, offer: OfferId) {
        // There are many, and few are asked for.
        if self.text.starts_with('O') && offer.to_string() == self.text {
            self.enter(Subject::Offer(offer), true);
        }
    }

    /// Who is meant.
    pub fn finish(self) -> Result<Subject, NotOne> {
        if let Some(subject) = self.exact {
            return Ok(subject);
        }
        let mut found = self.found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Err(NotOne::Nobody(self.text)),
            (Some(only), None) => Ok(only),
            (Some(one), Some(other)) => {
                let found = [one, other].into_iter().chain(found).collect();
                Err(NotOne::Several { text: self.text, found })
            }
        }
    }
}
