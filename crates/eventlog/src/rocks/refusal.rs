//! Why RocksDB, or the disk under it, does not do what it was asked to.

use std::path::PathBuf;

use rocksdb::ErrorKind;

use super::wal::WalError;
use crate::{AppendError, OpenError};

#[derive(Clone)]
pub(super) enum Refusal {
    Full(String),
    Damaged(String),
    Unavailable(String),
}

impl From<rocksdb::Error> for Refusal {
    fn from(error: rocksdb::Error) -> Self {
        let (kind, text) = (error.kind(), error.into_string());
        if ["No space left on device", "Disk quota exceeded"].iter().any(|sign| text.contains(sign)) {
            Self::Full(text)
        } else if kind == ErrorKind::Corruption {
            Self::Damaged(text)
        } else {
            Self::Unavailable(text)
        }
    }
}

impl From<WalError> for Refusal {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Damaged { .. } => Self::Damaged(error.to_string()),
            WalError::Io(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Refusal> for AppendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full(reason) => Self::Full { reason },
            Refusal::Damaged(reason) | Refusal::Unavailable(reason) => Self::Unavailable { reason },
        }
    }
}

impl Refusal {
    pub(super) fn reason(&self) -> &str {
        let (Self::Full(reason) | Self::Damaged(reason) | Self::Unavailable(reason)) = self;
        reason
    }

    pub(super) fn into_open_error(self, folder: PathBuf) -> OpenError {
        match self {
            Self::Full(reason) => OpenError::Full { folder, reason },
            Self::Damaged(reason) => OpenError::Damaged { folder, reason },
            Self::Unavailable(reason) => OpenError::Unavailable { folder, reason },
        }
    }
}
