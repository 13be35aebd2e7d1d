//! Baselines on NATS servers: a second stream, made when the first one is written.
//!
//! A baseline is cut into numbered chunks, each with a subject of its own that names the hash of the whole:
//! `bayplan.<cluster>.base.<seq>.<position>.<bytes>.<hash>.<number>`. The last message, `….whole`, says that all of them are
//! there; without it there is no baseline. So whoever writes the same one again, or at the same time, changes nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::client::Request;
use bytes::Bytes;
use model::{Position, Seq};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::api::{Ack, code};
use super::link::{Link, Pauses, Trouble, parse};
use super::options::HEADER_ROOM_BYTES;
use crate::{Baseline, BaselineError};

const CHUNK_BYTES: usize = 512 << 10;
/// Three baselines of a small cluster, and of one with half a million tasks.
const LEAST_STREAM_BYTES: u64 = 8 << 20;
const MOST_STREAM_BYTES: u64 = 1 << 30;
const WHOLE: &str = "whole";
/// What a server says when it has no message of that subject.
const NOT_FOUND: u16 = 404;

fn prefix(link: &Link, baseline: &Baseline) -> String {
    let Baseline { seq, position, bytes, hash } = baseline;
    format!("{}.{seq}.{position}.{bytes}.{hash}", link.options.baseline_subject())
}

fn parse_subject(link: &Link, subject: &str) -> Option<Baseline> {
    let rest = subject.strip_prefix(&link.options.baseline_subject())?.strip_prefix('.')?;
    let mut words = rest.split('.');
    let (seq, position) = (Seq(words.next()?.parse().ok()?), Position(words.next()?.parse().ok()?));
    let (bytes, hash) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (words.next() == Some(WHOLE)).then_some(Baseline { seq, position, bytes, hash })
}

fn failure(trouble: &Trouble) -> BaselineError {
    let reason = trouble.to_string();
    let full = [
        code::ACCOUNT_RESOURCES_EXCEEDED,
        code::NO_SUITABLE_PEERS,
        code::INSUFFICIENT_RESOURCES,
        code::STORAGE_EXCEEDED,
    ];
    let is_full = full.iter().any(|code| trouble.is(*code));
    if is_full || reason.contains("maximum bytes exceeded") {
        return BaselineError::Full { reason };
    }
    BaselineError::Unavailable { reason }
}

/// Tries until it succeeds, is refused, or `read_patience` is over.
async fn persist<T, F: Future<Output = Result<T, Trouble>>>(
    link: &Link,
    mut work: impl FnMut() -> F,
) -> Result<T, Trouble> {
    let deadline = Instant::now() + link.options.read_patience;
    let mut pauses = Pauses::default();
    loop {
        match work().await {
            Err(Trouble::NoAnswer(_)) if Instant::now() < deadline => pauses.pause(deadline).await,
            outcome => return outcome,
        }
    }
}

pub(super) async fn put(link: &Link, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
    let baseline = Baseline::of(seq, position, &bytes);
    make_stream(link).await.map_err(|trouble| failure(&trouble))?;
    let prefix = prefix(link, &baseline);
    let chunk_bytes = CHUNK_BYTES.min(link.client.max_payload().saturating_sub(HEADER_ROOM_BYTES)).max(1);
    for (number, begin) in (0..bytes.len()).step_by(chunk_bytes).enumerate() {
        let chunk = bytes.slice(begin..bytes.len().min(begin + chunk_bytes));
        publish(link, format!("{prefix}.{number}"), chunk).await?;
    }
    let about = json!({ "seq": seq.0, "position": position.0, "bytes": bytes.len(), "chunk_bytes": chunk_bytes });
    publish(link, format!("{prefix}.{WHOLE}"), Bytes::from(about.to_string())).await?;
    Ok(baseline)
}

/// With as many replicas as the log's, and half of its size. Whoever makes it may know nothing of what the log was made with.
async fn make_stream(link: &Link) -> Result<(), Trouble> {
    let (options, log) = (&link.options, link.found());
    let half = log.max_bytes.map_or(u64::MAX, |bytes| bytes / 2);
    let stream = options.baseline_stream();
    let config = json!({
        "name": stream,
        "description": format!("Baselines of the log of the Bayplan cluster {}", options.cluster),
        "subjects": [format!("{}.>", options.baseline_subject())],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": log.replicas,
        "max_bytes": half.clamp(LEAST_STREAM_BYTES, MOST_STREAM_BYTES),
        "max_msgs": -1,
        "max_msgs_per_subject": 1,
        "max_age": 0,
        "allow_direct": true,
    });
    let (stream, config) = (&stream, &config);
    persist(link, move || async move {
        match link.ask::<Value>(&format!("STREAM.INFO.{stream}"), &json!({})).await {
            Err(trouble) if trouble.is(code::STREAM_NOT_FOUND) => {}
            outcome => return outcome.map(|_| ()),
        }
        match link.ask::<Value>(&format!("STREAM.CREATE.{stream}"), config).await {
            // Another master was quicker.
            Err(trouble) if trouble.is(code::STREAM_NAME_IN_USE) => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    })
    .await
}

async fn request(link: &Link, subject: &str, payload: Bytes, wait: Duration) -> Result<async_nats::Message, Trouble> {
    if !link.is_up() {
        return Err(Trouble::NoAnswer("no NATS server is connected".to_owned()));
    }
    let generation = link.generation();
    let asking = timeout(wait, link.client.send_request(subject.to_owned(), Request::new().payload(payload)));
    let answer = tokio::select! {
        answer = asking => answer,
        () = link.lost(generation) => return Err(Trouble::NoAnswer("the connection was lost".to_owned())),
    };
    match answer {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(error)) => Err(Trouble::NoAnswer(error.to_string())),
        Err(_) => Err(Trouble::NoAnswer("no answer came in time".to_owned())),
    }
}

async fn publish(link: &Link, subject: String, payload: Bytes) -> Result<(), BaselineError> {
    let stream = link.options.baseline_stream();
    let (stream, subject, payload) = (&stream, &subject, &payload);
    let sent = persist(link, move || async move {
        let answer = request(link, subject, payload.clone(), link.options.ack_timeout).await?;
        match parse::<Ack>(&answer.payload)? {
            ack if ack.stream == *stream => Ok(()),
            ack => Err(Trouble::NoAnswer(format!("the stream {} took it, not {stream}", ack.stream))),
        }
    });
    sent.await.map_err(|trouble| failure(&trouble))
}

#[derive(Deserialize)]
struct Info {
    state: State,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

pub(super) async fn list(link: &Link) -> Result<Vec<Baseline>, BaselineError> {
    let verb = format!("STREAM.INFO.{}", link.options.baseline_stream());
    let filter = json!({ "subjects_filter": format!("{}.*.*.*.*.{WHOLE}", link.options.baseline_subject()) });
    let info = persist(link, || link.ask::<Info>(&verb, &filter)).await;
    let subjects = match info {
        Ok(info) => info.state.subjects.unwrap_or_default(),
        Err(trouble) if trouble.is(code::STREAM_NOT_FOUND) => return Ok(Vec::new()),
        Err(trouble) => return Err(failure(&trouble)),
    };
    let mut found: Vec<Baseline> = subjects.keys().filter_map(|subject| parse_subject(link, subject)).collect();
    found.sort();
    Ok(found)
}

pub(super) async fn read(link: &Link, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
    if !list(link).await?.contains(baseline) {
        return Err(BaselineError::Missing { seq: baseline.seq });
    }
    let prefix = prefix(link, baseline);
    let mut bytes = Vec::new();
    for number in 0_u64.. {
        if bytes.len() as u64 >= baseline.bytes {
            break;
        }
        let subject = format!("$JS.API.DIRECT.GET.{}.{prefix}.{number}", link.options.baseline_stream());
        let subject = &subject;
        let chunk = persist(link, move || async move {
            let answer = request(link, subject, Bytes::new(), link.options.ack_timeout).await?;
            match answer.status {
                // A server that follows may not have it yet.
                Some(status) if status.as_u16() == NOT_FOUND => {
                    Err(Trouble::NoAnswer(format!("its chunk {number} is not there")))
                }
                Some(status) => Err(Trouble::NoAnswer(format!("the server answers {status}"))),
                None => Ok(answer.payload),
            }
        });
        let chunk = chunk.await.map_err(|trouble| failure(&trouble))?;
        if chunk.is_empty() {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    baseline.check(bytes)
}

/// First what says that it is whole, so that nobody takes what is left for a baseline.
pub(super) async fn remove(link: &Link, baseline: &Baseline) -> Result<(), BaselineError> {
    let verb = format!("STREAM.PURGE.{}", link.options.baseline_stream());
    let prefix = prefix(link, baseline);
    for part in [WHOLE, ">"] {
        let filter = json!({ "filter": format!("{prefix}.{part}") });
        match persist(link, || link.ask::<Value>(&verb, &filter)).await {
            Ok(_) => {}
            Err(trouble) if trouble.is(code::STREAM_NOT_FOUND) => return Ok(()),
            Err(trouble) => return Err(failure(&trouble)),
        }
    }
    Ok(())
}
