//! The second round: what stands for each text that the first one has found.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AppId, AttributeValue, Constraint, ConstraintOperator, Filter, ModuleBytes, TaskId, TaskState, UpdateUuid,
};
use placement::named_texts;

use super::kept::{Form, form, frame, is_kept, of_instance};
use super::names::{Kind, Names};
use super::survey::{Texts, kind_of_detail};
use super::{apps, module, pattern};

/// What stands for a text that the first round has not seen.
const UNKNOWN: usize = 0;

/// The texts of one kind, numbered in their order.
#[derive(Debug, Default)]
struct Numbered {
    numbers: BTreeMap<String, usize>,
    digits: u32,
}

impl Numbered {
    fn of(texts: BTreeSet<String>) -> Self {
        let digits = texts.len().to_string().len() as u32;
        Self { numbers: texts.into_iter().zip(1..).collect(), digits }
    }

    fn number(&self, text: &str) -> usize {
        self.numbers.get(text).copied().unwrap_or(UNKNOWN)
    }

    fn name(&self, kind: Kind, text: &str) -> String {
        let (number, digits) = (self.number(text), self.digits as usize);
        format!("{}-{number:0digits$}", kind.prefix())
    }
}

#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    by_kind: BTreeMap<Kind, Numbered>,
    apps: BTreeMap<AppId, AppId>,
    constraints: BTreeMap<Constraint, Constraint>,
    /// As constraints are told in explanations.
    details: BTreeMap<String, String>,
    receipts: BTreeMap<UpdateUuid, UpdateUuid>,
}

impl Pseudonyms {
    pub(super) fn of(texts: Texts) -> Self {
        let Texts { by_kind, apps, tasks, of_fields, constraints, modules: _ } = texts;
        let by_kind = by_kind.into_iter().map(|(kind, texts)| (kind, Numbered::of(texts))).collect();
        let mut names = Self { by_kind, apps: apps::pseudonyms(&apps), ..Self::default() };
        for constraint in constraints {
            let resolved = names.resolve(&constraint, &of_fields);
            names.details.insert(constraint.to_string(), resolved.to_string());
            names.constraints.insert(constraint, resolved);
        }
        for task in tasks {
            let renamed = names.task(&task);
            let told = |task, state| UpdateUuid::of(task, state);
            names.receipts.extend(TaskState::ALL.map(|state| (told(&task, state), told(&renamed, state))));
        }
        names
    }

    fn name(&self, kind: Kind, text: &str) -> String {
        if is_kept(kind, text) {
            return text.to_owned();
        }
        match (frame(kind, text), self.by_kind.get(&kind)) {
            (Some(frame), _) => format!("{}{}{}", frame.before, self.name(frame.kind, frame.word), frame.after),
            (None, Some(numbered)) => numbered.name(kind, text),
            (None, None) => format!("{}-{UNKNOWN}", kind.prefix()),
        }
    }

    /// Says the same of the pseudonyms. Two constraints that differ are two afterwards, because a changed constraint replaces
    /// the tasks of its app.
    fn resolve(&self, constraint: &Constraint, of_fields: &BTreeMap<String, BTreeSet<String>>) -> Constraint {
        let Constraint { field, operator, value } = constraint;
        let told = |operator, value| Constraint { field: self.name(Kind::Field, field), operator, value };
        let Some(value) = value.as_ref().filter(|value| !value.is_empty()) else {
            return told(*operator, value.clone());
        };
        let kind = Kind::of_field(field);
        match operator {
            ConstraintOperator::GroupBy | ConstraintOperator::MaxPer if value.parse::<i32>().is_ok() => {
                told(*operator, Some(value.clone()))
            }
            ConstraintOperator::Cluster => told(*operator, Some(self.name(kind, value))),
            ConstraintOperator::Is | ConstraintOperator::Like | ConstraintOperator::Unlike => {
                let matched = self.matched(constraint, kind, of_fields);
                match matched {
                    Some(matched)
                        if *operator == ConstraintOperator::Is && matched.iter().all(|text| *text == value) =>
                    {
                        told(*operator, Some(self.name(kind, value)))
                    }
                    Some(matched) if *operator == ConstraintOperator::Unlike => {
                        told(*operator, Some(self.expression(kind, value, &matched)))
                    }
                    Some(matched) => told(ConstraintOperator::Like, Some(self.expression(kind, value, &matched))),
                    // No expression before, none afterwards.
                    None => told(*operator, Some(format!("{}(", self.name(Kind::Pattern, value)))),
                }
            }
            ConstraintOperator::Unique | ConstraintOperator::GroupBy | ConstraintOperator::MaxPer => {
                told(*operator, Some(self.name(Kind::Pattern, value)))
            }
        }
    }

    /// Which texts that agents have a constraint names.
    fn matched<'a>(
        &'a self,
        constraint: &Constraint,
        kind: Kind,
        of_fields: &'a BTreeMap<String, BTreeSet<String>>,
    ) -> Option<Vec<&'a String>> {
        let is_named = named_texts(constraint)?;
        Some(if kind == Kind::Host {
            let hosts = self.by_kind.get(&kind).into_iter().flat_map(|numbered| numbered.numbers.keys());
            hosts.filter(|text| is_named(text)).collect()
        } else {
            of_fields.get(&constraint.field).into_iter().flatten().filter(|text| is_named(text)).collect()
        })
    }

    /// Matches the pseudonyms of these texts. What stands for the original comes first; no text has that name.
    fn expression(&self, kind: Kind, original: &str, matched: &[&String]) -> String {
        let own = self.name(Kind::Pattern, original);
        let Some(numbered) = self.by_kind.get(&kind) else { return own };
        // A text of no letters stays one.
        let (empty, named): (Vec<&String>, Vec<&String>) = matched.iter().partition(|text| text.is_empty());
        let numbers: Vec<usize> = named.iter().map(|text| numbered.number(text)).collect();
        let rest = pattern::of_numbers(kind.prefix(), numbered.digits, &numbers);
        let empty = (!empty.is_empty()).then(String::new);
        [Some(own), rest, empty].into_iter().flatten().collect::<Vec<_>>().join("|")
    }
}

impl Names for Pseudonyms {
    fn text(&mut self, kind: Kind, text: &str) -> String {
        self.name(kind, text)
    }

    fn app(&mut self, app: &AppId) -> AppId {
        self.apps
            .get(app)
            .cloned()
            .unwrap_or_else(|| AppId::parse(&format!("/unknown-{UNKNOWN}")).expect("a word and a number are an id"))
    }

    fn task(&mut self, task: &TaskId) -> TaskId {
        match form(task) {
            Form::OfApp { app, unique } => of_instance(&self.app(&app), unique),
            Form::OfFramework { framework, offer, own } => {
                TaskId::of_framework(framework, offer, &self.name(Kind::OwnTask, own))
            }
            Form::Other => TaskId::new(self.name(Kind::Task, task.as_str())),
        }
    }

    /// All values become texts, since constraints read them as such: a number is the same as a text that says it.
    fn attribute(&mut self, field: &str, value: &AttributeValue) -> (String, AttributeValue) {
        let text = self.name(Kind::of_field(field), &value.to_string());
        (self.name(Kind::Field, field), AttributeValue::Text(text))
    }

    fn constraint(&mut self, constraint: &Constraint) -> Constraint {
        let known = self.constraints.get(constraint).cloned();
        known.unwrap_or_else(|| self.resolve(constraint, &BTreeMap::new()))
    }

    fn detail(&mut self, filter: Filter, detail: &str) -> String {
        let of_constraint = self.details.get(detail).filter(|_| filter == Filter::UnfulfilledConstraint);
        of_constraint.cloned().unwrap_or_else(|| self.name(kind_of_detail(filter), detail))
    }

    /// A receipt of an update that the log does not have says nothing any more.
    fn receipt(&mut self, update: UpdateUuid) -> UpdateUuid {
        self.receipts.get(&update).copied().unwrap_or_default()
    }

    fn module(&mut self, bytes: &ModuleBytes) -> ModuleBytes {
        module::stripped(bytes)
    }
}
