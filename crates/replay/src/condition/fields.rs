//! Everything that a condition may ask for, by name: one table for the checks, for the evaluation and for the help.

use model::{FrameworkId, Resources, TaskState, WaitingCause};

use super::value::{Kind, Parts, Scope, Thing, Value};
use crate::mention;

/// Something that has a name of its own.
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) parts: Parts,
    pub(super) says: &'static str,
    pub(super) get: for<'a> fn(&Scope<'a>) -> Value<'a>,
}

/// A field of something.
pub(super) struct Field {
    pub(super) of: Kind,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) parts: Parts,
    pub(super) says: &'static str,
    pub(super) get: for<'a> fn(&Scope<'a>, &Value<'a>) -> Value<'a>,
}

use Kind::{Many, Number, One, Text, Texts, Truth};

macro_rules! name {
    ($name:literal, $kind:expr, $parts:ident, $says:literal, |$scope:ident| $get:expr) => {
        Name { name: $name, kind: $kind, parts: Parts::$parts, says: $says, get: |$scope| $get }
    };
}

macro_rules! field {
    ($of:ident, $name:literal, $kind:expr, $parts:ident, $says:literal, |$scope:pat_param, $row:ident| $get:expr) => {
        Field {
            of: One(Thing::$of),
            name: $name,
            kind: $kind,
            parts: Parts::$parts,
            says: $says,
            get: |$scope, value| match value {
                Value::$of($row) => $get,
                _ => Value::Nothing,
            },
        }
    };
}

macro_rules! total {
    ($of:ident, $name:literal, $parts:ident, $says:literal, |$scope:ident| $get:expr) => {
        Field {
            of: Many(Thing::$of),
            name: $name,
            kind: Number,
            parts: Parts::$parts,
            says: $says,
            get: |$scope, _| $get,
        }
    };
}

macro_rules! quantity {
    ($name:ident, $says:literal) => {
        Field {
            of: Kind::Resources,
            name: stringify!($name),
            kind: Number,
            parts: Parts::NONE,
            says: $says,
            get: |_, value| match value {
                Value::Resources(resources) => Value::scalar(resources.$name),
                _ => Value::Nothing,
            },
        }
    };
}

pub(super) static NAMES: &[Name] = &[
    name!("seq", Number, RECORD, "the record's number", |scope| Value::count(scope.state.seq.0)),
    name!("epoch", Number, RECORD, "the leadership, counted", |scope| Value::count(scope.state.epoch.0)),
    name!("at", Number, RECORD, "the record's time, in milliseconds since 1970", |scope| {
        Value::count(scope.state.at.0)
    }),
    name!("principal", Text, RECORD, "who gave the record's command", |scope| {
        Value::maybe(scope.record.map(|record| &*record.cause.principal.0))
    }),
    name!("command", Text, RECORD, "the kind of the record's command, such as \"scale_app\"", |scope| {
        Value::maybe(scope.record.map(|record| record.cause.kind.name()))
    }),
    name!("events", Texts, RECORD, "the kinds of the record's events, such as \"task_launched\"", |scope| {
        let events = scope.record.map(|record| &*record.events).unwrap_or_default();
        Value::Texts(events.iter().map(|event| event.name().into()).collect())
    }),
    name!("ignored_reports", Number, RECORD, "reports in the record that were no news: twice, or late", |scope| {
        Value::count(scope.record.map_or(0, |record| mention::ignored_reports(record).count()))
    }),
    name!("apps", Many(Thing::App), APPS, "all apps", |_scope| Value::Nothing),
    name!("tasks", Many(Thing::Task), TASKS, "active tasks, and those that ended and are remembered", |_scope| {
        Value::Nothing
    }),
    name!("agents", Many(Thing::Agent), AGENTS, "all agents that are not removed", |_scope| Value::Nothing),
    name!("offers", Many(Thing::Offer), OFFERS, "open offers", |_scope| Value::Nothing),
    name!("frameworks", Many(Thing::Framework), FRAMEWORKS, "frameworks outside of the cluster", |_scope| {
        Value::Nothing
    }),
    name!("deployments", Many(Thing::Deployment), DEPLOYMENTS, "deployments that are under way", |_scope| {
        Value::Nothing
    }),
    name!("instances_waiting", Number, APPS, "instances that wait, of all apps", |scope| {
        let waiting = scope.state.apps.values().filter_map(|app| app.waiting.as_ref());
        Value::count(waiting.map(|waiting| u64::from(waiting.instances)).sum::<u64>())
    }),
    name!("launches", Number, TASKS, "tasks that were ever launched", |scope| {
        Value::count(scope.state.header.totals.tasks_launched)
    }),
    name!("failures", Number, TASKS, "tasks that ever ended as failed, lost or in error", |scope| {
        let ended = &scope.state.header.totals.tasks_ended;
        let of = |state: &TaskState| ended.get(state).copied().unwrap_or_default();
        Value::count([TaskState::Failed, TaskState::Lost, TaskState::Error].iter().map(of).sum::<u64>())
    }),
    name!("violations", Number, WHOLE, "invariants that do not hold; slow on large states", |scope| {
        Value::count(scope.state.check().len())
    }),
    name!("leader", Text, HEADER, "which master leads", |scope| Value::text(scope.state.header.leader.as_str())),
    name!("policy", Text, HEADER, "the profile that decides where nothing else was chosen", |scope| {
        Value::text(scope.state.header.placement_policy.as_str())
    }),
];

pub(super) static FIELDS: &[Field] = &[
    field!(App, "id", Text, NONE, "", |_, app| Value::text(app.spec.id.as_str())),
    field!(App, "instances", Number, APPS, "how many are wanted", |_, app| Value::count(app.spec.instances)),
    field!(App, "running", Number, TASKS, "tasks that run and were not asked to end", |scope, app| {
        Value::count(scope.state.tasks_of_app(&app.spec.id).running.values().map(|n| u64::from(*n)).sum::<u64>())
    }),
    field!(App, "active", Number, TASKS, "tasks that did not end", |scope, app| {
        Value::count(scope.state.tasks_of_app(&app.spec.id).active.len())
    }),
    field!(App, "ended", Number, TASKS, "tasks that ended and are remembered", |scope, app| {
        Value::count(scope.state.tasks_of_app(&app.spec.id).ended.len())
    }),
    field!(App, "waiting", Number, APPS, "instances that wait", |_, app| {
        Value::count(app.waiting.as_ref().map_or(0, |waiting| waiting.instances))
    }),
    field!(App, "waiting_for", Text, APPS, "nothing_fits, backoff, dependency or earlier_step; else null", |_, app| {
        Value::maybe(app.waiting.as_ref().map(|waiting| match waiting.cause {
            WaitingCause::NothingFits { .. } => "nothing_fits",
            WaitingCause::Backoff { .. } => "backoff",
            WaitingCause::Dependency { .. } => "dependency",
            WaitingCause::EarlierStep => "earlier_step",
        }))
    }),
    field!(App, "delay_ms", Number, APPS, "how long launches are held back when tasks end by themselves", |_, app| {
        Value::count(app.delay.map_or(0, |delay| delay.delay_ms))
    }),
    field!(App, "failed_on", Text, APPS, "the agent of the last failure, such as \"S3\"", |_, app| {
        Value::maybe(app.last_failure.as_ref().map(|failure| failure.agent.to_string()))
    }),
    field!(App, "deployments", Number, DEPLOYMENTS, "deployments that hold it", |scope, app| {
        Value::count(scope.state.deployments_of(&app.spec.id).count())
    }),
    field!(App, "role", Text, APPS, "", |_, app| Value::maybe(app.spec.role.as_deref())),
    field!(App, "resources", Kind::Resources, APPS, "of one instance", |_, app| Value::resources(&app.spec.resources)),
    field!(Task, "id", Text, NONE, "", |_, task| Value::text(task.id.as_str())),
    field!(Task, "app", Text, NONE, "its app's id", |_, task| Value::maybe(task.app().map(model::AppId::as_str))),
    field!(Task, "agent", Text, NONE, "its agent's id", |_, task| Value::text(task.agent.to_string())),
    field!(Task, "hostname", Text, NONE, "its agent's", |_, task| Value::text(task.hostname.as_str())),
    field!(Task, "framework", Text, NONE, "its framework's id", |_, task| Value::text(task.framework.to_string())),
    field!(Task, "state", Text, TASKS, "such as \"TASK_FAILED\"", |_, task| Value::text(task.status.state.name())),
    field!(Task, "message", Text, TASKS, "what is said about its state", |_, task| {
        Value::maybe(task.status.message.as_deref())
    }),
    field!(Task, "active", Truth, TASKS, "whether it did not end", |_, task| Value::Truth(task.is_active())),
    field!(Task, "killed", Truth, TASKS, "whether it was asked to end", |_, task| Value::Truth(task.kill.is_some())),
    field!(Task, "policy", Text, NONE, "the profile that placed it", |_, task| {
        Value::maybe(task.explanation.as_ref().map(|explanation| explanation.policy.as_str()))
    }),
    field!(Task, "resources", Kind::Resources, NONE, "what it takes", |_, task| Value::resources(&task.resources)),
    field!(Agent, "id", Text, NONE, "", |_, agent| Value::text(agent.id.to_string())),
    field!(Agent, "hostname", Text, AGENTS, "", |_, agent| Value::text(agent.description.hostname.as_str())),
    field!(Agent, "connected", Truth, AGENTS, "", |_, agent| Value::Truth(agent.is_connected())),
    field!(Agent, "tasks", Number, TASKS, "tasks on it that did not end", |scope, agent| {
        Value::count(scope.state.active_tasks_on(agent.id).count())
    }),
    field!(Agent, "total", Kind::Resources, AGENTS, "what it has", |_, agent| {
        Value::resources(&agent.description.resources)
    }),
    field!(Agent, "used", Kind::Resources, TASKS, "what its tasks take", |scope, agent| {
        Value::Resources(std::borrow::Cow::Owned(scope.state.used_on(agent.id)))
    }),
    field!(Agent, "free", Kind::Resources, TASKS, "what its tasks leave", |scope, agent| {
        let used = scope.state.used_on(agent.id);
        let mut free = Resources { ports: Default::default(), ..agent.description.resources.clone() };
        free.subtract(&Resources { ports: Default::default(), gpu_slots: Default::default(), ..used });
        Value::Resources(std::borrow::Cow::Owned(free))
    }),
    field!(Offer, "id", Text, NONE, "", |_, offer| Value::text(offer.id.to_string())),
    field!(Offer, "framework", Text, NONE, "to whom it is made", |_, offer| Value::text(offer.framework.to_string())),
    field!(Offer, "agent", Text, NONE, "", |_, offer| Value::text(offer.agent.to_string())),
    field!(Offer, "age_ms", Number, RECORD, "how long it is open", |scope, offer| {
        Value::count(scope.state.at.ms_since(offer.made_at))
    }),
    field!(Offer, "resources", Kind::Resources, OFFERS, "what it holds", |_, offer| {
        Value::resources(&offer.resources)
    }),
    field!(Framework, "id", Text, NONE, "", |_, framework| Value::text(framework.id.to_string())),
    field!(Framework, "name", Text, FRAMEWORKS, "", |_, framework| Value::text(framework.info.name.as_str())),
    field!(Framework, "role", Text, FRAMEWORKS, "", |_, framework| Value::text(framework.info.role.as_str())),
    field!(Framework, "connected", Truth, FRAMEWORKS, "", |_, framework| Value::Truth(framework.is_subscribed())),
    field!(Framework, "suppressed", Truth, FRAMEWORKS, "whether it wants no offers", |_, framework| {
        Value::Truth(framework.is_suppressed)
    }),
    field!(Framework, "offers", Number, OFFERS, "open offers", |scope, framework| {
        Value::count(scope.state.offers.values().filter(|offer| offer.framework == framework.id).count())
    }),
    field!(Framework, "tasks", Number, TASKS, "tasks that did not end", |scope, framework| {
        let own = |task: &&model::Task| task.framework == framework.id && task.is_active();
        Value::count(scope.state.tasks.values().filter(own).count())
    }),
    field!(Deployment, "id", Text, NONE, "", |_, deployment| Value::text(deployment.id.as_str())),
    field!(Deployment, "step", Number, DEPLOYMENTS, "the step that is under way, from 1", |_, deployment| {
        Value::count(deployment.current_step + 1)
    }),
    field!(Deployment, "steps", Number, NONE, "", |_, deployment| Value::count(deployment.steps.len())),
    quantity!(cpus, ""),
    quantity!(mem, "in MB"),
    quantity!(disk, "in MB"),
    quantity!(gpus, ""),
    total!(App, "size", APPS, "how many there are", |scope| Value::count(scope.state.apps.len())),
    total!(App, "waiting", APPS, "those with instances that wait", |scope| {
        Value::count(scope.state.apps.values().filter(|app| app.waiting.is_some()).count())
    }),
    total!(Task, "size", TASKS, "how many are known", |scope| Value::count(scope.state.tasks.len())),
    total!(Task, "active", TASKS, "those that did not end", |scope| {
        Value::count(scope.state.active_by_state().values().map(|n| u64::from(*n)).sum::<u64>())
    }),
    total!(Task, "staging", TASKS, "launched, and not heard of", |scope| in_state(scope, TaskState::Staging)),
    total!(Task, "running", TASKS, "those that run", |scope| in_state(scope, TaskState::Running)),
    total!(Agent, "size", AGENTS, "how many there are", |scope| Value::count(scope.state.agents.len())),
    total!(Agent, "connected", AGENTS, "those that are connected", |scope| {
        Value::count(scope.state.agents.values().filter(|agent| agent.is_connected()).count())
    }),
    total!(Offer, "size", OFFERS, "how many are open", |scope| Value::count(scope.state.offers.len())),
    total!(Offer, "of_frameworks", OFFERS, "those of frameworks outside", |scope| {
        Value::count(scope.state.offers.values().filter(|offer| offer.framework != FrameworkId::SERVICES).count())
    }),
    total!(Framework, "size", FRAMEWORKS, "how many there are", |scope| Value::count(scope.state.frameworks.len())),
    total!(Deployment, "size", DEPLOYMENTS, "how many there are", |scope| {
        Value::count(scope.state.deployments.len())
    }),
];

fn in_state<'a>(scope: &Scope<'a>, state: TaskState) -> Value<'a> {
    Value::count(scope.state.active_by_state().get(&state).copied().unwrap_or_default())
}

/// What is looked up by an id.
pub(super) const LOOKUPS: [(&str, Thing, &str); 6] = [
    ("app", Thing::App, "by its id, as in app(\"/web\")"),
    ("task", Thing::Task, "by its id, or a beginning that no other has"),
    ("agent", Thing::Agent, "by its id or its hostname"),
    ("offer", Thing::Offer, "by its id"),
    ("framework", Thing::Framework, "by its id"),
    ("deployment", Thing::Deployment, "by its id"),
];

/// Whether the record names somebody.
pub(super) const ABOUT: &str = "about";

impl Thing {
    /// What of the state tells whether there is such a thing.
    pub(super) const fn parts(self) -> Parts {
        match self {
            Self::App => Parts::APPS,
            Self::Task => Parts::TASKS,
            Self::Agent => Parts::AGENTS,
            Self::Offer => Parts::OFFERS,
            Self::Framework => Parts::FRAMEWORKS,
            Self::Deployment => Parts::DEPLOYMENTS,
        }
    }
}
