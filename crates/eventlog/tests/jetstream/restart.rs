//! A server that goes away and comes back while a writer and a tail are at work.

use std::sync::Arc;
use std::time::Duration;

use eventlog::conformance::{Chain, expected};
use eventlog::{AppendError, EventLog, JetStreamLog, JetStreamOptions, Message};
use model::Position;
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::{DEADLINE, Server, Settings, available, open};
use crate::writer::Writer;

/// How long a stopped process stays stopped: longer than an acknowledgement is awaited.
const STANDSTILL: Duration = Duration::from_millis(600);
/// Shorter than a question to the server and its answer often take.
const IMPATIENCE: Duration = Duration::from_micros(200);
const BATCHES_BETWEEN_FAULTS: usize = 40;

/// Reads until it has so many messages, and never waits long.
fn follow(log: &JetStreamLog, count: usize) -> JoinHandle<Vec<Message>> {
    let mut tail = log.tail(Position(1));
    tokio::spawn(async move {
        let mut messages = Vec::new();
        while messages.len() < count {
            let Ok(next) = timeout(IMPATIENCE, tail.next()).await else { continue };
            messages.push(next.expect("a tail does not end").expect("the tail outlasts all this"));
        }
        messages
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_and_tail_outlast_kills_and_standstills() {
    if !available() {
        return;
    }
    let mut server = Server::start(Settings::default()).await;
    let options = JetStreamOptions { ack_timeout: Duration::from_millis(300), ..server.options() };
    let log = Arc::new(open(&options).await);
    let faults: [fn(&mut Server); 4] = [
        |server| server.kill(),
        |server| server.signal(Signal::SIGSTOP),
        |server| {
            server.signal(Signal::SIGSTOP);
            server.kill();
        },
        |server| server.kill(),
    ];
    let total = BATCHES_BETWEEN_FAULTS * (faults.len() + 1);
    let tail = follow(&log, total);
    let progress = watch::Sender::new(0);
    let mut seen = progress.subscribe();
    let mut writer = Writer::new(Arc::clone(&log));
    let writing = tokio::spawn(async move {
        while writer.batches.len() < total {
            writer.append_all(1).await;
            progress.send_replace(writer.batches.len());
        }
        writer
    });
    for (number, fault) in faults.into_iter().enumerate() {
        let enough = BATCHES_BETWEEN_FAULTS * (number + 1);
        let waiting = seen.wait_for(|batches| *batches >= enough);
        timeout(DEADLINE, waiting).await.expect("the writer gets on").expect("the writer lives");
        fault(&mut server);
        if server.is_running() {
            tokio::time::sleep(STANDSTILL).await;
            server.signal(Signal::SIGCONT);
        } else {
            server.restart().await;
        }
    }
    let writer = timeout(DEADLINE, writing).await.expect("the writer gets on").expect("nothing was wrong");
    let messages = timeout(DEADLINE, tail).await.expect("the tail gets on").expect("nothing was wrong");
    assert!(messages == expected(1, &writer.batches), "the tail shows what was acknowledged, each batch once");
    writer.assert_all_there().await;
}

/// Who is not connected learns at once that nothing was written, and nothing arrives later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_appends_are_refused_and_not_sent_later() {
    if !available() {
        return;
    }
    let mut server = Server::start(Settings::default()).await;
    let options = JetStreamOptions { read_patience: Duration::from_millis(200), ..server.options() };
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    writer.append_all(3).await;
    server.kill();
    // The first append may meet a connection whose end was not noticed yet.
    let told = writer.append().await;
    assert!(matches!(told, Err(AppendError::Unavailable { .. } | AppendError::Unknown { .. })), "{told:?}");
    for _ in 0..5 {
        let told = log.append(Some(Position(3)), Chain::default().batch(&[10]).into()).await;
        assert!(matches!(told, Err(AppendError::Unavailable { .. })), "{told:?}");
    }
    assert!(log.bounds().await.is_err(), "the end is not known");
    server.restart().await;
    writer.append_all(3).await;
    writer.assert_all_there().await;
}
