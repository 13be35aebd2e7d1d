//! Finds records by what they are: kinds of events and commands, who gave them, whom they name, and any text.

use std::collections::BTreeSet;

use model::Record;
use regex::Regex;
use serde::Serialize;

use crate::Sought;

/// What a record has to be; whatever is empty asks for nothing. Alternatives of one kind stand beside each other.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Kinds of events, of which it has one at least.
    pub events: BTreeSet<String>,
    /// Kinds of commands.
    pub commands: BTreeSet<String>,
    /// Who gave it; `agent:*` stands for everybody who is called so at the beginning.
    pub principals: Vec<String>,
    /// Whom it names: all of these.
    pub about: Vec<Sought>,
    /// In the command or in an event, as their JSON has it: all of these.
    pub texts: Vec<Regex>,
}

/// What of a record was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Which of its events are what was sought, counted from 0.
    pub events: Vec<usize>,
    /// Whether the command is, by itself.
    pub is_command: bool,
}

impl Filter {
    /// None when the record is not what is sought.
    ///
    /// Events are sought one by one: whom they name and which text they have counts for the same event. A command is found by itself only
    /// when no kind of event is asked for.
    #[must_use]
    pub fn find(&self, record: &Record) -> Option<Found> {
        let cause = &record.cause;
        let is_right = (self.commands.is_empty() || self.commands.contains(cause.kind.name()))
            && (self.principals.is_empty()
                || self.principals.iter().any(|wanted| is_principal(wanted, &cause.principal.0)));
        if !is_right {
            return None;
        }
        let in_event = |(index, event): (usize, &model::Event)| {
            let is_right = (self.events.is_empty() || self.events.contains(event.name()))
                && self.about.iter().all(|sought| sought.is_in_event(event))
                && self.has_texts(event);
            is_right.then_some(index)
        };
        let events: Vec<usize> = record.events.iter().enumerate().filter_map(in_event).collect();
        let is_command = self.events.is_empty()
            && self.about.iter().all(|sought| sought.is_in_command(record))
            && self.has_texts(&cause.kind);
        (is_command || !events.is_empty()).then_some(Found { events, is_command })
    }

    fn has_texts<T: Serialize>(&self, part: &T) -> bool {
        if self.texts.is_empty() {
            return true;
        }
        let text = serde_json::to_string(part).unwrap_or_default();
        self.texts.iter().all(|sought| sought.is_match(&text))
    }
}

fn is_principal(wanted: &str, principal: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => principal.starts_with(beginning),
        None => principal == wanted,
    }
}
