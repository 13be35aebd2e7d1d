//! How messages reach a reader: one type for all providers, fed in chunks by the provider.
//!
//! It is a plain struct with `async fn next` and no `Stream`, because every reader is a loop over `next`, and a loop
//! needs no combinators.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use model::Position;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::content::Undecoded;
use crate::{Content, ReadError};

/// One message of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub position: Position,
    pub content: Content,
}

impl Message {
    /// Takes apart what a provider keeps as [`Content::pieces`], one after the other.
    pub fn decode(position: Position, bytes: &[u8]) -> Result<Self, ReadError> {
        let content = Content::decode(bytes);
        let content = content.map_err(|Undecoded { before, error }| {
            let index = before.len();
            ReadError::Damaged { position, index, error, before }
        })?;
        Ok(Self { position, content })
    }
}

/// Some messages, or None at the end.
pub type NextChunk<'a> = Pin<Box<dyn Future<Output = Option<Result<Vec<Message>, ReadError>>> + Send + 'a>>;

/// What a provider implements to be read.
pub trait Source: Send + 'static {
    /// The next messages in order. None at the end, for good. The future may be dropped at any point, and then no
    /// message may be skipped: the source moves on only when it hands messages out.
    fn next_chunk(&mut self) -> NextChunk<'_>;
}

/// Messages in the order of the log. Nothing is read ahead of the caller beyond one bounded chunk.
pub struct Messages {
    /// None after the end or after an error.
    source: Option<Box<dyn Source>>,
    chunk: VecDeque<Message>,
}

impl Messages {
    pub fn new(source: impl Source) -> Self {
        Self { source: Some(Box::new(source)), chunk: VecDeque::new() }
    }

    /// No messages at all.
    #[must_use]
    pub fn none() -> Self {
        Self { source: None, chunk: VecDeque::new() }
    }

    /// The same up to a position, and nothing behind it.
    #[must_use]
    pub fn upto(self, last: Position) -> Self {
        Self::new(Upto { messages: self, last })
    }

    /// The same, and an error where they end.
    #[must_use]
    pub fn followed_by(self, error: ReadError) -> Self {
        Self::new(Followed { messages: self, error: Some(error) })
    }

    /// The same, read and decoded by a task of its own, which is some chunks ahead of the caller; for callers that compute as
    /// much. Must be called on a runtime.
    #[must_use]
    pub fn read_ahead(self) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let Self { source, chunk } = self;
        let reading = tokio::spawn(async move {
            let Some(mut source) = source else { return };
            while let Some(chunk) = source.next_chunk().await {
                let is_last = chunk.is_err();
                if sender.send(chunk).await.is_err() || is_last {
                    return;
                }
            }
        });
        Self { source: Some(Box::new(Ahead { chunks, reading })), chunk }
    }

    /// The next message; None at the end. After an error it gives nothing more. May be dropped and called again
    /// (cancel safe).
    pub async fn next(&mut self) -> Option<Result<Message, ReadError>> {
        while self.chunk.is_empty() {
            match self.next_chunk().await? {
                Ok(messages) => self.chunk = messages.into(),
                Err(error) => return Some(Err(error)),
            }
        }
        self.chunk.pop_front().map(Ok)
    }

    /// All that is at hand, or the next chunk.
    async fn next_chunk(&mut self) -> Option<Result<Vec<Message>, ReadError>> {
        if !self.chunk.is_empty() {
            return Some(Ok(std::mem::take(&mut self.chunk).into()));
        }
        let chunk = self.source.as_mut()?.next_chunk().await;
        if !matches!(chunk, Some(Ok(_))) {
            self.source = None;
        }
        chunk
    }
}

/// How many chunks wait for a caller that is slower than the log.
const CHUNKS_AHEAD: usize = 4;

struct Ahead {
    chunks: mpsc::Receiver<Result<Vec<Message>, ReadError>>,
    reading: JoinHandle<()>,
}

impl Source for Ahead {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async {
            let chunk = self.chunks.recv().await;
            if chunk.is_none()
                && let Err(stop) = (&mut self.reading).await
                && stop.is_panic()
            {
                std::panic::resume_unwind(stop.into_panic());
            }
            chunk
        })
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

struct Followed {
    messages: Messages,
    error: Option<ReadError>,
}

impl Source for Followed {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async move {
            match self.messages.next_chunk().await {
                None => self.error.take().map(Err),
                chunk => chunk,
            }
        })
    }
}

struct Upto {
    messages: Messages,
    last: Position,
}

impl Source for Upto {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async move {
            let next = self.messages.next().await?;
            match next {
                Ok(message) if message.position > self.last => None,
                Ok(message) => {
                    if message.position == self.last {
                        self.messages = Messages::none();
                    }
                    Some(Ok(vec![message]))
                }
                Err(error) => Some(Err(error)),
            }
        })
    }
}

/// A provider that keeps its messages at hand.
pub(crate) trait Shelf: Send + Sync + 'static {
    /// Some messages from `from` on, at least one and none behind `upto`. There is a message at `upto`, unless it was
    /// trimmed meanwhile.
    fn take(
        self: Arc<Self>,
        from: Position,
        upto: Position,
    ) -> impl Future<Output = Result<Vec<Message>, ReadError>> + Send;
}

/// Walks along a shelf. It does not keep the log alive: a tail ends when the log is closed or dropped.
pub(crate) struct Cursor<S> {
    shelf: Weak<S>,
    end: watch::Receiver<Position>,
    next: Position,
    /// None for a tail.
    until: Option<Position>,
}

impl<S: Shelf> Cursor<S> {
    pub(crate) fn read(shelf: &Arc<S>, end: watch::Receiver<Position>, from: Position) -> Messages {
        let until = Some(*end.borrow());
        Messages::new(Self { shelf: Arc::downgrade(shelf), end, next: from.max(Position(1)), until })
    }

    pub(crate) fn tail(shelf: &Arc<S>, end: watch::Receiver<Position>, from: Position) -> Messages {
        Messages::new(Self { shelf: Arc::downgrade(shelf), end, next: from.max(Position(1)), until: None })
    }
}

impl<S: Shelf> Source for Cursor<S> {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async move {
            if self.until.is_some_and(|until| self.next > until) {
                return None;
            }
            let next = self.next;
            let last = *self.end.wait_for(|end| *end >= next).await.ok()?;
            let chunk = self.shelf.upgrade()?.take(next, self.until.unwrap_or(last)).await;
            if let Ok(Some(message)) = chunk.as_ref().map(|messages| messages.last()) {
                self.next = message.position.next();
            }
            Some(chunk)
        })
    }
}
