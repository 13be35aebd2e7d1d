//! What a message holds.

use std::sync::Arc;

use model::{CodecError, Epoch, Hash, Sealed, SealedPart, SealedRecord, Seq};

/// Whole records, or exactly one part of a record that is larger than a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Records(Arc<[SealedRecord]>),
    Part(Arc<SealedPart>),
}

impl From<Arc<[SealedRecord]>> for Content {
    fn from(records: Arc<[SealedRecord]>) -> Self {
        Self::Records(records)
    }
}

impl From<Vec<SealedRecord>> for Content {
    fn from(records: Vec<SealedRecord>) -> Self {
        Self::Records(records.into())
    }
}

impl From<SealedPart> for Content {
    fn from(part: SealedPart) -> Self {
        Self::Part(Arc::new(part))
    }
}

/// Why a message could not be read to its end.
pub(crate) struct Undecoded {
    /// The records that could.
    pub(crate) before: Vec<SealedRecord>,
    pub(crate) error: CodecError,
}

impl Content {
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Undecoded> {
        let mut records = Vec::new();
        if bytes.is_empty() {
            let error = CodecError::Malformed("the message is empty".to_owned());
            return Err(Undecoded { before: records, error });
        }
        while !bytes.is_empty() {
            let error = match Sealed::open(bytes) {
                Ok((Sealed::Record(record), taken)) => {
                    records.push(record);
                    bytes = &bytes[taken..];
                    continue;
                }
                Ok((Sealed::Part(part), taken)) if records.is_empty() && taken == bytes.len() => return Ok(part.into()),
                Ok((Sealed::Part(_), _)) => CodecError::Misplaced,
                Err(error) => error,
            };
            return Err(Undecoded { before: records, error });
        }
        Ok(records.into())
    }

    /// What a provider keeps, one after the other.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (records, part) = match self {
            Self::Records(records) => (&records[..], None),
            Self::Part(part) => (&[][..], Some(&part.bytes[..])),
        };
        records.iter().map(|sealed| &sealed.bytes[..]).chain(part)
    }

    /// Its size as [`crate::EventLog::max_message_bytes`] counts it.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size_bytes());
        self.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// The records that are whole in it.
    #[must_use]
    pub fn records(&self) -> &[SealedRecord] {
        match self {
            Self::Records(records) => records,
            Self::Part(_) => &[],
        }
    }

    /// The number of its first record, whether that is whole or not.
    #[must_use]
    pub fn first_seq(&self) -> Option<Seq> {
        match self {
            Self::Records(records) => records.first().map(|sealed| sealed.record.seq),
            Self::Part(part) => Some(part.part.seq),
        }
    }

    /// The number of the last record that ends in it or before it.
    #[must_use]
    pub fn last_seq(&self) -> Option<Seq> {
        match self {
            Self::Records(records) => records.last().map(|sealed| sealed.record.seq),
            Self::Part(part) if part.part.place().is_last() => Some(part.part.seq),
            Self::Part(part) => part.part.seq.0.checked_sub(1).map(Seq),
        }
    }

    /// The epoch of its last record, whether that is whole or not.
    #[must_use]
    pub fn last_epoch(&self) -> Option<Epoch> {
        match self {
            Self::Records(records) => records.last().map(|sealed| sealed.record.epoch),
            Self::Part(part) => Some(part.part.epoch),
        }
    }

    /// Whether it holds a record with this hash, or the part that makes it whole.
    #[must_use]
    pub fn completes(&self, record: Hash) -> bool {
        match self {
            Self::Records(records) => records.iter().any(|sealed| sealed.hash == record),
            Self::Part(part) => part.part.place().is_last() && part.part.record == record,
        }
    }

    /// How many messages before this one the record in it began: 0 unless it is a part.
    #[must_use]
    pub fn parts_before(&self) -> u64 {
        match self {
            Self::Records(_) => 0,
            Self::Part(part) => u64::from(part.part.index),
        }
    }
}
