//! The folder of a log: made durably, and held by one process at a time. It must not know what is in it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::OpenError;

const LOCK_FILE: &str = "bayplan.lock";

pub(super) fn cannot_open(folder: &Path, error: &std::io::Error) -> OpenError {
    let (folder, reason) = (folder.to_owned(), error.to_string());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => OpenError::Full { folder, reason },
        _ => OpenError::Unavailable { folder, reason },
    }
}

/// The folder's own entry must be as durable as what is in it.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Takes the folder for this process, and writes its number into the lock file, for people.
pub(super) fn lock(folder: &Path) -> Result<File, OpenError> {
    let cannot = |error: std::io::Error| cannot_open(folder, &error);
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(folder.join(LOCK_FILE)).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
            let holder = known.then(|| format!("process {}", holder.trim()));
            return Err(OpenError::Locked { folder: folder.to_owned(), holder });
        }
        Err(fs::TryLockError::Error(error)) => return Err(cannot(error)),
    }
    // Only people need the number, so a full disk does not matter here.
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::debug!("cannot write the process number into {LOCK_FILE}: {error}");
    }
    Ok(file)
}
