//! The folder of a snapshot: who holds it, and what is where in it.
//!
//! `current/` is the snapshot, `checkpoints/N/` what it was after record N, `unusable/` the last one that could not be
//! used.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::SnapshotError;

const LOCK_FILE: &str = "lock";
const UNUSABLE: &str = "unusable";

pub(crate) fn current(folder: &Path) -> PathBuf {
    folder.join("current")
}

pub(crate) fn checkpoints(folder: &Path) -> PathBuf {
    folder.join("checkpoints")
}

/// Makes the folder if there is none, and takes it for this process.
pub(crate) fn take(folder: &Path) -> Result<File, SnapshotError> {
    fs::create_dir_all(folder).map_err(|error| SnapshotError::unavailable(&error))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(folder.join(LOCK_FILE)).map_err(|error| SnapshotError::unavailable(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
            let holder = known.then(|| holder.trim().to_owned());
            return Err(SnapshotError::InUse { folder: folder.to_owned(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(SnapshotError::unavailable(&error)),
    }
    // Only people need the number, so a full disk does not matter here.
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::debug!("cannot write the process number into {LOCK_FILE}: {error}");
    }
    Ok(file)
}

/// Moves what is there out of the way, in place of what was moved before. The caller holds the folder.
pub(crate) fn set_aside(folder: &Path) -> Result<(), SnapshotError> {
    let moving = || -> io::Result<()> {
        let unusable = folder.join(UNUSABLE);
        remove_all(&unusable)?;
        fs::create_dir(&unusable)?;
        for path in [current(folder), checkpoints(folder)] {
            if path.exists() {
                fs::rename(&path, unusable.join(path.file_name().unwrap_or_default()))?;
            }
        }
        Ok(())
    };
    moving().map_err(|error| SnapshotError::unavailable(&error))
}

/// No error when there is nothing.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
