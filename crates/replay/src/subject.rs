//! Whose story is told: an app, a task, an agent or an offer, by its id or the beginning of it.

use std::collections::BTreeSet;
use std::fmt;
use std::mem::discriminant;

use model::{AgentId, AppId, Event, FrameworkId, OfferId, Record, Row, TaskId};
use state::State;

use crate::mention::{self, Mention};
use crate::words;

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
    #[error(
        "{framework} is a framework ({}), which has no story of its own; `bayplan replay grep --id {framework}` shows what names it, \
         and '{framework}.' is how ids of its tasks begin",
        words::one_line(name)
    )]
    Framework { framework: FrameworkId, name: String },
    #[error("'{text}' is the beginning of several: {}; say more of it", listed(found))]
    Several { text: String, found: Vec<Subject> },
    #[error("several agents were called '{hostname}', one after the other: {}; say the id of one", listed(found))]
    SameHost { hostname: String, found: Vec<Subject> },
}

/// The first of each kind, in order.
fn listed(found: &[Subject]) -> String {
    let kinds: Vec<&[Subject]> = found.chunk_by(|one, other| discriminant(one) == discriminant(other)).collect();
    let of_each = LISTED.div_ceil(kinds.len().max(1));
    let names: Vec<_> = kinds.iter().flat_map(|kind| kind.iter().take(of_each)).map(ToString::to_string).collect();
    let more = if found.len() > names.len() { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

const LISTED: usize = 4;

/// Looks through a log for everybody who may be meant.
#[derive(Debug)]
pub struct Search {
    text: String,
    /// Who is called exactly so.
    exact: Option<Subject>,
    /// Agents whose hostname it is: one that comes again after its removal is another one.
    hosts: BTreeSet<AgentId>,
    /// Of whom there is no story, but whose id or name it is.
    framework: Option<(FrameworkId, String)>,
    /// Of each kind no more than can be listed, and one to know that there are more.
    found: BTreeSet<Subject>,
}

impl Search {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), exact: None, hosts: BTreeSet::new(), framework: None, found: BTreeSet::new() }
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
        state.frameworks.values().for_each(|framework| self.see_framework(framework.id, &framework.info.name));
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
                Event::FrameworkSubscribed { framework, info } => self.see_framework(*framework, &info.name),
                Event::OffersMade { offers, .. } => offers.offers.iter().for_each(|offer| self.see_offer(*offer)),
                Event::Restored { row } => match &**row {
                    Row::Agent(agent) => self.see_agent(agent.id, &agent.description.hostname),
                    Row::Framework(framework) => self.see_framework(framework.id, &framework.info.name),
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
        } else if self.found.iter().filter(|found| discriminant(*found) == discriminant(&subject)).count() <= LISTED {
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
        let is_exact = agent.to_string() == self.text;
        if hostname == self.text {
            self.hosts.insert(agent);
        }
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

    fn see_framework(&mut self, framework: FrameworkId, name: &str) {
        if framework.to_string() == self.text || name == self.text {
            self.framework = Some((framework, name.to_owned()));
        }
    }

    /// Who is meant. The id of a framework does not stand for its tasks, whose ids begin so.
    pub fn finish(self) -> Result<Subject, NotOne> {
        if let Some(subject) = self.exact {
            return Ok(subject);
        }
        let mut hosts: Vec<_> = self.hosts.into_iter().map(Subject::Agent).collect();
        match hosts.pop() {
            Some(only) if hosts.is_empty() => return Ok(only),
            Some(last) => {
                hosts.push(last);
                return Err(NotOne::SameHost { hostname: self.text, found: hosts });
            }
            None => {}
        }
        if let Some((framework, name)) = self.framework {
            return Err(NotOne::Framework { framework, name });
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
