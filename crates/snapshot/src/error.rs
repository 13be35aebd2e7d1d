//! Why a snapshot, a checkpoint or a baseline cannot be used. Nothing is lost by that: the log has it all.

use std::path::PathBuf;

use model::Hash;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Somebody else keeps it up to date; it must be left alone.
    #[error("another bayplan{} holds the snapshot in {}; stop it or choose another folder",
        .holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default(), .folder.display())]
    InUse { folder: PathBuf, holder: Option<String> },
    /// As the disk says; trying again later may succeed.
    #[error("the snapshot cannot be read or written: {reason}")]
    Unavailable { reason: String },
    #[error(
        "it has format {found}, but this version reads format {}: another version of bayplan wrote it",
        crate::FORMAT
    )]
    OtherFormat { found: u32 },
    #[error(
        "its hash is of version {found} of the fold, but this is version {}, so it cannot be checked",
        state::VERSION
    )]
    OtherVersion { found: u32 },
    #[error("it is damaged: {reason}")]
    Damaged { reason: String },
    #[error(
        "its rows give a state with the hash {found}, but it was written with {written}: it is damaged, or was \
        written by a version of bayplan that folds differently"
    )]
    HashDiffers { written: Hash, found: Hash },
}

impl SnapshotError {
    /// Whether what is there is of no use to anybody, so that it may be put aside and made anew.
    #[must_use]
    pub fn is_useless(&self) -> bool {
        match self {
            Self::OtherFormat { .. } | Self::OtherVersion { .. } | Self::Damaged { .. } | Self::HashDiffers { .. } => {
                true
            }
            Self::InUse { .. } | Self::Unavailable { .. } => false,
        }
    }

    pub(crate) fn unavailable(error: &std::io::Error) -> Self {
        Self::Unavailable { reason: error.to_string() }
    }
}

impl From<rocksdb::Error> for SnapshotError {
    fn from(error: rocksdb::Error) -> Self {
        use rocksdb::ErrorKind::{Aborted, Busy, IOError, Incomplete, ShutdownInProgress, TimedOut, TryAgain};
        let (kind, reason) = (error.kind(), error.into_string());
        match kind {
            // A file that is missing is no trouble of the disk's.
            IOError if reason.contains("No such file") => Self::Damaged { reason },
            IOError | Aborted | Busy | Incomplete | ShutdownInProgress | TimedOut | TryAgain => {
                Self::Unavailable { reason }
            }
            _ => Self::Damaged { reason },
        }
    }
}
