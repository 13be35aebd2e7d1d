//! The snapshot in a folder: a column family for each table, and one for the mark.
//!
//! Changed rows and the mark are one write, which is not synced: after a loss of power the snapshot is an older one, never a
//! mixture. What it says is believed only when its rows give the state hash of the mark.

use std::fs::File;
use std::path::{Path, PathBuf};

use rocksdb::checkpoint::Checkpoint as RocksCheckpoint;
use rocksdb::{ColumnFamily, DB, IteratorMode, ReadOptions, WriteBatch};
use state::Changes;

use crate::codec::{self, FORMAT, FORMAT_KEY, MARK_KEY, META, TABLES};
use crate::rebuild::{BLOCK_BYTES, Block, Blocks, rebuild};
use crate::{Loaded, Mark, SnapshotError, checkpoints, folder, options};

/// Reads ahead of a load, which reads everything in order.
const READ_AHEAD_BYTES: usize = 1 << 20;

/// A snapshot that this process holds.
pub struct Snapshot {
    folder: PathBuf,
    /// None after it could not be opened again.
    database: Option<DB>,
    _lock: File,
}

/// What was found in a folder.
pub enum Opened {
    Usable {
        snapshot: Snapshot,
        /// None when it is empty, and has to be filled.
        loaded: Option<Box<Loaded>>,
    },
    Useless(Useless),
}

/// A snapshot of no use, which nobody else touches meanwhile.
pub struct Useless {
    pub why: SnapshotError,
    /// Which state it was of, where it still says so. The log has to have that, whatever became of the rows.
    pub mark: Option<Mark>,
    folder: PathBuf,
    lock: File,
}

impl Useless {
    /// Puts it aside and begins a new one.
    pub fn put_aside(self) -> Result<Snapshot, SnapshotError> {
        let Self { folder, lock, .. } = self;
        folder::set_aside(&folder)?;
        Ok(Snapshot { database: Some(open_database(&folder)?), folder, _lock: lock })
    }
}

impl Snapshot {
    /// Opens the snapshot in `folder` and reads it.
    pub fn open(folder: &Path) -> Result<Opened, SnapshotError> {
        let lock = folder::take(folder)?;
        checkpoints::tidy(folder)?;
        match read(folder) {
            Ok((database, loaded)) => {
                let snapshot = Self { folder: folder.to_owned(), database: Some(database), _lock: lock };
                Ok(Opened::Usable { snapshot, loaded: loaded.map(Box::new) })
            }
            Err(why) if why.is_useless() => {
                let mark = peek(folder).unwrap_or_default();
                Ok(Opened::Useless(Useless { why, mark, folder: folder.to_owned(), lock }))
            }
            Err(error) => Err(error),
        }
    }

    /// Puts what is there aside and begins anew, because whoever knows the log says that it does not belong to it.
    pub fn renew(self) -> Result<Self, SnapshotError> {
        let Self { folder, database, _lock } = self;
        drop(database);
        folder::set_aside(&folder)?;
        Ok(Self { database: Some(open_database(&folder)?), folder, _lock })
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens the database again, which after a failure takes no writes, and says which state it has.
    pub(crate) fn reopen(&mut self) -> Result<Option<Mark>, SnapshotError> {
        // It has to be closed first.
        self.database = None;
        let database = open_database(&self.folder)?;
        let mark = read_mark(&database)?;
        self.database = Some(database);
        Ok(mark)
    }

    fn database(&self) -> Result<&DB, SnapshotError> {
        let closed = || SnapshotError::Unavailable { reason: "it could not be opened again".to_owned() };
        self.database.as_ref().ok_or_else(closed)
    }

    /// Writes what changed, and which state it is now; both or neither.
    pub fn write(&self, changes: &Changes, mark: &Mark) -> Result<(), SnapshotError> {
        let database = self.database()?;
        let mut batch = WriteBatch::default();
        let mut value = Vec::new();
        for (key, row) in &changes.rows {
            let (table, key) = codec::place(key);
            let family = family(database, table)?;
            match row {
                Some(row) => {
                    value.clear();
                    codec::write_row(&mut value, row);
                    batch.put_cf(family, key, &value);
                }
                None => batch.delete_cf(family, key),
            }
        }
        let meta = family(database, META)?;
        batch.put_cf(meta, FORMAT_KEY, FORMAT.to_le_bytes());
        batch.put_cf(meta, MARK_KEY, codec::mark_bytes(mark));
        Ok(database.write(batch)?)
    }

    /// Makes a copy of what is there now that shares its files.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<(), SnapshotError> {
        Ok(RocksCheckpoint::new(self.database()?)?.create_checkpoint(folder)?)
    }
}

fn read(folder: &Path) -> Result<(DB, Option<Loaded>), SnapshotError> {
    let database = open_database(folder)?;
    let loaded = load(&database)?;
    Ok((database, loaded))
}

fn open_database(folder: &Path) -> Result<DB, SnapshotError> {
    let families = options::families(&all_families());
    Ok(DB::open_cf_descriptors(&options::database(), folder::current(folder), families)?)
}

/// Which state a snapshot has, without reading it, also while somebody writes to it. None when there is none.
pub fn peek(folder: &Path) -> Result<Option<Mark>, SnapshotError> {
    let current = folder::current(folder);
    if !current.is_dir() {
        return Ok(None);
    }
    read_mark(&open_to_read(&current)?)
}

/// Reads a copy that nobody writes to, without changing it.
pub(crate) fn load_copy(folder: &Path) -> Result<Option<Loaded>, SnapshotError> {
    load(&open_to_read(folder)?)
}

/// Nothing can be added to what is only read, and an older version may have known fewer tables.
fn open_to_read(folder: &Path) -> Result<DB, SnapshotError> {
    let options = options::database();
    let families = DB::list_cf(&options, folder)?;
    Ok(DB::open_cf_for_read_only(&options, folder, families, false)?)
}

fn all_families() -> Vec<&'static str> {
    // RocksDB always has this one.
    std::iter::once("default").chain(TABLES).chain([META]).collect()
}

fn family<'a>(database: &'a DB, name: &str) -> Result<&'a ColumnFamily, SnapshotError> {
    let missing = || SnapshotError::Damaged { reason: format!("it has no column family {name}") };
    database.cf_handle(name).ok_or_else(missing)
}

/// None when nothing was written yet.
fn load(database: &DB) -> Result<Option<Loaded>, SnapshotError> {
    let Some(mark) = read_mark(database)? else { return Ok(None) };
    if mark.state_version != state::VERSION {
        return Err(SnapshotError::OtherVersion { found: mark.state_version });
    }
    rebuild(mark, |blocks| read_rows(database, blocks)).map(Some)
}

fn read_mark(database: &DB) -> Result<Option<Mark>, SnapshotError> {
    let meta = family(database, META)?;
    let Some(format) = database.get_cf(meta, FORMAT_KEY)? else {
        return if is_empty(database)? { Ok(None) } else { Err(no_mark()) };
    };
    let format: [u8; 4] = format[..].try_into().map_err(|_| no_mark())?;
    let found = u32::from_le_bytes(format);
    if found != FORMAT {
        return Err(SnapshotError::OtherFormat { found });
    }
    let mark = database.get_cf(meta, MARK_KEY)?.ok_or_else(no_mark)?;
    codec::read_mark(&mark).map(Some)
}

fn no_mark() -> SnapshotError {
    SnapshotError::Damaged { reason: "it does not say which state it is".to_owned() }
}

/// The tables that there are: an older version may have known fewer.
fn tables(database: &DB) -> impl Iterator<Item = &ColumnFamily> {
    TABLES.into_iter().filter_map(|table| database.cf_handle(table))
}

fn is_empty(database: &DB) -> Result<bool, SnapshotError> {
    Ok(!tables(database).any(|table| database.iterator_cf(table, IteratorMode::Start).next().is_some()))
}

fn read_rows(database: &DB, blocks: &Blocks) -> Result<(), SnapshotError> {
    for table in tables(database) {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options.set_readahead_size(READ_AHEAD_BYTES);
        let mut rows = database.raw_iterator_cf_opt(table, options);
        rows.seek_to_first();
        let mut block = Block::new();
        while let Some(value) = rows.value() {
            block.extend_from_slice(value);
            if block.len() >= BLOCK_BYTES && !blocks.push(std::mem::take(&mut block)) {
                return Ok(());
            }
            rows.next();
        }
        rows.status()?;
        if !block.is_empty() && !blocks.push(block) {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{ClusterId, Epoch, Position, Seq, Timestamp, Tip};
    use state::State;

    use super::*;

    /// As they were before there were profiles and modules.
    #[test]
    fn what_an_older_version_wrote_with_fewer_tables_can_be_read_as_it_is() {
        let root = tempfile::tempdir().expect("a folder for the test");
        let Ok(Opened::Usable { snapshot, .. }) = Snapshot::open(root.path()) else { panic!("it is new") };
        let mut state = State::from_rows(Seq(7), Epoch(1), Timestamp(0), []);
        state.header.cluster = Some(ClusterId::new("old"));
        let mark = Mark::of(&state, Tip { seq: Seq(7), epoch: Epoch(1), ..Tip::default() }, Position(3));
        snapshot.write(&state.all_changes(), &mark).expect("it is written");
        drop(snapshot);
        let current = folder::current(root.path());
        let mut older = open_database(&current).expect("it opens");
        ["profiles", "modules"].into_iter().for_each(|table| older.drop_cf(table).expect("it is dropped"));
        drop(older);
        assert_eq!(peek(root.path()).expect("it is readable"), Some(mark.clone()));
        let loaded = load_copy(&current).expect("it is readable").expect("it is not empty");
        assert_eq!((loaded.state.hash(), loaded.mark), (state.hash(), mark));
    }
}
