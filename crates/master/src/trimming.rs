//! Baselines in the cluster, and the trimming of the log behind them.
//!
//! A baseline is believed when it was read back from where the cluster keeps it and gave the state that it was made of. The
//! newest two are kept, and the log is trimmed up to the older one, so that one damaged baseline loses nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventlog::{Baseline, BaselineError, Bounds, EventLog, ReadError, TrimError, beginning_of};
use model::{Position, Timestamp, Tip};
use snapshot::{Loaded, Mark, SnapshotError};
use state::State;
use tokio::sync::watch;

use crate::config::{Config, Retention};
use crate::reads::Reads;

/// How many baselines a log keeps.
pub const BASELINES_KEPT: usize = 2;
/// The log grows by at least this part of what may be kept before there is another baseline.
const PARTS: u64 = 4;

#[derive(Debug, thiserror::Error)]
pub enum TrimmingError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    #[error("the baseline of record {seq} cannot be used: {error}")]
    Unfit { seq: model::Seq, error: SnapshotError },
    #[error(transparent)]
    Trim(#[from] TrimError),
}

/// Reads a baseline back and builds its state.
pub async fn load_baseline<L: EventLog>(log: &L, baseline: &Baseline) -> Result<Loaded, TrimmingError> {
    let bytes = log.read_baseline(baseline).await?;
    let unfit = |error| TrimmingError::Unfit { seq: baseline.seq, error };
    let loaded = in_background(move || snapshot::baseline::decode(&bytes)).await.map_err(unfit)?;
    let mark = &loaded.mark;
    if (mark.tip.seq, mark.position) != (baseline.seq, baseline.position) {
        let reason = format!("it is the state after record {} at position {}", mark.tip.seq, mark.position);
        return Err(unfit(SnapshotError::Damaged { reason }));
    }
    Ok(loaded)
}

/// Writes the state as a baseline, and reads it back. `position` is the message that holds the record that `tip` ends with.
pub async fn write_baseline<L: EventLog>(
    log: &L,
    state: State,
    tip: Tip,
    position: Position,
) -> Result<Baseline, TrimmingError> {
    let wanted = Mark::of(&state, tip, position);
    let mark = wanted.clone();
    let encoded = in_background(move || Ok(snapshot::baseline::encode(&state, &mark))).await;
    let bytes = encoded.map_err(|error| TrimmingError::Unfit { seq: tip.seq, error })?;
    let baseline = log.put_baseline(tip.seq, position, Bytes::from(bytes)).await?;
    let loaded = match load_baseline(log, &baseline).await {
        Ok(loaded) => loaded,
        Err(error) => {
            if matches!(error, TrimmingError::Unfit { .. } | TrimmingError::Baseline(BaselineError::Damaged { .. })) {
                log.remove_baseline(&baseline).await?;
            }
            return Err(error);
        }
    };
    if loaded.mark != wanted {
        log.remove_baseline(&baseline).await?;
        let error = SnapshotError::Damaged { reason: "it was read back as another one".to_owned() };
        return Err(TrimmingError::Unfit { seq: tip.seq, error });
    }
    Ok(baseline)
}

/// The last message that may go while a baseline stays: what is before the record that the baseline ends with, all of whose
/// parts stay too.
pub async fn trimmable_behind<L: EventLog>(log: &L, baseline: &Baseline) -> Result<Position, TrimmingError> {
    let first = log.bounds().await?.first;
    let kept = if baseline.position < first { first } else { beginning_of(log, baseline.position).await? };
    Ok(Position(kept.0.saturating_sub(1)))
}

/// Trims the log up to the older one of its newest two baselines, after both were read back, and removes older ones. None
/// while there are not two.
pub async fn trim_behind_baselines<L: EventLog>(log: &L) -> Result<Option<Position>, TrimmingError> {
    let baselines = log.baselines().await?;
    let Some(older) = baselines.len().checked_sub(BASELINES_KEPT) else { return Ok(None) };
    let (gone, kept) = baselines.split_at(older);
    for baseline in kept {
        load_baseline(log, baseline).await?;
    }
    let Some(oldest) = kept.first() else { return Ok(None) };
    let upto = trimmable_behind(log, oldest).await?;
    log.trim(upto).await?;
    for baseline in gone {
        log.remove_baseline(baseline).await?;
    }
    Ok(Some(upto))
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|stop| Err(SnapshotError::Unavailable { reason: stop.to_string() }))
}

/// Looks after the log while this master leads.
pub(crate) async fn watch<L: EventLog>(
    log: Arc<L>,
    reads: Arc<Reads>,
    config: Config,
    retention: Retention,
    leads: watch::Receiver<bool>,
) {
    let mut troubled = false;
    loop {
        tokio::time::sleep(retention.check_interval).await;
        if !*leads.borrow() {
            continue;
        }
        match turn(log.as_ref(), &reads, &retention, config.environment.now()).await {
            Ok(Some(upto)) => tracing::info!(%upto, "the log was trimmed behind its baselines"),
            Ok(None) => troubled = false,
            // Once for as long as it lasts.
            Err(error) if !troubled => {
                tracing::warn!(%error, "the log could not be trimmed; nothing is lost, and it is tried again");
                troubled = true;
            }
            Err(_) => {}
        }
    }
}

/// Makes a baseline and trims behind the older ones when the log is larger, or reaches further back, than wanted.
async fn turn<L: EventLog>(
    log: &L,
    reads: &Reads,
    retention: &Retention,
    now: Timestamp,
) -> Result<Option<Position>, TrimmingError> {
    let bounds = log.bounds().await?;
    if bounds.is_empty() || !is_due(log, bounds, retention, now).await? {
        return Ok(None);
    }
    let newest = log.baselines().await?.pop();
    if newest.as_ref().is_none_or(|newest| has_grown(bounds, newest)) {
        let (state, tip, position) = reads.copy();
        if newest.is_none_or(|newest| newest.seq < tip.seq) {
            let baseline = write_baseline(log, state, tip, position).await?;
            tracing::info!(seq = %baseline.seq, bytes = baseline.bytes, "a baseline was written and read back");
        }
    }
    let trimmed = trim_behind_baselines(log).await?;
    Ok(trimmed.filter(|upto| *upto >= bounds.first))
}

async fn is_due<L: EventLog>(
    log: &L,
    bounds: Bounds,
    retention: &Retention,
    now: Timestamp,
) -> Result<bool, TrimmingError> {
    if let Some(max_bytes) = retention.max_bytes
        && log.size_bytes().await? > max_bytes
    {
        return Ok(true);
    }
    let Some(max_age) = retention.max_age else { return Ok(false) };
    let mut messages = log.read(bounds.first);
    let mut written_at = None;
    // Parts do not say when; what is whole behind them is hardly younger.
    while written_at.is_none()
        && let Some(message) = messages.next().await.transpose()?
    {
        written_at = message.content.records().first().map(|sealed| sealed.record.cause.at);
    }
    Ok(written_at.is_some_and(|at| Duration::from_millis(now.ms_since(at)) > max_age))
}

/// Whether enough was written since that another baseline is worth it.
fn has_grown(bounds: Bounds, newest: &Baseline) -> bool {
    let all = bounds.last.0.saturating_sub(bounds.first.0) + 1;
    bounds.last.0.saturating_sub(newest.position.0) >= all / PARTS
}
