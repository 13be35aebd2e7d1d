//! Answers why a task is where it is, and why an instance would not go somewhere: in threads that may block, a few at a time.
//!
//! The first folds the log up to the moment of the decision, the second looks at the present state. The state at any other
//! moment is had in the same way.

use std::ops::ControlFlow;
use std::sync::Arc;

use eventlog::EventLog;
use model::{Position, Record, Seq, TaskId, Timestamp, Tip};
use scheduler::{Explained, Policies, Unasked, Unexplained, WhyNot, World, explain, why_not_while};
use state::State;
use tokio::runtime;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio_util::sync::CancellationToken;

use crate::past::{Cursor, Kept, PastError, launch_of, nearest, seq_at};

/// So many questions are worked on at the same time: each has a state of its own.
const AT_ONCE: usize = 2;
const RETRY_AFTER_S: u64 = 5;
/// Stands in the id of every task of an app.
const OF_APP: &str = ".instance-";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    #[error("this master works on {limit} such questions already, and takes no more at the moment")]
    Busy { limit: usize, retry_after_s: u64 },
    #[error(transparent)]
    Past(#[from] PastError),
    #[error(transparent)]
    Unexplained(#[from] Unexplained),
    #[error(transparent)]
    Unasked(#[from] Unasked),
    #[error("the master is stopping")]
    Stopping,
}

/// A task's placement, and the record that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedTask {
    pub record: Arc<Record>,
    pub explained: Explained,
}

/// An answer about the state after a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyNotNow {
    pub seq: Seq,
    pub at: Timestamp,
    pub why_not: WhyNot,
}

/// A log, to be looked at from its past to its end. All of it blocks.
trait History: Send + Sync {
    fn at(&self, seq: Seq, given_up: &CancellationToken) -> Result<Cursor, PastError>;
    /// The cursor stands before the record that launches the task.
    fn launch(
        &self,
        task: &TaskId,
        launched_at: Option<Timestamp>,
        given_up: &CancellationToken,
    ) -> Result<(Cursor, Arc<Record>), PastError>;
    fn seq_at(&self, at: Timestamp) -> Result<Seq, PastError>;
}

struct Over<L> {
    log: Arc<L>,
    kept: Kept,
}

fn unless(given_up: &CancellationToken) -> ControlFlow<()> {
    if given_up.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

impl<L: EventLog> History for Over<L> {
    fn at(&self, seq: Seq, given_up: &CancellationToken) -> Result<Cursor, PastError> {
        runtime::Handle::current().block_on(async {
            let mut cursor = nearest(self.log.as_ref(), seq, &self.kept).await?;
            cursor.advance(seq, |_| unless(given_up)).await?;
            Ok(cursor)
        })
    }

    fn launch(
        &self,
        task: &TaskId,
        launched_at: Option<Timestamp>,
        given_up: &CancellationToken,
    ) -> Result<(Cursor, Arc<Record>), PastError> {
        let finding = launch_of(self.log.as_ref(), task, launched_at, |_| unless(given_up));
        let seq = runtime::Handle::current().block_on(finding)?;
        let mut cursor = self.at(Seq(seq.0.saturating_sub(1)), given_up)?;
        let record = runtime::Handle::current().block_on(cursor.peek())?;
        let record = record.ok_or(PastError::Ahead { seq, last: cursor.state().seq })?;
        Ok((cursor, record))
    }

    fn seq_at(&self, at: Timestamp) -> Result<Seq, PastError> {
        runtime::Handle::current().block_on(seq_at(self.log.as_ref(), at))
    }
}

/// What explanations are made with.
#[derive(Clone)]
pub(crate) struct Explaining {
    history: Arc<dyn History>,
    pub(crate) policies: Policies,
    permits: Arc<Semaphore>,
}

/// A moment that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After this record.
    Seq(Seq),
    /// After the last record whose time is not later.
    Time(Timestamp),
}

impl Explaining {
    pub(crate) fn over<L: EventLog>(log: Arc<L>, kept: Kept, policies: Policies) -> Self {
        Self { history: Arc::new(Over { log, kept }), policies, permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The state at a moment, and where it ends in the log. `last` is how far the log goes for whoever asks.
    pub(crate) async fn at(&self, when: When, last: Seq) -> Result<(State, Tip, Position), ExplainError> {
        let history = Arc::clone(&self.history);
        self.work(move |given_up| {
            let seq = match when {
                When::Seq(seq) if seq > last => return Err(PastError::Ahead { seq, last }.into()),
                When::Seq(seq) => seq,
                When::Time(at) => history.seq_at(at)?.min(last),
            };
            let cursor = history.at(seq, given_up)?;
            let (tip, position) = (cursor.tip(), cursor.position());
            Ok((cursor.into_state(), tip, position))
        })
        .await
    }

    /// `launched_at` is known of a task that is remembered. Nothing behind record `last` is told.
    pub(crate) async fn task(
        &self,
        task: TaskId,
        launched_at: Option<Timestamp>,
        last: Seq,
    ) -> Result<ExplainedTask, ExplainError> {
        if launched_at.is_none() {
            check_form(&task)?;
        }
        let (history, policies) = (Arc::clone(&self.history), self.policies.clone());
        self.work(move |given_up| {
            let (cursor, record) = history.launch(&task, launched_at, given_up)?;
            if record.seq > last {
                return Err(Unexplained::NotLaunched(task).into());
            }
            let explained = explain(&World::of(cursor.into_state()), &record, &task, &policies)?;
            Ok(ExplainedTask { record, explained })
        })
        .await
    }

    /// `state` is asked for when there is room for a copy.
    pub(crate) async fn why_not(
        &self,
        state: impl FnOnce() -> State + Send + 'static,
        what: String,
        agent: String,
        count: u32,
    ) -> Result<WhyNotNow, ExplainError> {
        let policies = self.policies.clone();
        self.work(move |given_up| {
            let state = state();
            let (seq, at) = (state.seq, state.at);
            let going_on = || unless(given_up);
            let why_not = why_not_while(&World::of(state), &what, &agent, count, &policies, &going_on)?;
            Ok(WhyNotNow { seq, at, why_not })
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancellationToken) -> Result<T, ExplainError> + Send + 'static,
    ) -> Result<T, ExplainError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => ExplainError::Busy { limit: AT_ONCE, retry_after_s: RETRY_AFTER_S },
            TryAcquireError::Closed => ExplainError::Stopping,
        })?;
        // Whoever asked may go away; the work finds out, and keeps its permit until then.
        let given_up = CancellationToken::new();
        let _given_up_when_dropped = given_up.clone().drop_guard();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&given_up)
        });
        done.await.unwrap_or(Err(ExplainError::Stopping))
    }
}

/// All of a log is read for a task that nobody remembers, so what cannot be one is refused before that.
pub fn check_form(task: &TaskId) -> Result<(), PastError> {
    let is_of_app = task.as_str().contains(OF_APP);
    if is_of_app || task.framework().is_some() {
        return Ok(());
    }
    let reason = "a whole id has '.instance-' in it, or is of the form F1.O2.id; `bayplan task list --all` names those that are remembered";
    Err(PastError::NoTask { task: task.clone(), reason })
}
