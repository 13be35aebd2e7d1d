//! Records and their form in the log.
//!
//! A message of the log is a batch: sealed records, one after the other. A sealed record is an [`envelope`] whose body is the
//! record as a MessagePack map (field names kept). Each body names the hash of the body before it, so that the accepted
//! records form a chain. What is larger than a message goes out in [parts](crate::SealedPart).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, CodecError, FORMAT, Opened, PART_FORMAT};
use crate::{Command, Epoch, Event, Hash, Seq};

/// One command and all that it led to: all of its events commit, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    pub seq: Seq,
    pub epoch: Epoch,
    /// Hash of the body of the accepted record before this one; zeros for the first.
    pub previous: Hash,
    pub cause: Command,
    pub events: Vec<Event>,
    /// At intervals: the hash of the state after this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<Hash>,
}

/// A record with its bytes and its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    pub record: Arc<Record>,
    /// What the log keeps.
    pub bytes: Arc<[u8]>,
    /// Hash of the body.
    pub hash: Hash,
}

/// What most commands, and each of their events, have room in.
const COMMAND_BYTES: usize = 512;
const EVENT_BYTES: usize = 384;

impl Record {
    #[must_use]
    pub fn seal(self) -> SealedRecord {
        let mut body = Vec::with_capacity(COMMAND_BYTES + EVENT_BYTES * self.events.len());
        rmp_serde::encode::write_named(&mut body, &self).expect("a record is plain data");
        let bytes = envelope::seal(FORMAT, &body).into();
        SealedRecord { hash: Hash(*blake3::hash(&body).as_bytes()), record: Arc::new(self), bytes }
    }

    /// Whether it begins an epoch. Such a record is never in parts, so that an election is one append.
    #[must_use]
    pub fn begins_epoch(&self) -> bool {
        matches!(self.events.first(), Some(Event::EpochStarted { .. }))
    }
}

impl SealedRecord {
    /// Reads the first record of `bytes`, and how many bytes it took.
    pub fn open(bytes: &[u8]) -> Result<(Self, usize), CodecError> {
        let opened = envelope::open(bytes)?;
        let taken = opened.taken;
        Self::of(&opened, &bytes[..taken]).map(|sealed| (sealed, taken))
    }

    /// The record in an envelope, and the envelope's bytes.
    pub(crate) fn of(opened: &Opened, bytes: &[u8]) -> Result<Self, CodecError> {
        if opened.format == PART_FORMAT {
            return Err(CodecError::Misplaced);
        }
        let record: Record =
            rmp_serde::from_slice(&opened.body).map_err(|error| CodecError::Malformed(error.to_string()))?;
        let hash = Hash(*blake3::hash(&opened.body).as_bytes());
        Ok(Self { record: Arc::new(record), bytes: bytes.into(), hash })
    }

    /// Reads every record of a message.
    pub fn open_batch(mut message: &[u8]) -> Result<Vec<Self>, CodecError> {
        let mut batch = Vec::new();
        while !message.is_empty() {
            let (record, taken) = Self::open(message)?;
            batch.push(record);
            message = &message[taken..];
        }
        Ok(batch)
    }
}

/// The end of the accepted records: what the next one is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tip {
    pub seq: Seq,
    pub epoch: Epoch,
    pub hash: Hash,
}

/// Why a record in the log does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    #[error("it belongs to epoch {found}, but the current one is {current}")]
    Epoch { found: Epoch, current: Epoch },
    #[error("it is number {found}, but number {expected} is next")]
    Seq { found: Seq, expected: Seq },
    #[error("it does not follow the record before it: the chain is broken")]
    Chain,
}

impl Tip {
    /// The one rule that every reader keeps: a record counts only when its epoch is the current one (or
    /// the next, if it starts it), its number is the last + 1 and it names the record before it.
    pub fn accept(&self, sealed: &SealedRecord) -> Result<Self, Void> {
        let record = &sealed.record;
        let current = if record.begins_epoch() { self.epoch.next() } else { self.epoch };
        if record.epoch != current {
            return Err(Void::Epoch { found: record.epoch, current });
        }
        if record.seq != self.seq.next() {
            return Err(Void::Seq { found: record.seq, expected: self.seq.next() });
        }
        if record.previous != self.hash {
            return Err(Void::Chain);
        }
        Ok(Self { seq: record.seq, epoch: record.epoch, hash: sealed.hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::NEWEST_FORMAT;
    use crate::{ClusterId, CommandId, CommandKind, Principal, Timestamp};

    fn record(tip: &Tip, starts: bool) -> Record {
        let cluster = ClusterId::new("c");
        let kind = if starts {
            CommandKind::StartEpoch {
                cluster: cluster.clone(),
                leader: "m".into(),
                addresses: None,
                placement_policy: Some("best-fit".into()),
                profile: None,
            }
        } else {
            CommandKind::Allocate
        };
        let events = if starts {
            vec![Event::EpochStarted { cluster, leader: "m".into(), addresses: None, state_version: 1 }]
        } else {
            vec![]
        };
        Record {
            seq: tip.seq.next(),
            epoch: if starts { tip.epoch.next() } else { tip.epoch },
            previous: tip.hash,
            cause: Command {
                id: CommandId([1; 16]),
                at: Timestamp(5),
                seed: u64::MAX,
                principal: Principal::new("test"),
                kind,
            },
            events,
            state_hash: Some(Hash([9; 32])),
        }
    }

    #[test]
    fn a_batch_reads_back_as_written() {
        let tip = Tip::default();
        let first = record(&tip, true).seal();
        let second = record(&tip.accept(&first).expect("follows"), false).seal();
        let message = [&first.bytes[..], &second.bytes[..]].concat();
        assert_eq!(SealedRecord::open_batch(&message).expect("reads"), vec![first, second]);
    }

    #[test]
    fn every_damaged_byte_is_found() {
        let good = record(&Tip::default(), true).seal();
        for index in 0..good.bytes.len() {
            let mut bytes = good.bytes.to_vec();
            bytes[index] ^= 0x40;
            assert!(SealedRecord::open_batch(&bytes).map_or(true, |read| read != vec![good.clone()]), "byte {index}");
        }
    }

    #[test]
    fn records_from_before_profiles_read_as_they_are() {
        let now = record(&Tip::default(), true).seal();
        let mut bytes = now.bytes.to_vec();
        assert_eq!(std::mem::replace(&mut bytes[1], 1), FORMAT);
        let (old, _) = SealedRecord::open(&bytes).expect("it reads");
        assert_eq!((old.record, old.hash), (now.record, now.hash));
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let good = record(&Tip::default(), true).seal();
        let mut bytes = good.bytes.to_vec();
        bytes[1] = NEWEST_FORMAT + 1;
        let newer = CodecError::NewerFormat { found: NEWEST_FORMAT + 1 };
        assert_eq!(SealedRecord::open(&bytes), Err(newer));
    }

    #[test]
    fn a_tip_accepts_only_what_follows_it() {
        let start = record(&Tip::default(), true).seal();
        let tip = Tip::default().accept(&start).expect("follows");
        assert!(matches!(tip.accept(&start), Err(Void::Seq { .. } | Void::Epoch { .. })));
        let stale = Record { epoch: Epoch(0), ..record(&tip, false) }.seal();
        assert!(matches!(tip.accept(&stale), Err(Void::Epoch { .. })));
        let forked = Record { previous: Hash([3; 32]), ..record(&tip, false) }.seal();
        assert_eq!(tip.accept(&forked), Err(Void::Chain));
        assert!(tip.accept(&record(&tip, false).seal()).is_ok());
    }
}
