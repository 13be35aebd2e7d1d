//! The connection to the servers, and JetStream's requests over it. All waits are bounded.
//!
//! The client connects again by itself, to whichever server answers. What was handed to it without a connection is sent
//! later, so nothing is handed to it then.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, RequestErrorKind, ServerAddr};
use bytes::Bytes;
use model::Position;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::api::{ApiError, StreamInfo, code};
use super::options::{
    CONNECT_TIMEOUT, DOUBT_PATIENCE, JetStreamOptions, LINK_LOOK_INTERVAL, LOWEST_SERVER, PING_INTERVAL,
    RECONNECT_PAUSE, REQUEST_TIMEOUT, RETRY_PAUSE, SUBSCRIPTION_MESSAGES,
};
use crate::{Bounds, OpenError};

pub(super) struct Link {
    pub(super) client: Client,
    pub(super) options: JetStreamOptions,
    pub(super) stream: String,
    pub(super) subject: String,
    found: OnceLock<Found>,
    /// The highest position that was acknowledged to, or seen by, anybody who uses this link.
    known: AtomicU64,
    closed: watch::Sender<bool>,
}

/// The stream as it was when it was opened.
#[derive(Debug)]
pub(super) struct Found {
    /// When it was made, which tells it from a later one of the same name.
    made: String,
    pub(super) replicas: usize,
    /// None when it has no limit.
    pub(super) max_bytes: Option<u64>,
}

/// Why a request to JetStream gave nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No answer, or one that says that nobody can answer now.
    NoAnswer(String),
    Refused(ApiError),
}

impl Trouble {
    pub(super) fn is(&self, code: u64) -> bool {
        matches!(self, Self::Refused(error) if error.err_code == code)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAnswer(reason) => f.write_str(reason),
            Self::Refused(error) => write!(f, "{} (code {})", error.description, error.err_code),
        }
    }
}

/// Longer pauses from try to try.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: RETRY_PAUSE.0, longest: RETRY_PAUSE.1 }
    }
}

impl Pauses {
    pub(super) async fn pause(&mut self, deadline: Instant) {
        sleep(self.next.min(deadline.saturating_duration_since(Instant::now()))).await;
        self.next = (self.next * 2).min(self.longest);
    }
}

impl Link {
    pub(super) async fn connect(options: JetStreamOptions) -> Result<Self, OpenError> {
        let client = connect(&options).await?;
        let info = client.server_info();
        let (major, minor, patch) = LOWEST_SERVER;
        if !client.is_server_compatible(major, minor, patch) {
            let lowest = format!("{major}.{minor}.{patch}");
            return Err(OpenError::OldServer { server: info.server_name, found: info.version, lowest });
        }
        Ok(Self {
            client,
            stream: options.stream(),
            subject: options.subject(),
            options,
            found: OnceLock::new(),
            known: AtomicU64::new(0),
            closed: watch::Sender::new(false),
        })
    }

    /// Ends all readers.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(super) async fn closing(&self) {
        // The sender is in `self`, so the wait cannot fail.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Changes with every new connection.
    pub(super) fn generation(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Waits until the connection of this generation is no more.
    pub(super) async fn lost(&self, generation: u64) {
        while self.is_up() && self.generation() == generation {
            sleep(LINK_LOOK_INTERVAL).await;
        }
    }

    pub(super) fn known(&self) -> Position {
        Position(self.known.load(Ordering::Acquire))
    }

    pub(super) fn learn(&self, position: Position) {
        self.known.fetch_max(position.0, Ordering::AcqRel);
    }

    /// A request of JetStream's API; `verb` as in `STREAM.INFO.x`.
    pub(super) async fn ask<T: DeserializeOwned>(&self, verb: &str, body: &impl Serialize) -> Result<T, Trouble> {
        if !self.is_up() {
            return Err(Trouble::NoAnswer("no NATS server is connected".to_owned()));
        }
        let body = Bytes::from(serde_json::to_vec(body).expect("requests are plain data"));
        let generation = self.generation();
        let asking = timeout(REQUEST_TIMEOUT, self.client.request(format!("$JS.API.{verb}"), body));
        let answer = tokio::select! {
            answer = asking => answer,
            () = self.lost(generation) => return Err(Trouble::NoAnswer("the connection was lost".to_owned())),
        };
        let message = match answer {
            Ok(Ok(message)) => message,
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                return Err(Trouble::NoAnswer(
                    "JetStream does not answer; is it switched on, and is there a leader?".into(),
                ));
            }
            Ok(Err(error)) => return Err(Trouble::NoAnswer(error.to_string())),
            Err(_) => return Err(Trouble::NoAnswer("no answer came in time".to_owned())),
        };
        parse(&message.payload)
    }

    pub(super) async fn info(&self) -> Result<StreamInfo, Trouble> {
        self.ask(&format!("STREAM.INFO.{}", self.stream), &Value::Object(serde_json::Map::new())).await
    }

    /// Remembers which stream this is.
    pub(super) fn identify(&self, info: &StreamInfo) {
        let StreamInfo { config, created, .. } = info;
        let max_bytes = u64::try_from(config.max_bytes).ok().filter(|bytes| *bytes > 0);
        let _ = self.found.set(Found { made: created.clone(), replicas: config.num_replicas, max_bytes });
        self.learn(info.state.bounds().last);
    }

    pub(super) fn found(&self) -> &Found {
        self.found.get().expect("a log is opened with its stream identified")
    }

    /// Where the stream begins and ends, not before anything that this link knows of. Goes on for `patience`; what
    /// cannot change any more is an error earlier.
    pub(super) async fn bounds(&self, patience: Duration) -> Result<Bounds, String> {
        let deadline = Instant::now() + patience;
        let mut pauses = Pauses::default();
        let mut doubt_since = None;
        loop {
            let (reason, in_doubt) = match self.look().await {
                Ok(bounds) => return Ok(bounds),
                Err(Look::Final(reason)) => return Err(reason),
                Err(Look::Doubtful(reason)) => (reason, true),
                Err(Look::Unclear(reason)) => (reason, false),
            };
            if in_doubt {
                let since = *doubt_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= DOUBT_PATIENCE {
                    return Err(reason);
                }
            } else {
                doubt_since = None;
            }
            if Instant::now() >= deadline {
                return Err(reason);
            }
            pauses.pause(deadline).await;
        }
    }

    async fn look(&self) -> Result<Bounds, Look> {
        let info = match self.info().await {
            Ok(info) => info,
            Err(trouble) if trouble.is(code::STREAM_NOT_FOUND) => {
                let reason = format!("the stream {} is gone; put it back from a backup", self.stream);
                return Err(Look::Doubtful(reason));
            }
            Err(trouble) => return Err(Look::Unclear(trouble.to_string())),
        };
        if self.found.get().is_some_and(|found| found.made != info.created) {
            let reason = format!("the stream {} was deleted and made anew; put back the old one", self.stream);
            return Err(Look::Final(reason));
        }
        let (bounds, known) = (info.state.bounds(), self.known());
        if bounds.last < known {
            let (stream, last) = (&self.stream, bounds.last);
            let reason =
                format!("the stream {stream} ends at position {last}, but {known} was there: the servers have lost it");
            return Err(Look::Doubtful(reason));
        }
        self.learn(bounds.last);
        Ok(bounds)
    }

    /// Whether the stream holds a message at this position, as its leader says.
    pub(super) async fn holds(&self, position: Position) -> Result<bool, Trouble> {
        let request = serde_json::json!({ "seq": position.0 });
        match self.ask::<Value>(&format!("STREAM.MSG.GET.{}", self.stream), &request).await {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.is(code::NO_MESSAGE) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }
}

enum Look {
    /// Nothing changes this any more.
    Final(String),
    /// To be believed when it stays.
    Doubtful(String),
    Unclear(String),
}

/// An answer of JetStream's: an error or the value.
pub(super) fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Trouble> {
    let strange = |error: serde_json::Error| Trouble::NoAnswer(format!("the answer is not understood: {error}"));
    let mut answer: Value = serde_json::from_slice(payload).map_err(strange)?;
    match answer.get_mut("error").map(Value::take) {
        Some(error) => Err(Trouble::Refused(serde_json::from_value(error).map_err(strange)?)),
        None => serde_json::from_value(answer).map_err(strange),
    }
}

async fn connect(options: &JetStreamOptions) -> Result<Client, OpenError> {
    let servers = addresses(options)?;
    let names: Vec<String> = servers.iter().map(|server| format!("{}:{}", server.host(), server.port())).collect();
    let deadline = Instant::now() + options.open_timeout;
    let mut pauses = Pauses::default();
    let mut reason = "no answer came in time".to_owned();
    loop {
        let connecting = connect_options(&servers).connect(&servers[..]);
        match within(deadline, connecting).await {
            Some(Ok(client)) => return Ok(client),
            Some(Err(error)) => {
                reason = error.to_string();
                if matches!(error.kind(), ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation) {
                    return Err(OpenError::NoServer { servers: names.join(", "), reason });
                }
            }
            // What was said before tells more.
            None => {}
        }
        if Instant::now() >= deadline {
            return Err(OpenError::NoServer { servers: names.join(", "), reason });
        }
        pauses.pause(deadline).await;
    }
}

async fn within<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    timeout(deadline.saturating_duration_since(Instant::now()), future).await.ok()
}

fn addresses(options: &JetStreamOptions) -> Result<Vec<ServerAddr>, OpenError> {
    let parse = |server: &String| {
        // A URL may hold a password, so it is not repeated.
        server.parse().map_err(|_| OpenError::BadOption {
            reason: "servers: one is not a URL such as nats://host:4222".to_owned(),
        })
    };
    options.servers.iter().map(parse).collect()
}

/// The client takes no names and passwords from URLs. All servers of a cluster know the same ones.
fn connect_options(servers: &[ServerAddr]) -> ConnectOptions {
    let pause = |attempts: usize| {
        let doublings = u32::try_from(attempts.saturating_sub(2)).unwrap_or(u32::MAX).min(16);
        if attempts <= 1 { Duration::ZERO } else { (RECONNECT_PAUSE.0 * (1 << doublings)).min(RECONNECT_PAUSE.1) }
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let named = servers.iter().find_map(|server| Some((decoded(server.username()?), server.password().map(decoded))));
    let options = match named {
        None => ConnectOptions::new(),
        Some((name, Some(password))) => ConnectOptions::with_user_and_password(name, password),
        Some((token, None)) => ConnectOptions::with_token(token),
    };
    options
        .name("bayplan")
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING_INTERVAL)
        .request_timeout(None)
        .subscription_capacity(SUBSCRIPTION_MESSAGES)
        .reconnect_delay_callback(pause)
}
