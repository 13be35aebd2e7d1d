//! The story of an app: its versions, its deployments, what it waited for, and its instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    ActionKind, AppId, AppSpec, DeploymentId, DeploymentOutcome, Event, Record, TaskState, Timestamp, Waiting,
};
use state::State;

use super::known::Known;
use super::of_task::instances_wait;
use super::wishes::{self, Wishes};
use super::{Said, What};
use crate::{diff, words};

#[derive(Debug)]
pub(super) struct OfApp {
    id: AppId,
    wishes: Wishes,
    spec: Option<Arc<AppSpec>>,
    /// Those that hold the app, and when they began.
    deployments: BTreeMap<DeploymentId, Timestamp>,
    restored: Option<String>,
}

impl OfApp {
    pub(super) fn new(id: &AppId, state: &State) -> Self {
        let row = state.apps.get(id);
        let restored = row.map(|app| {
            let running = state.active_tasks_of_app(id).count();
            let wanted = words::count(app.spec.instances as usize, "instance");
            format!("{wanted} wanted and {} active when the log begins", words::count(running, "task"))
        });
        Self {
            id: id.clone(),
            wishes: Wishes::of(id, state),
            spec: row.map(|app| Arc::clone(&app.spec)),
            deployments: state.deployments_of(id).map(|deployment| (deployment.id.clone(), state.at)).collect(),
            restored,
        }
    }

    pub(super) fn see(&mut self, record: &Record, known: &Known) -> Vec<Said> {
        self.wishes.see(record);
        let mut said: Vec<Said> = self.restored.take().map(|text| Said::new(What::Note, text)).into_iter().collect();
        let mut nth = 0;
        for event in &record.events {
            said.extend(match event {
                Event::TaskLaunched { .. } | Event::TaskStatusChanged { .. } | Event::TaskKillRequested { .. } => {
                    self.of_task(event, record, &mut nth, known)
                }
                _ => self.of_itself(event, record),
            });
        }
        said.extend(known.repeated(record, |_, task| self.wishes.is_of(task)));
        self.wishes.remember(record, known);
        said
    }

    fn of_itself(&mut self, event: &Event, record: &Record) -> Option<Said> {
        let at = record.cause.at;
        match event {
            Event::AppChanged { app, .. } if app.id == self.id => Some(self.changed(app)),
            Event::AppDestroyed { app } if *app == self.id => {
                self.spec = None;
                Some(Said::new(What::Ending, "destroyed"))
            }
            Event::ProfileChosen { scope, profile } if self.wishes.is_scope(scope) => {
                let profile = profile.as_deref().unwrap_or("the profile of everybody else");
                Some(Said::new(What::Wish, format!("{profile} decides for {scope}, from now on")))
            }
            Event::LaunchDelayed { app, delay_ms, .. } if *app == self.id => {
                let text =
                    format!("starts nothing for {}, because its tasks end by themselves", words::span(*delay_ms));
                Some(Said::new(What::Waiting, text))
            }
            Event::LaunchDelayReset { app } if *app == self.id => {
                Some(Said::new(What::Note, "may start tasks without a pause again"))
            }
            Event::WaitingChanged { app, waiting } if *app == self.id => Some(self.waiting(waiting.as_ref(), at)),
            Event::DeploymentStarted { deployment } => {
                let own: Vec<ActionKind> =
                    deployment.actions().filter(|action| action.app == self.id).map(|action| action.kind).collect();
                let first = own.first()?;
                self.deployments.insert(deployment.id.clone(), at);
                let steps = words::count(deployment.steps.len(), "step");
                Some(Said::new(
                    What::Progress,
                    format!("{first:?}, by deployment {:.8} of {steps}", deployment.id.as_str()),
                ))
            }
            Event::DeploymentAdvanced { deployment, current_step } => {
                self.deployments.get(deployment)?;
                let text = format!("deployment {:.8} goes on to step {}", deployment.as_str(), current_step + 1);
                Some(Said::new(What::Progress, text))
            }
            Event::DeploymentEnded { deployment, outcome } => {
                let took = words::span(at.ms_since(self.deployments.remove(deployment)?));
                let (what, how) = match outcome {
                    DeploymentOutcome::Succeeded => (What::Good, "is done"),
                    DeploymentOutcome::Superseded => (What::Note, "gave way to a later change"),
                };
                Some(Said::new(what, format!("deployment {:.8} {how}, after {took}", deployment.as_str())))
            }
            _ => None,
        }
    }

    fn changed(&mut self, app: &Arc<AppSpec>) -> Said {
        let old = self.spec.replace(Arc::clone(app));
        let Some(old) = old else {
            let constraints: Vec<_> = app.constraints.iter().map(ToString::to_string).collect();
            let only =
                if constraints.is_empty() { String::new() } else { format!(", where {}", constraints.join(" and ")) };
            let (wanted, each) = (words::count(app.instances as usize, "instance"), words::resources(&app.resources));
            return Said::new(What::Wish, format!("{wanted} wanted, each with {each}{only}"));
        };
        let json = |spec: &AppSpec| serde_json::to_value(spec).unwrap_or_default();
        let changes = diff::fields(&json(&old), &json(app));
        let told: Vec<_> =
            changes.iter().map(|change| format!("{} {} -> {}", change.field, change.before, change.after)).collect();
        let what = if told.is_empty() { "the same definition again".to_owned() } else { told.join("; ") };
        Said::new(What::Wish, words::one_line(&what))
    }

    fn waiting(&self, waiting: Option<&Waiting>, at: Timestamp) -> Said {
        let before = self.wishes.waiting.as_ref();
        match (waiting, before) {
            (Some(waiting), None) => {
                let text = format!("{}: {}", instances_wait(waiting.instances), words::waiting_cause(waiting));
                Said::new(What::Waiting, text)
            }
            (Some(waiting), Some(before)) => {
                let (now, since) = (words::waiting_cause(waiting), words::span(at.ms_since(before.since)));
                Said::new(What::Waiting, format!("{} now, after {since}: {now}", instances_wait(waiting.instances)))
            }
            (None, Some(before)) => {
                let (waited, cause) = (words::span(at.ms_since(before.begin)), words::waiting_cause(&before.waiting));
                Said::new(What::Progress, format!("waits no more; waited {waited}: {cause}"))
            }
            (None, None) => Said::new(What::Progress, "waits for nothing"),
        }
    }

    fn of_task(&self, event: &Event, record: &Record, nth: &mut usize, known: &Known) -> Option<Said> {
        match event {
            Event::TaskLaunched { task } if task.workload.app() == Some(&self.id) => {
                let (waited, because) = self.wishes.launch(record, *nth);
                *nth += 1;
                let (name, agent, decided) = (words::short(&task.id), known.agent(task.agent), wishes::decided(task));
                Some(
                    Said::new(What::Progress, format!("launches {name} on {agent} {decided}{waited}")).because(because),
                )
            }
            Event::TaskStatusChanged { task, agent, status, .. } if self.wishes.is_of(task) => {
                let what = match status.state {
                    TaskState::Running => What::Good,
                    TaskState::Killed | TaskState::Finished => What::Ending,
                    _ if wishes::is_failure(status) => What::Bad,
                    _ => return None,
                };
                let after = known.after(task, status.state, record.cause.at);
                let (name, agent) = (words::short(task), known.agent(*agent));
                Some(Said::new(what, format!("{name} on {agent} {}{after}", words::status(status))))
            }
            Event::TaskKillRequested { task, agent, reason } if self.wishes.is_of(task) => {
                let (name, agent) = (words::short(task), known.agent(*agent));
                let text = format!("{name} on {agent} is asked to end: {}", words::kill_reason(*reason));
                Some(Said::new(What::Ending, text).because(self.wishes.kill(*reason, record)))
            }
            _ => None,
        }
    }
}
