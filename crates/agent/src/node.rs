//! The agent's one loop: inputs in, facts to the journal, then actions.
//!
//! It takes what has come in meanwhile as a batch, changes the ledger, makes the new facts durable with one write,
//! and only then starts, stops and reports anything. What a desired list makes necessary is decided in
//! `reconcile`; how tasks are run is the containerizers'.

mod performing;
mod stopping;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{AgentDescription, StatusUpdate, TaskId, TaskStatus};
use protocol::agent::{Acknowledgement, AgentIdentity, Desired, DesiredTask};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::config::Shutdown;
use crate::containerizer::{Containerizer, Phase};
use crate::journal::Journal;
use crate::ledger::{Fact, Kind, Ledger, Stop};
use crate::link::Word;
use crate::machine::Environment;
use crate::outbox::Outbox;
use crate::reconcile::{Actual, Disregarded, kind_of, reconcile};
use crate::runner::Seen;
use crate::sabotage::Sabotage;
use crate::sandbox::Sandboxes;
use crate::tasks::Tasks;
use crate::{AgentError, metrics, status};

/// Inputs taken at once; also how many may wait.
pub(crate) const MAX_INPUTS: usize = 1024;
/// Tasks of one containerizer that are started at the same time.
const MAX_STARTING: usize = 16;
/// Between two tries to write the journal, for instance while the disk is full.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// Between two tries to find out what a containerizer has.
const LIST_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) enum Input {
    Master(Word),
    Acknowledged(Acknowledgement),
    Task {
        task: TaskId,
        seen: Seen,
    },
    /// A containerizer answers, and has these tasks.
    Found {
        kind: Kind,
        tasks: BTreeMap<TaskId, Phase>,
    },
}

/// What is done once the facts that call for it are durable.
enum Action {
    Start(Box<DesiredTask>),
    Adopt(TaskId, Option<Phase>),
    Stop(TaskId, Duration),
    Forget(TaskId, Kind),
    /// Nobody knows why it is there.
    CleanUp(TaskId, Kind),
}

struct Watched {
    actual: Actual,
    stop: watch::Sender<Option<Duration>>,
}

/// What the loop works with.
pub(crate) struct Node {
    pub(crate) folder: PathBuf,
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) tasks: Tasks,
    pub(crate) journal: Arc<Mutex<Journal>>,
    pub(crate) ledger: Ledger,
    pub(crate) sandboxes: Arc<Sandboxes>,
    pub(crate) containerizers: BTreeMap<Kind, Arc<dyn Containerizer>>,
    pub(crate) identity: watch::Sender<Option<AgentIdentity>>,
    pub(crate) description: watch::Sender<AgentDescription>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) reports: mpsc::Sender<Vec<StatusUpdate>>,
    pub(crate) sabotage: Sabotage,
    pub(crate) state: Volatile,
}

/// What is not kept when the agent ends.
#[derive(Default)]
pub(crate) struct Volatile {
    watched: BTreeMap<TaskId, Watched>,
    outbox: Outbox,
    updates_made: u64,
    permits: BTreeMap<Kind, Arc<Semaphore>>,
    facts: Vec<Fact>,
    actions: Vec<Action>,
    failure: Option<AgentError>,
}

impl Node {
    /// Runs until it is told to stop or cannot go on. The caller ends the connection to the master before the
    /// tasks are stopped, so `disconnect` is called first.
    pub(crate) async fn run(
        mut self,
        mut inputs: mpsc::Receiver<Input>,
        shutdown: impl Future<Output = Shutdown>,
        disconnect: impl FnOnce(),
    ) -> Result<(), AgentError> {
        tokio::pin!(shutdown);
        self.resume();
        let mut batch = Vec::new();
        let order = loop {
            tokio::select! {
                biased;
                order = &mut shutdown => break order,
                _ = inputs.recv_many(&mut batch, MAX_INPUTS) => {}
            }
            self.take_batch(&mut batch);
            if let Some(order) = self.commit(&mut shutdown).await {
                break order;
            }
            if let Some(failure) = self.state.failure.take() {
                return Err(failure);
            }
            self.perform();
        };
        disconnect();
        match order {
            Shutdown::Leave => self.leave(inputs).await,
            Shutdown::StopTasks => self.stop_tasks(inputs).await,
        }
        Ok(())
    }

    /// Takes up what the ledger knows: ends to report, and tasks to find again.
    fn resume(&mut self) {
        for update in self.ledger.unacknowledged().cloned().collect::<Vec<_>>() {
            self.state.outbox.push(update);
        }
        for (kind, containerizer) in &self.containerizers {
            self.state.permits.insert(*kind, Arc::new(Semaphore::new(MAX_STARTING)));
            self.tasks.spawn(find_tasks(*kind, Arc::clone(containerizer), self.inputs.clone()));
        }
        self.identity.send_replace(self.ledger.identity.clone());
        self.flush();
    }

    fn take_batch(&mut self, batch: &mut Vec<Input>) {
        // Of several desired lists only the newest counts, and what else has come in is known before it.
        let mut newest: Option<Desired> = None;
        for input in batch.drain(..) {
            match input {
                Input::Master(Word::Desired(desired)) => newest = Some(desired),
                Input::Master(Word::Subscribed(identity)) => self.meet_master(identity),
                Input::Master(Word::Refused(message)) => {
                    self.state.failure = Some(AgentError::Refused { message, folder: self.folder.clone() });
                }
                Input::Acknowledged(acknowledgement) => self.forget(&acknowledgement),
                Input::Task { task, seen } => self.see(task, seen),
                Input::Found { kind, tasks } => self.find(kind, &tasks),
            }
        }
        if let Some(desired) = newest {
            self.obey(&desired);
        }
    }

    fn note(&mut self, fact: Fact) {
        self.ledger.apply(&fact);
        self.state.facts.push(fact);
    }

    /// Makes the batch's facts durable, however long it takes; nothing happens before.
    async fn commit(&mut self, shutdown: &mut (impl Future<Output = Shutdown> + Unpin)) -> Option<Shutdown> {
        while let Err(error) = self.write().await {
            tracing::error!(folder = %self.folder.display(), %error, "cannot write the journal; trying again");
            metrics::journal_failed();
            tokio::select! {
                biased;
                order = &mut *shutdown => return Some(order),
                () = tokio::time::sleep(WRITE_AGAIN) => {}
            }
        }
        None
    }

    /// One write and one sync for all that is new.
    async fn write(&mut self) -> std::io::Result<()> {
        if self.state.facts.is_empty() {
            return Ok(());
        }
        let facts = std::mem::take(&mut self.state.facts);
        let (written, facts) = self.on_journal(move |journal| (journal.append(&facts), facts)).await;
        if written.is_err() {
            self.state.facts = facts;
        } else if self.on_journal(|journal| journal.is_large()).await {
            let ledger = self.ledger.clone();
            return self.on_journal(move |journal| journal.compact(&ledger)).await;
        }
        written
    }

    /// Works on the file away from the async threads.
    async fn on_journal<T: Send + 'static>(&self, work: impl FnOnce(&mut Journal) -> T + Send + 'static) -> T {
        let (done, outcome) = oneshot::channel();
        let journal = Arc::clone(&self.journal);
        let work = move || {
            let worked = work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner));
            // Nobody waits for it any more when the agent ends at this moment.
            let _gone = done.send(worked);
        };
        self.environment.on_disk(Box::new(work)).await;
        outcome.await.expect("the work was done")
    }

    fn meet_master(&mut self, identity: AgentIdentity) {
        match &self.ledger.identity {
            Some(ours) if ours.cluster != identity.cluster => {
                let (ours, theirs) = (ours.cluster.clone(), identity.cluster);
                self.state.failure = Some(AgentError::ForeignCluster { folder: self.folder.clone(), ours, theirs });
            }
            Some(ours) if *ours == identity => {}
            before => {
                tracing::info!(agent = %identity.agent, cluster = %identity.cluster, again = before.is_some(), "registered");
                self.note(Fact::Identified { identity: identity.clone() });
                self.identity.send_replace(Some(identity));
            }
        }
    }

    fn obey(&mut self, desired: &Desired) {
        let watched = &self.state.watched;
        let step = match reconcile(&self.ledger, |task| Some(watched.get(task)?.actual), desired, self.sabotage) {
            Ok(step) => step,
            Err(Disregarded::Foreign) => {
                tracing::warn!(cluster = %desired.cluster, "not obeying a desired list of another cluster");
                return;
            }
            Err(Disregarded::Older) => {
                tracing::debug!(mark = ?desired.mark, ours = ?self.ledger.mark, "not obeying an older desired list");
                return;
            }
        };
        if desired.mark > self.ledger.mark {
            self.note(Fact::Marked { mark: desired.mark });
        }
        if step.postponed > 0 {
            tracing::info!(
                tasks = step.postponed,
                "not starting tasks before others have ended that are not wanted any more"
            );
        }
        for task in step.start {
            let (containerizer, kill_grace_ms) = (kind_of(&task.spec), task.spec.kill_grace_ms);
            self.note(Fact::Intended { task: task.id.clone(), containerizer, kill_grace_ms });
            self.state.actions.push(Action::Start(Box::new(task)));
        }
        for (task, stop) in step.stop {
            self.order_stop(task, stop);
        }
        for (task, containerizer, status) in step.end {
            self.note(Fact::Intended { task: task.clone(), containerizer, kill_grace_ms: 0 });
            self.report(task, status);
        }
        for task in step.report_running {
            if !self.state.outbox.says_running(&task) {
                self.report(task, status::running());
            }
        }
    }

    fn order_stop(&mut self, task: TaskId, stop: Stop) {
        self.note(Fact::StopAsked { task: task.clone(), stop });
        self.state.actions.push(Action::Stop(task, Duration::from_millis(stop.grace_ms)));
    }

    /// Ends are kept in the ledger, too.
    fn report(&mut self, task: TaskId, status: TaskStatus) {
        self.state.updates_made += 1;
        let id = self.ledger.update_id(self.state.updates_made);
        let update = StatusUpdate { id, task, observed_at: self.environment.now(), status };
        if update.status.state.is_terminal() {
            tracing::info!(task = %update.task, state = %update.status.state, message = update.status.message, "ended");
            self.note(Fact::Ended { update: update.clone() });
        }
        self.state.outbox.push(update);
    }

    fn see(&mut self, task: TaskId, seen: Seen) {
        if self.ledger.tasks.get(&task).is_none_or(|entry| entry.end.is_some()) {
            return;
        }
        match seen {
            Seen::Starting => self.report(task, status::starting()),
            Seen::Running => {
                if let Some(watched) = self.state.watched.get_mut(&task) {
                    watched.actual = Actual::Running;
                }
                self.report(task, status::running());
            }
            Seen::Ended(ended) => {
                self.state.watched.remove(&task);
                let stop = self.ledger.tasks.get(&task).and_then(|entry| entry.stop);
                self.report(task, status::of_end(&ended, stop));
            }
        }
    }

    fn forget(&mut self, acknowledgement: &Acknowledgement) {
        let tasks = self.state.outbox.acknowledge(&acknowledgement.updates);
        for task in &tasks {
            if let Some(entry) = self.ledger.tasks.get(task) {
                self.state.actions.push(Action::Forget(task.clone(), entry.containerizer));
            }
        }
        // Only for the sake of ends are older lists not obeyed any more: a list that is on its way while a start is
        // acknowledged may be the last one for a long time.
        if !tasks.is_empty() {
            self.note(Fact::Acknowledged { tasks, mark: acknowledgement.mark });
        }
    }

    /// A containerizer answered for the first time.
    fn find(&mut self, kind: Kind, tasks: &BTreeMap<TaskId, Phase>) {
        self.description.send_modify(|description| {
            description.containerizers.push(kind.name().to_owned());
            description.containerizers.sort();
        });
        for (task, entry) in self.ledger.tasks.iter().filter(|(_, entry)| entry.containerizer == kind) {
            if entry.end.is_none() && !self.state.watched.contains_key(task) {
                self.state.actions.push(Action::Adopt(task.clone(), tasks.get(task).copied()));
            }
        }
        for task in tasks.keys().filter(|task| !self.ledger.tasks.contains_key(task)) {
            tracing::warn!(%task, kind = kind.name(), "removing what is left of a task that nobody knows");
            self.state.actions.push(Action::CleanUp(task.clone(), kind));
        }
    }
}

/// Asks a containerizer until it answers. One that never does is not offered to the master.
async fn find_tasks(kind: Kind, containerizer: Arc<dyn Containerizer>, inputs: mpsc::Sender<Input>) {
    let mut warned = false;
    loop {
        match containerizer.list().await {
            Ok(tasks) => {
                let _ = inputs.send(Input::Found { kind, tasks }).await;
                return;
            }
            Err(error) if !warned => {
                tracing::warn!(kind = kind.name(), %error, "not offered before this works; trying again");
                warned = true;
            }
            Err(error) => tracing::debug!(kind = kind.name(), %error, "still not offered"),
        }
        tokio::time::sleep(LIST_AGAIN).await;
    }
}
