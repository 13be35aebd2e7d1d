//! The wanted count is reached once faults stop: within a bounded time every app runs what it wants, and machines run exactly
//! what the log says, no more and no less.

use std::collections::BTreeSet;

use model::{TaskId, TaskState};
use state::State;

pub(crate) const NAME: &str = "the wanted count is reached once faults stop";

/// Why it is not reached yet.
pub(crate) fn reached(state: &State, running: &BTreeSet<TaskId>) -> Result<(), String> {
    if let Some(agent) = state.agents.values().find(|agent| !agent.is_connected()) {
        return Err(format!("agent {} is not connected", agent.id));
    }
    for (id, app) in state.apps.iter() {
        let tasks = state.tasks_of_app(id);
        let runs = tasks.running_since(app.config_version);
        if runs != app.spec.instances || tasks.active.len() != runs as usize || !state.is_settled(id) {
            let (wants, active, waiting) = (app.spec.instances, tasks.active.len(), &app.waiting);
            return Err(format!("app {id} wants {wants}, runs {runs} of {active} active tasks, waits for {waiting:?}"));
        }
    }
    if let Some(deployment) = state.deployments.values().next() {
        return Err(format!("deployment {} is still under way", deployment.id));
    }
    let in_log =
        state.tasks.values().filter(|task| task.status.state == TaskState::Running).map(|task| task.id.clone());
    let in_log: BTreeSet<TaskId> = in_log.collect();
    if let Some(task) = in_log.symmetric_difference(running).next() {
        let where_it_runs = if running.contains(task) { "on a machine" } else { "in the log" };
        return Err(format!("task {task} runs only {where_it_runs}"));
    }
    Ok(())
}
