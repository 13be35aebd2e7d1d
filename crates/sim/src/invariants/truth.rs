//! What the log really says: the records that count, known from the moment in which they are written.

use std::collections::BTreeSet;

use model::{Epoch, Event, Record, SealedRecord, Seq, TaskId, Tip};
use protocol::agent::Mark;

#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) tip: Tip,
    /// By seq, from the first.
    records: Vec<Known>,
    pub(super) launched: BTreeSet<TaskId>,
    /// Records that somebody wrote and that do not count.
    pub(crate) void: u64,
}

/// What is remembered of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) epoch: Epoch,
    pub(super) attempt: Option<u64>,
}

impl Truth {
    /// Whether the record counts.
    pub(super) fn accept(&mut self, sealed: &SealedRecord) -> bool {
        let Ok(tip) = self.tip.accept(sealed) else {
            self.void += 1;
            return false;
        };
        self.tip = tip;
        let record = &sealed.record;
        self.records.push(Known { epoch: record.epoch, attempt: attempt_of(record) });
        for event in &record.events {
            if let Event::TaskLaunched { task } = event {
                self.launched.insert(task.id.clone());
            }
        }
        true
    }

    pub(super) fn record(&self, seq: Seq) -> Option<&Known> {
        let index = seq.0.checked_sub(1)?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// Whether the log has a record of this number and epoch that counts.
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.record(mark.seq).is_some_and(|known| known.epoch == mark.epoch)
    }
}

/// Which attempt of a client a record is of.
pub(super) fn attempt_of(record: &Record) -> Option<u64> {
    record.cause.principal.0.strip_prefix(crate::client::PRINCIPAL)?.parse().ok()
}
