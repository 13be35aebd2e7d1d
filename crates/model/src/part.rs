//! Records that are larger than a message: numbered parts, one to a message, one right after the other.
//!
//! A sealed part is an envelope as a record's is, of another format; its body is the [`Part`] as a MessagePack map. The parts'
//! pieces, joined, are the sealed record. A record counts, by [`crate::Tip::accept`], in the moment in which its last part is
//! there. Parts that anything else comes between never become a record: they are void.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, CodecError, ENVELOPE_BYTES, Opened, OwnedBytes, PART_FORMAT};
use crate::{Epoch, Hash, SealedRecord, Seq};

/// In how many parts a record may go out. Readers hold all of them in memory.
pub const MAX_PARTS: u32 = 64;
/// What a sealed part takes beside its piece, at most: the envelope, the map and its keys, the numbers, the hashes.
const AROUND_PIECE_BYTES: usize = ENVELOPE_BYTES + 1 + 48 + 2 * 9 + 2 * 34 + 2 * 5 + 5;

/// One part of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The record's number.
    pub seq: Seq,
    /// The record's epoch.
    pub epoch: Epoch,
    /// Hash of the body of the accepted record before it, as the record names it.
    pub previous: Hash,
    /// Hash of the record's own body.
    pub record: Hash,
    /// The first is 0.
    pub index: u32,
    /// How many parts the record has: 2 at least.
    pub count: u32,
    /// What comes behind the pieces of the parts before it, as `bin`. All of them are the record's array of three.
    piece: OwnedBytes,
}

/// Which part of which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartPlace {
    pub seq: Seq,
    pub epoch: Epoch,
    pub record: Hash,
    pub index: u32,
    pub count: u32,
}

impl PartPlace {
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.index + 1 == self.count
    }
}

impl fmt::Display for PartPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, epoch, index, count, .. } = self;
        write!(f, "part {} of {count} of record {seq}, epoch {epoch}", index + 1)
    }
}

/// A part with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPart {
    pub part: Part,
    /// What the log keeps.
    pub bytes: Arc<[u8]>,
}

impl Part {
    #[must_use]
    pub const fn place(&self) -> PartPlace {
        let Self { seq, epoch, record, index, count, .. } = *self;
        PartPlace { seq, epoch, record, index, count }
    }

    fn check(&self) -> Result<(), CodecError> {
        let Self { seq, index, count, .. } = *self;
        if (2..=MAX_PARTS).contains(&count) && index < count {
            return Ok(());
        }
        let reason = format!("there is number {index} of {count}, and there may be 2 to {MAX_PARTS}");
        Err(CodecError::Unfit { seq, reason })
    }
}

impl SealedPart {
    /// How large a record may be where a message has `message_bytes` at most.
    #[must_use]
    pub const fn max_record_bytes(message_bytes: usize) -> usize {
        message_bytes.saturating_sub(AROUND_PIECE_BYTES).saturating_mul(MAX_PARTS as usize)
    }

    /// Cuts a record that is larger than a message of `message_bytes`. None when it is too large for that too, or begins an
    /// epoch: whoever leads has to begin with one message.
    #[must_use]
    pub fn split(sealed: &SealedRecord, message_bytes: usize) -> Option<Vec<Self>> {
        if sealed.bytes.len() > Self::max_record_bytes(message_bytes) || sealed.record.begins_epoch() {
            return None;
        }
        let room = message_bytes - AROUND_PIECE_BYTES;
        let piece_bytes = sealed.bytes.len().div_ceil(sealed.bytes.len().div_ceil(room).max(2));
        let pieces = sealed.bytes.chunks(piece_bytes);
        let count = u32::try_from(pieces.len()).ok()?;
        let record = &sealed.record;
        let part = |(index, piece): (u32, &[u8])| Part {
            seq: record.seq,
            epoch: record.epoch,
            previous: record.previous,
            record: sealed.hash,
            index,
            count,
            piece: OwnedBytes(piece.to_vec()),
        };
        Some((0..).zip(pieces).map(part).map(Self::seal).collect())
    }

    fn seal(part: Part) -> Self {
        let body = rmp_serde::to_vec_named(&part).expect("a part is plain data");
        Self { part, bytes: envelope::seal(PART_FORMAT, &body).into() }
    }

    fn of(opened: &Opened, bytes: &[u8]) -> Result<Self, CodecError> {
        let part: Part =
            rmp_serde::from_slice(&opened.body).map_err(|error| CodecError::Malformed(error.to_string()))?;
        part.check()?;
        Ok(Self { part, bytes: bytes.into() })
    }
}

/// What stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealed {
    Record(SealedRecord),
    Part(SealedPart),
}

impl Sealed {
    /// Reads the first record or part of `bytes`, and how many bytes it took.
    pub fn open(bytes: &[u8]) -> Result<(Self, usize), CodecError> {
        let opened = envelope::open(bytes)?;
        let taken = opened.taken;
        let sealed = match opened.format {
            PART_FORMAT => Self::Part(SealedPart::of(&opened, &bytes[..taken])?),
            _ => Self::Record(SealedRecord::of(&opened, &bytes[..taken])?),
        };
        Ok((sealed, taken))
    }
}

/// Joins parts, which are given in the order of the log, to the records that they make up.
#[derive(Debug, Default)]
pub struct PartsSoFar {
    /// The newest part of a record that is not whole yet.
    newest: Option<PartPlace>,
    previous: Hash,
    bytes: Vec<u8>,
}

/// What a part led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The newest of the parts before it that are void now, as it is not the one that they wait for.
    pub given_up: Option<PartPlace>,
    /// The record whose last part it is.
    pub whole: Option<SealedRecord>,
}

impl PartsSoFar {
    /// The newest part of a record that is not whole yet.
    #[must_use]
    pub const fn waiting(&self) -> Option<PartPlace> {
        self.newest
    }

    /// Something else has come: what there was of a record is void, and forgotten.
    pub fn give_up(&mut self) -> Option<PartPlace> {
        self.bytes = Vec::new();
        self.newest.take()
    }

    /// Takes the next part. One whose beginning was never given leads to nothing, as it may when reading begins with it. The
    /// error is that the parts are not those of the record that they say they are.
    pub fn take(&mut self, part: &Part) -> Result<Step, CodecError> {
        let goes_on = self.newest.is_some_and(|newest| follows(newest, part.place())) && self.previous == part.previous;
        let given_up = if goes_on { None } else { self.give_up() };
        if !goes_on && part.index > 0 {
            return Ok(Step { given_up, whole: None });
        }
        self.newest = Some(part.place());
        self.previous = part.previous;
        self.bytes.extend_from_slice(&part.piece.0);
        if !part.place().is_last() {
            return Ok(Step { given_up, whole: None });
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.newest = None;
        join(part, &bytes).map(|record| Step { given_up, whole: Some(record) })
    }
}

fn follows(newest: PartPlace, next: PartPlace) -> bool {
    next == PartPlace { index: newest.index + 1, ..newest }
}

/// The record that all the pieces make up, which has to be what its parts said of it.
fn join(part: &Part, bytes: &[u8]) -> Result<SealedRecord, CodecError> {
    let unfit = |reason: &str| CodecError::Unfit { seq: part.seq, reason: reason.to_owned() };
    let (sealed, taken) = SealedRecord::open(bytes).map_err(|error| unfit(&error.to_string()))?;
    if taken != bytes.len() {
        return Err(unfit("something follows it"));
    }
    let record = &sealed.record;
    if sealed.hash != part.record {
        return Err(unfit("its hash is another one"));
    }
    if (record.seq, record.epoch, record.previous) != (part.seq, part.epoch, part.previous) {
        return Err(unfit("its number, epoch or predecessor is another one"));
    }
    if record.begins_epoch() {
        return Err(unfit("it begins an epoch, and such a record is never in parts"));
    }
    Ok(sealed)
}

#[cfg(test)]
mod tests;
