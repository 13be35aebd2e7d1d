//! Streams that are not, or are no longer, what a log needs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventlog::conformance::{Chain, collect, expected};
use eventlog::{AppendError, Bounds, EventLog, JetStreamLog, JetStreamOptions, OpenError, ReadError};
use model::{CodecError, Position};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::server::{DEADLINE, ask, available, client, eventually, open, options, shared, stream, subject};
use crate::writer::Writer;

fn own_options() -> JetStreamOptions {
    options(vec![shared()])
}

/// What fits a log, with some settings changed.
fn config(options: &JetStreamOptions, changes: &Value) -> Value {
    let mut config = json!({
        "name": stream(options), "subjects": [subject(options)], "retention": "limits", "storage": "file",
        "discard": "new", "num_replicas": 1, "max_bytes": 1 << 20, "max_msgs": -1, "max_age": 0,
    });
    for (key, value) in changes.as_object().expect("an object") {
        config[key] = value.clone();
    }
    config
}

async fn make_stream(options: &JetStreamOptions, changes: Value) -> async_nats::Client {
    let client = client(options).await;
    let answer = ask(&client, &format!("STREAM.CREATE.{}", stream(options)), config(options, &changes)).await;
    assert!(answer.get("error").is_none(), "{answer}");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_would_lose_history_are_refused() {
    if !available() {
        return;
    }
    let unfit = [
        (json!({ "discard": "old" }), "discard is not `new`"),
        (json!({ "max_age": 3_600_000_000_000_u64 }), "max_age is set"),
        (json!({ "max_msgs": 1000 }), "max_msgs is set"),
        (json!({ "max_msgs_per_subject": 10 }), "max_msgs_per_subject is set"),
        (json!({ "retention": "interest" }), "retention is not `limits`"),
        (json!({ "storage": "memory" }), "storage is not `file`"),
        (json!({ "allow_rollup_hdrs": true }), "allow_rollup_hdrs is on"),
        (json!({ "no_ack": true }), "no_ack is on"),
        (json!({ "subjects": ["orders.>"] }), "it belongs to something else"),
    ];
    for (changes, wanted) in unfit {
        let options = own_options();
        let client = make_stream(&options, changes).await;
        match JetStreamLog::open(options.clone()).await {
            Err(OpenError::UnfitStream { stream: name, reason }) => {
                assert!(name == stream(&options) && reason.contains(wanted), "{name}: {reason}");
            }
            Err(error) => panic!("{wanted}: unexpected: {error}"),
            Ok(_) => panic!("{wanted}: it opened"),
        }
        ask(&client, &format!("STREAM.DELETE.{}", stream(&options)), json!({})).await;
    }
    let options = own_options();
    make_stream(&options, json!({})).await;
    open(&options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_made_only_where_that_is_wanted_and_possible() {
    if !available() {
        return;
    }
    let options = own_options();
    let absent = JetStreamOptions { create: false, ..options.clone() };
    assert!(matches!(JetStreamLog::open(absent.clone()).await, Err(OpenError::NoStream { .. })));
    let client = client(&options).await;
    let foreign = json!({ "name": format!("FOREIGN_{}", options.cluster), "subjects": [subject(&options)] });
    let name = format!("FOREIGN_{}", options.cluster);
    ask(&client, &format!("STREAM.CREATE.{name}"), foreign).await;
    assert!(matches!(JetStreamLog::open(options.clone()).await, Err(OpenError::UnfitStream { .. })));
    ask(&client, &format!("STREAM.DELETE.{name}"), json!({})).await;
    let large = JetStreamOptions { max_bytes: 1 << 50, ..options.clone() };
    assert!(
        matches!(JetStreamLog::open(large).await, Err(OpenError::NoRoom { max_bytes, .. }) if max_bytes == 1 << 50)
    );
    open(&options).await;
    open(&absent).await;
    let info = ask(&client, &format!("STREAM.INFO.{}", stream(&options)), json!({})).await;
    let made = &info["config"];
    assert_eq!((&made["discard"], &made["max_bytes"]), (&json!("new"), &json!(options.max_bytes)), "{made}");
    assert_eq!((&made["deny_delete"], &made["allow_direct"]), (&json!(true), &json!(true)), "{made}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_refuses_writes_until_it_is_trimmed() {
    if !available() {
        return;
    }
    let log = open(&JetStreamOptions { max_bytes: 256 << 10, ..own_options() }).await;
    let mut chain = Chain::default();
    let mut batches = Vec::new();
    let refused = loop {
        let mut next = chain;
        let batch = next.batch(&[20_000]);
        match log.append(Some(Position(batches.len() as u64)), Arc::clone(&batch).into()).await {
            Ok(_) => {
                chain = next;
                batches.push(batch);
            }
            Err(error) => break error,
        }
        assert!(batches.len() < 20, "it does not get full");
    };
    let AppendError::Full { reason } = refused else { panic!("a full stream is told as such, not as: {refused}") };
    assert!(reason.contains("max_bytes") && reason.contains("nats stream edit"), "{reason}");
    assert!(collect(log.read(Position(1))).await == Ok(expected(1, &batches)), "nothing was dropped");
    log.trim(Position(3)).await.expect("trims");
    let end = Position(batches.len() as u64);
    assert_eq!(log.append(Some(end), chain.batch(&[20_000]).into()).await, Ok(end.next()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_stream_is_neither_empty_nor_made_again() {
    if !available() {
        return;
    }
    let options = JetStreamOptions { read_patience: Duration::from_millis(500), ..own_options() };
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    writer.append_all(5).await;
    let mut tail = log.tail(Position(6));
    assert!(timeout(Duration::from_millis(100), tail.next()).await.is_err(), "the tail is at the end");
    let client = client(&options).await;
    ask(&client, &format!("STREAM.DELETE.{}", stream(&options)), json!({})).await;

    let told = writer.append().await;
    assert!(matches!(told, Err(AppendError::Unavailable { .. })), "{told:?}");
    let gone = |error: &ReadError| matches!(error, ReadError::Unavailable { reason } if reason.contains("is gone"));
    assert!(log.bounds().await.is_err_and(|error| gone(&error)));
    let ended = timeout(DEADLINE, tail.next()).await.expect("in time").expect("a tail does not just end");
    assert!(ended.as_ref().is_err_and(gone), "{ended:?}");

    open(&options).await;
    let error = log.bounds().await.expect_err("it is another stream").to_string();
    assert!(error.contains("made anew"), "{error}");
    let told = log.append(Some(Position(5)), Chain::default().batch(&[1]).into()).await;
    assert!(matches!(&told, Err(AppendError::Unavailable { reason }) if reason.contains("made anew")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_message_is_named() {
    if !available() {
        return;
    }
    let options = own_options();
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    writer.append_all(3).await;
    let plain = client(&options).await;
    let half: Vec<u8> = [&writer.batches[0][0].bytes[..], &b"half a record"[..]].concat();
    for payload in [half, b"not a record".to_vec(), Vec::new()] {
        plain.request(subject(&options), Bytes::from(payload)).await.expect("the server takes it");
    }
    let behind = Chain::default().batch(&[7]);
    assert_eq!(log.append(Some(Position(6)), Arc::clone(&behind).into()).await, Ok(Position(7)));

    for mut messages in [log.read(Position(1)), log.tail(Position(1))] {
        for message in expected(1, &writer.batches) {
            assert_eq!(messages.next().await, Some(Ok(message)), "what is before the damage is read");
        }
        let damaged = messages.next().await;
        let Some(Err(ReadError::Damaged { position, index, error, .. })) = damaged else { panic!("{damaged:?}") };
        assert_eq!((position, index), (Position(4), 1), "{error}");
        assert!(messages.next().await.is_none());
    }
    for position in [5, 6] {
        let damaged = log.read(Position(position)).next().await;
        let Some(Err(ReadError::Damaged { position: found, index: 0, error, .. })) = damaged else {
            panic!("{damaged:?}")
        };
        assert!(found == Position(position) && matches!(error, CodecError::Malformed(_)), "{error}");
    }
    assert_eq!(collect(log.read(Position(7))).await, Ok(expected(7, &[behind])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_message_is_missing_and_a_trimmed_one_is_trimmed() {
    if !available() {
        return;
    }
    let options = own_options();
    let plain = make_stream(&options, json!({})).await;
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    writer.append_all(6).await;
    let delete = format!("STREAM.MSG.DELETE.{}", stream(&options));
    for seq in [3, 6] {
        let answer = ask(&plain, &delete, json!({ "seq": seq })).await;
        assert_eq!(answer["success"], true, "{answer}");
    }
    assert_eq!(log.bounds().await, Ok(Bounds { first: Position(1), last: Position(6) }));
    for (from, lost) in [(1, 3), (3, 3), (4, 6), (6, 6)] {
        for mut messages in [log.read(Position(from)), log.tail(Position(from))] {
            for position in from..lost {
                let message = messages.next().await.expect("it goes on").expect("it is there");
                assert_eq!(message.position, Position(position));
            }
            let missing = timeout(DEADLINE, messages.next()).await.expect("in time");
            assert_eq!(missing, Some(Err(ReadError::Missing { position: Position(lost) })));
        }
    }
    let mut late = log.read(Position(4));
    let first = late.next().await.expect("it goes on").expect("it is there");
    assert_eq!(first.position, Position(4));
    log.trim(Position(4)).await.expect("trims");
    let trimmed = ReadError::Trimmed { wanted: Position(4), first: Position(5) };
    assert_eq!(log.tail(Position(4)).next().await, Some(Err(trimmed)));
}

/// Servers hold a limited number of consumers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_leave_no_consumers_behind() {
    if !available() {
        return;
    }
    let options = own_options();
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    writer.append_all(40).await;
    let mut tail = log.tail(Position(1));
    tail.next().await.expect("it goes on").expect("it is there");
    for from in 1..=20 {
        let mut messages = log.read(Position(from));
        messages.next().await.expect("it goes on").expect("it is there");
    }
    let (plain, stream) = (client(&options).await, stream(&options));
    let count = async |wanted: u64| {
        let info = ask(&plain, &format!("STREAM.INFO.{stream}"), json!({})).await;
        info["state"]["consumer_count"] == wanted
    };
    eventually("only the tail's consumer is left", || count(1)).await;
    drop(writer);
    let log = Arc::into_inner(log).expect("nobody else holds it");
    log.close();
    while timeout(DEADLINE, tail.next()).await.expect("in time").is_some() {}
    drop(tail);
    eventually("no consumer is left", || count(0)).await;
}
