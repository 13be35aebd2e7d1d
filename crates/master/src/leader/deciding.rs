//! What the loop does with a command: decide, apply speculatively, and put the record into the next batch.

use std::sync::Arc;
use std::time::Duration;

use eventlog::EventLog;
use model::{Command, CommandKind, Principal, Record, SealedPart, SealedRecord, Timestamp, Tip};
use scheduler::Decision;
use tokio::time::Instant;

use super::{Allocation, GO_ON_AFTER, Leader, RETRY_AFTER};
use crate::batch::{Batch, Submission};
use crate::environment::Environment;
use crate::handle::SubmitError;
use crate::minting::mint;

/// What a record gains when it carries the state's hash.
const STATE_HASH_BYTES: usize = 64;

enum Decided {
    Recorded(Arc<Record>),
    NothingToDo,
    /// Nothing so far, and the allocation was not through.
    Unfinished,
    /// The batch is too full for the record. Nothing was applied; it is to be decided again.
    NoRoom(Box<Command>),
}

impl<L: EventLog> Leader<L> {
    /// How many more submissions the batch takes.
    pub(super) fn room_in(&self, next: &Batch) -> usize {
        let full = next.is_closed || next.bytes >= self.log.max_message_bytes() / 2;
        if full { 0 } else { self.config.batch_limit.saturating_sub(next.records.len()) }
    }

    /// Begins a batch with what had to wait for it.
    pub(super) fn take_deferred(&mut self, next: &mut Batch) {
        if self.leaving.is_some() {
            return;
        }
        while !next.is_closed
            && let Some(submission) = self.deferred.pop_front()
        {
            self.take(submission, next);
        }
    }

    pub(super) fn take(&mut self, submission: Submission, next: &mut Batch) {
        if next.is_closed {
            self.deferred.push_back(submission);
            return;
        }
        let Submission { principal, kind, reply } = submission;
        match self.decide(principal, kind, next) {
            Ok(Decided::Recorded(record)) => next.answer_with_record(reply, record),
            Ok(Decided::NothingToDo | Decided::Unfinished) => {
                next.answer_without_record(reply, self.tip.seq, self.tip.epoch);
            }
            Ok(Decided::NoRoom(command)) => {
                let Command { principal, kind, .. } = *command;
                self.deferred.push_front(Submission { principal, kind, reply });
            }
            Err(why) => next.refuse(reply, why),
        }
    }

    /// Decides one command and applies it speculatively.
    fn decide(&mut self, principal: Principal, kind: CommandKind, next: &mut Batch) -> Result<Decided, SubmitError> {
        let (began_at, is_allocation) = (Instant::now(), kind == CommandKind::Allocate);
        let decided = self.decide_since(began_at, principal, kind, next);
        self.deciding.decided(is_allocation, began_at);
        decided
    }

    fn decide_since(
        &mut self,
        began_at: Instant,
        principal: Principal,
        kind: CommandKind,
        next: &mut Batch,
    ) -> Result<Decided, SubmitError> {
        let cause = mint(self.config.environment.as_ref(), principal, kind, self.world.state.at);
        let Decision { events, is_unfinished } = scheduler::decision(&self.world, &cause, &self.config.policies)?;
        if events.is_empty() && !self.has_to_be_recorded(&cause.kind, next) {
            return Ok(if is_unfinished { Decided::Unfinished } else { Decided::NothingToDo });
        }
        let (seq, epoch) = (self.tip.seq.next(), self.tip.epoch);
        let record = Record { seq, epoch, previous: self.tip.hash, cause, events, state_hash: None };
        let sealed = record.seal();
        if !self.has_room(next, sealed.bytes.len() + STATE_HASH_BYTES)? {
            next.is_closed = true;
            return Ok(Decided::NoRoom(Box::new(Arc::unwrap_or_clone(sealed.record).cause)));
        }
        let sealed = self.apply(sealed);
        self.tip = Tip { seq, epoch, hash: sealed.hash };
        let record = Arc::clone(&sealed.record);
        next.push(sealed, self.tip, began_at);
        self.allocation = match self.allocation {
            Allocation::Settled | Allocation::Unfinished(_) => Allocation::Due,
            other => other,
        };
        Ok(Decided::Recorded(record))
    }

    /// What has nothing to say is recorded all the same where the log has to answer for it:
    /// - While it refuses, somebody has to find out when it takes writes again, and clients that ask for the health first
    ///   would wait for ever.
    /// - Where others may lead by now, "there is nothing to do" would be said from a state that is not the last one.
    fn has_to_be_recorded(&self, kind: &CommandKind, next: &Batch) -> bool {
        let may_be_deposed = self.config.standby.is_some() && *kind != CommandKind::Allocate;
        let has_to_try = self.is_refused && *kind == CommandKind::Allocate;
        (may_be_deposed || has_to_try) && next.records.is_empty()
    }

    /// Whether the batch has room for a record. One that is larger than a message goes alone.
    fn has_room(&self, next: &Batch, bytes: usize) -> Result<bool, SubmitError> {
        let message_bytes = self.log.max_message_bytes();
        let limit = SealedPart::max_record_bytes(message_bytes).max(message_bytes);
        if bytes > limit {
            return Err(SubmitError::TooLarge { bytes, limit });
        }
        Ok(next.bytes == 0 || next.bytes + bytes <= message_bytes)
    }

    fn apply(&mut self, sealed: SealedRecord) -> SealedRecord {
        self.world.apply(&sealed.record);
        if !sealed.record.seq.0.is_multiple_of(self.config.state_hash_interval) {
            return sealed;
        }
        let state_hash = Some(self.world.state.kept_hash());
        Record { state_hash, ..Record::clone(&sealed.record) }.seal()
    }

    /// Ends a batch with an allocation when anything was decided since the last one.
    pub(super) fn allocate_if_due(&mut self, next: &mut Batch) {
        if self.allocation != Allocation::Due || self.leaving.is_some() || self.room_in(next) == 0 {
            return;
        }
        match self.decide(Principal::new("master"), CommandKind::Allocate, next) {
            Ok(Decided::Recorded(record)) if !record.events.is_empty() => {}
            Ok(Decided::NoRoom(_)) => {}
            Ok(Decided::Unfinished) => self.allocation = Allocation::Unfinished(Instant::now() + GO_ON_AFTER),
            Ok(_) => self.allocation = Allocation::Settled,
            Err(why) => {
                tracing::error!(%why, "the allocation was refused");
                self.allocation = Allocation::NotBefore(Instant::now() + RETRY_AFTER);
            }
        }
    }

    pub(super) fn allocation_wakes_at(&self) -> Option<Instant> {
        match self.allocation {
            Allocation::Due => None,
            Allocation::NotBefore(at) | Allocation::Unfinished(at) => Some(at),
            Allocation::Settled => {
                self.world.next_allocation_at().map(|at| instant_of(at, self.config.environment.as_ref()))
            }
        }
    }
}

fn instant_of(at: Timestamp, environment: &dyn Environment) -> Instant {
    Instant::now() + Duration::from_millis(at.ms_since(environment.now()))
}
