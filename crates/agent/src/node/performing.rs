//! What is done once the facts that call for it are durable: tasks are started, adopted, stopped and removed, and reports handed over.

use std::sync::Arc;
use std::time::Duration;

use model::TaskId;
use protocol::agent::{DesiredTask, TaskSpec};
use tokio::sync::watch;

use super::{Action, Input, Node, Watched};
use crate::containerizer::{Ended, Launch, LaunchError, Phase};
use crate::ledger::Kind;
use crate::metrics;
use crate::reconcile::{Actual, kind_of};
use crate::runner::{Runner, Seen};

impl Node {
    pub(super) fn perform(&mut self) {
        for action in std::mem::take(&mut self.state.actions) {
            match action {
                Action::Start(task) => self.start(*task),
                Action::Adopt(task, phase) => self.adopt(&task, phase),
                Action::Stop(task, grace) => {
                    if let Some(watched) = self.state.watched.get(&task) {
                        watched.stop.send_replace(Some(grace));
                    }
                }
                Action::Forget(task, kind) => self.remove(task, kind),
                Action::CleanUp(task, kind) => self.clean_up(task, kind),
            }
        }
        self.flush();
    }

    fn runner(&mut self, task: &TaskId, kind: Kind, stop: Option<Duration>) -> Option<Runner> {
        let containerizer = Arc::clone(self.containerizers.get(&kind)?);
        let (sender, stop) = watch::channel(stop);
        self.state.watched.insert(task.clone(), Watched { actual: Actual::Starting, stop: sender });
        let environment = Arc::clone(&self.environment);
        Some(Runner { task: task.clone(), environment, containerizer, stop, inputs: self.inputs.clone() })
    }

    fn start(&mut self, task: DesiredTask) {
        let kind = kind_of(&task.spec);
        let known = self.ledger.tasks.get(&task.id).and_then(|entry| entry.stop);
        let stop = known.map(|stop| Duration::from_millis(stop.grace_ms));
        let (Some(identity), Some(permits)) = (self.ledger.identity.clone(), self.state.permits.get(&kind).cloned())
        else {
            let error = LaunchError::new(format!("this agent has no {} containerizer", kind.name()));
            return self.end_unstarted(task.id, error);
        };
        let hostname = self.description.borrow().hostname.clone();
        tracing::info!(task = %task.id, kind = kind.name(), "starting");
        let sandbox = self.sandboxes.path(&task.id);
        let (spec, host_ports, gpu_slots) = (TaskSpec::clone(&task.spec), task.host_ports, task.gpu_slots);
        let launch = Launch { task: task.id.clone(), identity, spec, host_ports, gpu_slots, sandbox, hostname };
        if let Some(runner) = self.runner(&task.id, kind, stop) {
            self.tasks.spawn(runner.start(launch, Arc::clone(&self.sandboxes), permits));
        }
    }

    /// Told by way of the inbox, so that the end is written before it is reported.
    fn end_unstarted(&self, task: TaskId, error: LaunchError) {
        let inputs = self.inputs.clone();
        let seen = Seen::Ended(Ended::NotStarted { error });
        self.tasks.spawn(async move {
            // The loop is gone when the agent is stopping.
            let _gone = inputs.send(Input::Task { task, seen }).await;
        });
    }

    fn adopt(&mut self, task: &TaskId, phase: Option<Phase>) {
        let Some(entry) = self.ledger.tasks.get(task) else { return };
        let (kind, stop) = (entry.containerizer, entry.stop.map(|stop| Duration::from_millis(stop.grace_ms)));
        if let Some(runner) = self.runner(task, kind, stop) {
            self.tasks.spawn(runner.adopt(phase));
        }
    }

    fn remove(&self, task: TaskId, kind: Kind) {
        let Some(containerizer) = self.containerizers.get(&kind).cloned() else { return };
        let (sandboxes, environment) = (Arc::clone(&self.sandboxes), Arc::clone(&self.environment));
        self.tasks.spawn(async move {
            if let Err(error) = containerizer.remove(&task).await {
                tracing::warn!(%task, %error, "cannot remove what an ended task left; the next start tries again");
            }
            sandboxes.ended(&task);
            environment.on_disk(Box::new(move || sandboxes.prune())).await;
        });
    }

    fn clean_up(&self, task: TaskId, kind: Kind) {
        let Some(containerizer) = self.containerizers.get(&kind).cloned() else { return };
        self.tasks.spawn(async move {
            let removed = match containerizer.stop(&task, Duration::ZERO).await {
                Ok(()) => {
                    containerizer.wait(&task).await;
                    containerizer.remove(&task).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                tracing::warn!(%task, %error, "cannot remove what is left of a task; the next start tries again");
            }
        });
    }

    /// Hands the next report over when none is on its way.
    pub(super) fn flush(&mut self) {
        metrics::set_updates_waiting(self.state.outbox.unacknowledged());
        if let Ok(permit) = self.reports.try_reserve()
            && let Some(batch) = self.state.outbox.next_batch()
        {
            permit.send(batch.to_vec());
        }
    }
}
