//! Whom somebody means who types an id, or the beginning of one.

use model::{AgentId, AppId, Event, FrameworkId, OfferId, Record};

use crate::mention::{self, Mention, flat_app_of};

/// Somebody in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// An app, and with it all its tasks. The name is the flat one with which their ids begin.
    App {
        id: AppId,
        flat: String,
    },
    Agent(AgentId),
    Offer(OfferId),
    Framework(FrameworkId),
    /// Every task, deployment, profile, and task of a framework by its own id, that begins so.
    Beginning(String),
}

impl Sought {
    /// `/shop/cart`, `S3`, `O17`, `F1`, or the beginning of an id of anything else.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.starts_with('/')
            && let Ok(id) = AppId::parse(text)
        {
            return Self::App { flat: id.flat(), id };
        }
        numbered(text, 'S')
            .and_then(|number| number.try_into().ok())
            .map(|number| Self::Agent(AgentId(number)))
            .or_else(|| numbered(text, 'O').map(|number| Self::Offer(OfferId(number))))
            .or_else(|| {
                let number = numbered(text, 'F')?.try_into().ok()?;
                Some(Self::Framework(FrameworkId(number)))
            })
            .unwrap_or_else(|| Self::Beginning(text.to_owned()))
    }

    #[must_use]
    pub fn is(&self, mention: Mention<'_>) -> bool {
        match (self, mention) {
            (Self::App { id, .. }, Mention::App(app)) => id == app,
            (Self::App { flat, .. }, Mention::Task(task)) => flat_app_of(task) == Some(flat),
            (Self::Agent(id), Mention::Agent(agent)) => *id == agent,
            (Self::Offer(id), Mention::Offer(offer)) => *id == offer,
            (Self::Framework(id), Mention::Framework(framework)) => *id == framework,
            (Self::Framework(id), Mention::Task(task)) => task.framework() == Some(*id),
            (Self::Beginning(text), Mention::Task(task)) => task.as_str().starts_with(text),
            (Self::Beginning(text), Mention::Deployment(deployment)) => deployment.as_str().starts_with(text),
            (Self::Beginning(text), Mention::OwnTask(_, own)) => own.starts_with(text),
            (Self::Beginning(text), Mention::Policy(name)) => name.starts_with(text),
            _ => false,
        }
    }

    #[must_use]
    pub fn is_in_event(&self, event: &Event) -> bool {
        let mut found = false;
        mention::of_event(event, &mut |mention| found |= self.is(mention));
        found
    }

    #[must_use]
    pub fn is_in_command(&self, record: &Record) -> bool {
        let mut found = false;
        mention::of_command(&record.cause.kind, &mut |mention| found |= self.is(mention));
        found
    }

    #[must_use]
    pub fn is_in(&self, record: &Record) -> bool {
        self.is_in_command(record) || record.events.iter().any(|event| self.is_in_event(event))
    }
}

fn numbered(text: &str, letter: char) -> Option<u64> {
    let digits = text.strip_prefix(letter)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use model::TaskId;

    use super::*;

    #[test]
    fn an_app_is_sought_with_its_tasks_and_no_others() {
        let sought = Sought::parse("/shop/cart");
        let task = |id: &str| TaskId::new(id);
        assert!(sought.is(Mention::Task(&task("shop_cart.instance-1._app.1"))));
        assert!(!sought.is(Mention::Task(&task("shop_cart2.instance-1._app.1"))));
        assert!(!sought.is(Mention::Task(&task("F1.O2.shop_cart.instance-1"))), "it is a framework's");
        assert_eq!(mention::app_of(&task("a_b.c.instance-1._app.1")), AppId::parse("/a/b.c").ok());
    }

    #[test]
    fn ids_are_told_apart_by_their_form() {
        assert_eq!(Sought::parse("S3"), Sought::Agent(AgentId(3)));
        assert_eq!(Sought::parse("O17"), Sought::Offer(OfferId(17)));
        assert_eq!(Sought::parse("F1"), Sought::Framework(FrameworkId(1)));
        for beginning in ["S", "Sx", "hello.instance-3f", "F1.O2.x"] {
            assert_eq!(Sought::parse(beginning), Sought::Beginning(beginning.to_owned()));
        }
    }
}
