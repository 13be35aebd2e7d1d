//! The positive list: texts that stay as they are, because they are words of Bayplan's own, or random, or numbers. What is not
//! on it gets a pseudonym.

use model::{AppId, Constraint, FrameworkId, OfferId, TaskId};

use super::names::Kind;

/// Whether a text tells nothing but what everybody knows.
pub(super) fn is_kept(kind: Kind, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    match kind {
        Kind::Containerizer => matches!(text, "process" | "docker"),
        Kind::Deployment => is_uuid(text),
        Kind::Field => {
            matches!(text, Constraint::HOSTNAME | Constraint::AT_HOSTNAME | Constraint::REGION | Constraint::ZONE)
        }
        Kind::Message => is_about_an_exit(text),
        Kind::Principal => is_a_part_of_the_cluster(text),
        Kind::Profile => placement::is_reserved(text),
        Kind::Role => text == "*",
        Kind::Update => is_update(text),
        Kind::Address
        | Kind::Argument
        | Kind::Cluster
        | Kind::Command
        | Kind::EngineOption
        | Kind::EngineValue
        | Kind::Framework
        | Kind::Host
        | Kind::Image
        | Kind::Label
        | Kind::LabelText
        | Kind::Leader
        | Kind::OwnTask
        | Kind::Path
        | Kind::Pattern
        | Kind::Port
        | Kind::Setting
        | Kind::Task
        | Kind::TaskName
        | Kind::Url
        | Kind::User
        | Kind::Value
        | Kind::Variable => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// As ids that derive from a command's are written.
fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_sound = [8, 4, 4, 4, 12].into_iter().all(|digits| parts.next().is_some_and(|part| is_hex(part, digits)));
    is_sound && parts.next().is_none()
}

/// A work folder's random name, how often an agent was started there, and a number.
fn is_update(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [folder, starts, ordinal] if is_hex(folder, 32) && is_number(starts) && is_number(ordinal))
}

/// As [`model::ExitStatus`] is told.
fn is_about_an_exit(text: &str) -> bool {
    let told = text.strip_prefix("exited with status ").or_else(|| text.strip_prefix("terminated by signal "));
    told.is_some_and(|number| is_number(number.strip_prefix('-').unwrap_or(number)))
}

fn is_a_part_of_the_cluster(text: &str) -> bool {
    let numbered = text.strip_prefix("agent:S").or_else(|| text.strip_prefix("framework:F"));
    text == "master" || numbered.is_some_and(is_number)
}

/// What stands around the one word of a text that needs another name.
pub(super) struct Frame<'a> {
    pub(super) before: &'a str,
    pub(super) word: &'a str,
    pub(super) kind: Kind,
    pub(super) after: &'a str,
}

/// Texts of Bayplan's own that name a host.
pub(super) fn frame(kind: Kind, text: &str) -> Option<Frame<'_>> {
    match kind {
        Kind::Principal => {
            let word = text.strip_prefix("agent@")?;
            Some(Frame { before: "agent@", word, kind: Kind::Host, after: "" })
        }
        Kind::Message => {
            let (agent, _) = text.strip_prefix("agent S")?.split_once(" on ")?;
            let (before, rest) = text.split_at("agent S".len() + agent.len() + " on ".len());
            let endings = [" was silent for too long", " is gone for good"];
            let after = endings.into_iter().find(|ending| rest.ends_with(ending)).filter(|_| is_number(agent))?;
            Some(Frame { before, word: rest.strip_suffix(after)?, kind: Kind::Host, after })
        }
        _ => None,
    }
}

/// How a task's id came about.
pub(super) enum Form<'a> {
    OfApp { app: AppId, unique: &'a str },
    OfFramework { framework: FrameworkId, offer: OfferId, own: &'a str },
    Other,
}

const INSTANCE: &str = ".instance-";
const ENDING: &str = "._app.1";

pub(super) fn form(task: &TaskId) -> Form<'_> {
    of_app(task.as_str()).or_else(|| of_framework(task)).unwrap_or(Form::Other)
}

fn of_app(task: &str) -> Option<Form<'_>> {
    let (stem, unique) = task.strip_suffix(ENDING)?.rsplit_once(INSTANCE)?;
    // No segment of an id has a '_'.
    let app = AppId::parse(&stem.replace('_', "/")).ok()?;
    (is_uuid(unique) && app.flat() == stem).then_some(Form::OfApp { app, unique })
}

fn of_framework(task: &TaskId) -> Option<Form<'_>> {
    let framework = task.framework()?;
    let (_, rest) = task.as_str().split_once('.')?;
    let (offer, own) = rest.split_once('.')?;
    let offer: OfferId = offer.parse().ok()?;
    let is_same = TaskId::of_framework(framework, offer, own) == *task;
    is_same.then_some(Form::OfFramework { framework, offer, own })
}

pub(super) fn of_instance(app: &AppId, unique: &str) -> TaskId {
    TaskId::new(format!("{}{INSTANCE}{unique}{ENDING}", app.flat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_the_cluster_itself_are_kept() {
        let uuid = "b2363d83-c099-1dc6-c25d-0297a488419a";
        for (kind, text) in [
            (Kind::Host, ""),
            (Kind::Containerizer, "docker"),
            (Kind::Deployment, uuid),
            (Kind::Field, "@zone"),
            (Kind::Message, "exited with status -1"),
            (Kind::Principal, "agent:S12"),
            (Kind::Profile, "best-fit"),
            (Kind::Role, "*"),
            (Kind::Update, "0123456789abcdef0123456789abcdef-1-27"),
        ] {
            assert!(is_kept(kind, text), "{kind:?} {text}");
        }
        for (kind, text) in [
            (Kind::Host, "docker"),
            (Kind::Containerizer, "Docker"),
            (Kind::Deployment, "b2363d83-c099-1dc6-c25d-0297a488419a-x"),
            (Kind::Field, "@rack"),
            (Kind::Message, "exited with status 1: no such customer"),
            (Kind::Principal, "agent:S12 for 10.0.0.1"),
            (Kind::Principal, "master2"),
            (Kind::Profile, "best-fit-for-acme"),
            (Kind::Update, "0123456789abcdef0123456789abcdef-1"),
            (Kind::Update, "0123456789abcdef0123456789abcdef-1-27-acme"),
        ] {
            assert!(!is_kept(kind, text), "{kind:?} {text}");
        }
    }

    #[test]
    fn ids_of_tasks_are_taken_apart_only_if_they_can_be_put_together_again() {
        let uuid = "b2363d83-c099-1dc6-c25d-0297a488419a";
        let told = |id: &str| match form(&TaskId::new(id)) {
            Form::OfApp { app, unique } => {
                assert_eq!(of_instance(&app, unique).as_str(), id);
                format!("app {app}")
            }
            Form::OfFramework { own, .. } => format!("own {own}"),
            Form::Other => "other".to_owned(),
        };
        assert_eq!(told(&format!("shop_cart.instance-{uuid}._app.1")), "app /shop/cart");
        assert_eq!(told("F12.O7.a.b F3.c"), "own a.b F3.c");
        for other in ["F012.O7.a", "F12.7.a", "shop.instance-1._app.1", "shop", ""] {
            assert_eq!(told(other), "other", "{other}");
        }
        assert_eq!(told(&format!("Shop.instance-{uuid}._app.1")), "other");
    }
}
