//! Whether a record's command is decided today as it was recorded.

use model::{AppId, AttributeValue, Constraint, Event, Filter, ModuleBytes, Record, TaskId, UpdateUuid};
use scheduler::{Again, Policies, World, decide, difference};

use super::names::{Kind, Names};
use super::retell;

/// Decides the record's command in the world before it.
///
/// Texts for people are not compared: an anonymised log has others.
#[must_use]
pub fn decide_again(world: &World, record: &Record, policies: &Policies) -> Again {
    let difference = match decide(world, &record.cause, policies) {
        Ok(events) if events == record.events => None,
        Ok(events) => difference(&compared(&record.events), &compared(&events)),
        Err(rejection) => Some(format!("the command would be refused, {rejection}")),
    };
    difference.map_or(Again::AsRecorded, Again::Otherwise)
}

fn compared(events: &[Event]) -> Vec<Event> {
    events.iter().map(|event| retell::event(&mut WithoutMessages, event)).collect()
}

/// Everything as it is, but what is said to people.
struct WithoutMessages;

impl Names for WithoutMessages {
    fn text(&mut self, kind: Kind, text: &str) -> String {
        if kind == Kind::Message { String::new() } else { text.to_owned() }
    }

    fn app(&mut self, app: &AppId) -> AppId {
        app.clone()
    }

    fn task(&mut self, task: &TaskId) -> TaskId {
        task.clone()
    }

    fn attribute(&mut self, field: &str, value: &AttributeValue) -> (String, AttributeValue) {
        (field.to_owned(), value.clone())
    }

    fn constraint(&mut self, constraint: &Constraint) -> Constraint {
        constraint.clone()
    }

    fn detail(&mut self, filter: Filter, detail: &str) -> String {
        if filter == Filter::RefusedByPolicy { String::new() } else { detail.to_owned() }
    }

    fn receipt(&mut self, update: UpdateUuid) -> UpdateUuid {
        update
    }

    fn module(&mut self, bytes: &ModuleBytes) -> ModuleBytes {
        bytes.clone()
    }
}
