//! A plain NATS client that publishes to a stream of its own, one message at a time: what the master's loop is compared with.

use std::time::{Duration, Instant};

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use serde_json::{Value, json};

const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";

pub(crate) struct Raw {
    client: Client,
    subject: String,
    last: u64,
}

impl Raw {
    pub(crate) async fn open(url: &str, name: &str) -> Self {
        let client = async_nats::connect(url).await.expect("it connects");
        let subject = format!("raw.{name}");
        let stream = json!({
            "name": format!("RAW_{name}"), "subjects": [subject], "retention": "limits", "storage": "file",
            "discard": "new", "num_replicas": 1, "max_bytes": 1_u64 << 30, "allow_direct": true,
        });
        let verb = format!("$JS.API.STREAM.CREATE.RAW_{name}");
        let answer = client.request(verb, stream.to_string().into()).await.expect("an answer");
        let answer: Value = serde_json::from_slice(&answer.payload).expect("JSON");
        assert!(answer.get("error").is_none(), "{answer}");
        Self { client, subject, last: 0 }
    }

    /// Each message is sent when the one before it is acknowledged, with the same expectation as a master has. How long each
    /// took.
    pub(crate) async fn publish(&mut self, payloads: &[Bytes]) -> Vec<Duration> {
        let mut latencies = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let began_at = Instant::now();
            let mut headers = HeaderMap::new();
            headers.insert(EXPECTED_LAST_SEQUENCE, self.last.to_string());
            let sent = self.client.request_with_headers(self.subject.clone(), headers, payload.clone());
            let ack: Value = serde_json::from_slice(&sent.await.expect("an ack").payload).expect("JSON");
            self.last = ack["seq"].as_u64().unwrap_or_else(|| panic!("it was refused: {ack}"));
            latencies.push(began_at.elapsed());
        }
        latencies
    }
}
