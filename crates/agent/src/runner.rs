//! One task from its start, or from where an earlier life of the agent left it, to its end.
//!
//! A runner tells the loop what it sees and does what it is ordered; it decides nothing, and keeps nothing.

use std::sync::Arc;
use std::time::Duration;

use model::TaskId;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::containerizer::{Containerizer, Ended, Launch, LaunchError, Phase};
use crate::machine::Environment;
use crate::metrics;
use crate::node::Input;
use crate::reconcile::kind_of;
use crate::sandbox::Sandboxes;

/// A start that takes longer than this is announced.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(100);
/// Between two looks at a task that was starting when the agent was killed, and between two tries to stop one.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
const STOP_AGAIN: Duration = Duration::from_secs(1);

/// What a runner sees.
#[derive(Debug)]
pub(crate) enum Seen {
    Starting,
    Running,
    Ended(Ended),
}

pub(crate) struct Runner {
    pub(crate) task: TaskId,
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) containerizer: Arc<dyn Containerizer>,
    /// How long the task has to end, once it was asked to.
    pub(crate) stop: watch::Receiver<Option<Duration>>,
    pub(crate) inputs: mpsc::Sender<Input>,
}

impl Runner {
    /// Starts the task. The intent is written by now.
    pub(crate) async fn start(mut self, launch: Launch, sandboxes: Arc<Sandboxes>, permits: Arc<Semaphore>) {
        let (began_at, kind) = (Instant::now(), kind_of(&launch.spec));
        let started = self.try_start(launch, sandboxes, permits).await;
        // What was asked to end before it began did not fail.
        if started.is_ok() || self.stop.borrow().is_none() {
            metrics::launched(kind, began_at, started.is_ok());
        }
        let ended = match started {
            Ok(()) => {
                self.tell(Seen::Running).await;
                self.watch().await
            }
            Err(error) => Ended::NotStarted { error },
        };
        self.tell(Seen::Ended(ended)).await;
    }

    /// Goes on with a task that was started before; None when the containerizer knows nothing of it.
    pub(crate) async fn adopt(mut self, mut phase: Option<Phase>) {
        while phase == Some(Phase::Starting) && self.stop.borrow().is_none() {
            tokio::time::sleep(LOOK_PAUSE).await;
            match self.containerizer.list().await {
                Ok(all) => phase = all.get(&self.task).copied(),
                Err(error) => tracing::debug!(task = %self.task, %error, "cannot see whether the task runs"),
            }
        }
        if phase == Some(Phase::Running) {
            self.tell(Seen::Running).await;
        }
        let ended = self.watch().await;
        self.tell(Seen::Ended(ended)).await;
    }

    async fn try_start(
        &mut self,
        mut launch: Launch,
        sandboxes: Arc<Sandboxes>,
        permits: Arc<Semaphore>,
    ) -> Result<(), LaunchError> {
        let (task, (done, made)) = (self.task.clone(), oneshot::channel());
        let make = move || {
            // Nobody waits for it any more when the agent ends at this moment.
            let _gone = done.send(sandboxes.create(&task));
        };
        self.environment.on_disk(Box::new(make)).await;
        let made = made.await.map_err(|error| LaunchError::new(error.to_string()))?;
        launch.sandbox = made.map_err(|error| LaunchError::new(format!("cannot make the sandbox: {error}")))?;
        let (containerizer, mut stop) = (Arc::clone(&self.containerizer), self.stop.clone());
        let start = async {
            let ready = async {
                containerizer.prepare(&launch).await?;
                permits.acquire().await.map_err(|_| LaunchError::new("the agent is stopping"))
            };
            let _permit = tokio::select! {
                biased;
                _ = stop.wait_for(Option::is_some) => return Err(LaunchError::new("stopped before it was started")),
                ready = ready => ready?,
            };
            // Not to be given up: what has begun must be seen to its end.
            containerizer.launch(&launch).await
        };
        tokio::pin!(start);
        tokio::select! {
            biased;
            started = &mut start => return started,
            () = tokio::time::sleep(ANNOUNCE_AFTER) => {}
        }
        self.tell(Seen::Starting).await;
        start.await
    }

    /// Waits for the end, and passes orders to stop on meanwhile.
    async fn watch(&mut self) -> Ended {
        let containerizer = Arc::clone(&self.containerizer);
        let task = self.task.clone();
        let end = containerizer.wait(&task);
        tokio::pin!(end);
        loop {
            let order = *self.stop.borrow_and_update();
            if let Some(grace) = order
                && let Err(error) = containerizer.stop(&task, grace).await
            {
                tracing::warn!(%task, %error, "cannot stop the task; trying again");
                tokio::select! {
                    biased;
                    ended = &mut end => return ended,
                    () = tokio::time::sleep(STOP_AGAIN) => continue,
                }
            }
            tokio::select! {
                biased;
                ended = &mut end => return ended,
                changed = self.stop.changed() => if changed.is_err() {
                    // Nobody gives orders any more: the agent leaves its tasks alone.
                    return end.await;
                },
            }
        }
    }

    async fn tell(&self, seen: Seen) {
        // Nobody listens when the agent is stopping, and the next one will see for itself.
        let _ = self.inputs.send(Input::Task { task: self.task.clone(), seen }).await;
    }
}
