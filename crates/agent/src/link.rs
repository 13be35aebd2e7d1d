//! The agent's side of the master's stream: subscribing, listening, reporting. It knows what goes over the wire
//! and when to try again, and nothing of tasks.

mod http;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::{AgentDescription, StatusUpdate};
use protocol::agent::{Acknowledgement, AgentEvent, AgentIdentity, Desired, StatusReport, Subscribe};
use tokio::sync::{mpsc, watch};

use crate::machine::Environment;
use crate::metrics;
use crate::node::Input;
use crate::tasks::Tasks;

pub use http::Http;

/// From the request to the first line of its answer.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(15);
const REPORT_TIMEOUT: Duration = Duration::from_secs(15);
/// How many heartbeats may be missed.
const SILENT_INTERVALS: u32 = 3;
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How often in a row masters may send us on without a wait.
const MAX_SENT_ON: u32 = 3;

/// How an agent reaches a master. Every error is in words, for people.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Opens a stream of events; resolves when the master has accepted it.
    fn subscribe(&self, master: &str, subscribe: Subscribe) -> BoxFuture<'static, Result<Box<dyn Events>, Lost>>;

    /// Resolves when the report is durable. After an error it may be so all the same.
    fn report(&self, master: &str, report: StatusReport) -> BoxFuture<'static, Result<Acknowledgement, String>>;
}

/// What a master says, in order. It ends with an error.
pub trait Events: Send {
    /// May be dropped and called again.
    fn next(&mut self) -> BoxFuture<'_, Result<AgentEvent, String>>;
}

/// What the parts of the link share.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) tasks: Tasks,
    pub(crate) masters: Vec<String>,
    pub(crate) identity: watch::Receiver<Option<AgentIdentity>>,
    pub(crate) description: watch::Receiver<AgentDescription>,
    /// The address of the master that we are subscribed to.
    pub(crate) connected: watch::Sender<Option<String>>,
    pub(crate) inputs: mpsc::Sender<Input>,
}

/// What the master says.
#[derive(Debug)]
pub(crate) enum Word {
    Subscribed(AgentIdentity),
    Desired(Desired),
    Refused(String),
}

/// Why nothing came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The master does not lead; this one does.
    SentOn(String),
    Reason(String),
}

impl From<String> for Lost {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

/// Doubles up to a limit; each wait is between half and all of it, so that many agents do not come at once.
struct Backoff(Duration);

impl Backoff {
    const fn new() -> Self {
        Self(MIN_BACKOFF)
    }

    async fn wait(&mut self, environment: &dyn Environment) {
        let half = self.0 / 2;
        let random = u32::from(environment.random()[0]);
        tokio::time::sleep(half + half * random / 256).await;
        self.0 = (self.0 * 2).min(MAX_BACKOFF);
    }
}

impl Link {
    /// Stays subscribed, with one master after the other, until dropped.
    pub(crate) async fn stay_subscribed(mut self) {
        let mut backoff = Backoff::new();
        let mut said = String::new();
        let mut turns = self.masters.clone().into_iter().cycle();
        let (mut leader, mut sent_on) = (None, 0);
        loop {
            let Some(master) = leader.take().or_else(|| turns.next()) else { return };
            let lost = self.subscribe(&master).await;
            let was_connected = self.connected.send_replace(None).is_some();
            metrics::set_subscribed(false);
            if was_connected {
                backoff = Backoff::new();
                said.clear();
                sent_on = 0;
            }
            let reason = match lost {
                // Its own wish: the description changed.
                Ok(()) => {
                    leader = Some(master);
                    continue;
                }
                Err(Lost::SentOn(other)) if sent_on < MAX_SENT_ON => {
                    (leader, sent_on) = (Some(other), sent_on + 1);
                    continue;
                }
                Err(Lost::SentOn(other)) => format!("it follows {other}"),
                Err(Lost::Reason(reason)) => reason,
            };
            sent_on = 0;
            if reason == said {
                tracing::debug!(master, reason, "still no connection to the master");
            } else {
                tracing::warn!(master, reason, "no connection to the master; trying again");
                said = reason;
            }
            backoff.wait(self.environment.as_ref()).await;
        }
    }

    /// One subscription from its beginning to its end. The error says why it ended.
    async fn subscribe(&mut self, master: &str) -> Result<(), Lost> {
        let description = self.description.borrow_and_update().clone();
        let subscribe = Subscribe { identity: self.identity.borrow().clone(), description };
        let mut events = within(SUBSCRIBE_TIMEOUT, self.transport.subscribe(master, subscribe)).await??;
        let mut patience = SUBSCRIBE_TIMEOUT;
        let mut answering = self.tasks.spawn(std::future::ready(()));
        loop {
            let event = tokio::select! {
                biased;
                _ = self.description.changed() => return Ok(()),
                event = within(patience, events.next()) => event??,
            };
            let word = match event {
                AgentEvent::Heartbeat => {
                    if answering.is_finished() {
                        answering = self.tasks.spawn(self.clone().answer_heartbeat());
                    }
                    continue;
                }
                AgentEvent::Subscribed { identity, heartbeat_interval_ms } => {
                    patience = Duration::from_millis(heartbeat_interval_ms.max(1)) * SILENT_INTERVALS;
                    tracing::info!(master, agent = %identity.agent, "subscribed");
                    self.connected.send_replace(Some(master.to_owned()));
                    metrics::set_subscribed(true);
                    Word::Subscribed(identity)
                }
                AgentEvent::Desired(desired) => Word::Desired(desired),
                AgentEvent::Refused { message } => Word::Refused(message),
            };
            self.inputs.send(Input::Master(word)).await.map_err(|_| "the agent is stopping".to_owned())?;
        }
    }

    /// Tells the master that this agent is there, by a report of nothing. It waits for nothing: another heartbeat follows.
    async fn answer_heartbeat(self) {
        let (master, identity) = (self.connected.borrow().clone(), self.identity.borrow().clone());
        let (Some(master), Some(identity)) = (master, identity) else { return };
        if let Err(reason) = self.report_to(&master, identity, &[]).await {
            tracing::debug!(reason, "a heartbeat was not answered");
        }
    }

    /// Delivers reports one after the other, each until it is answered.
    pub(crate) async fn deliver(mut self, mut reports: mpsc::Receiver<Vec<StatusUpdate>>) {
        while let Some(updates) = reports.recv().await {
            let mut backoff = Backoff::new();
            let acknowledgement = loop {
                match self.report(&updates).await {
                    Ok(answer) if answer.updates.iter().any(|id| updates.iter().any(|update| update.id == *id)) => {
                        break answer;
                    }
                    Ok(_) => tracing::warn!(updates = updates.len(), "the master acknowledges none of our updates"),
                    Err(reason) => tracing::warn!(reason, updates = updates.len(), "cannot report; trying again"),
                }
                backoff.wait(self.environment.as_ref()).await;
            };
            if self.inputs.send(Input::Acknowledged(acknowledgement)).await.is_err() {
                return;
            }
        }
    }

    async fn report(&mut self, updates: &[StatusUpdate]) -> Result<Acknowledgement, String> {
        let mut connected = self.connected.subscribe();
        let master = connected.wait_for(Option::is_some).await.map_err(|error| error.to_string())?.clone();
        let identity = self.identity.wait_for(Option::is_some).await.map_err(|error| error.to_string())?.clone();
        let (Some(master), Some(identity)) = (master, identity) else { return Err("not subscribed".to_owned()) };
        self.report_to(&master, identity, updates).await
    }

    async fn report_to(
        &self,
        master: &str,
        identity: AgentIdentity,
        updates: &[StatusUpdate],
    ) -> Result<Acknowledgement, String> {
        let report = StatusReport { identity, updates: updates.to_vec() };
        within(REPORT_TIMEOUT, self.transport.report(master, report)).await?
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(limit, work).await.map_err(|_| format!("nothing was heard for {} ms", limit.as_millis()))
}
