//! What a condition is worth at a moment. What is not there is null; null is less or more than nothing, and not true.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use model::{AgentId, AppId, DeploymentId, FrameworkId, OfferId, TaskId};

use super::syntax::Sign;
use super::value::{Scope, Thing, Value};
use crate::Sought;

#[derive(Debug, Clone)]
pub(super) enum Node {
    Nothing,
    Truth(bool),
    Number(i64),
    Text(Arc<str>),
    Texts(Vec<String>),
    Name(for<'a> fn(&Scope<'a>) -> Value<'a>),
    /// An element that is being looked at.
    Local(usize),
    Lookup(Key),
    Field(Box<Node>, for<'a> fn(&Scope<'a>, &Value<'a>) -> Value<'a>),
    About(Sought),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Sign, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Plus(Box<Node>, Box<Node>),
    Minus(Box<Node>, Box<Node>),
    Test(TextTest, Box<Node>, Box<Node>),
    /// A condition on the rows of a table, or on the texts that a node gives.
    Over(Over, Option<Thing>, Box<Node>, Box<Node>),
}

#[derive(Debug, Clone)]
pub(super) enum Key {
    App(AppId),
    Task(TaskId),
    Agent(AgentId),
    Host(Arc<str>),
    Offer(OfferId),
    Framework(FrameworkId),
    Deployment(DeploymentId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    Starts,
    Ends,
    Contains,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Exists,
    All,
    Count,
}

impl Node {
    pub(super) const fn is_constant(&self) -> bool {
        matches!(self, Self::Nothing | Self::Truth(_) | Self::Number(_) | Self::Text(_) | Self::Texts(_))
    }

    pub(super) fn value<'a>(&'a self, scope: &Scope<'a>, locals: &mut Vec<Value<'a>>) -> Value<'a> {
        match self {
            Self::Nothing => Value::Nothing,
            Self::Truth(truth) => Value::Truth(*truth),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::text(&**text),
            Self::Texts(texts) => Value::Texts(texts.iter().map(|text| Cow::Borrowed(text.as_str())).collect()),
            Self::Name(get) => get(scope),
            Self::Local(index) => locals[*index].clone(),
            Self::Lookup(key) => key.look_up(scope),
            Self::Field(of, get) => get(scope, &of.value(scope, locals)),
            Self::About(sought) => Value::Truth(scope.record.is_some_and(|record| sought.is_in(record))),
            Self::Not(of) => Value::Truth(!of.holds(scope, locals)),
            Self::And(left, right) => Value::Truth(left.holds(scope, locals) && right.holds(scope, locals)),
            Self::Or(left, right) => Value::Truth(left.holds(scope, locals) || right.holds(scope, locals)),
            Self::Negative(of) => match of.value(scope, locals) {
                Value::Number(number) => Value::Number(number.saturating_neg()),
                _ => Value::Nothing,
            },
            Self::Plus(left, right) => sum(left.value(scope, locals), right.value(scope, locals), i64::saturating_add),
            Self::Minus(left, right) => sum(left.value(scope, locals), right.value(scope, locals), i64::saturating_sub),
            Self::Compare(sign, left, right) => {
                Value::Truth(compare(*sign, &left.value(scope, locals), &right.value(scope, locals)))
            }
            Self::In(item, list) => match (item.value(scope, locals), list.value(scope, locals)) {
                (Value::Text(item), Value::Texts(list)) => Value::Truth(list.contains(&item)),
                _ => Value::Truth(false),
            },
            Self::Test(test, text, part) => match (text.value(scope, locals), part.value(scope, locals)) {
                (Value::Text(text), Value::Text(part)) => Value::Truth(match test {
                    TextTest::Starts => text.starts_with(&*part),
                    TextTest::Ends => text.ends_with(&*part),
                    TextTest::Contains => text.contains(&*part),
                }),
                _ => Value::Truth(false),
            },
            Self::Over(over, thing, of, inner) => {
                let texts = if thing.is_none() { of.value(scope, locals) } else { Value::Nothing };
                look_over(*over, *thing, texts, scope, &mut |element| {
                    locals.push(element);
                    let holds = inner.holds(scope, locals);
                    locals.pop();
                    holds
                })
            }
        }
    }

    pub(super) fn holds<'a>(&'a self, scope: &Scope<'a>, locals: &mut Vec<Value<'a>>) -> bool {
        self.value(scope, locals).is_true()
    }
}

fn sum<'a>(left: Value<'a>, right: Value<'a>, add: fn(i64, i64) -> i64) -> Value<'a> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(add(left, right)),
        _ => Value::Nothing,
    }
}

fn compare(sign: Sign, left: &Value<'_>, right: &Value<'_>) -> bool {
    let order = || left.order(right);
    match sign {
        Sign::Equal => left.equals(right),
        Sign::Unequal => !left.equals(right),
        Sign::Less => order() == Some(Ordering::Less),
        Sign::More => order() == Some(Ordering::Greater),
        Sign::LessOrEqual => order().is_some_and(Ordering::is_le),
        Sign::MoreOrEqual => order().is_some_and(Ordering::is_ge),
        Sign::Or | Sign::And | Sign::In | Sign::Plus | Sign::Minus => false,
    }
}

fn look_over<'a>(
    over: Over,
    thing: Option<Thing>,
    texts: Value<'a>,
    scope: &Scope<'a>,
    holds: &mut dyn FnMut(Value<'a>) -> bool,
) -> Value<'a> {
    let state = scope.state;
    let elements: Box<dyn Iterator<Item = Value<'a>> + 'a> = match (thing, texts) {
        (Some(Thing::App), _) => Box::new(state.apps.values().map(Value::App)),
        (Some(Thing::Task), _) => Box::new(state.tasks.values().map(Value::Task)),
        (Some(Thing::Agent), _) => Box::new(state.agents.values().map(Value::Agent)),
        (Some(Thing::Offer), _) => Box::new(state.offers.values().map(Value::Offer)),
        (Some(Thing::Framework), _) => Box::new(state.frameworks.values().map(Value::Framework)),
        (Some(Thing::Deployment), _) => Box::new(state.deployments.values().map(Value::Deployment)),
        (None, Value::Texts(texts)) => Box::new(texts.into_iter().map(Value::Text)),
        (None, _) => Box::new(std::iter::empty()),
    };
    let mut elements = elements;
    match over {
        Over::Exists => Value::Truth(elements.any(holds)),
        Over::All => Value::Truth(elements.all(holds)),
        Over::Count => Value::count(elements.filter_map(|element| holds(element).then_some(())).count()),
    }
}

impl Key {
    fn look_up<'a>(&self, scope: &Scope<'a>) -> Value<'a> {
        let state = scope.state;
        match self {
            Self::App(id) => state.apps.get(id).map_or(Value::Nothing, Value::App),
            // An id itself is the first of those that begin with it. A beginning that several have means none of them.
            Self::Task(id) => {
                let begins = |found: &TaskId| found.as_str().starts_with(id.as_str());
                let mut found = state.tasks.range(id.clone()..).take_while(|(found, _)| begins(found));
                match (found.next(), found.next()) {
                    (Some((whole, task)), _) if whole == id => Value::Task(task),
                    (Some((_, task)), None) => Value::Task(task),
                    _ => Value::Nothing,
                }
            }
            Self::Agent(id) => state.agents.get(id).map_or(Value::Nothing, Value::Agent),
            Self::Host(name) => {
                let mut named = state.agents.values().filter(|agent| agent.description.hostname == **name);
                named.next().map_or(Value::Nothing, Value::Agent)
            }
            Self::Offer(id) => state.offers.get(id).map_or(Value::Nothing, Value::Offer),
            Self::Framework(id) => state.frameworks.get(id).map_or(Value::Nothing, Value::Framework),
            Self::Deployment(id) => state.deployments.get(id).map_or(Value::Nothing, Value::Deployment),
        }
    }
}
