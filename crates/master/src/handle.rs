//! How everybody else reaches the master.

use std::sync::{Arc, RwLockReadGuard};
use std::time::Duration;

use model::{CommandKind, Epoch, Position, Principal, Record, Seq, TaskId, Timestamp, Tip};
use protocol::agent::{Acknowledgement, AgentEvent, StatusReport, Subscribe};
use scheduler::Rejection;
use state::State;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::batch::Submission;
use crate::environment::{Environment, System};
use crate::explaining::{ExplainError, ExplainedTask, Explaining, WhyNotNow};
use crate::feed::Feed;
use crate::metrics::Load;
use crate::node::Order;
use crate::peers::{Peer, Peers};
use crate::reads::Reads;
use crate::role::{Door, KnownLeader, Role};
use crate::sessions::Sessions;
use crate::shadowing::ShadowReport;
use crate::stream::{Follow, RecordStreams, StreamError};
use crate::tasks::Tasks;

/// How long a submitter waits at most. Only a log that is out of reach makes anybody wait for so long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a hand-over may take.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(10);

/// A command that is carried out, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// None when there was nothing to do.
    pub record: Option<Arc<Record>>,
    /// Of the record, or of the last one that the decision was made from.
    pub seq: Seq,
    pub epoch: Epoch,
}

/// Why a command was not carried out. In every case but `Unclear` it has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("the master has {limit} commands waiting and takes no more at the moment")]
    Busy { limit: usize, retry_after_s: u64 },
    #[error("the log takes no writes at the moment: {reason}")]
    LogUnavailable { reason: String, retry_after_s: u64 },
    #[error(
        "the command makes a record of {bytes} bytes, but the log takes {limit} at most, in all of its parts: split it"
    )]
    TooLarge { bytes: usize, limit: usize },
    #[error("this master does not lead; {}", who_leads(.leader.as_ref()))]
    NotLeading { leader: Option<KnownLeader>, retry_after_s: u64 },
    #[error(
        "it is not known whether the command was carried out, because the log cannot be reached: {reason}; look before \
         you send it again"
    )]
    Unclear { reason: String },
    #[error("the master is stopping")]
    Stopping,
}

fn who_leads(leader: Option<&KnownLeader>) -> String {
    leader.map_or_else(|| "nobody does at the moment".to_owned(), |leader| format!("{leader} does"))
}

/// Why nobody took over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    #[error(transparent)]
    NotLeading(SubmitError),
    #[error("{0} leads already")]
    LeadsAlready(String),
    #[error("there is no other master to take over")]
    NobodyThere,
    #[error("there is no master '{name}' to take over; there are: {known}")]
    Unknown { name: String, known: String },
    #[error("nobody has taken over within {seconds} s; whoever tries first leads")]
    NobodyTookOver { seconds: u64 },
}

/// How the master is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why nothing can be changed, while that is so.
    pub writable: Result<(), String>,
    pub role: Role,
    /// How this master calls itself.
    pub name: String,
    /// Who began the present epoch.
    pub leader: String,
    pub started_at: Timestamp,
}

/// A cheap reference to a running master.
#[derive(Clone)]
pub struct Handle {
    pub(crate) name: Arc<str>,
    pub(crate) started_at: Timestamp,
    pub(crate) door: watch::Receiver<Door>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) inbox_limit: usize,
    /// None where nobody else can lead.
    pub(crate) leader_silence: Option<Duration>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) reads: Arc<Reads>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) streams: RecordStreams,
    pub(crate) explaining: Explaining,
    pub(crate) tasks: Tasks,
    /// Of a moment of the past, its time.
    pub(crate) past_at: Option<Timestamp>,
}

impl Handle {
    /// Resolves once the command's record is durable. A command with nothing to do has no record.
    pub async fn submit(&self, principal: Principal, kind: CommandKind) -> Result<Committed, SubmitError> {
        if let CommandKind::AddModule { name, bytes } = &kind
            && self.role() == Role::Leading
        {
            self.reads.preparing().check(name, bytes).await?;
        }
        let inbox = match &*self.door.borrow() {
            Door::Open(inbox) => inbox.clone(),
            Door::Shut => return Err(self.not_leading()),
            Door::Stopping => return Err(SubmitError::Stopping),
        };
        let (reply, answer) = oneshot::channel();
        inbox.try_send(Submission { principal, kind, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy { limit: self.inbox_limit, retry_after_s: 1 },
            mpsc::error::TrySendError::Closed(_) => self.not_leading(),
        })?;
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(answer) => answer.unwrap_or(Err(SubmitError::Stopping)),
            Err(_) => {
                let reason = self.reads.writable().err().unwrap_or_else(|| "it does not answer".to_owned());
                Err(SubmitError::Unclear { reason })
            }
        }
    }

    fn not_leading(&self) -> SubmitError {
        SubmitError::NotLeading { leader: self.leader(), retry_after_s: 1 }
    }

    #[must_use]
    pub fn role(&self) -> Role {
        if self.past_at.is_some() {
            return Role::Leading;
        }
        match &*self.door.borrow() {
            Door::Open(_) => Role::Leading,
            Door::Shut | Door::Stopping => Role::Following { leader: self.leader() },
        }
    }

    /// Another master that leads, if one was heard of a moment ago.
    fn leader(&self) -> Option<KnownLeader> {
        let silence = self.peers.signs().borrow().leader_heard_at.elapsed();
        let state = self.read();
        let header = &state.header;
        let is_heard = self.leader_silence.is_some_and(|limit| silence < limit);
        let is_other = !header.leader.is_empty() && *header.leader != *self.name;
        (is_heard && is_other)
            .then(|| KnownLeader { name: header.leader.clone(), addresses: header.leader_addresses.clone() })
    }

    /// What the clock says: for ages only. In the past it says when that was.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.past_at.unwrap_or_else(|| System.now())
    }

    /// The other masters that were heard of a moment ago.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.peers.others()
    }

    /// Stops leading in favour of another master; returns when it leads.
    pub async fn hand_over(&self, to: Option<String>) -> Result<KnownLeader, HandOverError> {
        if self.role() != Role::Leading {
            return Err(HandOverError::NotLeading(self.not_leading()));
        }
        if to.as_deref() == Some(&*self.name) {
            return Err(HandOverError::LeadsAlready(self.name.to_string()));
        }
        let peers = self.peers();
        if peers.is_empty() {
            return Err(HandOverError::NobodyThere);
        }
        if let Some(name) = to.as_ref().filter(|name| peers.iter().all(|peer| peer.name != **name)) {
            let known = peers.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(HandOverError::Unknown { name: name.clone(), known });
        }
        let epoch = self.read().epoch;
        let mut seq = self.reads.seq();
        if self.orders.send(Order::HandOver { to }).await.is_err() {
            return Err(HandOverError::NotLeading(SubmitError::Stopping));
        }
        let taken_over = async {
            while self.read().epoch <= epoch {
                if seq.changed().await.is_err() {
                    break;
                }
            }
        };
        if timeout(HAND_OVER_TIMEOUT, taken_over).await.is_err() {
            return Err(HandOverError::NobodyTookOver { seconds: HAND_OVER_TIMEOUT.as_secs() });
        }
        let state = self.read();
        Ok(KnownLeader { name: state.header.leader.clone(), addresses: state.header.leader_addresses.clone() })
    }

    /// The state after the last durable record that this master has. Hold it briefly: while somebody reads, nothing is
    /// published.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.reads.state()
    }

    /// Waits until the state has folded record `seq`; false if it has not within `patience`.
    pub async fn wait_for(&self, seq: Seq, patience: Duration) -> bool {
        let mut folded = self.reads.seq();
        let reached = timeout(patience, folded.wait_for(|folded| *folded >= seq)).await;
        matches!(reached, Ok(Ok(_)))
    }

    /// Records from the log, and then, for [`Follow::Live`], as they become durable.
    #[must_use]
    pub fn records(&self, from: Seq, follow: Follow) -> mpsc::Receiver<Result<Arc<Record>, StreamError>> {
        match self.past_at {
            Some(_) => self.streams.open(from, self.read().seq, Follow::ToEnd),
            None => self.streams.open(from, Seq(u64::MAX), follow),
        }
    }

    /// Why a task is where it is: the whole account of that decision, at that moment. The log is folded for it.
    pub async fn explain(&self, task: TaskId) -> Result<ExplainedTask, ExplainError> {
        let (launched_at, last) = {
            let state = self.read();
            (state.tasks.get(&task).map(|task| task.launched_at), state.seq)
        };
        self.explaining.task(task, launched_at, last).await
    }

    /// Why an instance of an app, or a task if it were placed anew, would not go to an agent, as the cluster is now; and how
    /// many of `count` would fit there.
    pub async fn why_not(&self, what: String, agent: String, count: u32) -> Result<WhyNotNow, ExplainError> {
        let reads = Arc::clone(&self.reads);
        self.explaining.why_not(move || reads.state().clone(), what, agent, count).await
    }

    /// Opens an agent's session; an earlier one of the same agent ends.
    pub async fn subscribe_agent(&self, subscribe: Subscribe) -> Result<mpsc::Receiver<AgentEvent>, SubmitError> {
        if self.role() != Role::Leading {
            return Err(self.not_leading());
        }
        self.sessions.subscribe(self, subscribe).await
    }

    /// Takes an agent's report; the acknowledgement means that it is durable.
    pub async fn report(&self, report: StatusReport) -> Result<Acknowledgement, SubmitError> {
        if self.role() != Role::Leading {
            return Err(self.not_leading());
        }
        self.sessions.report(self, report).await
    }

    #[must_use]
    pub fn health(&self) -> Health {
        let role = self.role();
        let writable = match (&role, self.reads.writable()) {
            (Role::Following { leader: None }, Ok(())) => Err("no master leads at the moment".to_owned()),
            (_, writable) => writable,
        };
        let leader = self.read().header.leader.clone();
        Health { writable, role, name: self.name.to_string(), leader, started_at: self.started_at }
    }

    /// A copy of the state after the last durable record that this master has, and where that is in the log.
    #[must_use]
    pub fn copy(&self) -> (State, Tip, Position) {
        self.reads.copy()
    }

    /// How far the snapshot is; None when none is kept.
    #[must_use]
    pub fn snapshot(&self) -> Option<snapshot::Progress> {
        self.reads.feed().and_then(Feed::progress)
    }

    /// What the shadow has found so far; None without one.
    #[must_use]
    pub fn shadow(&self) -> Option<ShadowReport> {
        self.reads.shadow()
    }

    /// The placement policies to choose from: name and a line about each.
    #[must_use]
    pub fn placement_policies() -> &'static [(&'static str, &'static str)] {
        placement::POLICIES
    }

    /// The profiles that are built in beside the policies, in the same way.
    #[must_use]
    pub fn placement_profiles() -> &'static [(&'static str, &'static str)] {
        placement::PROFILES
    }

    /// Sets the gauges that only a look at the running master gives. Call it before metrics are rendered.
    pub fn observe_metrics(&self) {
        let inbox_commands = match &*self.door.borrow() {
            Door::Open(inbox) => self.inbox_limit - inbox.capacity(),
            Door::Shut | Door::Stopping => 0,
        };
        let (peers, seq) = (self.peers(), self.read().seq);
        let furthest = peers.iter().map(|peer| peer.seq).max().unwrap_or(seq);
        let load = Load {
            inbox_commands,
            inbox_limit: self.inbox_limit,
            is_writable: self.health().writable.is_ok(),
            is_leading: self.role() == Role::Leading,
            peers: peers.len(),
            standby_lag: furthest.0.saturating_sub(seq.0),
            shadow_lag: self.shadow().map_or(0, |shadow| seq.0.saturating_sub(shadow.seq.0)),
            snapshot_lag: self.snapshot().map(|progress| seq.0.saturating_sub(progress.written.0)),
        };
        crate::metrics::observe(&load);
    }

    /// What happened in the cluster and how it stands, in Prometheus' text format: a picture of the state that is read.
    #[must_use]
    pub fn cluster_metrics(&self) -> String {
        let families = state::metrics::families(&self.read());
        state::metrics::text(&families)
    }
}
