//! Answers why a task is where it is, and why an instance would not go somewhere: in threads that may block, a few at a time.
//!
//! The first folds the log up to the moment of the decision, the second looks at the present state.

use std::ops::ControlFlow;
use std::sync::Arc;

use eventlog::EventLog;
use model::{Record, Seq, TaskId, Timestamp};
use scheduler::{Explained, Policies, Unasked, Unexplained, WhyNot, World, explain, why_not};
use state::State;
use tokio::runtime;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio_util::sync::CancellationToken;

use crate::past::{Moment, Past, PastError, beginning, fold_to};

/// So many questions are worked on at the same time: each has a state of its own.
const AT_ONCE: usize = 2;
const RETRY_AFTER_S: u64 = 5;

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

type LookBack = dyn Fn(&Moment, bool, &CancellationToken) -> Result<Past, PastError> + Send + Sync;

/// What explanations are made with.
#[derive(Clone)]
pub(crate) struct Explaining {
    /// Blocks.
    look_back: Arc<LookBack>,
    policies: Policies,
    permits: Arc<Semaphore>,
}

impl Explaining {
    pub(crate) fn over<L: EventLog>(log: Arc<L>, policies: Policies) -> Self {
        let look_back = move |moment: &Moment, is_known: bool, given_up: &CancellationToken| {
            let going_on = |_| if given_up.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            runtime::Handle::current().block_on(async {
                let begin = beginning(log.as_ref(), moment, is_known).await?;
                fold_to(begin, moment, going_on).await
            })
        };
        Self { look_back: Arc::new(look_back), policies, permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// `is_known` says whether the task is remembered at the end of the log.
    pub(crate) async fn task(&self, task: TaskId, is_known: bool) -> Result<ExplainedTask, ExplainError> {
        let (look_back, policies) = (Arc::clone(&self.look_back), self.policies.clone());
        self.work(move |given_up| {
            let moment = Moment::Launch(task.clone());
            let Past { state, next } = look_back(&moment, is_known, given_up)?;
            let record = next.ok_or_else(|| Unexplained::NotLaunched(task.clone()))?;
            let explained = explain(&World::of(state), &record, &task, &policies)?;
            Ok(ExplainedTask { record, explained })
        })
        .await
    }

    pub(crate) async fn why_not(
        &self,
        state: State,
        what: String,
        agent: String,
        count: u32,
    ) -> Result<WhyNotNow, ExplainError> {
        let policies = self.policies.clone();
        self.work(move |_| {
            let (seq, at) = (state.seq, state.at);
            let why_not = why_not(&World::of(state), &what, &agent, count, &policies)?;
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
