//! Which instance of its app a task is: the same one in the log and in a fork of it, where the tasks have other ids.
//!
//! Instances of one configuration of an app are numbered from 0; a launch takes the lowest number that is free, and counts how
//! often that number was taken before. Must not know why anything was launched.

use std::collections::{BTreeMap, BTreeSet};

use model::{AppId, AppVersion, Event, TaskId, Workload};
use serde::Serialize;
use state::State;

/// One run of one instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Instance {
    pub app: AppId,
    /// The version since which the app's tasks need not be replaced.
    pub config: AppVersion,
    pub number: u32,
    /// How many runs there were before it, since the fork.
    pub incarnation: u32,
}

/// The active tasks of all apps.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    configs: BTreeMap<AppId, AppVersion>,
    numbers: BTreeMap<(AppId, AppVersion), Numbers>,
    of_task: BTreeMap<TaskId, Instance>,
    tasks: BTreeMap<Instance, TaskId>,
}

#[derive(Debug, Default)]
struct Numbers {
    taken: BTreeSet<u32>,
    /// How often each was taken.
    runs: Vec<u32>,
}

impl Instances {
    /// Those that are there at the fork, the oldest first.
    pub(crate) fn begin(state: &State) -> Self {
        let configs = state.apps.iter().map(|(id, app)| (id.clone(), app.config_version)).collect();
        let mut instances = Self { configs, ..Self::default() };
        let mut tasks: Vec<_> = state.tasks.values().filter(|task| task.is_active()).collect();
        tasks.sort_by_key(|task| (task.launched_at, &task.id));
        for task in tasks {
            if let Workload::App { app, version } = &task.workload {
                instances.enter(&task.id, app, *version);
            }
        }
        instances
    }

    pub(crate) fn follow(&mut self, event: &Event) {
        match event {
            Event::AppChanged { app, config_version, .. } => {
                self.configs.insert(app.id.clone(), *config_version);
            }
            Event::TaskLaunched { task } => {
                if let Workload::App { app, version } = &task.workload {
                    self.enter(&task.id, app, *version);
                }
            }
            Event::TaskStatusChanged { task, status, .. } if status.state.is_terminal() => self.leave(task),
            _ => {}
        }
    }

    pub(crate) fn of(&self, task: &TaskId) -> Option<&Instance> {
        self.of_task.get(task)
    }

    /// The active task that is this run of this instance.
    pub(crate) fn task(&self, instance: &Instance) -> Option<&TaskId> {
        self.tasks.get(instance)
    }

    fn enter(&mut self, task: &TaskId, app: &AppId, version: AppVersion) {
        let newest = self.configs.get(app).copied().unwrap_or(version);
        // What is older than the configuration is to be replaced.
        let config = if version >= newest { newest } else { version };
        let numbers = self.numbers.entry((app.clone(), config)).or_default();
        let (number, incarnation) = numbers.take();
        let instance = Instance { app: app.clone(), config, number, incarnation };
        self.of_task.insert(task.clone(), instance.clone());
        self.tasks.insert(instance, task.clone());
    }

    fn leave(&mut self, task: &TaskId) {
        let Some(instance) = self.of_task.remove(task) else { return };
        self.tasks.remove(&instance);
        if let Some(numbers) = self.numbers.get_mut(&(instance.app, instance.config)) {
            numbers.taken.remove(&instance.number);
        }
    }
}

impl Numbers {
    /// The lowest free number, and how often it was taken before.
    fn take(&mut self) -> (u32, u32) {
        let number = (0..).zip(&self.taken).find(|(free, taken)| free != *taken);
        let number = number.map_or(self.taken.len() as u32, |(free, _)| free);
        self.taken.insert(number);
        let place = number as usize;
        if place >= self.runs.len() {
            self.runs.resize(place + 1, 0);
        }
        self.runs[place] += 1;
        (number, self.runs[place] - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_taken_and_its_runs_are_counted() {
        let mut numbers = Numbers::default();
        assert_eq!([numbers.take(), numbers.take(), numbers.take()], [(0, 0), (1, 0), (2, 0)]);
        numbers.taken.remove(&1);
        assert_eq!([numbers.take(), numbers.take()], [(1, 1), (3, 0)]);
    }
}
