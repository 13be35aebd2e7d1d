//! Records on their way into the log, and those who wait for them.

use std::sync::Arc;

use eventlog::Content;
use model::{CommandKind, Epoch, Principal, Record, SealedPart, SealedRecord, Seq, Tip};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::handle::{Committed, SubmitError};

pub(crate) type Answer = Result<Committed, SubmitError>;

/// A command that was submitted, and where its answer goes.
pub(crate) struct Submission {
    pub(crate) principal: Principal,
    pub(crate) kind: CommandKind,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// What goes into the log together, as one message or as the parts of one record, with the answers that become true when it is durable. An answer without a record
/// waits too: it was decided from what the records before it said.
pub(crate) struct Batch {
    pub(crate) records: Vec<SealedRecord>,
    pub(crate) bytes: usize,
    /// Whether it takes nothing more, because something waits that did not fit.
    pub(crate) is_closed: bool,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    /// The end of the records, this batch included.
    pub(crate) tip: Tip,
    /// When the deciding of its first record began.
    pub(crate) began_at: Instant,
}

impl Batch {
    pub(crate) fn new(tip: Tip) -> Self {
        Self { records: Vec::new(), bytes: 0, is_closed: false, answers: Vec::new(), tip, began_at: Instant::now() }
    }

    pub(crate) fn push(&mut self, sealed: SealedRecord, tip: Tip, decided_from: Instant) {
        if self.records.is_empty() {
            self.began_at = decided_from;
        }
        self.bytes += sealed.bytes.len();
        self.records.push(sealed);
        self.tip = tip;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.answers.is_empty()
    }

    /// The messages that it goes out in. None when it is too large even for parts.
    pub(crate) fn messages(&self, message_bytes: usize) -> Option<Vec<Content>> {
        match &self.records[..] {
            [large] if self.bytes > message_bytes => {
                let parts = SealedPart::split(large, message_bytes)?;
                Some(parts.into_iter().map(Content::from).collect())
            }
            records => Some(vec![Content::Records(records.into())]),
        }
    }

    pub(crate) fn answer_with_record(&mut self, reply: oneshot::Sender<Answer>, record: Arc<Record>) {
        let (seq, epoch) = (record.seq, record.epoch);
        self.answers.push((reply, Ok(Committed { record: Some(record), seq, epoch })));
    }

    pub(crate) fn answer_without_record(&mut self, reply: oneshot::Sender<Answer>, seq: Seq, epoch: Epoch) {
        self.answers.push((reply, Ok(Committed { record: None, seq, epoch })));
    }

    pub(crate) fn refuse(&mut self, reply: oneshot::Sender<Answer>, why: SubmitError) {
        self.answers.push((reply, Err(why)));
    }

    /// All that this batch says is durable: everybody gets their answer.
    pub(crate) fn release(self) {
        for (reply, answer) in self.answers {
            // Whoever submitted may have gone away; the record stands all the same.
            let _gone = reply.send(answer);
        }
    }

    /// Nothing of this batch will be in the log.
    pub(crate) fn fail(self, why: &SubmitError) {
        for (reply, _) in self.answers {
            let _gone = reply.send(Err(why.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Command, CommandId, Hash, Timestamp};

    use super::*;

    #[test]
    fn a_batch_begins_with_its_first_record_however_long_it_was_empty() {
        let tip = Tip::default();
        let cause = Command {
            id: CommandId([0; 16]),
            at: Timestamp(0),
            seed: 0,
            principal: Principal::new("test"),
            kind: CommandKind::Allocate,
        };
        let (seq, epoch, previous) = (tip.seq.next(), tip.epoch, Hash::default());
        let sealed = Record { seq, epoch, previous, cause, events: Vec::new(), state_hash: None }.seal();
        let mut batch = Batch::new(tip);
        let first = batch.began_at + Duration::from_secs(60);
        batch.push(sealed.clone(), tip, first);
        batch.push(sealed, tip, first + Duration::from_secs(1));
        assert_eq!(batch.began_at, first);
    }
}
