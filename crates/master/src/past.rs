//! A moment of the past: the log folded up to it, from the nearest state that is kept, or from the beginning.
//!
//! [`nearest`] opens a [`Cursor`], which goes on record by record; [`seq_at`] and [`launch_of`] find the record that is meant.
//! Nothing is changed by looking. Must not know what the moment is looked at for.

mod cursor;
mod finding;
mod nearest;

use eventlog::{BaselineError, ReadError};
use model::{Position, Seq, TaskId, Timestamp};

pub use cursor::{Cursor, Records};
pub use finding::{first_at, launch_of, seq_at};
pub use nearest::{Kept, nearest, oldest};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastError {
    #[error("the log cannot be read: {0}")]
    Log(#[from] ReadError),
    /// What is before that record can be looked at.
    #[error("the log cannot be read from record {seq} on: {error}")]
    Record { seq: Seq, error: ReadError },
    #[error(transparent)]
    Baselines(#[from] BaselineError),
    #[error(
        "the log begins after record {kept_from}, and what was before that is trimmed: record {seq} is not kept any more"
    )]
    Trimmed { seq: Seq, kept_from: Seq },
    #[error("the log begins at position {first}, and no baseline of what was before it can be used")]
    NoBaseline { first: Position },
    #[error("no record after {from} launches task '{task}': `bayplan task list --all` names those that are remembered")]
    NotLaunched { task: TaskId, from: Seq },
    #[error("'{task}' is no task's id: {reason}")]
    NoTask { task: TaskId, reason: &'static str },
    #[error("the log ends with record {last}, so there is no record {seq} yet")]
    Ahead { seq: Seq, last: Seq },
    #[error("the log's first record, {first}, is of a later time")]
    Before { first: Seq, at: Timestamp },
    #[error("nobody waits for it any more")]
    GivenUp,
}

impl PastError {
    /// Whether it is the question that names what is not there.
    #[must_use]
    pub const fn is_nowhere(&self) -> bool {
        match self {
            Self::Trimmed { .. }
            | Self::NotLaunched { .. }
            | Self::NoTask { .. }
            | Self::Ahead { .. }
            | Self::Before { .. } => true,
            Self::Log(_) | Self::Record { .. } | Self::Baselines(_) | Self::NoBaseline { .. } | Self::GivenUp => false,
        }
    }
}
