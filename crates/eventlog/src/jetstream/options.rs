//! What may be chosen about a [`crate::JetStreamLog`], and the limits of its waits and buffers that are fixed.

use std::time::Duration;

use crate::OpenError;

/// What may be chosen about a [`crate::JetStreamLog`].
#[derive(Debug, Clone)]
pub struct JetStreamOptions {
    /// Where NATS servers are, as URLs: `nats://host:4222`, `tls://user:password@host`, `nats://token@host`. One is enough to find
    /// the others, and to say who asks.
    pub servers: Vec<String>,
    /// The cluster's name: letters, digits, `-` and `_`. The stream is `BAYPLAN_<name>`, its subject `bayplan.<name>.log`.
    pub cluster: String,
    /// Whether a stream that does not exist is made. A log that must be there already is better opened without.
    pub create: bool,
    /// How many servers keep the stream that is made.
    pub replicas: usize,
    /// How large the stream that is made may get. When it is full, appends are refused and nothing is dropped.
    pub max_bytes: u64,
    /// The largest message; None for what servers and stream take.
    pub max_message_bytes: Option<usize>,
    /// The servers' monitoring addresses, `http://host:8222`: only they tell whether a server syncs before it
    /// acknowledges.
    pub monitoring: Vec<String>,
    /// Whether a log whose servers may lose acknowledged writes is refused; otherwise there is a warning.
    pub strict_durability: bool,
    /// How long opening tries to find servers that answer.
    pub open_timeout: Duration,
    /// How long one acknowledgement is awaited.
    pub ack_timeout: Duration,
    /// How long an append with an unclear outcome is pursued before it is `Unknown`.
    pub append_timeout: Duration,
    /// How long `read` and `bounds` go on without getting anywhere.
    pub read_patience: Duration,
    /// The same for a tail, which outlasts the absence of the servers.
    pub tail_patience: Duration,
}

impl Default for JetStreamOptions {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            cluster: "default".to_owned(),
            create: true,
            replicas: 1,
            max_bytes: 4 << 30,
            max_message_bytes: None,
            monitoring: Vec::new(),
            strict_durability: false,
            open_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(2),
            append_timeout: Duration::from_secs(6),
            read_patience: Duration::from_secs(10),
            tail_patience: Duration::from_secs(600),
        }
    }
}

impl JetStreamOptions {
    const MAX_CLUSTER_NAME_BYTES: usize = 64;

    pub(super) fn check(&self) -> Result<(), OpenError> {
        let bad = |reason: String| Err(OpenError::BadOption { reason });
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let length_fits = (1..=Self::MAX_CLUSTER_NAME_BYTES).contains(&self.cluster.len());
        if !length_fits || !self.cluster.chars().all(fits) {
            return bad(format!("cluster {:?}: use 1 to 64 letters, digits, - or _", self.cluster));
        }
        if self.cluster.starts_with(BASELINE_MARK) {
            return bad(format!(
                "cluster {:?}: {BASELINE_MARK} begins the name of a stream of baselines",
                self.cluster
            ));
        }
        if self.servers.is_empty() {
            return bad("servers: name at least one NATS server".to_owned());
        }
        if !(1..=5).contains(&self.replicas) {
            return bad(format!("replicas {}: NATS keeps 1 to 5 copies", self.replicas));
        }
        if self.max_bytes == 0 || i64::try_from(self.max_bytes).is_err() {
            return bad(format!("max_bytes {}: use 1 to {}", self.max_bytes, i64::MAX));
        }
        Ok(())
    }

    #[must_use]
    pub fn stream(&self) -> String {
        format!("BAYPLAN_{}", self.cluster)
    }

    pub(super) fn baseline_stream(&self) -> String {
        format!("BAYPLAN_{BASELINE_MARK}{}", self.cluster)
    }

    pub(super) fn baseline_subject(&self) -> String {
        format!("bayplan.{}.base", self.cluster)
    }

    pub(super) fn subject(&self) -> String {
        format!("bayplan.{}.log", self.cluster)
    }

    /// Outside of the stream.
    pub(super) fn notices_subject(&self) -> String {
        format!("bayplan.{}.notices", self.cluster)
    }
}

/// Between the beginning of a stream's name and the cluster's, where the stream has baselines.
const BASELINE_MARK: &str = "BASE_";

/// The lowest version of nats-server that is supported, see [`OpenError::OldServer`].
pub(super) const LOWEST_SERVER: (i64, i64, i64) = (2, 10, 23);

/// One answer of the servers to anything but an append.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// A new connection, with its handshake.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A server that answers none of some of these is left.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(2);
/// Between tries to connect again; it grows from the first to the second.
pub(super) const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Between tries of anything else.
pub(super) const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How often the connection's state is looked at by whoever waits for a change of it.
pub(super) const LINK_LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// That the stream is gone, or lacks its end, is believed when it was said for so long: servers that have just started,
/// or a leader that was just elected, may say it in passing.
pub(super) const DOUBT_PATIENCE: Duration = Duration::from_secs(3);

/// What the headers of a message may take of the servers' largest payload.
pub(super) const HEADER_ROOM_BYTES: usize = 1024;
/// How often an append without `after` tries again because somebody else was quicker.
pub(super) const MAX_RACES: usize = 64;

/// What a reader gets at a time: at most this many messages, and no further one after this many bytes.
pub(super) const CHUNK_MESSAGES: usize = 256;
pub(super) const CHUNK_BYTES: usize = 512 << 10;
/// Requests for messages that a reader has under way.
pub(super) const PULLS: usize = 2;
/// Messages asked for at a time: the first time, and after some doublings.
pub(super) const PULL_MESSAGES: (usize, usize) = (32, 512);
/// Bytes asked for at a time, beyond one message of the largest size.
pub(super) const PULL_BYTES: usize = 1 << 20;
/// Messages that may wait in one subscription. It never gets more than it has asked for.
pub(super) const SUBSCRIPTION_MESSAGES: usize = 4096;
pub(super) const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// How often a server says that it is there while it has no message.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// Silence for so long means that the consumer is gone.
pub(super) const SILENCE: Duration = Duration::from_millis(2500);
/// How often a tail that gets nothing looks whether there is nothing.
pub(super) const STATE_LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// When the server forgets a consumer that nobody asks for messages.
pub(super) const CONSUMER_LIFE: Duration = Duration::from_secs(30);
