//! Baselines as files beside the database. A file's name says all that is known of it, and it gets that name when it is
//! whole and on the disk.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use model::{Position, Seq};

use crate::{Baseline, BaselineError};

const FOLDER: &str = "baselines";
const EXTENSION: &str = "baseline";
const UNFINISHED: &str = "unfinished";

fn name(baseline: &Baseline) -> String {
    let Baseline { seq, position, bytes: _, hash } = baseline;
    format!("{:020}-{position}-{hash}.{EXTENSION}", seq.0)
}

fn parse(name: &str, bytes: u64) -> Option<Baseline> {
    let mut parts = name.strip_suffix(EXTENSION)?.strip_suffix('.')?.split('-');
    let (seq, position, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let baseline = Baseline {
        seq: Seq(seq.parse().ok()?),
        position: Position(position.parse().ok()?),
        bytes,
        hash: hash.parse().ok()?,
    };
    parts.next().is_none().then_some(baseline)
}

fn cannot(error: &io::Error) -> BaselineError {
    let reason = error.to_string();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BaselineError::Full { reason },
        _ => BaselineError::Unavailable { reason },
    }
}

pub(super) fn put(log: &Path, seq: Seq, position: Position, bytes: &[u8]) -> Result<Baseline, BaselineError> {
    let baseline = Baseline::of(seq, position, bytes);
    write(&log.join(FOLDER), &name(&baseline), bytes).map_err(|error| cannot(&error))?;
    Ok(baseline)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(UNFINISHED);
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // What is left of it takes room that is needed.
        let _gone = fs::remove_file(&unfinished);
        return Err(error);
    }
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}

pub(super) fn list(log: &Path) -> Result<Vec<Baseline>, BaselineError> {
    let mut found = files(log).map_err(|error| cannot(&error))?;
    found.sort();
    Ok(found)
}

fn files(log: &Path) -> io::Result<Vec<Baseline>> {
    let entries = match fs::read_dir(log.join(FOLDER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let bytes = entry.metadata()?.len();
        let baseline = entry.file_name().to_str().and_then(|name| parse(name, bytes));
        files.extend(baseline);
    }
    Ok(files)
}

pub(super) fn read(log: &Path, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
    match fs::read(log.join(FOLDER).join(name(baseline))) {
        Ok(bytes) => baseline.check(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(BaselineError::Missing { seq: baseline.seq }),
        Err(error) => Err(cannot(&error)),
    }
}

pub(super) fn remove(log: &Path, baseline: &Baseline) -> Result<(), BaselineError> {
    match fs::remove_file(log.join(FOLDER).join(name(baseline))) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot(&error)),
        _ => Ok(()),
    }
}
