//! Finds out what the parts of a condition are, before anything is folded: what is unknown or does not fit is named.

use std::str::FromStr;

use model::{AgentId, AppId, DeploymentId, FrameworkId, OfferId, TaskId};

use super::ConditionError;
use super::eval::{Key, Node, Over, TextTest};
use super::fields::{ABOUT, FIELDS, Field, LOOKUPS, NAMES};
use super::syntax::{Form, Phrase, Sign};
use super::value::{Kind, Parts, Thing};
use crate::Sought;

/// A part that is understood.
pub(super) struct Checked {
    pub(super) node: Node,
    pub(super) kind: Kind,
}

/// What a condition is worth by: its own parts, cut out of the text.
pub(super) struct Operand {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) node: Node,
}

#[derive(Default)]
pub(super) struct Checker {
    /// The names of elements that are being looked at, and what they are.
    locals: Vec<(String, Kind)>,
    pub(super) parts: Parts,
    pub(super) operands: Vec<Operand>,
}

impl Checker {
    pub(super) fn check(&mut self, phrase: &Phrase) -> Result<Checked, ConditionError> {
        match &phrase.form {
            Form::Number(number) => Ok(Checked { node: Node::Number(*number), kind: Kind::Number }),
            Form::Text(text) => Ok(Checked { node: Node::Text(text.as_str().into()), kind: Kind::Text }),
            Form::Truth(truth) => Ok(Checked { node: Node::Truth(*truth), kind: Kind::Truth }),
            Form::Nothing => Ok(Checked { node: Node::Nothing, kind: Kind::Nothing }),
            Form::Name(name) => self.name(phrase, name),
            Form::Call { name, arguments } => self.call(phrase, name, arguments),
            Form::Field { of, name } => self.field(phrase, of, name),
            Form::Method { of, name, arguments } => self.method(phrase, of, name, arguments),
            Form::Not(of) => {
                let node = Box::new(self.wanted(of, Kind::Truth)?);
                Ok(Checked { node: Node::Not(node), kind: Kind::Truth })
            }
            Form::Negative(of) => {
                let node = Box::new(self.operand(of, Kind::Number)?);
                Ok(Checked { node: Node::Negative(node), kind: Kind::Number })
            }
            Form::List(items) => {
                let texts = items.iter().map(|item| match &item.form {
                    Form::Text(text) => Ok(text.clone()),
                    _ => Err(ConditionError::at(item.start, "a list holds texts in quotes")),
                });
                Ok(Checked { node: Node::Texts(texts.collect::<Result<_, _>>()?), kind: Kind::Texts })
            }
            Form::Two(sign, left, right) => self.two(*sign, left, right),
        }
    }

    /// A part that has to be of a kind.
    pub(super) fn wanted(&mut self, phrase: &Phrase, wanted: Kind) -> Result<Node, ConditionError> {
        let is_whole = self.locals.is_empty() && !matches!(phrase.form, Form::Two(..) | Form::Not(_) | Form::Truth(_));
        let Checked { node, kind } = self.check(phrase)?;
        if kind != wanted {
            let (found, wanted) = (kind.words(), wanted.words());
            return Err(ConditionError::at(phrase.start, format!("this is {found}, but {wanted} is expected")));
        }
        if is_whole && wanted == Kind::Truth {
            self.keep(phrase, &node);
        }
        Ok(node)
    }

    fn operand(&mut self, phrase: &Phrase, wanted: Kind) -> Result<Node, ConditionError> {
        let node = self.wanted(phrase, wanted)?;
        self.keep(phrase, &node);
        Ok(node)
    }

    /// Remembers a part whose worth tells why the condition holds.
    fn keep(&mut self, phrase: &Phrase, node: &Node) {
        let Phrase { start, end, .. } = *phrase;
        let is_known = self.operands.iter().any(|other| (other.start, other.end) == (start, end));
        if self.locals.is_empty() && !node.is_constant() && !is_known {
            self.operands.push(Operand { start, end, node: node.clone() });
        }
    }

    fn name(&mut self, phrase: &Phrase, name: &str) -> Result<Checked, ConditionError> {
        if let Some(index) = self.locals.iter().rposition(|(local, _)| local == name) {
            return Ok(Checked { node: Node::Local(index), kind: self.locals[index].1 });
        }
        let Some(found) = NAMES.iter().find(|known| known.name == name) else {
            let known = NAMES.iter().map(|known| known.name.to_owned());
            let lookups = LOOKUPS.iter().map(|(name, ..)| format!("{name}(\"…\")"));
            let known = known.chain(lookups).chain([format!("{ABOUT}(\"…\")")]);
            return Err(unknown(phrase, "", name, known));
        };
        self.parts = self.parts.and(found.parts);
        Ok(Checked { node: Node::Name(found.get), kind: found.kind })
    }

    fn call(&mut self, phrase: &Phrase, name: &str, arguments: &[Phrase]) -> Result<Checked, ConditionError> {
        let lookup = LOOKUPS.iter().find(|(known, ..)| *known == name);
        if lookup.is_none() && name != ABOUT {
            let known = LOOKUPS.iter().map(|(name, ..)| *name).chain([ABOUT]).map(|name| format!("{name}(\"…\")"));
            return Err(unknown(phrase, "a function ", name, known));
        }
        let [Phrase { form: Form::Text(id), start, .. }] = arguments else {
            return Err(ConditionError::at(phrase.start, format!("{name} takes one id in quotes")));
        };
        let Some((_, thing, _)) = lookup else {
            self.parts = self.parts.and(Parts::RECORD);
            return Ok(Checked { node: Node::About(Sought::parse(id)), kind: Kind::Truth });
        };
        self.parts = self.parts.and(thing.parts());
        let key = key(*thing, id).map_err(|reason| ConditionError::at(*start, format!("'{id}' {reason}")))?;
        Ok(Checked { node: Node::Lookup(key), kind: Kind::One(*thing) })
    }

    fn find_field(phrase: &Phrase, of: Kind, name: &str) -> Result<&'static Field, ConditionError> {
        let mut known = FIELDS.iter().filter(|field| field.of == of).peekable();
        if known.peek().is_none() {
            return Err(ConditionError::at(phrase.start, format!("{} has no fields", of.words())));
        }
        let found = FIELDS.iter().find(|field| field.of == of && field.name == name);
        found.ok_or_else(|| {
            let what = format!("a field of {} ", of.words());
            unknown(phrase, &what, name, known.map(|field| field.name.to_owned()))
        })
    }

    fn field(&mut self, phrase: &Phrase, of: &Phrase, name: &str) -> Result<Checked, ConditionError> {
        let Checked { node, kind } = self.check(of)?;
        let field = Self::find_field(phrase, kind, name)?;
        self.parts = self.parts.and(field.parts);
        Ok(Checked { node: Node::Field(Box::new(node), field.get), kind: field.kind })
    }

    fn method(
        &mut self,
        phrase: &Phrase,
        of: &Phrase,
        name: &str,
        arguments: &[Phrase],
    ) -> Result<Checked, ConditionError> {
        let Checked { node, kind } = self.check(of)?;
        let element = match kind {
            Kind::Many(thing) => Some((Kind::One(thing), Some(thing))),
            Kind::Texts => Some((Kind::Text, None)),
            _ => None,
        };
        let over = [("exists", Over::Exists), ("all", Over::All), ("count", Over::Count)];
        let test = [("startsWith", TextTest::Starts), ("endsWith", TextTest::Ends), ("contains", TextTest::Contains)];
        if let (Some((element, thing)), Some((_, over))) = (element, over.iter().find(|(known, _)| *known == name)) {
            let [Phrase { form: Form::Name(local), .. }, inner] = arguments else {
                return Err(ConditionError::at(
                    phrase.start,
                    format!("{name} takes a name and a condition, as in {name}(x, x == …)"),
                ));
            };
            self.locals.push((local.clone(), element));
            let inner = self.wanted(inner, Kind::Truth);
            self.locals.pop();
            let node = Node::Over(*over, thing, Box::new(node), Box::new(inner?));
            let kind = if *over == Over::Count { Kind::Number } else { Kind::Truth };
            return Ok(Checked { node, kind });
        }
        if let (Kind::Text, Some((_, test))) = (kind, test.iter().find(|(known, _)| *known == name)) {
            let [argument] = arguments else {
                return Err(ConditionError::at(phrase.start, format!("{name} takes one text")));
            };
            let argument = self.wanted(argument, Kind::Text)?;
            self.keep(of, &node);
            return Ok(Checked { node: Node::Test(*test, Box::new(node), Box::new(argument)), kind: Kind::Truth });
        }
        if arguments.is_empty() && name == "size" && matches!(kind, Kind::Many(_)) {
            let field = Self::find_field(phrase, kind, name)?;
            return Ok(Checked { node: Node::Field(Box::new(node), field.get), kind: field.kind });
        }
        let known: &[&str] = match kind {
            Kind::Many(_) => &["size()", "exists(x, …)", "all(x, …)", "count(x, …)"],
            Kind::Texts => &["exists(x, …)", "all(x, …)", "count(x, …)"],
            Kind::Text => &["startsWith(…)", "endsWith(…)", "contains(…)"],
            _ => return Err(ConditionError::at(phrase.start, format!("{} has no functions", kind.words()))),
        };
        let what = format!("a function of {} ", kind.words());
        Err(unknown(phrase, &what, name, known.iter().map(|name| (*name).to_owned())))
    }

    fn two(&mut self, sign: Sign, left: &Phrase, right: &Phrase) -> Result<Checked, ConditionError> {
        let truth = |node| Checked { node, kind: Kind::Truth };
        match sign {
            Sign::Or | Sign::And => {
                let left = Box::new(self.wanted(left, Kind::Truth)?);
                let right = Box::new(self.wanted(right, Kind::Truth)?);
                Ok(truth(if sign == Sign::Or { Node::Or(left, right) } else { Node::And(left, right) }))
            }
            Sign::Plus | Sign::Minus => {
                let left = Box::new(self.wanted(left, Kind::Number)?);
                let right = Box::new(self.wanted(right, Kind::Number)?);
                let node = if sign == Sign::Plus { Node::Plus(left, right) } else { Node::Minus(left, right) };
                Ok(Checked { node, kind: Kind::Number })
            }
            Sign::In => {
                let item = Box::new(self.operand(left, Kind::Text)?);
                let list = Box::new(self.operand(right, Kind::Texts)?);
                Ok(truth(Node::In(item, list)))
            }
            Sign::Equal | Sign::Unequal | Sign::Less | Sign::LessOrEqual | Sign::More | Sign::MoreOrEqual => {
                let (one, other) = (self.check(left)?, self.check(right)?);
                if !is_comparable(sign, one.kind, other.kind) {
                    let (one, other) = (one.kind.words(), other.kind.words());
                    return Err(ConditionError::at(left.start, format!("{one} cannot be compared so with {other}")));
                }
                self.keep(left, &one.node);
                self.keep(right, &other.node);
                Ok(truth(Node::Compare(sign, Box::new(one.node), Box::new(other.node))))
            }
        }
    }
}

fn is_comparable(sign: Sign, left: Kind, right: Kind) -> bool {
    let is_equality = matches!(sign, Sign::Equal | Sign::Unequal);
    match (left, right) {
        (Kind::Number, Kind::Number) | (Kind::Text, Kind::Text) => true,
        (Kind::Truth, Kind::Truth) => is_equality,
        (Kind::Nothing, Kind::Many(_)) | (Kind::Many(_), Kind::Nothing) => false,
        (Kind::Nothing, _) | (_, Kind::Nothing) => is_equality,
        _ => false,
    }
}

fn key(thing: Thing, id: &str) -> Result<Key, String> {
    fn number<T: FromStr>(id: &str, letter: char) -> Result<T, String> {
        let reason = || format!("is no such id; they look like {letter}7");
        if id.starts_with(letter) { id.parse().map_err(|_| reason()) } else { Err(reason()) }
    }
    Ok(match thing {
        Thing::App => Key::App(AppId::parse(id).map_err(|error| format!("is no app's id: it {error}"))?),
        Thing::Task if id.is_empty() => return Err("is no beginning of a task's id".to_owned()),
        Thing::Task => Key::Task(TaskId::new(id)),
        Thing::Agent => number::<AgentId>(id, 'S').map_or_else(|_| Key::Host(id.into()), Key::Agent),
        Thing::Offer => Key::Offer(number::<OfferId>(id, 'O')?),
        Thing::Framework => Key::Framework(number::<FrameworkId>(id, 'F')?),
        Thing::Deployment => Key::Deployment(DeploymentId::new(id)),
    })
}

fn unknown(phrase: &Phrase, what: &str, name: &str, known: impl Iterator<Item = String>) -> ConditionError {
    let known = known.collect::<Vec<_>>().join(", ");
    ConditionError::at(phrase.start, format!("{what}'{name}' is unknown; there are: {known}"))
}
