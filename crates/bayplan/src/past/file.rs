//! A file of `bayplan log export` or `backup` as a log that can only be read.
//!
//! Where its messages are is found when it is opened, by going from frame to frame; so a moment in its middle is read from there.
//! What is before damage can be read, and then the error comes.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use eventlog::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Messages, Notices, ReadError, TrimError,
};
use model::{CodecError, Position, Seq};
use snapshot::baseline;

use crate::commands::log::file::{Frames, Kind, Reader, check_checksum};

/// Of so many messages, one is remembered.
const STEP: u64 = 64;

pub(crate) struct FileLog {
    path: PathBuf,
    bounds: Bounds,
    /// Where some of the messages begin, oldest first.
    places: Vec<(Position, u64)>,
    baseline: Option<Baseline>,
    baseline_bytes: Vec<u8>,
    bytes: u64,
    /// Why it ends too early.
    damage: Option<String>,
}

impl FileLog {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut frames = Frames::open(path)?;
        let (mut places, mut last) = (Vec::new(), Bounds::EMPTY.last);
        let (mut baseline, mut baseline_bytes, mut messages) = (None, Vec::new(), 0_u64);
        let damage = loop {
            let frame = match frames.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break None,
                Err(error) => break Some(format!("{error:#}")),
            };
            match frame.kind {
                Kind::Baseline if messages == 0 && baseline.is_none() => {
                    baseline_bytes = frames.read(&frame)?;
                    let mark = baseline::mark(&baseline_bytes).with_context(|| path.display().to_string())?;
                    baseline = Some(Baseline::of(mark.tip.seq, Position(frame.number), &baseline_bytes));
                }
                Kind::Message if messages == 0 || frame.number == last.next().0 => {
                    last = Position(frame.number);
                    if messages.is_multiple_of(STEP) {
                        places.push((last, frame.begins_at));
                    }
                    messages += 1;
                }
                _ => break Some(format!("what follows position {last} does not belong there")),
            }
        };
        let first = places.first().map_or(Bounds::EMPTY.first, |(first, _)| *first);
        let bytes = File::open(path).and_then(|file| file.metadata()).map_or(0, |meta| meta.len());
        let bounds = Bounds { first, last };
        Ok(Self { path: path.to_owned(), bounds, places, baseline, baseline_bytes, bytes, damage })
    }

    /// Compares its bytes with the checksum at its end. Damage that it has been found to have is told where it comes.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.damage.is_none() { check_checksum(&self.path) } else { Ok(()) }
    }

    fn messages(&self, from: Position) -> Result<Messages, ReadError> {
        let place = self.places.partition_point(|(position, _)| *position <= from).saturating_sub(1);
        let Some((_, begins_at)) = self.places.get(place) else { return Ok(Messages::none()) };
        let reader = Reader::at(&self.path, *begins_at, from, self.bounds.last);
        let reader = reader.map_err(|error| ReadError::Unavailable { reason: format!("{error:#}") })?;
        Ok(reader.messages())
    }
}

fn unavailable() -> String {
    "it is in a file, which is only read".to_owned()
}

impl EventLog for FileLog {
    async fn append(&self, _: Option<Position>, _: Content) -> Result<Position, AppendError> {
        Err(AppendError::Unavailable { reason: unavailable() })
    }

    fn max_message_bytes(&self) -> usize {
        usize::MAX
    }

    fn read(&self, from: Position) -> Messages {
        let Bounds { first, last } = self.bounds;
        let from = from.max(Position(1));
        if from < first {
            return Messages::none().followed_by(ReadError::Trimmed { wanted: from, first });
        }
        if from > last.next() {
            return Messages::none();
        }
        let messages = if from > last { Ok(Messages::none()) } else { self.messages(from) };
        match (messages, &self.damage) {
            (Err(error), _) => Messages::none().followed_by(error),
            (Ok(messages), None) => messages,
            (Ok(messages), Some(reason)) => {
                let error = CodecError::Storage(format!("the file is damaged: {reason}"));
                messages.followed_by(ReadError::damaged(last.next(), error))
            }
        }
    }

    /// Nothing is ever added.
    fn tail(&self, from: Position) -> Messages {
        self.read(from)
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        Ok(self.bounds)
    }

    async fn trim(&self, _: Position) -> Result<(), TrimError> {
        Err(TrimError::Unavailable { reason: unavailable() })
    }

    async fn put_baseline(&self, _: Seq, _: Position, _: Bytes) -> Result<Baseline, BaselineError> {
        Err(BaselineError::Unavailable { reason: unavailable() })
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        Ok(self.baseline.iter().cloned().collect())
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        let found = self.baseline.as_ref().filter(|found| *found == baseline);
        found.map(|_| self.baseline_bytes.clone()).ok_or(BaselineError::Missing { seq: baseline.seq })
    }

    async fn remove_baseline(&self, _: &Baseline) -> Result<(), BaselineError> {
        Err(BaselineError::Unavailable { reason: unavailable() })
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        Ok(self.bytes)
    }

    async fn notify(&self, _: Bytes) {}

    fn notices(&self) -> Notices {
        Notices::none()
    }
}
