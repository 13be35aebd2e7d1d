//! What the cluster is asked for: how many instances of which shape, folded from the log.
//!
//! Apps count with the instances they want, running or not; tasks that frameworks launched themselves count while they run.
//! So it is the same for a baseline and for the history that it stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AppId, AppSpec, Constraint};

use crate::Request;
use crate::columns::Amounts;
use crate::constraint::is_static;

/// What tasks have in common that are placed alike: what they need, and where they may go at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// In thousandths: cpus, MB of memory, MB of disk, GPUs.
    pub amounts: [i64; 4],
    pub is_container: bool,
    /// Those that depend on the agent alone.
    pub constraints: Vec<Constraint>,
}

impl Shape {
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self {
            amounts: request.amounts(),
            is_container: request.is_container,
            constraints: request.constraints.iter().filter(|constraint| is_static(constraint)).cloned().collect(),
        }
    }
}

/// How many instances of which shape are wanted.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    apps: BTreeMap<AppId, (Arc<Shape>, u32)>,
    counts: BTreeMap<Arc<Shape>, u64>,
    /// Rises with every change.
    pub(crate) revision: u64,
}

impl Demand {
    /// The shapes and how many instances of each are wanted, in the order of shapes.
    pub fn shapes(&self) -> impl Iterator<Item = (&Shape, u64)> {
        self.counts.iter().map(|(shape, count)| (&**shape, *count))
    }

    pub(crate) fn ask(&mut self, app: &AppSpec) {
        let shape = Arc::new(Shape::of(&Request::of_app(app)));
        if self.apps.get(&app.id).is_some_and(|(before, count)| *before == shape && *count == app.instances) {
            return;
        }
        self.forget(&app.id);
        self.add(&shape, u64::from(app.instances));
        self.apps.insert(app.id.clone(), (shape, app.instances));
    }

    pub(crate) fn forget(&mut self, app: &AppId) {
        if let Some((shape, count)) = self.apps.remove(app) {
            self.remove(&shape, u64::from(count));
        }
    }

    /// A task that is no instance of an app.
    pub(crate) fn hold(&mut self, amounts: Amounts) {
        self.add(&Arc::new(Self::of_task(amounts)), 1);
    }

    pub(crate) fn end(&mut self, amounts: Amounts) {
        self.remove(&Self::of_task(amounts), 1);
    }

    fn of_task(amounts: Amounts) -> Shape {
        Shape { amounts, is_container: false, constraints: Vec::new() }
    }

    fn add(&mut self, shape: &Arc<Shape>, count: u64) {
        if count > 0 {
            *self.counts.entry(Arc::clone(shape)).or_default() += count;
            self.revision += 1;
        }
    }

    fn remove(&mut self, shape: &Shape, count: u64) {
        let Some(left) = self.counts.get_mut(shape).filter(|_| count > 0) else { return };
        *left = left.saturating_sub(count);
        if *left == 0 {
            self.counts.remove(shape);
        }
        self.revision += 1;
    }
}
