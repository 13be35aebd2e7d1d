//! Baselines: what a log keeps beside its messages, so that the oldest of them may be trimmed.
//!
//! A baseline is the bytes of a fold. This crate knows its place in the log and its hash, and nothing of what it says.

use model::{Hash, Position, Seq};

/// A baseline that a log keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Baseline {
    /// The last record that is in it.
    pub seq: Seq,
    /// The message that holds that record. What is before it may be trimmed; reading goes on there.
    pub position: Position,
    pub bytes: u64,
    /// Of its bytes, by BLAKE3.
    pub hash: Hash,
}

impl Baseline {
    #[must_use]
    pub fn of(seq: Seq, position: Position, bytes: &[u8]) -> Self {
        Self { seq, position, bytes: bytes.len() as u64, hash: hash_of(bytes) }
    }

    /// Whether these are its bytes.
    pub(crate) fn check(&self, bytes: Vec<u8>) -> Result<Vec<u8>, BaselineError> {
        if bytes.len() as u64 == self.bytes && hash_of(&bytes) == self.hash {
            return Ok(bytes);
        }
        let reason = format!("its {} bytes are not the {} that were written", bytes.len(), self.bytes);
        Err(BaselineError::Damaged { seq: self.seq, reason })
    }
}

fn hash_of(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Trying again later may succeed.
    #[error("the log's baselines cannot be read or written: {reason}")]
    Unavailable { reason: String },
    #[error("there is no room for a baseline: {reason}")]
    Full { reason: String },
    #[error("the log has no baseline of record {seq}")]
    Missing { seq: Seq },
    #[error("the baseline of record {seq} is damaged: {reason}")]
    Damaged { seq: Seq, reason: String },
}
