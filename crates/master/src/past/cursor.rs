//! Goes through a log record by record, with the state after each or without it.

use std::ops::ControlFlow;
use std::sync::Arc;

use eventlog::{Committed, Entry, EventLog, Messages, ReadError, committed, seek};
use model::{Position, Record, SealedRecord, Seq, Tip};
use state::State;

use super::PastError;

/// The records that count, without a state.
pub struct Records {
    entries: Committed,
    /// Read, and not handed out.
    ahead: Option<(Position, SealedRecord)>,
    /// Before the first record that is handed out, the reader may see some.
    from: Seq,
    position: Position,
}

impl Records {
    /// Of messages that begin behind `tip`, or with the message that holds it.
    #[must_use]
    pub fn of(messages: Messages, tip: Tip) -> Self {
        Self { entries: committed(messages, tip), ahead: None, from: Seq(0), position: Position(0) }
    }

    /// From record `seq` on; from the oldest one that is there when it was trimmed.
    pub async fn from<L: EventLog>(log: &L, seq: Seq) -> Result<Self, PastError> {
        let anchor = seek(log, seq).await?;
        let records = Self::of(log.read(anchor.position).read_ahead(), anchor.tip);
        Ok(Self { from: seq, ..records })
    }

    /// The end of the records that were read.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.entries.tip()
    }

    /// The message that holds the last record that was handed out.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The next record, which stays the next one.
    pub async fn peek(&mut self) -> Result<Option<&SealedRecord>, PastError> {
        while self.ahead.is_none() {
            let before = self.entries.tip();
            let Some(entry) = self.entries.next().await else { return Ok(None) };
            if let Entry::Accepted { position, record, .. } = entry.map_err(|error| unreadable(before, error))?
                && record.record.seq >= self.from
            {
                self.ahead = Some((position, record));
            }
        }
        Ok(self.ahead.as_ref().map(|(_, record)| record))
    }

    pub async fn next(&mut self) -> Result<Option<SealedRecord>, PastError> {
        self.peek().await?;
        let Some((position, record)) = self.ahead.take() else { return Ok(None) };
        self.position = position;
        Ok(Some(record))
    }
}

/// Names the record that cannot be read.
fn unreadable(tip: Tip, error: ReadError) -> PastError {
    if error.is_damage() { PastError::Record { seq: tip.seq.next(), error } } else { error.into() }
}

/// A state of the log, and the records after it.
pub struct Cursor {
    state: State,
    /// Of the state.
    tip: Tip,
    position: Position,
    records: Records,
}

impl Cursor {
    /// A state that ends with `tip`, in the message at `position`, and the messages from that one on, or behind it.
    #[must_use]
    pub fn of(mut state: State, tip: Tip, position: Position, messages: Messages) -> Self {
        state.hash_late(true);
        Self { state, tip, position, records: Records::of(messages, tip) }
    }

    /// After the last record that was applied. Its hash is that of an earlier state: see [`State::kept_hash`].
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    pub const fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// With its hash.
    #[must_use]
    pub fn into_state(mut self) -> State {
        self.state.hash_late(false);
        self.state
    }

    #[must_use]
    pub const fn tip(&self) -> Tip {
        self.tip
    }

    /// The message that holds the last record that was applied, or its last part.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The record that comes next, and is not applied.
    pub async fn peek(&mut self) -> Result<Option<Arc<Record>>, PastError> {
        Ok(self.records.peek().await?.map(|sealed| Arc::clone(&sealed.record)))
    }

    /// Applies the next record; None at the end of the log.
    pub async fn step(&mut self) -> Result<Option<Arc<Record>>, PastError> {
        let Some(SealedRecord { record, hash, .. }) = self.records.next().await? else { return Ok(None) };
        self.state.apply(&record);
        self.tip = Tip { seq: record.seq, epoch: record.epoch, hash };
        self.position = self.records.position();
        Ok(Some(record))
    }

    /// Applies the records up to and with `seq`. `going_on` is told of every one, and may break it off.
    pub async fn advance(
        &mut self,
        seq: Seq,
        mut going_on: impl FnMut(&mut Self) -> ControlFlow<()>,
    ) -> Result<(), PastError> {
        while self.state.seq < seq {
            if self.step().await?.is_none() {
                return Err(PastError::Ahead { seq, last: self.state.seq });
            }
            if going_on(self).is_break() {
                return Err(PastError::GivenUp);
            }
        }
        Ok(())
    }

    /// Applies all that there is.
    pub async fn advance_to_end(
        &mut self,
        mut going_on: impl FnMut(&mut Self) -> ControlFlow<()>,
    ) -> Result<(), PastError> {
        while self.step().await?.is_some() {
            if going_on(self).is_break() {
                return Err(PastError::GivenUp);
            }
        }
        Ok(())
    }
}
