//! Conditions on a moment of the log: an event's kind, an id, or an expression over the state.
//!
//! ```text
//! task_launched                                              a record with such an event, or with such a command
//! S3                                                         a record that names an agent, an app, a task, an offer …
//! app("/web").running < 2 && agents.connected == 3           an expression over the state
//! tasks.exists(t, t.agent == "S3" && t.state == "TASK_FAILED")
//! violations > 0                                             an invariant that does not hold
//! ```
//!
//! The expressions are a part of the Common Expression Language. A library for the whole of it would have brought a parser
//! generator's run time into a pure crate, and would have found unknown fields only while it folds. Here a condition is checked when
//! it is read, numbers are the log's thousandths, and it is asked again only after records that may change it.

mod check;
mod eval;
mod fields;
mod syntax;
mod token;
mod value;

use std::fmt;

use model::{Event, Record};
use serde::Serialize;
use state::State;

use crate::Sought;
use crate::kinds::{COMMAND_KINDS, EVENT_KINDS};
use check::{Checker, Operand};
use eval::Node;
use value::{Kind, Parts, Scope};

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {reason}", .at + 1)]
pub struct ConditionError {
    /// In bytes, from 0.
    pub at: usize,
    pub reason: String,
}

impl ConditionError {
    fn at(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into() }
    }
}

/// Something that holds after a record, or does not.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    node: Node,
    /// What has to change before it can hold when it did not.
    parts: Parts,
    operands: Vec<(String, Node)>,
}

/// What a part of a condition is worth at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worth {
    /// The part, as it was written.
    pub part: String,
    pub value: String,
}

impl Condition {
    /// Reads a condition: a word on its own is an event's kind, a command's kind, or an id; everything else is an expression.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let text = text.trim();
        if let Some(short) = Self::short(text) {
            return Ok(short);
        }
        let phrase = syntax::parse(text)?;
        let mut checker = Checker::default();
        let node = checker.wanted(&phrase, Kind::Truth)?;
        let Checker { parts, operands, .. } = checker;
        let operand = |Operand { start, end, node }| (text[start..end].to_owned(), node);
        Ok(Self { text: text.to_owned(), node, parts, operands: operands.into_iter().map(operand).collect() })
    }

    /// The short forms; what they stand for is written as an expression.
    fn short(text: &str) -> Option<Self> {
        let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c));
        if !is_word {
            return None;
        }
        let stands_for = if EVENT_KINDS.contains(&text) {
            format!("\"{text}\" in events")
        } else if COMMAND_KINDS.contains(&text) {
            format!("command == \"{text}\"")
        } else if !matches!(Sought::parse(text), Sought::Beginning(_)) || text.contains(".instance-") {
            format!("about(\"{text}\")")
        } else {
            return None;
        };
        let condition = Self::parse(&stands_for).ok()?;
        Some(Self { text: text.to_owned(), ..condition })
    }

    /// Whether the record may make it hold, or not hold, where it was otherwise before.
    #[must_use]
    pub fn may_change(&self, record: &Record) -> bool {
        self.parts.meets(Parts::RECORD.and(Parts::WHOLE))
            || record.events.iter().any(|event| self.parts.meets(touched(event)))
    }

    /// Whether it asks for the record itself, so that each record is another matter.
    #[must_use]
    pub const fn is_about_records(&self) -> bool {
        self.parts.meets(Parts::RECORD)
    }

    /// Whether it holds in a state, which is that after the record. Without a record, conditions on a record do not hold.
    #[must_use]
    pub fn holds(&self, state: &State, record: Option<&Record>) -> bool {
        self.node.holds(&Scope { state, record }, &mut Vec::new())
    }

    /// What its parts are worth.
    #[must_use]
    pub fn worth(&self, state: &State, record: Option<&Record>) -> Vec<Worth> {
        let scope = Scope { state, record };
        let worth = |(part, node): &(String, Node)| Worth {
            part: part.clone(),
            value: node.value(&scope, &mut Vec::new()).to_string(),
        };
        self.operands.iter().map(worth).collect()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// What of a state an event may change.
fn touched(event: &Event) -> Parts {
    match event {
        Event::EpochStarted { .. }
        | Event::PlacementPolicyChosen { .. }
        | Event::OfferTimeoutChosen { .. }
        | Event::ProfileDefined { .. }
        | Event::ProfileRemoved { .. }
        | Event::ProfileChosen { .. }
        | Event::ShadowChosen { .. }
        | Event::ModuleAdded { .. }
        | Event::ModuleRemoved { .. }
        | Event::ModuleDisabled { .. } => Parts::HEADER,
        Event::AgentRegistered { .. }
        | Event::AgentReconnected { .. }
        | Event::AgentDisconnected { .. }
        | Event::AgentRemoved { .. } => Parts::AGENTS,
        Event::OffersMade { .. } | Event::OffersClosed { .. } => Parts::OFFERS,
        Event::OffersHeldBack { .. } | Event::LaunchRefused { .. } => Parts::NONE,
        Event::FrameworkSubscribed { .. }
        | Event::FrameworkDisconnected { .. }
        | Event::OffersRevived { .. }
        | Event::OffersSuppressed { .. } => Parts::FRAMEWORKS,
        Event::FrameworkRemoved { .. } => Parts::FRAMEWORKS.and(Parts::TASKS),
        Event::UpdatesAcknowledged { .. } | Event::TaskKillRequested { .. } => Parts::TASKS,
        // A launch takes from its offer; an end is an app's last failure.
        Event::TaskLaunched { .. } => Parts::TASKS.and(Parts::OFFERS),
        Event::TaskStatusChanged { .. } => Parts::TASKS.and(Parts::APPS),
        Event::AppChanged { .. }
        | Event::AppDestroyed { .. }
        | Event::LaunchDelayed { .. }
        | Event::LaunchDelayReset { .. }
        | Event::WaitingChanged { .. } => Parts::APPS.and(Parts::TASKS),
        Event::DeploymentStarted { .. } | Event::DeploymentAdvanced { .. } | Event::DeploymentEnded { .. } => {
            Parts::DEPLOYMENTS
        }
        Event::Restored { .. } => Parts::APPS
            .and(Parts::TASKS)
            .and(Parts::AGENTS)
            .and(Parts::OFFERS)
            .and(Parts::FRAMEWORKS)
            .and(Parts::DEPLOYMENTS)
            .and(Parts::HEADER),
    }
}

/// What conditions may ask for, a group and its lines: a name, and what it says.
#[must_use]
pub fn vocabulary() -> Vec<(&'static str, Vec<(String, &'static str)>)> {
    let names = fields::NAMES.iter().map(|name| (name.name.to_owned(), name.says));
    let lookups = fields::LOOKUPS.iter().map(|(name, _, says)| (format!("{name}(\"…\")"), *says));
    let about =
        (format!("{}(\"…\")", fields::ABOUT), "whether the record names an app, task, agent, offer, framework …");
    let mut groups = vec![("names", names.collect::<Vec<_>>()), ("lookups", lookups.chain([about]).collect())];
    for field in fields::FIELDS {
        let of = field.of.words();
        let line = (field.name.to_owned(), field.says);
        match groups.iter_mut().find(|(group, _)| *group == of) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((of, vec![line])),
        }
    }
    groups
}

#[cfg(test)]
mod tests;
