//! The agent's side of the master's stream: subscribing, listening, reporting. It knows what goes over the wire
//! and when to try again, and nothing of tasks.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use futures_util::StreamExt;
use model::{AgentDescription, StatusUpdate};
use protocol::agent::{
    Acknowledgement, AgentEvent, AgentIdentity, Desired, STATUS_PATH, SUBSCRIBE_PATH, StatusReport, Subscribe,
};
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use tokio::sync::{mpsc, watch};

use crate::config::base_url;
use crate::metrics;
use crate::node::Input;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the request to the first line of its answer.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(15);
const REPORT_TIMEOUT: Duration = Duration::from_secs(15);
/// How many heartbeats may be missed.
const SILENT_INTERVALS: u32 = 3;
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// One line: a desired list of some tens of thousands of tasks.
const MAX_LINE_BYTES: usize = 256 << 20;
/// Of an answer that says why something was refused.
const MAX_WORDS: usize = 500;
/// How often in a row masters may send us on without a wait.
const MAX_SENT_ON: u32 = 3;

/// What the parts of the link share.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) client: reqwest::Client,
    pub(crate) masters: Vec<String>,
    pub(crate) token: Option<String>,
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

pub(crate) fn client() -> reqwest::Client {
    // Redirects are followed by whoever chooses the next master. Only TLS settings can fail, and there are none.
    let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).no_proxy();
    builder.build().expect("a plain HTTP client")
}

/// Why nothing came of a request.
enum Lost {
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

    async fn wait(&mut self) {
        let half = self.0 / 2;
        let random = RandomState::new().hash_one(0) % 1000;
        tokio::time::sleep(half + half * u32::try_from(random).unwrap_or(0) / 1000).await;
        self.0 = (self.0 * 2).min(MAX_BACKOFF);
    }
}

impl Link {
    fn post<T: serde::Serialize>(&self, master: &str, path: &str, body: &T) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", base_url(master))).json(body);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

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
            backoff.wait().await;
        }
    }

    /// One subscription from its beginning to its end. The error says why it ended.
    async fn subscribe(&mut self, master: &str) -> Result<(), Lost> {
        let description = self.description.borrow_and_update().clone();
        let subscribe = Subscribe { identity: self.identity.borrow().clone(), description };
        let response = within(SUBSCRIBE_TIMEOUT, self.post(master, SUBSCRIBE_PATH, &subscribe).send()).await?;
        let response = response.map_err(|error| in_words(&error))?;
        if let Some(leader) = sent_on_to(&response) {
            return Err(Lost::SentOn(leader));
        }
        let response = accepted(response).await?;
        let mut lines = Lines { body: response.bytes_stream(), buffer: Vec::new(), searched: 0 };
        let mut patience = SUBSCRIBE_TIMEOUT;
        let mut answering = tokio::spawn(std::future::ready(()));
        loop {
            let line = tokio::select! {
                line = within(patience, lines.next()) => line??,
                _ = self.description.changed() => return Ok(()),
            };
            let word = match serde_json::from_slice(&line).map_err(|error| format!("not understood: {error}"))? {
                AgentEvent::Heartbeat => {
                    if answering.is_finished() {
                        answering = tokio::spawn(self.clone().answer_heartbeat());
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

    /// Tells the master that this agent is there, by a report of nothing.
    async fn answer_heartbeat(mut self) {
        if let Err(reason) = self.report(&[]).await {
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
                backoff.wait().await;
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
        let report = StatusReport { identity, updates: updates.to_vec() };
        let request = self.post(&master, STATUS_PATH, &report).timeout(REPORT_TIMEOUT).send();
        let response = accepted(request.await.map_err(|error| in_words(&error))?).await?;
        response.json().await.map_err(|error| in_words(&error))
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(limit, work).await.map_err(|_| format!("nothing was heard for {} ms", limit.as_millis()))
}

/// Where the leader is, if the response says that it is somebody else.
fn sent_on_to(response: &reqwest::Response) -> Option<String> {
    if response.status() != StatusCode::TEMPORARY_REDIRECT {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let leader = response.url().join(location).ok()?;
    Some(format!("http://{}:{}", leader.host_str()?, leader.port_or_known_default()?))
}

/// The response if it is a success, else what it says.
async fn accepted(response: reqwest::Response) -> Result<reqwest::Response, String> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let words: String = response.text().await.unwrap_or_default().trim().chars().take(MAX_WORDS).collect();
    Err(format!("the master answers {status} {words}"))
}

/// An error with its causes, which reqwest leaves to the caller.
fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Cuts a body into lines.
struct Lines<S> {
    body: S,
    buffer: Vec<u8>,
    /// How much of the buffer is known to have no end of line.
    searched: usize,
}

impl<S, B> Lines<S>
where
    S: futures_util::Stream<Item = Result<B, reqwest::Error>> + Unpin,
    B: AsRef<[u8]>,
{
    /// May be dropped and called again.
    async fn next(&mut self) -> Result<Vec<u8>, String> {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| end + self.searched) {
                let rest = self.buffer.split_off(end + 1);
                self.searched = 0;
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(format!("a line is longer than {MAX_LINE_BYTES} bytes"));
            }
            match self.body.next().await {
                Some(Ok(more)) => self.buffer.extend_from_slice(more.as_ref()),
                Some(Err(error)) => return Err(in_words(&error)),
                None => return Err("the master closed the connection".to_owned()),
            }
        }
    }
}
