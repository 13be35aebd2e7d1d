//! What is said of a slice, in the answer and in an SQLite file.

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(super) struct About {
    pub(super) written_by: String,
    /// None when the log does not say.
    pub(super) cluster: Option<String>,
    pub(super) from_seq: u64,
    pub(super) to_seq: u64,
    pub(super) anonymised: bool,
    /// How many modules go along with their code.
    pub(super) modules: usize,
}
