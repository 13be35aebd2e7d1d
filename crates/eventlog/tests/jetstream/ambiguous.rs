//! Acknowledgements and messages that get lost on the way: what the writer is told is what is in the log.

use std::sync::Arc;
use std::time::Duration;

use eventlog::conformance::{Chain, collect, expected};
use eventlog::{AppendError, EventLog, JetStreamLog, JetStreamOptions, message_bytes};
use model::{Position, SealedRecord};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::proxy::{Mode, Proxy};
use crate::server::{DEADLINE, available, eventually, open, options, shared};

struct Setting {
    proxy: Proxy,
    /// Behind the proxy.
    log: Arc<JetStreamLog>,
    /// The same log, undisturbed.
    other: JetStreamLog,
    chain: Chain,
    first: Arc<[SealedRecord]>,
}

impl Setting {
    /// A log with one message.
    async fn new(append_timeout: Duration) -> Self {
        let undisturbed = options(vec![shared()]);
        let proxy = Proxy::start(&undisturbed.servers[0]).await;
        let disturbed = JetStreamOptions {
            servers: vec![proxy.url()],
            ack_timeout: Duration::from_secs(20),
            append_timeout,
            ..undisturbed.clone()
        };
        let (log, other) = (Arc::new(open(&disturbed).await), open(&undisturbed).await);
        let mut chain = Chain::default();
        let first = chain.batch(&[10]);
        assert_eq!(log.append(Some(Position(0)), Arc::clone(&first).into()).await, Ok(Position(1)));
        Self { proxy, log, other, chain, first }
    }

    fn begin_to_append(&self, batch: &Arc<[SealedRecord]>) -> JoinHandle<Result<Position, AppendError>> {
        let (log, batch) = (Arc::clone(&self.log), Arc::clone(batch));
        tokio::spawn(async move { log.append(Some(Position(1)), batch.into()).await })
    }

    async fn assert_holds(&self, second: &Arc<[SealedRecord]>) {
        let all = expected(1, &[Arc::clone(&self.first), Arc::clone(second)]);
        assert_eq!(collect(self.other.read(Position(1))).await, Ok(all));
    }
}

async fn outcome(appending: JoinHandle<Result<Position, AppendError>>) -> Result<Position, AppendError> {
    timeout(DEADLINE, appending).await.expect("in time").expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_is_found_out_by_reading_back() {
    if !available() {
        return;
    }
    let mut setting = Setting::new(DEADLINE).await;
    let batch = setting.chain.batch(&[20, 30]);
    setting.proxy.set(Mode::SwallowAnswers);
    let appending = setting.begin_to_append(&batch);
    let other = &setting.other;
    eventually("the message arrives", || async { other.bounds().await.is_ok_and(|bounds| bounds.last == Position(2)) })
        .await;
    assert!(!appending.is_finished(), "the acknowledgement was lost");
    setting.proxy.set(Mode::Pass);
    setting.proxy.cut();
    assert_eq!(outcome(appending).await, Ok(Position(2)));
    setting.assert_holds(&batch).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_message_is_sent_again_unless_somebody_else_was_quicker() {
    if !available() {
        return;
    }
    for somebody_else in [false, true] {
        let mut setting = Setting::new(DEADLINE).await;
        let batch = setting.chain.batch(&[20, 30]);
        setting.proxy.set(Mode::SwallowRequests);
        let appending = setting.begin_to_append(&batch);
        setting.proxy.swallowed(message_bytes(&batch)).await;
        let foreign = Chain::default().batch(&[40]);
        if somebody_else {
            assert_eq!(setting.other.append(Some(Position(1)), Arc::clone(&foreign).into()).await, Ok(Position(2)));
        }
        setting.proxy.set(Mode::Pass);
        setting.proxy.cut();
        let (wanted, second) = if somebody_else {
            (Err(AppendError::WrongLastPosition { expected: Position(1), actual: Position(2) }), foreign)
        } else {
            (Ok(Position(2)), batch)
        };
        assert_eq!(outcome(appending).await, wanted);
        setting.assert_holds(&second).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_found_out_is_unknown() {
    if !available() {
        return;
    }
    let mut setting = Setting::new(Duration::from_millis(500)).await;
    let batch = setting.chain.batch(&[20, 30]);
    setting.proxy.set(Mode::SwallowRequests);
    let appending = setting.begin_to_append(&batch);
    setting.proxy.swallowed(message_bytes(&batch)).await;
    setting.proxy.set(Mode::Refuse);
    setting.proxy.cut();
    let told = outcome(appending).await;
    assert!(matches!(told, Err(AppendError::Unknown { .. })), "{told:?}");
    let told = setting.log.append(Some(Position(1)), Arc::clone(&batch).into()).await;
    assert!(matches!(told, Err(AppendError::Unavailable { .. })), "nothing is sent without a connection: {told:?}");
    setting.proxy.set(Mode::Pass);
    let fence = Chain::default().batch(&[50]);
    assert_eq!(setting.other.append(Some(Position(1)), Arc::clone(&fence).into()).await, Ok(Position(2)));
    let log = &setting.log;
    eventually("the log is connected again", || async { log.bounds().await.is_ok() }).await;
    let told = log.append(Some(Position(1)), batch.into()).await;
    let wrong = AppendError::WrongLastPosition { expected: Position(1), actual: Position(2) };
    assert_eq!(told, Err(wrong), "the fence keeps the late one out");
    setting.assert_holds(&fence).await;
}
