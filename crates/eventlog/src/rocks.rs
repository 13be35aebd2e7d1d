//! A log in a folder, kept by RocksDB: one key per message, synced with every append.
//!
//! A key is the position, big-endian; a value is the sealed bytes of the message, one after the other. All work of
//! RocksDB happens on blocking threads. What becomes of the database when the disk fails is in [`store`].

mod baselines;
mod database;
mod folder;
mod look;
mod options;
mod refusal;
mod store;
mod wal;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use model::{CodecError, Position, Seq};
use tokio::task::spawn_blocking;

use crate::messages::{Cursor, Shelf};
use crate::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Message, Messages, Notices, OpenError, ReadError,
    TrimError, check_size,
};
pub use options::Options;
use store::Store;

/// A log in a folder of this machine, for one process at a time. A read ends where the log ended when `read` was called.
pub struct RocksLog {
    store: Arc<Store>,
}

impl RocksLog {
    /// Opens the log in `folder`, or makes it. Fails while another process, or another `RocksLog` of this one, has it open.
    pub async fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let folder = folder.as_ref().to_owned();
        let name = folder.clone();
        let store = spawn_blocking(move || Store::open(folder, options)).await;
        let store = store.map_err(|stop| OpenError::Unavailable { folder: name, reason: stop.to_string() })??;
        Ok(Self { store: Arc::new(store) })
    }

    /// Opens the log in `folder` to look at it, as it is now, also while another process has it open. Nothing in the folder is
    /// changed, and whoever writes is not disturbed: appends to this one fail. What it shows is durable. Where the log is
    /// damaged, what was before the damage can be read, and then the error comes.
    pub async fn look(folder: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let folder = folder.as_ref().to_owned();
        let name = folder.clone();
        let store = spawn_blocking(move || Store::look(folder, options)).await;
        let store = store.map_err(|stop| OpenError::Unavailable { folder: name, reason: stop.to_string() })??;
        Ok(Self { store: Arc::new(store) })
    }

    /// For one that was opened by [`RocksLog::look`]: goes on to the end as it is now.
    pub async fn look_again(&self) -> Result<(), ReadError> {
        let store = Arc::clone(&self.store);
        let looked = spawn_blocking(move || store.look_again()).await;
        looked.map_err(|stop| ReadError::Unavailable { reason: stop.to_string() })?
    }

    /// Closes the log after what is under way. When this returns, the folder may be opened again. Merely dropping a log
    /// closes it too, at some later moment when the last read that is under way has ended.
    pub async fn close(self) {
        let store = self.store;
        // The task ends early only with the runtime, and then the process ends too.
        let _ = spawn_blocking(move || store.close()).await;
    }
}

impl RocksLog {
    fn check_writable(&self) -> Result<(), BaselineError> {
        let reason = "the log was opened to look at it".to_owned();
        if self.store.is_looking() { Err(BaselineError::Unavailable { reason }) } else { Ok(()) }
    }

    /// Work with files in the log's folder, which this process holds.
    async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, BaselineError> + Send + 'static,
    ) -> Result<T, BaselineError> {
        let store = Arc::clone(&self.store);
        let done = spawn_blocking(move || work(store.folder())).await;
        done.unwrap_or_else(|stop| Err(BaselineError::Unavailable { reason: stop.to_string() }))
    }
}

impl EventLog for RocksLog {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        check_size(&content, self.max_message_bytes())?;
        let store = Arc::clone(&self.store);
        match spawn_blocking(move || store.append(after, &content)).await {
            Ok(outcome) => outcome,
            Err(stop) => Err(AppendError::Unknown { reason: format!("the append was broken off: {stop}") }),
        }
    }

    fn max_message_bytes(&self) -> usize {
        self.store.options().max_message_bytes
    }

    fn read(&self, from: Position) -> Messages {
        let end = self.store.end();
        let last = *end.borrow();
        let messages = Cursor::read(&self.store, end, from);
        match self.store.damage() {
            Some(damage) if from <= last.next() => {
                let error = CodecError::Storage(damage.to_owned());
                messages.followed_by(ReadError::damaged(last.next(), error))
            }
            _ => messages,
        }
    }

    fn tail(&self, from: Position) -> Messages {
        Cursor::tail(&self.store, self.store.end(), from)
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        let store = Arc::clone(&self.store);
        let bounds = spawn_blocking(move || store.bounds()).await;
        bounds.map_err(|stop| ReadError::Unavailable { reason: stop.to_string() })?
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        let store = Arc::clone(&self.store);
        let trimmed = spawn_blocking(move || store.trim(upto)).await;
        trimmed.map_err(|stop| TrimError::Unavailable { reason: stop.to_string() })?
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        self.check_writable()?;
        self.with_folder(move |folder| baselines::put(folder, seq, position, &bytes)).await
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        self.with_folder(baselines::list).await
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        let baseline = baseline.clone();
        self.with_folder(move |folder| baselines::read(folder, &baseline)).await
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        self.check_writable()?;
        let baseline = baseline.clone();
        self.with_folder(move |folder| baselines::remove(folder, &baseline)).await
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        let store = Arc::clone(&self.store);
        let size = spawn_blocking(move || store.size_bytes()).await;
        size.map_err(|stop| ReadError::Unavailable { reason: stop.to_string() })?
    }

    /// Whoever else holds the log is in this process and needs no telling.
    async fn notify(&self, _notice: Bytes) {}

    fn notices(&self) -> Notices {
        Notices::none()
    }
}

impl Shelf for Store {
    async fn take(self: Arc<Self>, from: Position, upto: Position) -> Result<Vec<Message>, ReadError> {
        let messages = spawn_blocking(move || self.messages(from, upto)).await;
        messages.map_err(|stop| ReadError::Unavailable { reason: stop.to_string() })?
    }
}
