//! Where to begin: the newest state that is kept and is not behind the moment that is meant.
//!
//! States are kept as baselines in the log, as checkpoints beside a master's snapshot, and by whoever has looked before. What
//! is kept is believed when it gives the hash that it was written with, and the log has the record that it ends with.

use std::path::PathBuf;

use eventlog::{Baseline, Bounds, EventLog, ReadError, seek};
use model::{Position, Seq, Tip};
use snapshot::{Cache, Cached, Checkpoint, Loaded, Mark, SnapshotError};
use state::State;
use tokio::task::spawn_blocking;

use super::{Cursor, PastError};
use crate::trimming::load_baseline;

/// A record is searched for in so many messages: some may be void.
const SEARCHED_MESSAGES: usize = 64;

/// Where states of a log are kept beside it.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The folder of a master's snapshot, with checkpoints in it.
    pub snapshot: Option<PathBuf>,
    pub cache: Option<Cache>,
}

/// A state that was not read yet.
enum Candidate {
    Baseline(Baseline),
    Checkpoint(Checkpoint),
    Cached(Cached),
}

impl Candidate {
    const fn seq(&self) -> Seq {
        match self {
            Self::Baseline(baseline) => baseline.seq,
            Self::Checkpoint(checkpoint) => checkpoint.seq,
            Self::Cached(cached) => cached.seq,
        }
    }
}

/// What of a log may be begun with.
struct Beginnings {
    bounds: Bounds,
    /// Whether the first record is there.
    is_whole: bool,
    baselines: Vec<Baseline>,
}

impl Beginnings {
    async fn of<L: EventLog>(log: &L) -> Result<Self, PastError> {
        let bounds = log.bounds().await?;
        // Where the beginning is damaged, baselines may be behind the damage.
        let oldest = log.read(bounds.first).next().await.transpose();
        let first = oldest.unwrap_or_default().and_then(|message| message.content.first_seq());
        let is_whole = bounds.is_empty() || first == Some(Seq(1)) || (first.is_none() && bounds.first == Position(1));
        let mut baselines = log.baselines().await?;
        baselines.retain(|baseline| baseline.position.next() >= bounds.first);
        Ok(Self { bounds, is_whole, baselines })
    }

    fn nothing<L: EventLog>(&self, log: &L) -> Cursor {
        let messages = log.read(self.bounds.first).read_ahead();
        Cursor::of(State::default(), Tip::default(), Position(0), messages)
    }
}

/// The newest state that is kept and is not behind record `seq`, and what follows it.
pub async fn nearest<L: EventLog>(log: &L, seq: Seq, kept: &Kept) -> Result<Cursor, PastError> {
    let beginnings = Beginnings::of(log).await?;
    let mut candidates: Vec<_> = beginnings.baselines.iter().cloned().map(Candidate::Baseline).collect();
    candidates.extend(checkpoints(kept).into_iter().map(Candidate::Checkpoint));
    candidates.extend(kept.cache.iter().flat_map(Cache::states).map(Candidate::Cached));
    candidates.retain(|candidate| candidate.seq() <= seq);
    candidates.sort_by_key(Candidate::seq);
    for candidate in candidates.into_iter().rev() {
        let found = candidate.seq();
        let loaded = match candidate {
            Candidate::Baseline(baseline) => load_baseline(log, &baseline).await.map_err(|error| error.to_string()),
            Candidate::Checkpoint(checkpoint) => of_this(log, load(move || checkpoint.load()).await).await,
            Candidate::Cached(cached) => {
                let unread = cached.clone();
                let loaded = of_this(log, load(move || unread.load()).await).await;
                loaded.inspect_err(|_| cached.remove())
            }
        };
        match loaded {
            Ok(loaded) => return Ok(behind(log, &beginnings.bounds, loaded)),
            Err(reason) => tracing::debug!(seq = %found, reason, "a state that is kept cannot be used"),
        }
    }
    if beginnings.is_whole {
        return Ok(beginnings.nothing(log));
    }
    let first = beginnings.bounds.first;
    let oldest = beginnings.baselines.first().ok_or(PastError::NoBaseline { first })?;
    if oldest.seq > seq {
        return Err(PastError::Trimmed { seq, kept_from: oldest.seq });
    }
    Err(PastError::NoBaseline { first })
}

/// The oldest state that there is: nothing, or that of the oldest baseline where the log's beginning was trimmed.
pub async fn oldest<L: EventLog>(log: &L) -> Result<Cursor, PastError> {
    let beginnings = Beginnings::of(log).await?;
    if beginnings.is_whole {
        return Ok(beginnings.nothing(log));
    }
    for baseline in &beginnings.baselines {
        match load_baseline(log, baseline).await {
            Ok(loaded) => return Ok(behind(log, &beginnings.bounds, loaded)),
            Err(error) => tracing::warn!(seq = %baseline.seq, %error, "a baseline cannot be used"),
        }
    }
    Err(PastError::NoBaseline { first: beginnings.bounds.first })
}

fn behind<L: EventLog>(log: &L, bounds: &Bounds, Loaded { state, mark }: Loaded) -> Cursor {
    let messages = log.read(mark.position.max(bounds.first)).read_ahead();
    Cursor::of(state, mark.tip, mark.position, messages)
}

fn checkpoints(kept: &Kept) -> Vec<Checkpoint> {
    let Some(folder) = &kept.snapshot else { return Vec::new() };
    snapshot::checkpoints(folder).unwrap_or_else(|error| {
        tracing::debug!(%error, "no checkpoint can be used");
        Vec::new()
    })
}

async fn load(work: impl FnOnce() -> Result<Loaded, SnapshotError> + Send + 'static) -> Result<Loaded, String> {
    match spawn_blocking(work).await {
        Ok(loaded) => loaded.map_err(|error| error.to_string()),
        Err(stop) => Err(stop.to_string()),
    }
}

/// The state, when the log has the record that it ends with; at the position that this log has it at.
async fn of_this<L: EventLog>(log: &L, loaded: Result<Loaded, String>) -> Result<Loaded, String> {
    let Loaded { state, mark } = loaded?;
    let place = place(log, &mark).await.map_err(|error| error.to_string())?;
    let position = place.ok_or_else(|| format!("the log has another record {}", mark.tip.seq))?;
    Ok(Loaded { state, mark: Mark { position, ..mark } })
}

/// A copy of a log may have its records at other positions.
async fn place<L: EventLog>(log: &L, mark: &Mark) -> Result<Option<Position>, ReadError> {
    let completes = |message: &eventlog::Message| message.content.completes(mark.tip.hash);
    if let Some(Ok(message)) = log.read(mark.position).next().await
        && completes(&message)
    {
        return Ok(Some(message.position));
    }
    let mut messages = log.read(seek(log, mark.tip.seq).await?.position);
    for _ in 0..SEARCHED_MESSAGES {
        match messages.next().await.transpose()? {
            Some(message) if completes(&message) => return Ok(Some(message.position)),
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}
