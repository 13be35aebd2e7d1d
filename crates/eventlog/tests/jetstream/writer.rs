//! Writes as a leader does: one append in flight, and an unknown outcome is settled before anything else is written.

use std::sync::Arc;
use std::time::Instant;

use eventlog::conformance::{Chain, collect, expected};
use eventlog::{AppendError, Bounds, Entry, EventLog, JetStreamLog, committed};
use model::{Position, SealedRecord, Tip};

use crate::server::DEADLINE;

pub(crate) struct Writer {
    pub(crate) log: Arc<JetStreamLog>,
    chain: Chain,
    /// What was acknowledged, or found by reading back, in order.
    pub(crate) batches: Vec<Arc<[SealedRecord]>>,
    /// What was sent last, as long as nobody knows what became of it.
    unsettled: Option<(Chain, Arc<[SealedRecord]>)>,
}

impl Writer {
    pub(crate) fn new(log: Arc<JetStreamLog>) -> Self {
        Self { log, chain: Chain::default(), batches: Vec::new(), unsettled: None }
    }

    fn end(&self) -> Position {
        Position(self.batches.len() as u64)
    }

    /// One append, or one step to settle the one before.
    pub(crate) async fn append(&mut self) -> Result<(), AppendError> {
        let settling = self.unsettled.is_some();
        let (chain, batch) = self.unsettled.take().unwrap_or_else(|| {
            let mut chain = self.chain;
            let batch = chain.batch(&[10, 3000]);
            (chain, batch)
        });
        let end = self.end();
        let outcome = match self.log.append(Some(end), Arc::clone(&batch).into()).await {
            Err(AppendError::WrongLastPosition { .. }) if settling => {
                // It has arrived after all, because nobody else writes.
                let found = collect(self.log.read(end.next())).await.expect("the log is readable");
                assert_eq!(found, expected(end.0 + 1, &[Arc::clone(&batch)]), "there is what was sent, once");
                Ok(end.next())
            }
            outcome => outcome,
        };
        match outcome {
            Ok(position) => {
                assert_eq!(position, end.next());
                self.chain = chain;
                self.batches.push(batch);
                Ok(())
            }
            Err(
                error
                @ (AppendError::WrongLastPosition { .. } | AppendError::TooLarge { .. } | AppendError::EmptyBatch),
            ) => {
                panic!("nobody else writes, and the batch is fine: {error}")
            }
            Err(error) => {
                // What was certainly not written is forgotten, unless it may have been written before.
                if settling || matches!(error, AppendError::Unknown { .. }) {
                    self.unsettled = Some((chain, batch));
                }
                Err(error)
            }
        }
    }

    /// Tries until `count` more are in the log.
    pub(crate) async fn append_all(&mut self, count: usize) {
        let (wanted, begun) = (self.batches.len() + count, Instant::now());
        while self.batches.len() < wanted {
            if let Err(error) = self.append().await {
                assert!(begun.elapsed() < DEADLINE, "the log does not recover: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    /// The log is what was acknowledged, each batch once, and every record counts.
    pub(crate) async fn assert_all_there(&self) {
        assert_eq!(self.log.bounds().await, Ok(Bounds { first: Position(1), last: self.end() }));
        let found = collect(self.log.read(Position(1))).await;
        assert!(found == Ok(expected(1, &self.batches)), "the log is what was acknowledged");
        let mut records = committed(self.log.read(Position(1)), Tip::default());
        while let Some(entry) = records.next().await {
            assert!(matches!(entry, Ok(Entry::Accepted { .. })), "{entry:?}");
        }
        assert_eq!(records.tip(), self.chain.tip);
    }
}
