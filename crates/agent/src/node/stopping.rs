//! How the loop ends: with its tasks, or without them.
//!
//! The master has been left by now, so nothing that it says counts any more; what happens is kept in the journal, for the
//! next agent in the same folder to tell.

use std::time::Duration;

use model::TaskId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Action, Input, MAX_INPUTS, Node};
use crate::ledger::{Stop, StopCause};
use crate::reconcile::Actual;

/// What tasks may take, beside their grace, to end when the agent is stopped with them.
const STOP_ALLOWANCE: Duration = Duration::from_secs(20);
/// What removing what they left may take after that.
const REMOVE_LIMIT: Duration = Duration::from_secs(10);
/// How long an agent that leaves waits for starts that are under way.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

impl Node {
    /// Waits a moment for starts that are under way, so that the next agent finds the tasks running.
    pub(super) async fn leave(&mut self, mut inputs: mpsc::Receiver<Input>) {
        let deadline = Instant::now() + LEAVE_LIMIT;
        let mut batch = Vec::new();
        while self.state.watched.values().any(|watched| watched.actual == Actual::Starting) {
            if tokio::time::timeout_at(deadline, inputs.recv_many(&mut batch, MAX_INPUTS)).await.is_err() {
                return;
            }
            self.take_last(&mut batch).await;
        }
    }

    /// Stops every task, keeps the ends, and leaves nothing else behind.
    pub(super) async fn stop_tasks(&mut self, mut inputs: mpsc::Receiver<Input>) {
        let live = self.ledger.tasks.iter().filter(|(_, entry)| entry.end.is_none());
        let stops: Vec<(TaskId, u64)> = live.map(|(task, entry)| (task.clone(), entry.kill_grace_ms)).collect();
        let longest = stops.iter().map(|(_, grace_ms)| *grace_ms).max().unwrap_or(0);
        for (task, grace_ms) in stops {
            self.order_stop(task, Stop { cause: StopCause::AgentStopped, grace_ms });
        }
        self.perform_last().await;
        let deadline = Instant::now() + Duration::from_millis(longest) + STOP_ALLOWANCE;
        let mut batch = Vec::new();
        while self.ledger.tasks.values().any(|entry| entry.end.is_none()) {
            if tokio::time::timeout_at(deadline, inputs.recv_many(&mut batch, MAX_INPUTS)).await.is_err() {
                let left = self.ledger.tasks.iter().filter(|(_, entry)| entry.end.is_none());
                let left: Vec<&str> = left.map(|(task, _)| task.as_str()).collect();
                tracing::error!(tasks = left.join(", "), "these tasks did not end and are left to themselves");
                break;
            }
            self.take_last(&mut batch).await;
        }
        self.remove_ended().await;
    }

    /// Frees what ended tasks hold. The master has not heard of these ends, but the journal has them.
    async fn remove_ended(&self) {
        if !self.state.facts.is_empty() {
            return;
        }
        let mut removals = JoinSet::new();
        for (task, entry) in self.ledger.tasks.iter().filter(|(_, entry)| entry.end.is_some()) {
            let Some(containerizer) = self.containerizers.get(&entry.containerizer).cloned() else { continue };
            let task = task.clone();
            removals.spawn(async move {
                if let Err(error) = containerizer.remove(&task).await {
                    tracing::warn!(%task, %error, "cannot remove what an ended task left; the next start tries again");
                }
            });
        }
        if tokio::time::timeout(REMOVE_LIMIT, removals.join_all()).await.is_err() {
            tracing::warn!("not everything that ended tasks left could be removed in time; the next start tries again");
        }
    }

    /// A batch after the order to stop: desired lists do not count any more.
    async fn take_last(&mut self, batch: &mut Vec<Input>) {
        batch.retain(|input| !matches!(input, Input::Master(_)));
        self.take_batch(batch);
        self.perform_last().await;
    }

    async fn perform_last(&mut self) {
        if let Err(error) = self.write().await {
            tracing::error!(folder = %self.folder.display(), %error, "cannot write the journal while stopping");
        }
        self.state.actions.retain(|action| !matches!(action, Action::Start(_)));
        self.perform();
    }
}
