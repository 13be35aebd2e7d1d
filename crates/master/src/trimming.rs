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
    #[error(
        "the baseline of record {seq} is of a log that was here before, not of this one: {reason}. It is left where it is; \
         `bayplan log restore` and `import` remove such with --remove-baselines"
    )]
    Foreign { seq: model::Seq, reason: String },
    #[error(transparent)]
    Trim(#[from] TrimError),
}

/// Reads a baseline back, builds its state, and sees that it is one of this log.
pub async fn load_baseline<L: EventLog>(log: &L, baseline: &Baseline) -> Result<Loaded, TrimmingError> {
    let loaded = read_back_baseline(log, baseline).await?;
    check_origin(log, &loaded.mark).await?;
    Ok(loaded)
}

/// A log that was put back under the name of another one may find that one's baselines. Of this log are those that end with a
/// record that it has, or that it had: then whoever folds on sees whether what follows belongs to it.
async fn check_origin<L: EventLog>(log: &L, mark: &Mark) -> Result<(), TrimmingError> {
    let (bounds, at) = (log.bounds().await?, mark.position);
    let foreign = |reason: String| Err(TrimmingError::Foreign { seq: mark.tip.seq, reason });
    if at > bounds.last {
        return foreign(format!("it ends at position {at}, and the log at {}", bounds.last));
    }
    if at < bounds.first {
        return Ok(());
    }
    let message = log.read(at).next().await.transpose()?;
    if message.is_some_and(|message| message.content.completes(mark.tip.hash)) {
        Ok(())
    } else {
        foreign(format!("position {at} of the log holds another record"))
    }
}

/// The newest baselines of this log, after they were read back: those whose last record it has. Of one that is older than its
/// beginning nobody can tell.
async fn own_baselines<L: EventLog>(log: &L, how_many: usize) -> Result<Vec<Baseline>, TrimmingError> {
    let (first, mut own) = (log.bounds().await?.first, Vec::new());
    let baselines = log.baselines().await?.into_iter().filter(|baseline| baseline.position >= first);
    for baseline in baselines.rev() {
        if own.len() == how_many {
            break;
        }
        match load_baseline(log, &baseline).await {
            Ok(_) => own.insert(0, baseline),
            Err(error @ TrimmingError::Foreign { .. }) => tracing::debug!(%error, "a baseline is passed over"),
            Err(error) => return Err(error),
        }
    }
    Ok(own)
}

/// Reads a baseline back and builds its state, wherever it is of.
pub async fn read_back_baseline<L: EventLog>(log: &L, baseline: &Baseline) -> Result<Loaded, TrimmingError> {
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
    let kept = own_baselines(log, BASELINES_KEPT).await?;
    let Some(oldest) = kept.first().filter(|_| kept.len() == BASELINES_KEPT) else { return Ok(None) };
    let upto = trimmable_behind(log, oldest).await?;
    log.trim(upto).await?;
    for baseline in log.baselines().await?.iter().take_while(|baseline| *baseline < oldest) {
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
    let newest = own_baselines(log, 1).await?.pop();
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
