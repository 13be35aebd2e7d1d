//! Opens the database of a log to look at it: changes nothing in its folder, and does not mind who else has it open.
//!
//! RocksDB's secondary instance reads what is there, and keeps the files open that it reads, so that the writer may remove
//! them. It reads write-ahead logs as they are; bytes in them that the writer has not synced yet are synced here, before
//! anybody sees them. A write-ahead log with a torn or damaged end is not for RocksDB, see [`super::wal`]: then a copy is
//! read that ends before it, in which all other files are links.
//!
//! Where a table is missing or cut, a secondary instance falls back to the newest state that needs no such table, without a word. So the
//! tables are checked on their own.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Position;
use rocksdb::DB;
use tempfile::TempDir;

use super::refusal::Refusal;
use super::wal::{self, End};
use super::{Options, baselines};
use crate::Bounds;

/// Files come and go while somebody writes, so a look may fail and the next one succeed.
const TRIES: u32 = 5;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

pub(super) struct Looked {
    pub(super) database: DB,
    pub(super) looking: Looking,
}

pub(super) struct Looking {
    /// Why the log ends too early.
    pub(super) damage: Option<String>,
    /// Whether a table is missing or cut, so that what is there may also begin too late or have a gap.
    pub(super) lacks_tables: bool,
    /// Whether it is a copy, which nobody appends to.
    is_copy: bool,
    /// What RocksDB wants for itself, and the copy if there is one.
    _scratch: TempDir,
}

impl Looked {
    pub(super) fn at(folder: &Path, options: &Options) -> Result<Self, Refusal> {
        let mut tries = 1;
        loop {
            match Self::once(folder, options) {
                Err(_) if tries < TRIES => {}
                // What looks torn may be under way, and a table that is missing may be one that was removed in its time.
                Ok(looked) if looked.looking.is_copy && tries < 2 => {}
                Ok(looked) if looked.looking.damage.is_some() && tries < TRIES => {}
                looked => return looked,
            }
            std::thread::sleep(TRY_AGAIN_AFTER);
            tries += 1;
        }
    }

    fn once(folder: &Path, options: &Options) -> Result<Self, Refusal> {
        let scratch = tempfile::Builder::new().prefix("bayplan-look-").tempdir().map_err(unavailable)?;
        let (own, copy) = (scratch.path().join("own"), scratch.path().join("copy"));
        let end = wal::end(folder)?;
        let (from, is_copy) = match &end {
            End::Whole => (folder.to_owned(), false),
            End::Cut { file, offset, .. } => {
                fs::create_dir(&copy).and_then(|()| link(folder, &copy, file, *offset)).map_err(unavailable)?;
                (copy, true)
            }
        };
        let mut database = options.database();
        database.create_if_missing(false);
        database.set_track_and_verify_wals_in_manifest(false);
        // Files that are open stay readable when the writer removes them.
        database.set_max_open_files(-1);
        let database = DB::open_as_secondary(&database, &from, &own)?;
        sync_logs(folder).map_err(unavailable)?;
        let of_tables = damage_of_tables(folder, &scratch.path().join("tables"), options)?;
        let of_logs = match end {
            End::Cut { damage, .. } => damage,
            End::Whole => None,
        };
        let lacks_tables = of_tables.is_some();
        let damage = of_tables.or(of_logs);
        Ok(Self { database, looking: Looking { damage, lacks_tables, is_copy, _scratch: scratch } })
    }
}

impl Looking {
    /// The bounds of what was found. Where tables are missing, a log that begins later was not trimmed, unless a baseline stands for
    /// what was before.
    pub(super) fn meant(&self, found: Bounds, folder: &Path) -> Bounds {
        let was_trimmed = || baselines::list(folder).is_ok_and(|baselines| !baselines.is_empty());
        if self.lacks_tables && !found.is_empty() && !was_trimmed() {
            return Bounds { first: Position(1), ..found };
        }
        found
    }

    pub(super) fn catch_up(&self, database: &DB, folder: &Path) -> Result<(), Refusal> {
        if self.is_copy {
            return Ok(());
        }
        // What becomes a table meanwhile is in neither place for a moment.
        for tries in 0..TRIES {
            let before = database.latest_sequence_number();
            database.try_catch_up_with_primary()?;
            if tries > 0 && database.latest_sequence_number() == before {
                break;
            }
        }
        sync_logs(folder).map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where errors are mapped")]
fn unavailable(error: io::Error) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

/// Makes sure of all that was read: it is on the disk then, whoever wrote it.
fn sync_logs(folder: &Path) -> io::Result<()> {
    for log in wal::logs(folder)? {
        match File::open(log).and_then(|log| log.sync_data()) {
            // The writer has put it into a table, which is synced.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // Nobody writes there.
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// What the newest state of the database wants of its tables and does not find. Opened to be read, RocksDB compares each one's length
/// with what it should be; without write-ahead logs, which nobody asks for here, that takes no time.
fn damage_of_tables(folder: &Path, at: &Path, options: &Options) -> Result<Option<String>, Refusal> {
    fs::create_dir(at).and_then(|()| link_without_logs(folder, at)).map_err(unavailable)?;
    let mut database = options.database();
    database.create_if_missing(false);
    database.set_track_and_verify_wals_in_manifest(false);
    let damage = match DB::open_for_read_only(&database, at, false) {
        Ok(_) => None,
        Err(error) => {
            let said = error.into_string().replace(&at.display().to_string(), &folder.display().to_string());
            // It is not the list of the tables that is wrong.
            Some(said.split("  The file").next().unwrap_or_default().to_owned())
        }
    };
    fs::remove_dir_all(at).map_err(unavailable)?;
    Ok(damage)
}

fn link_without_logs(folder: &Path, at: &Path) -> io::Result<()> {
    let folder = folder.canonicalize()?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        match path.file_name().filter(|_| path.is_file() && wal::number(&path).is_none()) {
            Some(name) if is_table(&path) => symlink(&path, at.join(name))?,
            Some(name) => fs::copy(&path, at.join(name)).map(|_| ())?,
            None => {}
        }
    }
    Ok(())
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "sst")
}

/// Makes the same database, without what is behind `offset` of the write-ahead log `cut`.
fn link(folder: &Path, copy: &Path, cut: &Path, offset: usize) -> io::Result<()> {
    let folder = folder.canonicalize()?;
    let number = wal::number(cut);
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        let to: PathBuf = copy.join(name);
        match wal::number(&path) {
            Some(log) if Some(log) > number => {}
            Some(log) if Some(log) == number => {
                let bytes = fs::read(&path)?;
                fs::write(to, &bytes[..offset.min(bytes.len())])?;
            }
            // Whoever writes may append to all but tables, and the copy shall stay as it is.
            _ if is_table(&path) => symlink(&path, to)?,
            _ => fs::copy(&path, to).map(|_| ())?,
        }
    }
    Ok(())
}
