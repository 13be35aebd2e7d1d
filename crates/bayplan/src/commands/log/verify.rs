//! `bayplan log verify`: folds everything and compares it with everything that says what it should be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use eventlog::EventLog;
use model::{Hash, Position, Seq};
use serde::Serialize;

use super::bar::Bar;
use super::fold::{Found, Start, failed, fold, start};
use super::{Session, fold};
use crate::failure::Failure;

#[derive(Serialize)]
struct Verified {
    first_position: u64,
    last_position: u64,
    records: u64,
    void_records: u64,
    /// At the end of the log: parts of a record whose other parts are not there. They count for nothing.
    unfinished_parts: u32,
    state_hashes: u64,
    baselines: usize,
    last_seq: u64,
    last_epoch: u64,
    state_hash: String,
}

/// Folds the log up to a position.
pub(super) async fn fold_upto<L: EventLog>(log: &L, last: Position) -> Result<Found, Failure> {
    let begin = start(log).await?;
    check(log, begin, &BTreeMap::new(), last).await
}

async fn check<L: EventLog>(
    log: &L,
    begin: Start,
    expected: &BTreeMap<Seq, Hash>,
    last: Position,
) -> Result<Found, Failure> {
    let from = begin.at.max(log.bounds().await.map_err(failed)?.first);
    let mut bar = Bar::new("folding", last.0);
    fold(log.read(from).upto(last), begin, expected, &mut bar).await
}

pub(super) async fn run<L: EventLog>(log: &L, session: &mut Session) -> Result<(), Failure> {
    let bounds = log.bounds().await.map_err(failed)?;
    let begin = fold::start(log).await?;
    let mut expected = BTreeMap::new();
    let baselines = log.baselines().await.map_err(failed)?;
    for baseline in &baselines {
        let loaded = master::load_baseline(log, baseline).await.map_err(failed)?;
        expected.insert(baseline.seq, loaded.mark.state_hash);
    }
    let found = check(log, begin, &expected, bounds.last).await?;
    let told = Verified {
        first_position: bounds.first.0,
        last_position: bounds.last.max(Position(0)).0,
        records: found.records,
        void_records: found.void,
        unfinished_parts: found.waiting.map_or(0, |part| part.index + 1),
        state_hashes: found.hashes,
        baselines: baselines.len(),
        last_seq: found.tip.seq.0,
        last_epoch: found.tip.epoch.0,
        state_hash: found.state.hash().to_string(),
    };
    let mut text = format!(
        "The log is sound: {} records up to number {} of epoch {}, {} void, {} state hashes and {} baselines as recorded.",
        told.records, told.last_seq, told.last_epoch, told.void_records, told.state_hashes, told.baselines
    );
    if let Some(part) = found.waiting {
        // Writing to a string cannot fail.
        let _written = write!(text, " It ends with {part}, which counts only when the rest follows.");
    }
    session.tell(&told, &text)
}
