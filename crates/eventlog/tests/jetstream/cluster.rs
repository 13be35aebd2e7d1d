//! Three servers keep the log and its baselines: one may go at any time, two may not, and all comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventlog::conformance::expected;
use eventlog::{AppendError, EventLog, JetStreamOptions};
use model::{Position, Seq};
use serde_json::json;
use tokio::time::timeout;

use crate::server::{DEADLINE, Server, ask, available, client, open, options};
use crate::writer::Writer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_of_three_may_go() {
    if !available() {
        return;
    }
    let mut servers = Server::cluster(3).await;
    let options = JetStreamOptions {
        replicas: 3,
        open_timeout: DEADLINE,
        ack_timeout: Duration::from_millis(500),
        append_timeout: Duration::from_secs(1),
        ..options(servers.iter().map(Server::url).collect())
    };
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    let mut tail = log.tail(Position(1));
    writer.append_all(20).await;
    servers[0].kill();
    writer.append_all(20).await;

    servers[1].kill();
    for _ in 0..3 {
        // Without a majority nothing is acknowledged.
        let told = writer.append().await;
        let fits = matches!(told, Err(AppendError::Unavailable { .. } | AppendError::Unknown { .. }));
        assert!(fits, "{told:?}");
    }
    servers[0].restart().await;
    servers[1].restart().await;
    writer.append_all(20).await;
    writer.assert_all_there().await;
    for message in expected(1, &writer.batches) {
        let next = timeout(DEADLINE, tail.next()).await.expect("the tail gets on");
        assert!(next == Some(Ok(message)), "the tail shows what was acknowledged, each batch once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baselines_are_kept_as_the_log_is_by_whoever_writes_the_first() {
    if !available() {
        return;
    }
    let servers = Server::cluster(3).await;
    let made = JetStreamOptions {
        replicas: 3,
        max_bytes: 64 << 20,
        open_timeout: DEADLINE,
        ..options(servers.iter().map(Server::url).collect())
    };
    drop(open(&made).await);
    // As `bayplan log trim` does.
    let defaults = JetStreamOptions::default();
    let found = JetStreamOptions { create: false, replicas: defaults.replicas, max_bytes: defaults.max_bytes, ..made };
    let log = open(&found).await;
    log.put_baseline(Seq(1), Position(1), Bytes::from_static(b"a state")).await.expect("it is kept");
    let client = client(&found).await;
    let info = ask(&client, &format!("STREAM.INFO.BAYPLAN_BASE_{}", found.cluster), json!({})).await;
    let config = &info["config"];
    assert_eq!((&config["num_replicas"], &config["max_bytes"]), (&json!(3), &json!(32 << 20)), "{config}");
}
