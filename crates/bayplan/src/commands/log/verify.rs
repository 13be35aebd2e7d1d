//! `bayplan log verify` and `bayplan replay verify`: folds everything and compares it with everything that says what it should be.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use eventlog::EventLog;
use model::{PartPlace, Position, Seq};
use serde::Serialize;

use super::bar::Bar;
use super::fold::{Expected, Found, Start, Unsound, failed, fold, start};
use crate::failure::Failure;
use crate::output::Output;

/// After so many records all invariants are checked, where nobody says otherwise.
pub(crate) const CHECK_EVERY: u64 = 8_192;

#[derive(Serialize)]
struct Verified {
    /// Always.
    sound: bool,
    first_position: u64,
    last_position: u64,
    records: u64,
    void_records: u64,
    /// At the end of the log: parts of a record whose other parts are not there. They count for nothing.
    unfinished_parts: u32,
    state_hashes: u64,
    /// How often all invariants were checked.
    checks: u64,
    baselines: usize,
    last_seq: u64,
    last_epoch: u64,
    state_hash: String,
    #[serde(skip)]
    waiting: Option<PartPlace>,
}

/// What a machine is told of a log that is not sound.
#[derive(Serialize)]
struct NotSound {
    /// Never.
    sound: bool,
    /// None where what is wrong is no record: a baseline, or the checksum of a file.
    first_bad_record: Option<Seq>,
    reason: String,
}

/// Folds the log up to a position.
pub(super) async fn fold_upto<L: EventLog>(log: &L, last: Position) -> Result<Found, Failure> {
    let begin = start(log).await?;
    Ok(check(log, begin, &Expected::default(), last).await?)
}

async fn check<L: EventLog>(log: &L, begin: Start, expected: &Expected, last: Position) -> Result<Found, Unsound> {
    let first = log.bounds().await.map_err(failed)?.first;
    let mut bar = Bar::new("folding", last.0);
    // Behind the last one there may be damage, which is told of when it comes.
    let messages = log.read(begin.at.max(first));
    let messages = if last < log_end(log).await? { messages.upto(last) } else { messages };
    fold(messages, begin, expected, &mut bar).await
}

async fn log_end<L: EventLog>(log: &L) -> Result<Position, Unsound> {
    Ok(log.bounds().await.map_err(failed)?.last)
}

/// `last` is checked when all records are sound: what it says names none.
pub(crate) async fn run<L: EventLog>(
    log: &L,
    check_every: u64,
    last: impl FnOnce() -> Result<(), Failure>,
    out: &mut Output,
) -> Result<(), Failure> {
    let told = match verify(log, check_every, last).await {
        Ok(told) => told,
        Err(unsound) => return Err(tell_unsound(unsound, out)?),
    };
    if out.is_json() {
        return out.document(&told);
    }
    let mut text = format!(
        "The log is sound: {} records up to number {} of epoch {}, {} void, {} state hashes and {} baselines as recorded.",
        told.records, told.last_seq, told.last_epoch, told.void_records, told.state_hashes, told.baselines
    );
    if let Some(part) = told.waiting {
        // Writing to a string cannot fail.
        let _written = write!(text, " It ends with {part}, which counts only when the rest follows.");
    }
    out.text(&format!("{text}\n"))
}

/// The failure that it is, of which a machine gets a document.
fn tell_unsound(unsound: Unsound, out: &mut Output) -> Result<Failure, Failure> {
    let bad = match &unsound {
        Unsound::Failed(_) => None,
        Unsound::Bad { seq, .. } => Some(*seq),
        Unsound::Violated { seq, .. } => Some(Some(*seq)),
    };
    let failure = Failure::from(unsound);
    if let Some(first_bad_record) = bad.filter(|_| out.is_json()) {
        out.document(&NotSound { sound: false, first_bad_record, reason: failure.to_string() })?;
    }
    Ok(failure)
}

async fn verify<L: EventLog>(
    log: &L,
    check_every: u64,
    last: impl FnOnce() -> Result<(), Failure>,
) -> Result<Verified, Unsound> {
    let bounds = log.bounds().await.map_err(failed)?;
    let mut expected = Expected { check_every, ..Expected::default() };
    let baselines = log.baselines().await.map_err(failed)?;
    for baseline in &baselines {
        let loaded = master::load_baseline(log, baseline).await;
        let loaded = loaded.map_err(|error| Unsound::of_baseline(&error))?;
        expected.hashes.insert(baseline.seq, loaded.mark.state_hash);
    }
    let found = match check(log, start(log).await?, &expected, bounds.last).await {
        Err(Unsound::Violated { held_until, seq, .. }) if seq.0 > held_until.0 + 1 => {
            // Which of the records between is the first one, the same fold tells that looks after each of them.
            let each = Expected { check_every: 1, held_until, ..expected };
            check(log, start(log).await?, &each, bounds.last).await
        }
        found => found,
    }?;
    last().map_err(|failure| Unsound::Bad { seq: None, reason: failure.to_string() })?;
    Ok(Verified {
        sound: true,
        first_position: bounds.first.0,
        last_position: bounds.last.max(Position(0)).0,
        records: found.records,
        void_records: found.void,
        unfinished_parts: found.waiting.map_or(0, |part| part.index + 1),
        state_hashes: found.hashes,
        checks: found.records.div_ceil(check_every.max(1)).max(1),
        baselines: baselines.len(),
        last_seq: found.tip.seq.0,
        last_epoch: found.tip.epoch.0,
        state_hash: found.state.hash().to_string(),
        waiting: found.waiting,
    })
}
