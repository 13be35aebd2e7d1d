//! What can go wrong, told apart by what the caller can do about it.

use std::path::PathBuf;

use model::{CodecError, Position, SealedRecord, Seq, Void};

/// Why an append did not succeed. Only `Unknown` leaves open whether the batch is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Somebody else has written: whoever led is deposed.
    #[error("the log ends at position {actual}, not at {expected}: somebody else has written to it")]
    WrongLastPosition { expected: Position, actual: Position },
    /// Nothing was written. Writes succeed again by themselves once there is space.
    #[error("the log is full: {reason}")]
    Full { reason: String },
    /// Nothing was written. Trying again later may succeed.
    #[error("the log cannot be written to: {reason}")]
    Unavailable { reason: String },
    /// The batch may or may not be in the log, or may still arrive there.
    #[error("it is not known whether the log took the batch: {reason}")]
    Unknown { reason: String },
    #[error(
        "the batch has {message_bytes} bytes, but a message holds at most {limit_bytes}: use smaller batches, or parts"
    )]
    TooLarge { message_bytes: usize, limit_bytes: usize },
    #[error("the batch holds no record")]
    EmptyBatch,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The caller wants what is gone: it needs a baseline, and to begin behind it.
    #[error("position {wanted} of the log was trimmed, the oldest one is {first}")]
    Trimmed { wanted: Position, first: Position },
    #[error("position {position} of the log is missing, though there are later ones: the log has lost it")]
    Missing { position: Position },
    #[error("position {position} of the log, record {index}: {error}")]
    Damaged {
        position: Position,
        index: usize,
        error: CodecError,
        /// The records of the message that are before it. They are as they were written, and [`crate::committed`] gives them
        /// before the error.
        before: Vec<SealedRecord>,
    },
    /// The record is of the current epoch and the next in number, but does not name the one before it.
    #[error("position {position} of the log: record {seq} does not follow the record before it, the chain is broken")]
    BrokenChain { position: Position, seq: Seq },
    /// A record that nobody could have written after those that were read: some between them were lost.
    #[error("position {position} of the log does not follow what was read before it, so records were lost: {void}")]
    Gap { position: Position, void: Void },
    /// Trying again later may succeed.
    #[error("the log cannot be read: {reason}")]
    Unavailable { reason: String },
}

impl ReadError {
    /// Of a message of which nothing can be read.
    #[must_use]
    pub const fn damaged(position: Position, error: CodecError) -> Self {
        Self::Damaged { position, index: 0, error, before: Vec::new() }
    }

    /// Whether the log itself is not as it was written, so that reading again changes nothing.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } | Self::BrokenChain { .. } | Self::Gap { .. } => true,
            Self::Trimmed { .. } | Self::Unavailable { .. } => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrimError {
    #[error("the log cannot be trimmed: {reason}")]
    Unavailable { reason: String },
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "another bayplan{} holds the log in {}; stop it or choose another folder",
        .holder.as_ref().map(|pid| format!(" ({pid})")).unwrap_or_default(), .folder.display()
    )]
    Locked { folder: PathBuf, holder: Option<String> },
    #[error("the log in {} cannot be opened because its disk is full, free some space: {reason}", .folder.display())]
    Full { folder: PathBuf, reason: String },
    #[error(
        "the log in {} is damaged and is not opened, so that nothing acknowledged gets lost silently: {reason}; put back \
        a copy of the folder, or choose another one to begin anew",
        .folder.display()
    )]
    Damaged { folder: PathBuf, reason: String },
    #[error("the log in {} cannot be opened: {reason}", .folder.display())]
    Unavailable { folder: PathBuf, reason: String },
    #[error("no NATS server at {servers} can be used: {reason}")]
    NoServer { servers: String, reason: String },
    #[error("the NATS server {server:?} has version {found}, but {lowest} or later is needed: use a newer nats-server")]
    OldServer { server: String, found: String, lowest: String },
    /// Nobody was asked to make it.
    #[error("the NATS servers have no stream {stream}: no cluster of that name has its log there")]
    NoStream { stream: String },
    #[error(
        "the NATS servers have no room for the stream {stream} of {max_bytes} bytes with {replicas} replicas: {reason}; give the \
        servers more (max_file_store), or make it smaller, or with fewer replicas"
    )]
    NoRoom { stream: String, max_bytes: u64, replicas: usize, reason: String },
    /// It was reached, and that is all.
    #[error("the NATS server at {server} was reached, but its JetStream cannot be used: {reason}")]
    NotReady { server: String, reason: String },
    /// Nothing about the stream was changed.
    #[error("the stream {stream} cannot be the log: {reason}; correct that, or choose another cluster name")]
    UnfitStream { stream: String, reason: String },
    #[error("the NATS servers may lose acknowledged writes: {reason}")]
    NotDurable { reason: String },
    #[error("the log's options are unfit: {reason}")]
    BadOption { reason: String },
}
