//! The folded state on disk, so that a start need not fold the whole log: rows in RocksDB, and baselines as bytes.
//!
//! A [`Snapshot`] is a copy of the second fold in a folder. A [`Snapshotter`] keeps it up to date on a thread of its own
//! and makes checkpoints, which stay as they are and answer what the cluster looked like then. [`baseline`] is the same
//! rows in one piece, for the cluster, so that its log may be trimmed.
//!
//! **The log is the truth.** All of this may be lost or damaged: what does not prove to be whole and right, by the hash of
//! the state that it gives, is an error that says so, and the caller makes it anew from the log. This crate knows no log.

pub mod baseline;
mod cache;
mod checkpoints;
mod codec;
mod error;
mod folder;
mod options;
mod rebuild;
mod snapshotter;
mod store;

use model::{ClusterId, Hash, Position, Row, Timestamp, Tip};
use serde::{Deserialize, Serialize};
use state::{Changes, RowKey, State};

pub use cache::{Cache, CacheLimits, Cached};
pub use checkpoints::{Checkpoint, checkpoints};
pub use codec::FORMAT;
pub use error::SnapshotError;
pub use options::Options;
pub use snapshotter::{Progress, Snapshotter};
pub use store::{Opened, Snapshot, Useless, peek};

/// Which state it is, and where in the log it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub cluster: Option<ClusterId>,
    /// The last record that was folded.
    pub tip: Tip,
    /// The message that holds that record. Reading goes on there, as it may hold more.
    pub position: Position,
    /// The time of the last command.
    pub at: Timestamp,
    pub state_hash: Hash,
    /// Which version of the fold made that hash.
    pub state_version: u32,
}

impl Mark {
    #[must_use]
    pub fn of(state: &State, tip: Tip, position: Position) -> Self {
        let cluster = state.header.cluster.clone();
        Self { cluster, tip, position, at: state.at, state_hash: state.hash(), state_version: state::VERSION }
    }

    /// The mark of a state that has these changes.
    #[must_use]
    pub fn of_changes(changes: &Changes, tip: Tip, position: Position) -> Self {
        let cluster = match changes.rows.get(&RowKey::Header) {
            Some(Some(Row::Header(header))) => header.cluster.clone(),
            _ => None,
        };
        Self { cluster, tip, position, at: changes.at, state_hash: changes.state_hash, state_version: state::VERSION }
    }
}

/// A state that was read back and has the hash that it was written with.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub state: State,
    pub mark: Mark,
}
