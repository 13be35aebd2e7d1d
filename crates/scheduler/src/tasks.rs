//! Commands about tasks: what agents report, and what people ask to end.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, AppId, Event, KillReason, StatusUpdate, Task, TaskId, TaskSelection, TaskState, TaskStatus};

use crate::Rejection;
use crate::draft::Draft;

impl<'a> Draft<'a> {
    /// Takes over what is news. Updates of tasks that are over, or given up, have nothing to say any more.
    pub(crate) fn update_status(&mut self, agent: AgentId, updates: &[StatusUpdate]) -> Result<(), Rejection> {
        if !self.state().agents.contains(&agent) {
            return Err(Rejection::UnknownAgent(agent));
        }
        let mut latest: BTreeMap<&TaskId, TaskState> = BTreeMap::new();
        let mut slowed: BTreeSet<AppId> = BTreeSet::new();
        for update in updates {
            let Some(task) = self.state().tasks.get(&update.task).filter(|task| task.agent == agent) else { continue };
            let known = latest.get(&task.id).copied().unwrap_or(task.status.state);
            if !is_news(known, update.status.state) {
                continue;
            }
            latest.insert(&task.id, update.status.state);
            self.events.push(Event::TaskStatusChanged {
                task: task.id.clone(),
                agent,
                update: Some(update.id.clone()),
                status: update.status.clone(),
            });
            if let Some(app) = task.app().filter(|_| ended_by_itself(task, &update.status))
                && slowed.insert(app.clone())
            {
                self.slow_down(task, app);
            }
        }
        Ok(())
    }

    fn slow_down(&mut self, task: &Task, app: &AppId) {
        let state = self.state();
        if let Some(app) = state.apps.get(app).filter(|app| task.is_since(app.config_version)) {
            self.raise_delay(app);
        }
    }

    pub(crate) fn kill_tasks(&mut self, selection: &TaskSelection, scale: bool, force: bool) -> Result<(), Rejection> {
        let selected = self.select(selection)?;
        let mut by_app: BTreeMap<&AppId, u32> = BTreeMap::new();
        for task in selected {
            if let Some(app) = task.app() {
                *by_app.entry(app).or_default() += 1;
            }
            let (task, agent) = (task.id.clone(), task.agent);
            self.events.push(Event::TaskKillRequested { task, agent, reason: KillReason::UserRequest });
        }
        if scale {
            for (app, count) in by_app {
                self.scale_down_by(app, count, force)?;
            }
        }
        Ok(())
    }

    /// The active tasks that are meant and were not asked to end yet.
    fn select(&self, selection: &TaskSelection) -> Result<Vec<&'a Task>, Rejection> {
        let state = self.state();
        let mut selected = match selection {
            TaskSelection::Tasks(ids) => ids
                .iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|id| {
                    let active = state.tasks.get(id).filter(|task| task.is_active());
                    active.ok_or_else(|| Rejection::UnknownTask(id.clone()))
                })
                .collect::<Result<Vec<_>, _>>()?,
            TaskSelection::App { app, host } => {
                self.app(app)?;
                let on_host = |task: &&Task| host.as_ref().is_none_or(|host| task.hostname == *host);
                state.active_tasks_of_app(app).filter(on_host).collect()
            }
        };
        selected.retain(|task| task.kill.is_none());
        Ok(selected)
    }
}

/// Reports may come twice, and late; a task never goes back.
fn is_news(known: TaskState, reported: TaskState) -> bool {
    !known.is_terminal() && reported > known
}

fn ended_by_itself(task: &Task, status: &TaskStatus) -> bool {
    task.kill.is_none() && matches!(status.state, TaskState::Finished | TaskState::Failed | TaskState::Error)
}
