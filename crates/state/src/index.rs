//! What is looked up often, derived from the tables and never told by an event.

mod app_tasks;
mod framework_holdings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    AgentId, App, AppId, AppVersion, DeploymentId, FrameworkId, Offer, OfferFilter, OfferId, Resources, Task, TaskId,
    TaskState, Timestamp, Workload,
};

pub use app_tasks::AppTasks;
pub use framework_holdings::FrameworkHoldings;

/// How many ended tasks are remembered, over all apps.
pub const ENDED_TASKS_KEPT: usize = 1_000;
/// How many ended tasks are remembered of one app, or of one framework.
pub const ENDED_TASKS_KEPT_PER_OWNER: usize = 50;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) apps: BTreeMap<AppId, AppTasks>,
    pub(crate) active_on_agent: BTreeMap<AgentId, BTreeSet<TaskId>>,
    pub(crate) active_by_state: BTreeMap<TaskState, u32>,
    pub(crate) ended: BTreeSet<(Timestamp, TaskId)>,
    pub(crate) deployments: BTreeMap<AppId, BTreeSet<DeploymentId>>,
    pub(crate) unsettled: BTreeSet<AppId>,
    pub(crate) frameworks: BTreeMap<FrameworkId, FrameworkHoldings>,
    pub(crate) offers_on_agent: BTreeMap<AgentId, BTreeSet<OfferId>>,
    pub(crate) filters_by_end: BTreeSet<(Timestamp, AgentId, FrameworkId)>,
}

/// What of a task says where it is entered, and may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    state: TaskState,
    ended_at: Option<Timestamp>,
    is_killed: bool,
    is_untold: bool,
}

impl Standing {
    pub(crate) fn of(task: &Task) -> Self {
        Self {
            state: task.status.state,
            ended_at: task.ended_at,
            is_killed: task.kill.is_some(),
            is_untold: !task.unacknowledged.is_empty(),
        }
    }
}

impl Index {
    /// Follows a change of a task that stood otherwise before.
    pub(crate) fn follow(&mut self, task: &Task, before: Standing) {
        let now = Standing::of(task);
        if now == before {
            return;
        }
        if now.ended_at.is_some() || before.ended_at.is_some() {
            self.leave_as(task, before);
            self.enter(task);
            return;
        }
        // An active task stays in its places, and is counted otherwise.
        count_down(&mut self.active_by_state, &before.state);
        *self.active_by_state.entry(now.state).or_default() += 1;
        match &task.workload {
            Workload::App { app, version } => {
                if let Some(app) = self.apps.get_mut(app) {
                    app.count_down(*version, before);
                    app.count(*version, now);
                }
            }
            Workload::Own(_) => {
                let of = self.frameworks.entry(task.framework).or_default();
                of.killing = of.killing + u32::from(now.is_killed) - u32::from(before.is_killed);
                match (before.is_untold, now.is_untold) {
                    (false, true) => drop(of.untold.insert(task.id.clone())),
                    (true, false) => drop(of.untold.remove(&task.id)),
                    _ => {}
                }
            }
        }
    }

    /// Enters a task as it is now.
    pub(crate) fn enter(&mut self, task: &Task) {
        match &task.workload {
            Workload::App { app, version } => self.enter_of_app(task, app, *version),
            Workload::Own(info) => self.enter_of_framework(task, &info.id),
        }
        if let Some(ended_at) = task.ended_at {
            if task.unacknowledged.is_empty() {
                self.ended.insert((ended_at, task.id.clone()));
            }
            return;
        }
        self.frameworks.entry(task.framework).or_default().add(&task.resources);
        self.active_on_agent.entry(task.agent).or_default().insert(task.id.clone());
        *self.active_by_state.entry(task.status.state).or_default() += 1;
    }

    fn enter_of_app(&mut self, task: &Task, app: &AppId, version: AppVersion) {
        let app = self.apps.entry(app.clone()).or_default();
        if let Some(ended_at) = task.ended_at {
            app.ended.insert((ended_at, task.id.clone()));
            return;
        }
        app.active.insert(task.id.clone());
        *app.by_version.entry(version).or_default() += 1;
        app.count(version, Standing::of(task));
    }

    fn enter_of_framework(&mut self, task: &Task, own: &Arc<str>) {
        let of = self.frameworks.entry(task.framework).or_default();
        of.by_own_id.insert(Arc::clone(own), task.id.clone());
        if !task.unacknowledged.is_empty() {
            of.untold.insert(task.id.clone());
        }
        match task.ended_at {
            None => {
                of.active.insert(task.id.clone());
                of.killing += u32::from(task.kill.is_some());
            }
            Some(ended_at) if task.unacknowledged.is_empty() => {
                of.ended.insert((ended_at, task.id.clone()));
            }
            Some(_) => {}
        }
    }

    /// Takes a task out, in the form in which it was entered.
    pub(crate) fn leave(&mut self, task: &Task) {
        self.leave_as(task, Standing::of(task));
    }

    /// As `leave`, for a task that stands otherwise by now.
    fn leave_as(&mut self, task: &Task, was: Standing) {
        match &task.workload {
            Workload::App { app, version } => self.leave_of_app(task, was, app, *version),
            Workload::Own(info) => self.leave_of_framework(task, was, &info.id),
        }
        if let Some(ended_at) = was.ended_at {
            self.ended.remove(&(ended_at, task.id.clone()));
        } else {
            if let Some(of) = self.frameworks.get_mut(&task.framework) {
                of.subtract(&task.resources);
            }
            count_down(&mut self.active_by_state, &was.state);
            remove_from(&mut self.active_on_agent, &task.agent, &task.id);
        }
        self.drop_framework_if_empty(task.framework);
    }

    fn leave_of_app(&mut self, task: &Task, was: Standing, id: &AppId, version: AppVersion) {
        let Some(app) = self.apps.get_mut(id) else { return };
        if let Some(ended_at) = was.ended_at {
            app.ended.remove(&(ended_at, task.id.clone()));
        } else {
            app.active.remove(&task.id);
            count_down(&mut app.by_version, &version);
            app.count_down(version, was);
        }
        if app.is_empty() {
            self.apps.remove(id);
        }
    }

    pub(crate) fn enter_deployment(&mut self, app: &AppId, deployment: &DeploymentId) {
        self.deployments.entry(app.clone()).or_default().insert(deployment.clone());
    }

    fn leave_of_framework(&mut self, task: &Task, was: Standing, own: &Arc<str>) {
        let Some(of) = self.frameworks.get_mut(&task.framework) else { return };
        if of.by_own_id.get(own) == Some(&task.id) {
            of.by_own_id.remove(own);
        }
        of.untold.remove(&task.id);
        match was.ended_at {
            Some(ended_at) => {
                of.ended.remove(&(ended_at, task.id.clone()));
            }
            None => {
                of.active.remove(&task.id);
                of.killing -= u32::from(was.is_killed);
            }
        }
    }

    fn drop_framework_if_empty(&mut self, framework: FrameworkId) {
        if self.frameworks.get(&framework).is_some_and(|of| of == FrameworkHoldings::none()) {
            self.frameworks.remove(&framework);
        }
    }

    pub(crate) fn enter_offer(&mut self, offer: &Offer) {
        let of = self.frameworks.entry(offer.framework).or_default();
        of.offers.insert(offer.id);
        of.add(&offer.resources);
        self.offers_on_agent.entry(offer.agent).or_default().insert(offer.id);
    }

    /// Follows a change of what an open offer holds.
    pub(crate) fn follow_offer(&mut self, offer: &Offer, before: &Resources) {
        if let Some(of) = self.frameworks.get_mut(&offer.framework) {
            of.subtract(before);
            of.add(&offer.resources);
        }
    }

    pub(crate) fn leave_offer(&mut self, offer: &Offer) {
        if let Some(of) = self.frameworks.get_mut(&offer.framework) {
            of.offers.remove(&offer.id);
            of.subtract(&offer.resources);
        }
        remove_from(&mut self.offers_on_agent, &offer.agent, &offer.id);
        self.drop_framework_if_empty(offer.framework);
    }

    pub(crate) fn enter_filter(&mut self, filter: &OfferFilter) {
        self.filters_by_end.insert((filter.until, filter.agent, filter.framework));
        self.frameworks.entry(filter.framework).or_default().refused.insert(filter.agent);
    }

    pub(crate) fn leave_filter(&mut self, filter: &OfferFilter) {
        self.filters_by_end.remove(&(filter.until, filter.agent, filter.framework));
        if let Some(of) = self.frameworks.get_mut(&filter.framework) {
            of.refused.remove(&filter.agent);
        }
        self.drop_framework_if_empty(filter.framework);
    }

    pub(crate) fn leave_deployment(&mut self, app: &AppId, deployment: &DeploymentId) {
        if let Some(deployments) = self.deployments.get_mut(app) {
            deployments.remove(deployment);
            if deployments.is_empty() {
                self.deployments.remove(app);
            }
        }
    }

    /// Decides anew whether there is something to do for an app; `app` is None once it is destroyed.
    pub(crate) fn settle(&mut self, id: &AppId, app: Option<&App>) {
        let settled = !self.deployments.contains_key(id) && self.is_as_wanted(id, app);
        if settled {
            self.unsettled.remove(id);
        } else {
            self.unsettled.insert(id.clone());
        }
    }

    fn is_as_wanted(&self, id: &AppId, app: Option<&App>) -> bool {
        let tasks = self.apps.get(id).unwrap_or(AppTasks::none());
        match app {
            None => tasks.active.is_empty(),
            Some(app) => {
                tasks.active.len() == app.spec.instances as usize
                    && tasks.running_since(app.config_version) == app.spec.instances
                    && app.waiting.is_none()
            }
        }
    }
}

fn remove_from<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

fn count_down<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
