//! The story of an app, a task, an agent or an offer: which command, by whom, led to which events, and how long each step took.
//!
//! A story is told while records pass, and follows causes across them: a launch names what was wanted and what it waited for, a kill
//! names the change that asked for it. Nothing is folded; what has to be remembered is what the story may still refer to.

mod known;
mod of_agent;
mod of_app;
mod of_offer;
mod of_task;
mod wishes;

use model::{Principal, Record, Seq, Timestamp};
use serde::Serialize;
use state::State;

use crate::{Subject, words};
use known::Known;

/// How many steps a story has at most; it says how many it left out.
pub const STEPS_LIMIT: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    pub subject: String,
    pub steps: Vec<Step>,
    /// Later steps, for which there was no room.
    pub left_out: u64,
}

/// What one record says of the subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub seq: Seq,
    pub at: Timestamp,
    /// Who gave the command, and which.
    pub by: Principal,
    pub command: String,
    pub said: Vec<Said>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    pub what: What,
    pub text: String,
    /// What it follows from, where that is another record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Because>,
}

/// What kind of thing is said; how it is shown depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Somebody wants it so.
    Wish,
    Waiting,
    Progress,
    Good,
    Bad,
    /// It was asked to end, or ended because it was.
    Ending,
    /// A report that was no news.
    Repeated,
    Note,
}

/// An earlier record from which something follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Because {
    pub seq: Seq,
    pub at: Timestamp,
    pub by: Principal,
    pub text: String,
}

impl Because {
    fn of(record: &Record) -> Self {
        Self::saying(record, words::command(&record.cause.kind))
    }

    fn saying(record: &Record, text: String) -> Self {
        Self { seq: record.seq, at: record.cause.at, by: record.cause.principal.clone(), text }
    }
}

impl Said {
    fn new(what: What, text: impl Into<String>) -> Self {
        Self { what, text: text.into(), because: Vec::new() }
    }

    fn because(mut self, because: impl IntoIterator<Item = Because>) -> Self {
        self.because.extend(because);
        self
    }
}

/// Tells a story while records pass.
#[derive(Debug)]
pub struct Teller {
    subject: Subject,
    story: Story,
    known: Known,
    of: Of,
}

#[derive(Debug)]
enum Of {
    App(of_app::OfApp),
    Task(of_task::OfTask),
    Agent(of_agent::OfAgent),
    Offer(of_offer::OfOffer),
}

impl Teller {
    /// Begins with a state: nothing, unless the log's beginning was trimmed.
    #[must_use]
    pub fn new(subject: Subject, state: &State) -> Self {
        let known = Known::of(state);
        let of = match &subject {
            Subject::App(app) => Of::App(of_app::OfApp::new(app, state)),
            Subject::Task(task) => Of::Task(of_task::OfTask::new(task, state)),
            Subject::Agent(agent) => Of::Agent(of_agent::OfAgent::new(*agent, state)),
            Subject::Offer(offer) => Of::Offer(of_offer::OfOffer::new(*offer, state)),
        };
        let story = Story { subject: subject.to_string(), steps: Vec::new(), left_out: 0 };
        Self { subject, story, known, of }
    }

    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    pub fn see(&mut self, record: &Record) {
        self.known.see(record);
        let steps = match &mut self.of {
            Of::App(of) => one(record, of.see(record, &self.known)),
            Of::Task(of) => of.see(record, &self.known),
            Of::Agent(of) => one(record, of.see(record, &self.known)),
            Of::Offer(of) => one(record, of.see(record, &self.known)),
        };
        self.known.forget(record);
        for step in steps {
            if self.story.steps.len() < STEPS_LIMIT {
                self.story.steps.push(step);
            } else {
                self.story.left_out += 1;
            }
        }
    }

    #[must_use]
    pub fn finish(self) -> Story {
        self.story
    }
}

fn step(record: &Record, said: Vec<Said>) -> Step {
    let cause = &record.cause;
    let (by, command) = (cause.principal.clone(), words::command(&cause.kind));
    Step { seq: record.seq, at: cause.at, by, command, said }
}

/// A record that says nothing of the subject is no step.
fn one(record: &Record, said: Vec<Said>) -> Vec<Step> {
    if said.is_empty() { Vec::new() } else { vec![step(record, said)] }
}
