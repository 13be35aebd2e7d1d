//! What a start knows: the snapshot and the log behind it, or the whole log.
//!
//! The log is the truth. A snapshot that is damaged is put aside once the log has proved to be whole without it. One that
//! is sound and has records that the log lacks shows that the log was lost or is another one; then nothing is started.

use std::path::PathBuf;

use eventlog::{Entry, EventLog, ReadError, committed};
use model::{Position, Seq, Tip};
use snapshot::{Loaded, Mark, Opened, Snapshot, SnapshotError, Useless};
use state::State;

use crate::config::{Config, SnapshotConfig};
use crate::feed::Kept;
use crate::recovery::StartError;
use crate::trimming::load_baseline;

/// In how many records at the end of the log the hashes that leaders recorded are compared: in some of the last ones there is one.
/// A difference that came about before shows there too, and what is gone by then need not be hashed. `bayplan log verify` compares
/// all.
const RECORDS_CHECKED: u64 = 8_192;
/// The first record of a log that was neither trimmed nor restored.
const FIRST: Seq = Seq(1);

/// What the log says.
pub(crate) struct Folded {
    pub(crate) state: State,
    pub(crate) tip: Tip,
    /// The message that holds the last record that counts.
    pub(crate) tip_at: Position,
    /// Where reading goes on: there, or right behind it where that message was trimmed.
    pub(crate) resume_at: Position,
    /// The end of the log.
    pub(crate) position: Position,
    /// What is to be told how it goes on. Its changes since it was loaded are in the state.
    pub(crate) kept: Option<Kept>,
}

pub(crate) async fn fold<L: EventLog>(log: &L, config: &Config) -> Result<Folded, StartError> {
    let Some(SnapshotConfig { folder, options }) = config.snapshot.clone() else { return whole(log).await };
    let in_folder = folder.clone();
    let opened = blocking(move || Snapshot::open(&in_folder)).await;
    let (snapshot, loaded) = match opened {
        Ok(Opened::Usable { snapshot, loaded }) => (snapshot, loaded),
        Ok(Opened::Useless(useless)) => {
            let snapshot = put_aside(log, useless, folder).await?;
            let kept = Some(Kept { snapshot, written: None, options });
            return Ok(Folded { kept, ..whole(log).await? });
        }
        Err(error @ SnapshotError::Unavailable { .. }) => {
            tracing::warn!(%error, "no snapshot is used or kept; the whole log is folded");
            return whole(log).await;
        }
        Err(error) => return Err(error.into()),
    };
    let Some(loaded) = loaded else {
        let kept = Some(Kept { snapshot, written: None, options });
        return Ok(Folded { kept, ..whole(log).await? });
    };
    let mark = loaded.mark.clone();
    match from_snapshot(log, *loaded).await {
        Ok(folded) => {
            tracing::info!(seq = %mark.tip.seq, until = %folded.tip.seq, "the state comes from the snapshot");
            Ok(Folded { kept: Some(Kept { snapshot, written: Some(mark), options }), ..folded })
        }
        Err(error @ Unfit::Log(ReadError::Unavailable { .. })) => Err(error.into()),
        // What was acknowledged is not in this log. Nobody but an operator may say that this is right.
        Err(error @ (Unfit::Ahead { .. } | Unfit::Foreign { .. })) => {
            Err(StartError::OtherLog { seq: mark.tip.seq, reason: error.to_string(), folder })
        }
        Err(error) => {
            tracing::warn!(%error, seq = %mark.tip.seq, "the snapshot does not fit the log; the whole log is folded");
            let folded = whole(log).await?;
            let snapshot = blocking(move || snapshot.renew()).await?;
            Ok(Folded { kept: Some(Kept { snapshot, written: None, options }), ..folded })
        }
    }
}

/// Makes room for a new snapshot, unless the old one, whatever is wrong with it, shows that the log was lost.
async fn put_aside<L: EventLog>(log: &L, useless: Useless, folder: PathBuf) -> Result<Snapshot, StartError> {
    if let Some(mark) = &useless.mark {
        match has(log, mark).await {
            Ok(()) => {}
            Err(error @ (Unfit::Ahead { .. } | Unfit::Foreign { .. })) => {
                return Err(StartError::OtherLog { seq: mark.tip.seq, reason: error.to_string(), folder });
            }
            Err(error) => return Err(error.into()),
        }
    }
    tracing::warn!(error = %useless.why, "the snapshot cannot be used and is put aside; the whole log is folded");
    Ok(blocking(move || useless.put_aside()).await?)
}

/// Looks whether the log has the last record of a state. What was trimmed may have had it.
async fn has<L: EventLog>(log: &L, mark: &Mark) -> Result<(), Unfit> {
    let (bounds, at) = (log.bounds().await?, mark.position);
    if at > bounds.last {
        return Err(Unfit::Ahead { at, last: bounds.last });
    }
    if at < bounds.first {
        return Ok(());
    }
    let message = log.read(at).next().await.transpose()?;
    let is_there = message.is_some_and(|message| message.content.completes(mark.tip.hash));
    if is_there { Ok(()) } else { Err(Unfit::Foreign { at }) }
}

/// The disk may be slow, and decoding takes all processors.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|stop| Err(SnapshotError::Unavailable { reason: stop.to_string() }))
}

/// Why a state and a log do not belong together.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it is at position {at}, and the log ends at {last}")]
    Ahead { at: Position, last: Position },
    #[error("its last record is not the one at position {at} of the log: it belongs to another log")]
    Foreign { at: Position },
    #[error("{0}")]
    Log(#[from] ReadError),
    #[error("record {0} behind it has another state hash than the fold gives")]
    Diverged(Seq),
}

impl From<Unfit> for StartError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Log(error) => Self::Read(error),
            Unfit::Diverged(seq) => Self::Diverged(seq),
            Unfit::Ahead { .. } | Unfit::Foreign { .. } => {
                Self::Snapshot(SnapshotError::Damaged { reason: unfit.to_string() })
            }
        }
    }
}

async fn from_snapshot<L: EventLog>(log: &L, Loaded { mut state, mark }: Loaded) -> Result<Folded, Unfit> {
    state.track_changes(true);
    behind(log, state, &mark).await
}

/// Folds what is behind the mark. The message that holds its last record is read too: it must be there.
async fn behind<L: EventLog>(log: &L, state: State, mark: &Mark) -> Result<Folded, Unfit> {
    has(log, mark).await?;
    let (first, at) = (log.bounds().await?.first, mark.position);
    // Where it was trimmed, the chain tells whether what follows belongs to it.
    let from = if at < first { at.next() } else { at };
    tail(log, state, mark.tip, at, from).await
}

/// Folds all that the log has: from its beginning, or from a baseline where the beginning was trimmed.
async fn whole<L: EventLog>(log: &L) -> Result<Folded, StartError> {
    let first = log.bounds().await?.first;
    let oldest = log.read(first).next().await.transpose()?;
    let begins_late = oldest.and_then(|message| message.content.first_seq()).is_some_and(|seq| seq > FIRST);
    if first > Position(1) || begins_late {
        return from_baseline(log, first).await;
    }
    Ok(tail(log, State::default(), Tip::default(), Position::default(), Position(1)).await?)
}

/// The newest one that can be used; then the one before it.
async fn from_baseline<L: EventLog>(log: &L, first: Position) -> Result<Folded, StartError> {
    let unusable = |reason: String| StartError::NoBaseline { first, reason };
    let baselines = log.baselines().await.map_err(|error| unusable(error.to_string()))?;
    let mut reason = "there is none".to_owned();
    for baseline in baselines.iter().rev().filter(|baseline| baseline.position.next() >= first) {
        match load_baseline(log, baseline).await {
            Ok(Loaded { state, mark }) => match behind(log, state, &mark).await {
                Ok(folded) => {
                    tracing::info!(seq = %mark.tip.seq, until = %folded.tip.seq, "the state comes from a baseline");
                    return Ok(folded);
                }
                Err(error @ (Unfit::Ahead { .. } | Unfit::Foreign { .. })) => reason = error.to_string(),
                Err(error) => return Err(error.into()),
            },
            Err(error) => reason = error.to_string(),
        }
        tracing::warn!(seq = %baseline.seq, reason, "a baseline cannot be used");
    }
    Err(unusable(reason))
}

/// Folds the log from `from` on, which is `tip_at` or right behind it.
async fn tail<L: EventLog>(
    log: &L,
    mut state: State,
    tip: Tip,
    mut tip_at: Position,
    from: Position,
) -> Result<Folded, Unfit> {
    let mut position = log.bounds().await?.last;
    let newest = log.read(position).next().await.transpose()?.and_then(|message| message.content.first_seq());
    let checked_from = Seq(newest.map_or(0, |seq| seq.0.saturating_sub(RECORDS_CHECKED)));
    state.hash_late(true);
    let (folded_at, mut resume_at) = (tip_at, from);
    let mut records = committed(log.read(from).read_ahead(), tip);
    while let Some(entry) = records.next().await {
        match entry? {
            Entry::Accepted { position: at, record, .. } => {
                state.apply(&record.record);
                let seq = record.record.seq;
                if seq >= checked_from && state.differs_from(record.record.state_hash) {
                    return Err(Unfit::Diverged(seq));
                }
                (tip_at, resume_at, position) = (at, at, position.max(at));
            }
            // Of these, the state has had its part before.
            Entry::Void { position: at, .. } if at == folded_at => {}
            Entry::Void { position: at, record, reason } => {
                tracing::info!(position = %at, seq = %record.record.seq, %reason, "a record in the log is void");
                position = position.max(at);
            }
            Entry::Part { position: at, .. } => position = position.max(at),
            Entry::Unfinished { last, part } => {
                tracing::info!(%last, "a record in the log is void, it ends with {part}");
            }
        }
    }
    state.hash_late(false);
    Ok(Folded { state, tip: records.tip(), tip_at, resume_at, position, kept: None })
}
