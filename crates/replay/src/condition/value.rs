//! What the parts of a condition are, and what they are worth at a moment.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use model::{Agent, App, Deployment, Framework, Offer, Record, Resources, Scalar, Task};
use state::State;

/// What a part of a condition is, known before anything is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Truth,
    Number,
    Text,
    Texts,
    One(Thing),
    Many(Thing),
    Resources,
}

/// What the state has tables of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    App,
    Task,
    Agent,
    Offer,
    Framework,
    Deployment,
}

impl Kind {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "null",
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::One(Thing::App) => "an app",
            Self::One(Thing::Task) => "a task",
            Self::One(Thing::Agent) => "an agent",
            Self::One(Thing::Offer) => "an offer",
            Self::One(Thing::Framework) => "a framework",
            Self::One(Thing::Deployment) => "a deployment",
            Self::Many(Thing::App) => "apps",
            Self::Many(Thing::Task) => "tasks",
            Self::Many(Thing::Agent) => "agents",
            Self::Many(Thing::Offer) => "offers",
            Self::Many(Thing::Framework) => "frameworks",
            Self::Many(Thing::Deployment) => "deployments",
            Self::Resources => "resources",
        }
    }
}

/// Parts of a record and of a state: what may change the worth of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Parts(u16);

impl Parts {
    pub(super) const NONE: Self = Self(0);
    /// The record itself, of which the next one knows nothing.
    pub(super) const RECORD: Self = Self(1);
    pub(super) const APPS: Self = Self(1 << 1);
    pub(super) const TASKS: Self = Self(1 << 2);
    pub(super) const AGENTS: Self = Self(1 << 3);
    pub(super) const OFFERS: Self = Self(1 << 4);
    pub(super) const FRAMEWORKS: Self = Self(1 << 5);
    pub(super) const DEPLOYMENTS: Self = Self(1 << 6);
    pub(super) const HEADER: Self = Self(1 << 7);
    /// The state as a whole, which every record may change.
    pub(super) const WHOLE: Self = Self(1 << 8);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a condition is asked about: the state after a record, and that record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) state: &'a State,
    pub(super) record: Option<&'a Record>,
}

#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Nothing,
    Truth(bool),
    /// In thousandths.
    Number(i64),
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
    App(&'a App),
    Task(&'a Task),
    Agent(&'a Agent),
    Offer(&'a Offer),
    Framework(&'a Framework),
    Deployment(&'a Deployment),
    Resources(Cow<'a, Resources>),
}

impl<'a> Value<'a> {
    pub(super) fn count(count: impl TryInto<i64>) -> Self {
        Self::Number(count.try_into().unwrap_or(i64::MAX).saturating_mul(1_000))
    }

    pub(super) const fn scalar(scalar: Scalar) -> Self {
        Self::Number(scalar.0)
    }

    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn maybe(text: Option<impl Into<Cow<'a, str>>>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }

    pub(super) fn resources(resources: &'a Resources) -> Self {
        Self::Resources(Cow::Borrowed(resources))
    }

    /// What is not there is not true.
    pub(super) const fn is_true(&self) -> bool {
        matches!(self, Self::Truth(true))
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::Truth(left), Self::Truth(right)) => left == right,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// None where there is no order, as with what is not there.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

/// As it would be written in a condition, where it can be.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Truth(truth) => truth.fmt(f),
            Self::Number(number) => Scalar(*number).fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Texts(texts) => write!(f, "{texts:?}"),
            Self::App(app) => app.spec.id.fmt(f),
            Self::Task(task) => task.id.fmt(f),
            Self::Agent(agent) => agent.id.fmt(f),
            Self::Offer(offer) => offer.id.fmt(f),
            Self::Framework(framework) => framework.id.fmt(f),
            Self::Deployment(deployment) => deployment.id.fmt(f),
            Self::Resources(resources) => resources.fmt(f),
        }
    }
}
