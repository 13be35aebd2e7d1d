//! The first round: which texts there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AppId, AttributeValue, Constraint, ConstraintOperator, Filter, ModuleBytes, TaskId, UpdateUuid};

use super::kept::{Form, form, frame, is_kept};
use super::names::{Kind, Names};

/// Collects texts, and gives them back as they are.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) by_kind: BTreeMap<Kind, BTreeSet<String>>,
    pub(super) apps: BTreeSet<AppId>,
    /// Of frameworks outside.
    pub(super) tasks: BTreeSet<TaskId>,
    /// What agents have, by field.
    pub(super) of_fields: BTreeMap<String, BTreeSet<String>>,
    pub(super) constraints: BTreeSet<Constraint>,
    /// Modules whose code goes along.
    pub(super) modules: BTreeSet<Arc<[u8]>>,
}

impl Names for Texts {
    fn text(&mut self, kind: Kind, text: &str) -> String {
        if is_kept(kind, text) {
            return text.to_owned();
        }
        match frame(kind, text) {
            Some(frame) => drop(self.text(frame.kind, frame.word)),
            None => {
                let known = self.by_kind.entry(kind).or_default();
                if !known.contains(text) {
                    known.insert(text.to_owned());
                }
            }
        }
        text.to_owned()
    }

    fn app(&mut self, app: &AppId) -> AppId {
        if !self.apps.contains(app) {
            self.apps.insert(app.clone());
        }
        app.clone()
    }

    fn task(&mut self, task: &TaskId) -> TaskId {
        match form(task) {
            Form::OfApp { app, .. } => drop(self.app(&app)),
            Form::OfFramework { own, .. } => {
                self.text(Kind::OwnTask, own);
                self.tasks.insert(task.clone());
            }
            Form::Other => drop(self.text(Kind::Task, task.as_str())),
        }
        task.clone()
    }

    fn attribute(&mut self, field: &str, value: &AttributeValue) -> (String, AttributeValue) {
        let text = value.to_string();
        self.text(Kind::of_field(field), &text);
        self.of_fields.entry(field.to_owned()).or_default().insert(text);
        (self.text(Kind::Field, field), value.clone())
    }

    fn constraint(&mut self, constraint: &Constraint) -> Constraint {
        let Constraint { field, operator, value } = constraint;
        self.text(Kind::Field, field);
        if let Some(value) = value {
            if matches!(operator, ConstraintOperator::Cluster | ConstraintOperator::Is) {
                self.text(Kind::of_field(field), value);
            }
            self.text(Kind::Pattern, value);
        }
        self.constraints.insert(constraint.clone());
        constraint.clone()
    }

    fn detail(&mut self, filter: Filter, detail: &str) -> String {
        self.text(kind_of_detail(filter), detail)
    }

    fn receipt(&mut self, update: UpdateUuid) -> UpdateUuid {
        update
    }

    fn module(&mut self, bytes: &ModuleBytes) -> ModuleBytes {
        self.modules.insert(Arc::clone(&bytes.0));
        bytes.clone()
    }
}

/// Details of constraints are known by the constraints themselves, where these are in the log.
pub(super) fn kind_of_detail(filter: Filter) -> Kind {
    match filter {
        Filter::MissingContainerizer => Kind::Containerizer,
        Filter::AgentInactive
        | Filter::UnfulfilledConstraint
        | Filter::InsufficientCpus
        | Filter::InsufficientMemory
        | Filter::InsufficientDisk
        | Filter::InsufficientGpus
        | Filter::InsufficientPorts
        | Filter::RefusedByPolicy => Kind::Message,
    }
}
