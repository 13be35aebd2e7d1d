//! The calls of one framework: several are under way at the same time, each on a connection of its own.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use protocol::mesos::{SCHEDULER_PATH, STREAM_ID_HEADER};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc;

use crate::LoadError;
use crate::latency::Latencies;

const JSON: &str = "application/json";
/// Before a call is made again that the master had no room for.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// What a framework asks for, and how its answer counts.
pub(crate) struct Outgoing {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Decline,
    Accept,
    Acknowledge,
}

/// How long calls took until the master said that they are durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered {
    pub(crate) declines: Latencies,
    pub(crate) accepts: Latencies,
}

/// Where a framework's calls go.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) answered: Arc<Mutex<Answered>>,
}

impl Line {
    pub(crate) fn new(master: &str, answered: Arc<Mutex<Answered>>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a plain HTTP client");
        Self { client, url: format!("{master}{SCHEDULER_PATH}"), answered }
    }

    pub(crate) async fn subscribe(&self, body: Vec<u8>) -> Result<reqwest::Response, reqwest::Error> {
        self.client.post(&self.url).header(CONTENT_TYPE, JSON).body(body).send().await
    }

    /// Makes the calls that come in, `at_once` of them at the same time, until one is refused.
    pub(crate) async fn make(
        self,
        stream_id: String,
        calls: mpsc::Receiver<Outgoing>,
        at_once: usize,
    ) -> Result<(), LoadError> {
        let calls = stream::unfold(calls, |mut calls| async { calls.recv().await.map(|call| (call, calls)) });
        let mut answers = pin!(calls.map(|call| self.call(&stream_id, call)).buffer_unordered(at_once));
        while let Some(answer) = answers.next().await {
            answer?;
        }
        Ok(())
    }

    async fn call(&self, stream_id: &str, call: Outgoing) -> Result<(), LoadError> {
        let began_at = Instant::now();
        loop {
            let request = self.client.post(&self.url).header(CONTENT_TYPE, JSON).header(STREAM_ID_HEADER, stream_id);
            let answer = request.body(call.body.clone()).send().await.map_err(|error| refused(&error))?;
            match answer.status() {
                StatusCode::ACCEPTED => break,
                StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(BUSY_PAUSE).await,
                status => return Err(refused(&format!("{status} {}", answer.text().await.unwrap_or_default()))),
            }
        }
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match call.kind {
            Kind::Decline => answered.declines.add(began_at.elapsed()),
            Kind::Accept => answered.accepts.add(began_at.elapsed()),
            Kind::Acknowledge => {}
        }
        Ok(())
    }
}

fn refused(reason: &impl ToString) -> LoadError {
    LoadError::Refused { reason: reason.to_string() }
}
