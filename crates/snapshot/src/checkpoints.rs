//! Checkpoints: what the snapshot was after some record. They share files with it until it changes, and never change
//! themselves, so anybody may read them, also while a master runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::Seq;

use crate::{Loaded, Snapshot, SnapshotError, folder, store};

/// A checkpoint, named by the last record that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: Seq,
    pub path: PathBuf,
}

/// As many digits as a number may have, so that names are in the order of numbers.
fn name(seq: Seq) -> String {
    format!("{:020}", seq.0)
}

/// The checkpoints beside the snapshot in `folder`, oldest first; none when there is no such folder.
pub fn checkpoints(folder: &Path) -> Result<Vec<Checkpoint>, SnapshotError> {
    let mut found = Vec::new();
    for path in entries(&folder::checkpoints(folder)).map_err(|error| SnapshotError::unavailable(&error))? {
        let seq = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()).map(Seq);
        found.extend(seq.filter(|seq| path.ends_with(name(*seq))).map(|seq| Checkpoint { seq, path }));
    }
    found.sort_by_key(|checkpoint| checkpoint.seq);
    Ok(found)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Checkpoint {
    /// The newest one that has no record behind `seq`.
    pub fn at_or_before(folder: &Path, seq: Seq) -> Result<Option<Self>, SnapshotError> {
        Ok(checkpoints(folder)?.into_iter().rfind(|checkpoint| checkpoint.seq <= seq))
    }

    /// Reads its state.
    pub fn load(&self) -> Result<Loaded, SnapshotError> {
        let loaded = store::load_copy(&self.path)?;
        let damaged = |reason: String| SnapshotError::Damaged { reason };
        let loaded = loaded.ok_or_else(|| damaged(format!("the checkpoint {} is empty", self.path.display())))?;
        if loaded.mark.tip.seq != self.seq {
            return Err(damaged(format!("the checkpoint of record {} has record {}", self.seq, loaded.mark.tip.seq)));
        }
        Ok(loaded)
    }
}

/// Makes a checkpoint of the snapshot as it is after record `seq`, and keeps only the newest ones.
pub(crate) fn make(snapshot: &Snapshot, seq: Seq, kept: usize) -> Result<(), SnapshotError> {
    let all = folder::checkpoints(snapshot.folder());
    let io = |error: io::Error| SnapshotError::unavailable(&error);
    fs::create_dir_all(&all).map_err(io)?;
    let path = all.join(name(seq));
    if !path.exists() {
        snapshot.copy_to(&path)?;
    }
    let made = checkpoints(snapshot.folder())?;
    let excess = made.len().saturating_sub(kept);
    made[..excess].iter().try_for_each(|old| folder::remove_all(&old.path)).map_err(io)
}

/// Removes what a process left that ended while it made a checkpoint.
pub(crate) fn tidy(folder: &Path) -> Result<(), SnapshotError> {
    let io = |error: io::Error| SnapshotError::unavailable(&error);
    let left = entries(&folder::checkpoints(folder)).map_err(io)?;
    let mut unfinished = left.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tmp"));
    unfinished.try_for_each(|path| folder::remove_all(path)).map_err(io)
}
