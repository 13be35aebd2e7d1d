//! Reading: one consumer after the other, so that a restart of servers, a lost connection or a gap only costs time.
//!
//! A consumer is believed as long as it hands out position after position. Whenever it does not, the stream's leader is
//! asked where the stream begins and ends, and whether it holds the message that is next; then there is an error, or a new
//! consumer begins at that message. A reader that hears nothing looks at the stream now and then, too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Position;
use tokio::time::sleep;

use super::link::Link;
use super::options::{CHUNK_BYTES, CHUNK_MESSAGES, RETRY_PAUSE, STATE_LOOK_INTERVAL};
use super::pulls::{Heard, Pulls};
use crate::messages::{Message, Messages, NextChunk, Source};
use crate::{Bounds, ReadError};

/// The messages from `from` on: to the end for `read`, which goes on without getting anywhere for `patience` at most;
/// None for a tail.
pub(super) fn messages(link: &Arc<Link>, from: Position, patience: Option<Duration>) -> Messages {
    let (reach, patience) = match patience {
        Some(patience) => (Reach::End, patience),
        None => (Reach::Everything, link.options.tail_patience),
    };
    let now = Instant::now();
    let reader = Reader {
        link: Arc::clone(link),
        next: from.max(Position(1)),
        reach,
        patience,
        pulls: None,
        moved_at: now,
        looked_at: now,
        pause: Duration::ZERO,
        suspect: false,
    };
    Messages::new(Work { link: Arc::clone(link), step: Step::Next(Box::new(reader)) })
}

/// Keeps what a reader is doing when the caller stops waiting for it. So it is never broken off, and gets on however often
/// the caller turns to something else.
struct Work {
    link: Arc<Link>,
    step: Step,
}

enum Step {
    Next(Box<Reader>),
    UnderWay(UnderWay),
    Done,
}

type UnderWay = Pin<Box<dyn Future<Output = (Box<Reader>, Chunk)> + Send>>;
type Chunk = Result<Option<Vec<Message>>, ReadError>;

impl Source for Work {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async move {
            self.step = match std::mem::replace(&mut self.step, Step::Done) {
                Step::Next(mut reader) => Step::UnderWay(Box::pin(async move {
                    let chunk = reader.chunk().await;
                    (reader, chunk)
                })),
                step => step,
            };
            let Step::UnderWay(under_way) = &mut self.step else { return None };
            let (reader, chunk) = tokio::select! {
                biased;
                () = self.link.closing() => {
                    self.step = Step::Done;
                    return None;
                }
                done = under_way => done,
            };
            self.step = Step::Next(reader);
            chunk.transpose()
        })
    }
}

#[derive(Clone, Copy)]
enum Reach {
    /// To the end of the log, once that is known.
    End,
    Upto(Position),
    Everything,
}

struct Reader {
    link: Arc<Link>,
    next: Position,
    reach: Reach,
    patience: Duration,
    pulls: Option<Pulls>,
    /// When there was a message, or none was there to be had, or the caller came for more.
    moved_at: Instant,
    looked_at: Instant,
    /// Before the next consumer.
    pause: Duration,
    /// Whether the next message did not come though later ones did, or though it should be there.
    suspect: bool,
}

/// What was taken from a consumer in one go.
#[derive(Default)]
struct Taken {
    messages: Vec<Message>,
    bytes: usize,
    /// Why nothing more can be taken.
    stop: Option<Stop>,
}

enum Stop {
    Nothing,
    Gap,
    Trouble(String),
    Failed(ReadError),
}

impl Reader {
    async fn chunk(&mut self) -> Chunk {
        self.moved_at = Instant::now();
        loop {
            if let Reach::End = self.reach {
                self.reach = Reach::Upto(self.bounds().await?.last);
            }
            if let Reach::Upto(last) = self.reach
                && self.next > last
            {
                self.pulls = None;
                return Ok(None);
            }
            self.open().await?;
            let taken = self.take().await;
            if let Some(last) = taken.messages.last() {
                // Whatever stopped it comes again.
                self.moved(last.position.next());
                if taken.stop.is_some_and(|stop| !matches!(stop, Stop::Nothing)) {
                    self.pulls = None;
                }
                return Ok(Some(taken.messages));
            }
            match taken.stop {
                None => {}
                Some(Stop::Nothing) => self.look_whether_nothing_is_there().await?,
                Some(Stop::Gap) => {
                    self.suspect = true;
                    self.pulls = None;
                }
                Some(Stop::Trouble(reason)) => self.give_up_or_pause(reason).await?,
                Some(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn moved(&mut self, next: Position) {
        self.link.learn(Position(next.0 - 1));
        self.next = next;
        self.moved_at = Instant::now();
        self.pause = Duration::ZERO;
        self.suspect = false;
    }

    async fn bounds(&mut self) -> Result<Bounds, ReadError> {
        let left = self.patience.saturating_sub(self.moved_at.elapsed());
        let bounds = self.link.bounds(left).await.map_err(|reason| ReadError::Unavailable { reason })?;
        self.looked_at = Instant::now();
        Ok(bounds)
    }

    /// Makes a consumer unless there is one, after making sure that it can hand out what is next.
    async fn open(&mut self) -> Result<(), ReadError> {
        while self.pulls.is_none() {
            let bounds = self.bounds().await?;
            if self.next < bounds.first {
                return Err(ReadError::Trimmed { wanted: self.next, first: bounds.first });
            }
            if self.suspect && self.next <= bounds.last {
                match self.link.holds(self.next).await {
                    Ok(true) => {}
                    Ok(false) => return self.missing().await,
                    Err(trouble) => {
                        self.give_up_or_pause(trouble.to_string()).await?;
                        continue;
                    }
                }
            }
            match Pulls::open(Arc::clone(&self.link), self.next).await {
                Ok(pulls) => self.pulls = Some(pulls),
                Err(reason) => self.give_up_or_pause(reason).await?,
            }
        }
        Ok(())
    }

    /// The leader has no message where one should be. It may have been trimmed just now.
    async fn missing(&mut self) -> Result<(), ReadError> {
        let first = self.bounds().await?.first;
        if self.next < first {
            return Err(ReadError::Trimmed { wanted: self.next, first });
        }
        Err(ReadError::Missing { position: self.next })
    }

    /// Waits for something, and takes what else is there.
    async fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        let Some(pulls) = &mut self.pulls else { return taken };
        let wanted = match self.reach {
            Reach::Upto(last) => usize::try_from(last.0 - self.next.0 + 1).unwrap_or(usize::MAX),
            Reach::End | Reach::Everything => usize::MAX,
        };
        let mut heard = match pulls.ask(wanted).await {
            Ok(()) => Some(pulls.hear().await),
            Err(reason) => Some(Heard::Trouble(reason)),
        };
        while let Some(Heard::Delivered { position, payload }) = heard {
            let next = Position(self.next.0 + taken.messages.len() as u64);
            taken.put(next, position, &payload);
            if taken.stop.is_some() || taken.messages.len() >= CHUNK_MESSAGES.min(wanted) || taken.bytes >= CHUNK_BYTES
            {
                return taken;
            }
            heard = pulls.heard();
        }
        taken.stop = match heard {
            Some(Heard::Nothing) => Some(Stop::Nothing),
            Some(Heard::Trouble(reason)) => Some(Stop::Trouble(reason)),
            Some(Heard::Delivered { .. } | Heard::RequestEnded) | None => None,
        };
        taken
    }

    /// The server says that it has nothing. A message that is known to be there, or that the stream's state shows, says
    /// that the consumer is wrong.
    async fn look_whether_nothing_is_there(&mut self) -> Result<(), ReadError> {
        let due = matches!(self.reach, Reach::Upto(_)) || self.looked_at.elapsed() >= STATE_LOOK_INTERVAL;
        if due {
            self.bounds().await?;
        }
        if self.next <= self.link.known() {
            self.suspect = true;
            self.pulls = None;
            return self.give_up_or_pause("the server does not hand out what it holds".to_owned()).await;
        }
        self.moved_at = Instant::now();
        Ok(())
    }

    /// Throws the consumer away. The next one comes after a pause, or not at all when nothing has moved for too long.
    async fn give_up_or_pause(&mut self, reason: String) -> Result<(), ReadError> {
        self.pulls = None;
        if self.moved_at.elapsed() >= self.patience {
            return Err(ReadError::Unavailable { reason });
        }
        tracing::debug!(stream = self.link.stream, next = %self.next, reason, "a consumer was lost; making another one");
        let pause = self.pause;
        self.pause = (pause * 2).clamp(RETRY_PAUSE.0, RETRY_PAUSE.1);
        sleep(pause).await;
        Ok(())
    }
}

impl Taken {
    fn put(&mut self, next: Position, position: Position, payload: &[u8]) {
        if position < next {
            // It begins before what is wanted when that did not exist yet.
            return;
        }
        if position > next {
            self.stop = Some(Stop::Gap);
            return;
        }
        match Message::decode(position, payload) {
            Ok(message) => self.messages.push(message),
            Err(error) => self.stop = Some(Stop::Failed(error)),
        }
        self.bytes += payload.len();
    }
}
