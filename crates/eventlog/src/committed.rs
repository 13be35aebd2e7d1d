//! The one way from messages to the records that count.
//!
//! It must not know what a record says, nor which provider the messages come from.

use std::collections::VecDeque;

use model::{PartPlace, PartsSoFar, Position, SealedRecord, Tip, Void};

use crate::{Content, Message, Messages, ReadError};

/// A record as a reader gets to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Accepted {
        /// The message that holds it, or its last part.
        position: Position,
        record: SealedRecord,
        /// The end of the accepted records, this one included.
        tip: Tip,
    },
    /// A record that does not count: a fenced leader wrote it, or it came twice. To be reported, never to be applied.
    Void { position: Position, record: SealedRecord, reason: Void },
    /// A part that makes no record whole, or not yet. So far, nothing has come of it.
    Part { position: Position, part: PartPlace },
    /// What came next shows that a record will never be whole: its leader did not get through, or was deposed in its middle.
    /// To be reported. `last` is the message that holds the newest of its parts.
    Unfinished { last: Position, part: PartPlace },
}

/// Reads `messages`, which begin behind the record that `tip` describes (`Tip::default()` for a whole log).
///
/// A record counts if [`Tip::accept`] says so. Of those that do not, records of an older epoch and repeated ones
/// are void, as no leader could prevent them. Anything else is an error that names the position, because it shows that the
/// log has lost or changed something: a damaged record, a broken chain, or a record that is ahead of what may come next.
///
/// A record in parts counts, or is void, in the moment in which its last part comes, provided that nothing came between
/// them. So reading goes on after an interruption where the tip is, not where it was broken off: that may be in the middle
/// of parts. Reading may begin with the message that holds the tip, whatever it is.
#[must_use]
pub fn committed(messages: Messages, tip: Tip) -> Committed {
    let parts = PartsSoFar::default();
    Committed { messages, position: Position::default(), pending: VecDeque::new(), parts, tip }
}

/// See [`committed`].
pub struct Committed {
    messages: Messages,
    /// Of the last message.
    position: Position,
    pending: VecDeque<Pending>,
    /// Of a record that is not whole yet.
    parts: PartsSoFar,
    tip: Tip,
}

enum Pending {
    /// To be judged.
    Record(SealedRecord),
    Told(Entry),
    Failed(ReadError),
}

impl Committed {
    /// The end of the accepted records so far.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Whether everything of the last message was handed out.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// The newest part of a record that the last message has left without its end.
    #[must_use]
    pub fn waiting_for_parts(&self) -> Option<PartPlace> {
        self.parts.waiting()
    }

    /// The next record; None at the end of the messages. After an error it gives nothing more. May be dropped and
    /// called again (cancel safe).
    pub async fn next(&mut self) -> Option<Result<Entry, ReadError>> {
        loop {
            if let Some(pending) = self.pending.pop_front() {
                let entry = match pending {
                    Pending::Record(record) => judge(&mut self.tip, self.position, record),
                    Pending::Told(entry) => Ok(entry),
                    Pending::Failed(error) => Err(error),
                };
                return Some(entry.inspect_err(|_| self.end()));
            }
            let taken = match self.messages.next().await? {
                Ok(message) => self.take(message),
                Err(ReadError::Damaged { position, index, error, before }) if !before.is_empty() => {
                    let taken = self.take(Message { position, content: Content::from(before) });
                    let error = ReadError::Damaged { position, index, error, before: Vec::new() };
                    self.pending.push_back(Pending::Failed(error));
                    taken
                }
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                self.end();
                return Some(Err(error));
            }
        }
    }

    fn end(&mut self) {
        self.pending.clear();
        self.messages = Messages::none();
    }

    fn take(&mut self, Message { position, content }: Message) -> Result<(), ReadError> {
        let last = std::mem::replace(&mut self.position, position);
        let unfinished = |part| Pending::Told(Entry::Unfinished { last, part });
        match content {
            Content::Records(records) => {
                self.pending.extend(self.parts.give_up().map(unfinished));
                self.pending.extend(records.iter().cloned().map(Pending::Record));
            }
            Content::Part(part) => {
                let step = self.parts.take(&part.part);
                let step = step.map_err(|error| ReadError::damaged(position, error))?;
                self.pending.extend(step.given_up.map(unfinished));
                self.pending.push_back(match step.whole {
                    Some(record) => Pending::Record(record),
                    None => Pending::Told(Entry::Part { position, part: part.part.place() }),
                });
            }
        }
        Ok(())
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
