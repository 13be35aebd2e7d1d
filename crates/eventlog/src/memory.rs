//! A log in memory, for tests, simulations and throw-away clusters. It is as durable as the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::{Position, Seq};
use tokio::sync::{broadcast, watch};

use crate::messages::{Cursor, Shelf};
use crate::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Message, Messages, Notices, ReadError, TrimError,
    check_size,
};

/// Messages handed to a reader at a time.
const CHUNK_MESSAGES: usize = 256;
/// Notices that a listener may leave unheard before it misses some.
const NOTICES_WAITING: usize = 64;

/// A log in memory. Clones are handles of the same log. A read ends where the log ended when `read` was called.
#[derive(Clone)]
pub struct MemoryLog {
    kept: Arc<Kept>,
    max_message_bytes: usize,
}

struct Kept {
    messages: Mutex<Held>,
    end: watch::Sender<Position>,
    notices: broadcast::Sender<Bytes>,
}

struct Held {
    first: Position,
    messages: VecDeque<Content>,
    baselines: BTreeMap<Baseline, Bytes>,
}

impl Kept {
    /// No code that holds the lock can leave the log half changed, so a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_MESSAGE_BYTES)
    }
}

impl MemoryLog {
    pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 16 << 20;

    #[must_use]
    pub fn new(max_message_bytes: usize) -> Self {
        let held = Held { first: Bounds::EMPTY.first, messages: VecDeque::new(), baselines: BTreeMap::new() };
        let kept = Kept {
            messages: Mutex::new(held),
            end: watch::Sender::new(Bounds::EMPTY.last),
            notices: broadcast::Sender::new(NOTICES_WAITING),
        };
        Self { kept: Arc::new(kept), max_message_bytes }
    }
}

impl EventLog for MemoryLog {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        check_size(&content, self.max_message_bytes)?;
        let mut held = self.kept.lock();
        let last = *self.kept.end.borrow();
        if let Some(expected) = after.filter(|expected| *expected != last) {
            return Err(AppendError::WrongLastPosition { expected, actual: last });
        }
        held.messages.push_back(content);
        self.kept.end.send_replace(last.next());
        Ok(last.next())
    }

    fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    fn read(&self, from: Position) -> Messages {
        Cursor::read(&self.kept, self.kept.end.subscribe(), from)
    }

    fn tail(&self, from: Position) -> Messages {
        Cursor::tail(&self.kept, self.kept.end.subscribe(), from)
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        let held = self.kept.lock();
        Ok(Bounds { first: held.first, last: *self.kept.end.borrow() })
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        let mut held = self.kept.lock();
        while held.first <= upto && held.messages.len() > 1 {
            held.messages.pop_front();
            held.first = held.first.next();
        }
        Ok(())
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        let baseline = Baseline::of(seq, position, &bytes);
        self.kept.lock().baselines.insert(baseline.clone(), bytes);
        Ok(baseline)
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        Ok(self.kept.lock().baselines.keys().cloned().collect())
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        let bytes = self.kept.lock().baselines.get(baseline).cloned();
        bytes.map(Vec::from).ok_or(BaselineError::Missing { seq: baseline.seq })
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        self.kept.lock().baselines.remove(baseline);
        Ok(())
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        Ok(self.kept.lock().messages.iter().map(|content| content.size_bytes() as u64).sum())
    }

    async fn notify(&self, notice: Bytes) {
        // That nobody listens is no error.
        let _heard_by = self.kept.notices.send(notice);
    }

    fn notices(&self) -> Notices {
        Notices::new(self.kept.notices.subscribe())
    }
}

impl Shelf for Kept {
    async fn take(self: Arc<Self>, from: Position, upto: Position) -> Result<Vec<Message>, ReadError> {
        let held = self.lock();
        if from < held.first {
            return Err(ReadError::Trimmed { wanted: from, first: held.first });
        }
        let contents = held.messages.iter().skip(usize::try_from(from.0 - held.first.0).unwrap_or(usize::MAX));
        let positions = (from.0..=upto.0).map(Position);
        let message = |(position, content): (Position, &Content)| Message { position, content: content.clone() };
        Ok(positions.zip(contents).take(CHUNK_MESSAGES).map(message).collect())
    }
}
