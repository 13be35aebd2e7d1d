//! The database behind a [`crate::RocksLog`], and what becomes of it when the disk fails.
//!
//! After a failed write RocksDB refuses all others, and nobody can tell whether the write-ahead log has the batch. So the
//! database is closed and opened again, which answers the question: what recovery finds is there, and durable, because
//! recovery writes it to a table. When opening fails too (it needs space), the database is opened read-only: reads go on,
//! and later appends try again, now and then. All functions block.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use model::{CodecError, Position};
use nix::sys::statvfs::statvfs;
use rocksdb::{DB, Direction, IteratorMode, ReadOptions, WriteBatch};
use tokio::sync::watch;

use super::Options;
use super::database::{Access, bounds_of, cannot_read, key, open_database};
use super::folder::{cannot_open, lock, make_folder};
use super::look::{Looked, Looking};
use super::options::synced;
use super::refusal::Refusal;
use crate::{AppendError, Bounds, Content, Message, OpenError, ReadError, TrimError};

/// What a reader gets at a time: at most this many messages, and no further one after this many bytes.
const CHUNK_MESSAGES: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;

pub(super) struct Store {
    folder: PathBuf,
    options: Options,
    /// The last acknowledged position.
    end: watch::Sender<Position>,
    first: AtomicU64,
    /// Held for reading during one chunk, for writing while the database is opened again.
    database: RwLock<Database>,
    /// One append at a time.
    writer: Mutex<Writer>,
    /// Of a log that was only opened to look at it.
    looking: Option<Looking>,
}

enum Database {
    Writable(DB),
    /// Opened for reading, because it could not be opened for writing.
    Frozen(DB),
    Closed(String),
}

struct Writer {
    /// Keeps other processes out, also while RocksDB's own lock is not held. None after `close`.
    lock: Option<File>,
    trouble: Option<Trouble>,
}

/// Why the database is not writable.
struct Trouble {
    refusal: Refusal,
    /// Nothing says yet whether the last append is in the log.
    unsettled: bool,
    tried_at: Instant,
}

impl Store {
    pub(super) fn open(folder: PathBuf, options: Options) -> Result<Self, OpenError> {
        make_folder(&folder).map_err(|error| cannot_open(&folder, &error))?;
        let lock = lock(&folder)?;
        let (database, bounds) = open_database(&folder, &options, Access::Write)
            .map_err(|refusal| refusal.into_open_error(folder.clone()))?;
        Ok(Self {
            folder,
            options,
            end: watch::Sender::new(bounds.last),
            first: AtomicU64::new(bounds.first.0),
            database: RwLock::new(Database::Writable(database)),
            writer: Mutex::new(Writer { lock: Some(lock), trouble: None }),
            looking: None,
        })
    }

    /// Opens what is there now, changes nothing, and needs nobody's lock.
    pub(super) fn look(folder: PathBuf, options: Options) -> Result<Self, OpenError> {
        let looked = Looked::at(&folder, &options).map_err(|refusal| refusal.into_open_error(folder.clone()))?;
        let bounds =
            bounds_of(&looked.database).map_err(|error| Refusal::from(error).into_open_error(folder.clone()))?;
        let bounds = looked.looking.meant(bounds, &folder);
        Ok(Self {
            folder,
            options,
            end: watch::Sender::new(bounds.last),
            first: AtomicU64::new(bounds.first.0),
            database: RwLock::new(Database::Frozen(looked.database)),
            writer: Mutex::new(Writer { lock: None, trouble: None }),
            looking: Some(looked.looking),
        })
    }

    /// Where the log of a looker ends too early, why that is.
    pub(super) fn damage(&self) -> Option<&str> {
        self.looking.as_ref()?.damage.as_deref()
    }

    pub(super) const fn is_looking(&self) -> bool {
        self.looking.is_some()
    }

    /// Sees what somebody else has appended since.
    pub(super) fn look_again(&self) -> Result<(), ReadError> {
        let (Database::Frozen(database), Some(looking)) = (&*self.shared(), &self.looking) else { return Ok(()) };
        let unavailable = |refusal: Refusal| ReadError::Unavailable { reason: refusal.reason().to_owned() };
        looking.catch_up(database, &self.folder).map_err(unavailable)?;
        let bounds = bounds_of(database).map_err(|error| unavailable(error.into()))?;
        self.first.store(looking.meant(bounds, &self.folder).first.0, Ordering::Release);
        self.end.send_if_modified(|end| std::mem::replace(end, bounds.last) != bounds.last);
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut writer = self.writer();
        *self.exclusive() = Database::Closed("it was closed".into());
        writer.lock = None;
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the files of the database take.
    pub(super) fn size_bytes(&self) -> Result<u64, ReadError> {
        let _stays_open = self.shared();
        let unavailable = |error: std::io::Error| ReadError::Unavailable { reason: error.to_string() };
        let mut size = 0;
        for entry in std::fs::read_dir(&self.folder).map_err(unavailable)? {
            // A file may go while they are counted.
            size +=
                entry.and_then(|entry| entry.metadata()).ok().filter(|found| found.is_file()).map_or(0, |it| it.len());
        }
        Ok(size)
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn end(&self) -> watch::Receiver<Position> {
        self.end.subscribe()
    }

    fn last(&self) -> Position {
        *self.end.borrow()
    }

    fn first(&self) -> Position {
        Position(self.first.load(Ordering::Acquire))
    }

    // A panic under one of the locks leaves nothing half changed: each change is one assignment.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Database> {
        self.database.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(&self, after: Option<Position>, content: &Content) -> Result<Position, AppendError> {
        let mut writer = self.writer();
        self.check_free_space()?;
        self.make_writable(&mut writer)?;
        let last = self.last();
        if let Some(expected) = after.filter(|expected| *expected != last) {
            return Err(AppendError::WrongLastPosition { expected, actual: last });
        }
        let value = content.to_bytes();
        let position = last.next();
        match self.write(|database| database.put_opt(key(position), &value, &synced())) {
            Ok(()) => {
                self.end.send_replace(position);
                Ok(position)
            }
            Err(refusal) => self.settle(&mut writer, position, &value, refusal),
        }
    }

    /// The bounds, unless the last append may yet turn out to be in the log.
    pub(super) fn bounds(&self) -> Result<Bounds, ReadError> {
        let mut writer = self.writer();
        if writer.trouble.as_ref().is_some_and(|trouble| trouble.unsettled) {
            self.make_writable(&mut writer).map_err(|error| ReadError::Unavailable { reason: error.to_string() })?;
        }
        Ok(Bounds { first: self.first(), last: self.last() })
    }

    pub(super) fn trim(&self, upto: Position) -> Result<(), TrimError> {
        let unavailable = |error: AppendError| TrimError::Unavailable { reason: error.to_string() };
        let mut writer = self.writer();
        self.make_writable(&mut writer).map_err(unavailable)?;
        let upto = upto.min(Position(self.last().0.saturating_sub(1)));
        if upto < self.first() {
            return Ok(());
        }
        // Readers shall learn that these positions were trimmed, not that they are missing.
        self.first.store(upto.next().0, Ordering::Release);
        let mut removal = WriteBatch::default();
        removal.delete_range(key(Position(0)), key(upto.next()));
        let removed = self.write(|database| {
            database.write_opt(removal, &synced())?;
            database.delete_file_in_range(key(Position(0)), key(upto))
        });
        removed.map_err(|refusal| {
            self.reopen(&mut writer, &refusal);
            unavailable(refusal.into())
        })
    }

    fn write(&self, work: impl FnOnce(&DB) -> Result<(), rocksdb::Error>) -> Result<(), Refusal> {
        match &*self.shared() {
            Database::Writable(database) => Ok(work(database)?),
            Database::Frozen(_) => Err(Refusal::Unavailable("it is open for reading only".into())),
            Database::Closed(reason) => Err(Refusal::Unavailable(reason.clone())),
        }
    }

    /// Finds out whether the batch whose write failed is in the log.
    fn settle(
        &self,
        writer: &mut Writer,
        position: Position,
        value: &[u8],
        refusal: Refusal,
    ) -> Result<Position, AppendError> {
        tracing::warn!(%position, "an append failed, the log is opened again: {}", refusal.reason());
        self.reopen(writer, &refusal);
        let found = match &*self.shared() {
            Database::Writable(database) | Database::Frozen(database) => database.get(key(position)),
            Database::Closed(_) => {
                writer.trouble.iter_mut().for_each(|trouble| trouble.unsettled = true);
                return Err(AppendError::Unknown { reason: refusal.reason().to_owned() });
            }
        };
        match found {
            Ok(None) => Err(refusal.into()),
            Ok(Some(found)) if found == value && writer.trouble.is_none() => Ok(position),
            // It is in the write-ahead log, but perhaps only in memory: it counts when the database opens for writing.
            Ok(Some(_)) | Err(_) => {
                writer.trouble.iter_mut().for_each(|trouble| trouble.unsettled = true);
                Err(AppendError::Unknown { reason: refusal.reason().to_owned() })
            }
        }
    }

    /// Makes sure that the database can be written to, or says why it cannot.
    fn make_writable(&self, writer: &mut Writer) -> Result<(), AppendError> {
        if writer.lock.is_none() {
            let reason = if self.is_looking() { "it was opened to look at it" } else { "it was closed" };
            return Err(AppendError::Unavailable { reason: reason.into() });
        }
        let Some(trouble) = &writer.trouble else { return Ok(()) };
        let (refusal, unsettled) = (trouble.refusal.clone(), trouble.unsettled);
        if trouble.tried_at.elapsed() >= self.options.retry_interval {
            self.reopen(writer, &refusal);
        }
        match &mut writer.trouble {
            Some(trouble) => {
                trouble.unsettled |= unsettled;
                Err(trouble.refusal.clone().into())
            }
            None => {
                tracing::info!(last = %self.last(), "the log can be written to again");
                Ok(())
            }
        }
    }

    /// Closes the database and opens it again: for writing, and otherwise for reading with `trouble` set.
    fn reopen(&self, writer: &mut Writer, cause: &Refusal) {
        let mut database = self.exclusive();
        *database = Database::Closed(cause.reason().to_owned());
        let refusal = match self.open_checked(Access::Write) {
            Ok((opened, bounds)) => {
                *database = Database::Writable(opened);
                self.first.store(bounds.first.0, Ordering::Release);
                self.end.send_if_modified(|end| std::mem::replace(end, bounds.last) != bounds.last);
                writer.trouble = None;
                return;
            }
            Err(refusal) => refusal,
        };
        *database = match self.open_checked(Access::Read) {
            Ok((opened, _)) => Database::Frozen(opened),
            Err(refusal) => Database::Closed(refusal.reason().to_owned()),
        };
        writer.trouble = Some(Trouble { refusal, unsettled: false, tried_at: Instant::now() });
    }

    fn open_checked(&self, access: Access) -> Result<(DB, Bounds), Refusal> {
        let (database, bounds) = open_database(&self.folder, &self.options, access)?;
        let acknowledged = self.last();
        if bounds.last < acknowledged {
            let last = bounds.last;
            let reason = format!("it ends at position {last}, but {acknowledged} was acknowledged: the disk lost it");
            return Err(Refusal::Damaged(reason));
        }
        Ok((database, bounds))
    }

    /// Refuses before anything fails: RocksDB needs some space of its own to go on.
    fn check_free_space(&self) -> Result<(), AppendError> {
        if self.options.min_free_bytes == 0 {
            return Ok(());
        }
        let Ok(disk) = statvfs(&self.folder) else { return Ok(()) };
        let free_bytes = disk.blocks_available().saturating_mul(disk.fragment_size());
        if free_bytes >= self.options.min_free_bytes {
            return Ok(());
        }
        let (free_mb, needed_mb) = (free_bytes >> 20, self.options.min_free_bytes >> 20);
        let reason =
            format!("{} has {free_mb} MB left, {needed_mb} MB are needed: free some space", self.folder.display());
        Err(AppendError::Full { reason })
    }

    /// One chunk of messages, see [`crate::messages::Shelf::take`].
    pub(super) fn messages(&self, from: Position, upto: Position) -> Result<Vec<Message>, ReadError> {
        let guard = self.shared();
        let database = match &*guard {
            Database::Writable(database) | Database::Frozen(database) => database,
            Database::Closed(reason) => return Err(ReadError::Unavailable { reason: reason.clone() }),
        };
        let mut messages = Vec::new();
        match self.collect(database, from, upto, &mut messages) {
            // What is good is handed out first; the next chunk begins with the trouble.
            Err(_) if !messages.is_empty() => Ok(messages),
            Err(_) if from < self.first() => Err(ReadError::Trimmed { wanted: from, first: self.first() }),
            Err(ReadError::Missing { position }) if self.damage().is_some() => {
                let damage = self.damage().unwrap_or_default().to_owned();
                Err(ReadError::damaged(position, CodecError::Storage(damage)))
            }
            Err(error) => Err(error),
            Ok(()) => Ok(messages),
        }
    }

    fn collect(
        &self,
        database: &DB,
        from: Position,
        upto: Position,
        messages: &mut Vec<Message>,
    ) -> Result<(), ReadError> {
        if from < self.first() {
            return Err(ReadError::Trimmed { wanted: from, first: self.first() });
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(key(upto.next()));
        options.fill_cache(false);
        let mut entries = database.iterator_opt(IteratorMode::From(&key(from), Direction::Forward), options);
        let (mut position, mut bytes) = (from, 0);
        while position <= upto && messages.len() < CHUNK_MESSAGES && bytes < CHUNK_BYTES {
            let (found, value) = match entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return Err(cannot_read(position, &error)),
                None => return Err(ReadError::Missing { position }),
            };
            if *found != key(position) {
                return Err(ReadError::Missing { position });
            }
            messages.push(Message::decode(position, &value)?);
            bytes += value.len();
            position = position.next();
        }
        Ok(())
    }
}
