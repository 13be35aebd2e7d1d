//! The log: one ordered, durable sequence of messages, each holding a batch of sealed records, or one part of a record that
//! is larger than a message.
//!
//! [`EventLog`] is what every provider promises: [`MemoryLog`] keeps the log in memory, [`RocksLog`] in a folder,
//! [`JetStreamLog`] on NATS servers. [`committed`] turns messages into the records that count; every reader goes through it.
//! [`seek`] finds the message that holds a record. [`FaultyLog`] wraps a provider for tests of whoever writes, and [`conformance`] is the one
//! suite that every provider passes.
//!
//! This crate must not know what a record says: it never matches on a command or an event. It does not know who
//! leads either; that is decided by what is in the log.

mod baselines;
mod committed;
pub mod conformance;
mod content;
mod error;
mod faulty;
mod jetstream;
mod memory;
mod messages;
mod notices;
mod rocks;
mod seek;

use std::future::Future;

use bytes::Bytes;
use model::{Position, SealedRecord, Seq};

pub use baselines::{Baseline, BaselineError};
pub use committed::{Committed, Entry, committed};
pub use content::Content;
pub use error::{AppendError, OpenError, ReadError, TrimError};
pub use faulty::{Fault, FaultyLog, Lands};
pub use jetstream::{JetStreamLog, JetStreamOptions};
pub use memory::MemoryLog;
pub use messages::{Message, Messages, NextChunk, Source};
pub use notices::{Heard, NoticeSource, Notices};
pub use rocks::{Options, RocksLog};
pub use seek::{Anchor, beginning_of, seek};

/// An ordered log of messages. Positions count up by one from 1 and are never used twice.
///
/// Any number of readers and writers may use a log at the same time. What a writer needs to know:
///
/// - **`Ok` is durable.** The message survives the loss of power from then on, and every `read` that begins later sees it.
/// - **Compare-and-set.** With `after: Some(p)` the message is written only if `p` is the last position at that moment
///   (`Position(0)` for a log that never held a message), so that of all who try at the same `p` exactly one wins.
///   `None` appends wherever the end is.
/// - **Whole messages.** A message is there with all that it holds or not at all, whatever happens to process or machine.
/// - **Parts are messages.** What makes a record of several of them is how they are read, see [`committed`]: a writer appends
///   them one after the other, each compare-and-set behind the one before it.
/// - **Errors say what they know.** After [`AppendError::Unknown`] the message may be in the log, or may still arrive
///   there; every other error promises that it is not and will not be. Settle `Unknown` by reading back; where a late
///   arrival matters, append something compare-and-set behind what was read: if that succeeds, a late message that was sent
///   with `after` can no longer arrive.
/// - **A dropped future is an unknown outcome**: an append that was polled once may complete all the same.
pub trait EventLog: Send + Sync + 'static {
    /// Appends one message; returns its position.
    fn append(
        &self,
        after: Option<Position>,
        content: Content,
    ) -> impl Future<Output = Result<Position, AppendError>> + Send;

    /// How large a message may be: the sum of the lengths of the `bytes` of its records, or of its part.
    fn max_message_bytes(&self) -> usize;

    /// The messages from `from` (0 and 1 both mean the first position) to an end that is not before the end as it is when
    /// this is called, and not behind the end as it is at the first call of [`Messages::next`]. A position behind that end
    /// gives nothing; one that was trimmed is [`ReadError::Trimmed`].
    fn read(&self, from: Position) -> Messages;

    /// As [`EventLog::read`], but at the end it waits for what is appended next. It ends only when the log is closed.
    fn tail(&self, from: Position) -> Messages;

    /// Where the log begins and ends.
    fn bounds(&self) -> impl Future<Output = Result<Bounds, ReadError>> + Send;

    /// Removes the messages up to and including `upto`. The last message stays in any case, so that the log does not
    /// forget where its end is. Trimming what is gone already is no error.
    fn trim(&self, upto: Position) -> impl Future<Output = Result<(), TrimError>> + Send;

    /// Keeps a baseline beside the messages: the fold of everything up to record `seq`, which the message at `position`
    /// holds. `Ok` is as durable as that of an append. The same one twice is one.
    fn put_baseline(
        &self,
        seq: Seq,
        position: Position,
        bytes: Bytes,
    ) -> impl Future<Output = Result<Baseline, BaselineError>> + Send;

    /// The baselines that are there, whole, oldest first.
    fn baselines(&self) -> impl Future<Output = Result<Vec<Baseline>, BaselineError>> + Send;

    /// The bytes of a baseline, which are those that were written.
    fn read_baseline(&self, baseline: &Baseline) -> impl Future<Output = Result<Vec<u8>, BaselineError>> + Send;

    /// Removes a baseline. One that is gone already is no error.
    fn remove_baseline(&self, baseline: &Baseline) -> impl Future<Output = Result<(), BaselineError>> + Send;

    /// About how many bytes the messages take; how soon it shows that some were trimmed is up to the provider.
    fn size_bytes(&self) -> impl Future<Output = Result<u64, ReadError>> + Send;

    /// Says something to all who have the log open. It is not kept, and may be lost; see [`Notices`].
    fn notify(&self, notice: Bytes) -> impl Future<Output = ()> + Send;

    /// What is said from now on.
    fn notices(&self) -> Notices;
}

/// Where a log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest message that is there; 1 while nothing was appended.
    pub first: Position,
    /// The newest message; 0 while nothing was appended.
    pub last: Position,
}

impl Bounds {
    /// The bounds of a log that never held a message.
    pub const EMPTY: Self = Self { first: Position(1), last: Position(0) };

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first > self.last
    }
}

/// The size of a batch as [`EventLog::max_message_bytes`] counts it.
#[must_use]
pub fn message_bytes(batch: &[SealedRecord]) -> usize {
    batch.iter().map(|sealed| sealed.bytes.len()).sum()
}

/// What every provider checks before it writes.
fn check_size(content: &Content, limit_bytes: usize) -> Result<(), AppendError> {
    if content.first_seq().is_none() {
        return Err(AppendError::EmptyBatch);
    }
    let message_bytes = content.size_bytes();
    if message_bytes > limit_bytes {
        return Err(AppendError::TooLarge { message_bytes, limit_bytes });
    }
    Ok(())
}
