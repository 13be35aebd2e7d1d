//! What is looked up often, derived from the tables and never told by an event.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, App, AppId, AppVersion, DeploymentId, Task, TaskId, TaskState, Timestamp};

/// How many ended tasks are remembered, over all apps.
pub const ENDED_TASKS_KEPT: usize = 1_000;
/// How many ended tasks are remembered of one app.
pub const ENDED_TASKS_KEPT_PER_APP: usize = 50;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) apps: BTreeMap<AppId, AppTasks>,
    pub(crate) active_on_agent: BTreeMap<AgentId, BTreeSet<TaskId>>,
    pub(crate) active_by_state: BTreeMap<TaskState, u32>,
    pub(crate) ended: BTreeSet<(Timestamp, TaskId)>,
    pub(crate) deployments: BTreeMap<AppId, BTreeSet<DeploymentId>>,
    pub(crate) unsettled: BTreeSet<AppId>,
}

/// The tasks of one app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppTasks {
    pub active: BTreeSet<TaskId>,
    /// Those of the active ones that were asked to end.
    pub killing: u32,
    /// Those of the active ones that run and were not asked to end, by version.
    pub running: BTreeMap<AppVersion, u32>,
    /// The active ones by version.
    pub by_version: BTreeMap<AppVersion, u32>,
    pub ended: BTreeSet<(Timestamp, TaskId)>,
}

impl AppTasks {
    pub(crate) const fn none() -> &'static Self {
        static NONE: AppTasks = AppTasks {
            active: BTreeSet::new(),
            killing: 0,
            running: BTreeMap::new(),
            by_version: BTreeMap::new(),
            ended: BTreeSet::new(),
        };
        &NONE
    }

    /// How many run, of this version or a later one.
    #[must_use]
    pub fn running_since(&self, version: AppVersion) -> u32 {
        self.running.range(version..).map(|(_, count)| count).sum()
    }

    fn is_empty(&self) -> bool {
        self.active.is_empty() && self.ended.is_empty()
    }
}

impl Index {
    /// Enters a task as it is now. Call [`Index::leave`] with its old form first.
    pub(crate) fn enter(&mut self, task: &Task) {
        let app = self.apps.entry(task.app.clone()).or_default();
        if let Some(ended_at) = task.ended_at {
            app.ended.insert((ended_at, task.id.clone()));
            self.ended.insert((ended_at, task.id.clone()));
            return;
        }
        app.active.insert(task.id.clone());
        *app.by_version.entry(task.version).or_default() += 1;
        if task.kill.is_some() {
            app.killing += 1;
        } else if task.status.state == TaskState::Running {
            *app.running.entry(task.version).or_default() += 1;
        }
        self.active_on_agent.entry(task.agent).or_default().insert(task.id.clone());
        *self.active_by_state.entry(task.status.state).or_default() += 1;
    }

    /// Takes a task out, in the form in which it was entered.
    pub(crate) fn leave(&mut self, task: &Task) {
        let Some(app) = self.apps.get_mut(&task.app) else { return };
        if let Some(ended_at) = task.ended_at {
            app.ended.remove(&(ended_at, task.id.clone()));
            self.ended.remove(&(ended_at, task.id.clone()));
        } else {
            app.active.remove(&task.id);
            count_down(&mut app.by_version, &task.version);
            if task.kill.is_some() {
                app.killing -= 1;
            } else if task.status.state == TaskState::Running {
                count_down(&mut app.running, &task.version);
            }
            count_down(&mut self.active_by_state, &task.status.state);
            if let Some(tasks) = self.active_on_agent.get_mut(&task.agent) {
                tasks.remove(&task.id);
                if tasks.is_empty() {
                    self.active_on_agent.remove(&task.agent);
                }
            }
        }
        if app.is_empty() {
            self.apps.remove(&task.app);
        }
    }

    pub(crate) fn enter_deployment(&mut self, app: &AppId, deployment: &DeploymentId) {
        self.deployments.entry(app.clone()).or_default().insert(deployment.clone());
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

fn count_down<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
