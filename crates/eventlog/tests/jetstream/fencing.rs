//! What keeps a deposed leader out: the compare-and-set refuses what it sends next, and `committed` voids what it had sent
//! ahead. Neither does it alone.

use std::sync::Arc;

use eventlog::conformance::Chain;
use eventlog::{AppendError, Entry, EventLog, JetStreamLog, committed};
use futures_util::future::join_all;
use model::{Position, SealedRecord, Tip};

use crate::server::{available, client, open, options, shared, subject};

const BEFORE: u64 = 10;
const SENT_AHEAD: u64 = 20;

/// An epoch of `BEFORE` messages, and the chain as its leader has it.
async fn first_epoch(log: &JetStreamLog) -> Chain {
    let mut chain = Chain::default();
    let start: Arc<[SealedRecord]> = [chain.start()].into();
    assert_eq!(log.append(Some(Position(0)), start.into()).await, Ok(Position(1)));
    for position in 1..BEFORE {
        log.append(Some(Position(position)), chain.batch(&[10]).into()).await.expect("appends");
    }
    chain
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposed_leaders_late_append_is_refused() {
    if !available() {
        return;
    }
    let options = options(vec![shared()]);
    let (old, new) = (open(&options).await, open(&options).await);
    let mut deposed = first_epoch(&old).await;
    let mut chain = deposed;
    let start: Arc<[SealedRecord]> = [chain.start()].into();
    assert_eq!(new.append(Some(Position(BEFORE)), start.into()).await, Ok(Position(BEFORE + 1)));
    let wrong = AppendError::WrongLastPosition { expected: Position(BEFORE), actual: Position(BEFORE + 1) };
    assert_eq!(old.append(Some(Position(BEFORE)), deposed.batch(&[10]).into()).await, Err(wrong));
    assert_eq!(old.bounds().await.map(|bounds| bounds.last), Ok(Position(BEFORE + 1)));
}

/// The trap: the new leader's message fills the place that the second message sent ahead expects, and so on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deposed_leader_sent_ahead_is_void() {
    if !available() {
        return;
    }
    let options = options(vec![shared()]);
    let log = open(&options).await;
    let mut deposed = first_epoch(&log).await;
    let mut chain = deposed;
    let start: Arc<[SealedRecord]> = [chain.start()].into();
    assert_eq!(log.append(Some(Position(BEFORE)), start.into()).await, Ok(Position(BEFORE + 1)));

    let old = client(&options).await;
    let sending = (BEFORE..BEFORE + SENT_AHEAD).map(|after| {
        let bytes = bytes::Bytes::copy_from_slice(&deposed.record(10).bytes);
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Expected-Last-Sequence", after.to_string());
        old.request_with_headers(subject(&options), headers, bytes)
    });
    let answers = join_all(sending).await;
    let refused = answers.iter().filter(|answer| {
        let answer = answer.as_ref().expect("the server answers");
        serde_json::from_slice::<serde_json::Value>(&answer.payload).expect("JSON").get("error").is_some()
    });
    assert_eq!(refused.count(), 1, "the server keeps out the first one only");

    let end = log.bounds().await.expect("the log is there").last;
    assert_eq!(end, Position(BEFORE + SENT_AHEAD));
    log.append(Some(end), chain.batch(&[10]).into()).await.expect("the new leader goes on behind it");
    let mut records = committed(log.read(Position(1)), Tip::default());
    let mut void = Vec::new();
    while let Some(entry) = records.next().await {
        if let Entry::Void { position, .. } = entry.expect("the log is whole") {
            void.push(position);
        }
    }
    let sent_ahead: Vec<_> = (BEFORE + 2..=BEFORE + SENT_AHEAD).map(Position).collect();
    assert_eq!((void, records.tip()), (sent_ahead, chain.tip));
}
