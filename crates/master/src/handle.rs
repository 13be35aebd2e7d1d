//! How everybody else reaches the master.

use std::sync::{Arc, RwLockReadGuard};

use model::{CommandKind, Epoch, Principal, Record, Seq, Timestamp};
use protocol::agent::{Acknowledgement, AgentEvent, StatusReport, Subscribe};
use scheduler::Rejection;
use state::State;
use tokio::sync::{mpsc, oneshot};

use crate::batch::Submission;
use crate::metrics::Load;
use crate::reads::Reads;
use crate::sessions::Sessions;
use crate::stream::{Follow, RecordStreams, StreamError};
use crate::tasks::Tasks;

/// A command that is carried out, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// None when there was nothing to do.
    pub record: Option<Arc<Record>>,
    /// Of the record, or of the last one that the decision was made from.
    pub seq: Seq,
    pub epoch: Epoch,
}

/// Why a command was not carried out. In every case it has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("the master has {limit} commands waiting and takes no more at the moment")]
    Busy { limit: usize, retry_after_s: u64 },
    #[error("the log takes no writes at the moment: {reason}")]
    LogUnavailable { reason: String, retry_after_s: u64 },
    #[error("the command makes a record of {bytes} bytes, but the log takes {limit} at most: split it")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the master is stopping")]
    Stopping,
}

/// How the master is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why writes are refused, while they are.
    pub writable: Result<(), String>,
    pub leader: String,
    pub started_at: Timestamp,
}

/// A cheap reference to a running master.
#[derive(Clone)]
pub struct Handle {
    pub(crate) inbox: mpsc::Sender<Submission>,
    pub(crate) inbox_limit: usize,
    pub(crate) reads: Arc<Reads>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) streams: RecordStreams,
    pub(crate) tasks: Tasks,
}

impl Handle {
    /// Resolves once the command's record is durable. A command with nothing to do has no record.
    pub async fn submit(&self, principal: Principal, kind: CommandKind) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.try_send(Submission { principal, kind, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy { limit: self.inbox_limit, retry_after_s: 1 },
            mpsc::error::TrySendError::Closed(_) => SubmitError::Stopping,
        })?;
        answer.await.unwrap_or(Err(SubmitError::Stopping))
    }

    /// The state after the last durable record. Hold it briefly: while somebody reads, nothing is published.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.reads.state()
    }

    /// Records from the log, and then, for [`Follow::Live`], as they become durable.
    #[must_use]
    pub fn records(&self, from: Seq, follow: Follow) -> mpsc::Receiver<Result<Arc<Record>, StreamError>> {
        self.streams.open(from, follow)
    }

    /// Opens an agent's session; an earlier one of the same agent ends.
    pub async fn subscribe_agent(&self, subscribe: Subscribe) -> Result<mpsc::Receiver<AgentEvent>, SubmitError> {
        self.sessions.subscribe(self, subscribe).await
    }

    /// Takes an agent's report; the acknowledgement means that it is durable.
    pub async fn report(&self, report: StatusReport) -> Result<Acknowledgement, SubmitError> {
        self.sessions.report(self, report).await
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.reads.health()
    }

    /// The placement policies to choose from: name and a line about each.
    #[must_use]
    pub fn placement_policies() -> &'static [(&'static str, &'static str)] {
        placement::POLICIES
    }

    /// Sets the gauges and counters that are a picture of the state. Call it before metrics are rendered.
    pub fn observe_metrics(&self) {
        let load = Load {
            inbox_commands: self.inbox_limit - self.inbox.capacity(),
            inbox_limit: self.inbox_limit,
            is_writable: self.health().writable.is_ok(),
        };
        crate::metrics::observe(&self.read(), &load);
    }
}
