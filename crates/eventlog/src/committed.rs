//! The one way from messages to the records that count.
//!
//! It must not know what a record says, nor which provider the messages come from.

use std::collections::VecDeque;

use model::{Position, SealedRecord, Tip, Void};

use crate::{Messages, ReadError};

/// A record as a reader gets to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Accepted {
        position: Position,
        record: SealedRecord,
        /// The end of the accepted records, this one included.
        tip: Tip,
    },
    /// A record that does not count: a fenced leader wrote it, or it came twice. To be reported, never to be applied.
    Void { position: Position, record: SealedRecord, reason: Void },
}

/// Reads `messages`, which begin behind the record that `tip` describes (`Tip::default()` for a whole log).
///
/// A record counts if [`Tip::accept`] says so. Of those that do not, records of an older epoch and repeated ones
/// are void, as no leader could prevent them. Anything else is an error that names the position, because it shows that the
/// log has lost or changed something: a damaged record, a broken chain, or a record that is ahead of what may come next.
#[must_use]
pub fn committed(messages: Messages, tip: Tip) -> Committed {
    Committed { messages, position: Position::default(), pending: VecDeque::new(), tip }
}

/// See [`committed`].
pub struct Committed {
    messages: Messages,
    /// Of the pending records.
    position: Position,
    pending: VecDeque<SealedRecord>,
    tip: Tip,
}

impl Committed {
    /// The end of the accepted records so far.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Whether every record of the last message was handed out.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next record; None at the end of the messages. After an error it gives nothing more. May be dropped and
    /// called again (cancel safe).
    pub async fn next(&mut self) -> Option<Result<Entry, ReadError>> {
        loop {
            if let Some(record) = self.pending.pop_front() {
                let entry = judge(&mut self.tip, self.position, record);
                if entry.is_err() {
                    self.pending.clear();
                    self.messages = Messages::ended();
                }
                return Some(entry);
            }
            match self.messages.next().await? {
                Ok(message) => {
                    self.position = message.position;
                    self.pending = message.records.into();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn judge(tip: &mut Tip, position: Position, record: SealedRecord) -> Result<Entry, ReadError> {
    match tip.accept(&record) {
        Ok(next) => {
            *tip = next;
            Ok(Entry::Accepted { position, record, tip: next })
        }
        Err(Void::Chain) => Err(ReadError::BrokenChain { position, seq: record.record.seq }),
        Err(void @ Void::Epoch { found, current }) if found > current => Err(ReadError::Gap { position, void }),
        Err(void @ Void::Seq { found, expected }) if found > expected => Err(ReadError::Gap { position, void }),
        Err(reason) => Ok(Entry::Void { position, record, reason }),
    }
}
