//! The shapes of JetStream's own requests and answers, as far as the log needs them: JSON over plain NATS requests.

use model::Position;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::options::{CONSUMER_LIFE, HEARTBEAT, JetStreamOptions, PULL_EXPIRES};
use crate::Bounds;

pub(super) const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
pub(super) const EXPECTED_STREAM: &str = "Nats-Expected-Stream";

/// Codes of [`ApiError`].
pub(super) mod code {
    pub(in crate::jetstream) const ACCOUNT_RESOURCES_EXCEEDED: u64 = 10002;
    /// Of the servers of a cluster, too few have the room, or are there.
    pub(in crate::jetstream) const NO_SUITABLE_PEERS: u64 = 10005;
    pub(in crate::jetstream) const INSUFFICIENT_RESOURCES: u64 = 10023;
    pub(in crate::jetstream) const NO_MESSAGE: u64 = 10037;
    pub(in crate::jetstream) const STORAGE_EXCEEDED: u64 = 10047;
    pub(in crate::jetstream) const STREAM_NAME_IN_USE: u64 = 10058;
    pub(in crate::jetstream) const STREAM_NOT_FOUND: u64 = 10059;
    pub(in crate::jetstream) const SUBJECTS_OVERLAP: u64 = 10065;
    pub(in crate::jetstream) const WRONG_LAST_SEQUENCE: u64 = 10071;
    pub(in crate::jetstream) const REPLICAS_NOT_SUPPORTED: u64 = 10074;
    pub(in crate::jetstream) const STORE_FAILED: u64 = 10077;
    /// As `WRONG_LAST_SEQUENCE`, from a cluster that has another append under way.
    pub(in crate::jetstream) const WRONG_LAST_SEQUENCE_IN_FLIGHT: u64 = 10164;
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    pub(super) description: String,
}

/// The answer to a publish.
#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    pub(super) stream: String,
    pub(super) seq: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    /// Tells the stream from a later one of the same name.
    pub(super) created: String,
    pub(super) state: StreamState,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    #[serde(default)]
    pub(super) bytes: u64,
}

impl StreamState {
    pub(super) fn bounds(&self) -> Bounds {
        if self.last_seq == 0 {
            return Bounds::EMPTY;
        }
        Bounds { first: Position(self.first_seq.max(1)), last: Position(self.last_seq) }
    }
}

/// The settings that decide whether a stream can be a log. What a server does not mention is off.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfig {
    pub(super) subjects: Vec<String>,
    pub(super) retention: String,
    pub(super) discard: String,
    pub(super) storage: String,
    pub(super) num_replicas: usize,
    pub(super) max_bytes: i64,
    pub(super) max_age: i64,
    pub(super) max_msgs: i64,
    pub(super) max_msgs_per_subject: i64,
    pub(super) max_msg_size: i64,
    pub(super) no_ack: bool,
    pub(super) sealed: bool,
    pub(super) allow_rollup_hdrs: bool,
    pub(super) allow_msg_ttl: bool,
    pub(super) allow_msg_counter: bool,
    pub(super) allow_msg_schedules: bool,
    pub(super) persist_mode: String,
    pub(super) first_seq: u64,
    pub(super) mirror: Option<Value>,
    pub(super) sources: Option<Value>,
    pub(super) subject_transform: Option<Value>,
}

/// The stream as it is made.
pub(super) fn new_stream(options: &JetStreamOptions, max_payload: usize) -> Value {
    json!({
        "name": options.stream(),
        "description": format!("The log of the Bayplan cluster {}", options.cluster),
        "subjects": [options.subject()],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": options.replicas,
        "max_bytes": options.max_bytes,
        "max_msg_size": max_payload,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_age": 0,
        "max_consumers": -1,
        "allow_direct": true,
        "deny_delete": true,
        "deny_purge": false,
        "allow_rollup_hdrs": false,
    })
}

/// A consumer that hands out the messages from `from` on and is forgotten by itself.
pub(super) fn new_consumer(stream: &str, name: &str, from: Position) -> Value {
    json!({
        "stream_name": stream,
        "action": "create",
        "config": {
            "name": name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": from.0,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanos(CONSUMER_LIFE),
        },
    })
}

#[derive(Serialize)]
pub(super) struct Pull {
    batch: usize,
    max_bytes: usize,
    expires: u64,
    idle_heartbeat: u64,
}

impl Pull {
    pub(super) fn new(batch: usize, max_bytes: usize) -> Self {
        Self { batch, max_bytes, expires: nanos(PULL_EXPIRES), idle_heartbeat: nanos(HEARTBEAT) }
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The place in the stream of a message that a consumer handed out: it is in the subject that an acknowledgement would
/// go to. That has nine words, and two or three more where servers know of domains.
pub(super) fn position_of(reply: &str) -> Option<Position> {
    let words: Vec<&str> = reply.split('.').collect();
    let index = match (words.first(), words.len()) {
        (Some(&"$JS"), 9) => 5,
        (Some(&"$JS"), 11..) => 7,
        _ => return None,
    };
    words[index].parse().ok().map(Position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_found_in_both_forms_of_the_reply_subject() {
        let replies =
            ["$JS.ACK.BAYPLAN_x.c.1.42.7.1700000000000.3", "$JS.ACK._.hash.BAYPLAN_x.c.1.42.7.1700000000000.3.token"];
        for reply in replies {
            assert_eq!(position_of(reply), Some(Position(42)));
        }
        assert_eq!(position_of("_INBOX.abc.1"), None);
    }
}
