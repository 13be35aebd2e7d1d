//! Folds a log from its beginning, or from the oldest baseline where the beginning was trimmed, and checks what it folds.

use std::collections::BTreeMap;

use eventlog::{Baseline, Entry, EventLog, Messages, committed};
use master::TrimmingError;
use model::{PartPlace, Position, Seq, Tip};
use snapshot::Loaded;
use state::State;

use super::bar::Bar;
use crate::failure::Failure;

/// Where a fold begins.
pub(super) struct Start {
    pub(super) state: State,
    pub(super) tip: Tip,
    /// The message that holds the last record of the state.
    pub(super) at: Position,
    /// None when the log has its beginning.
    pub(super) baseline: Option<Baseline>,
}

impl Start {
    pub(super) fn of(Loaded { state, mark }: Loaded, baseline: Option<Baseline>) -> Self {
        Self { state, tip: mark.tip, at: mark.position, baseline }
    }

    pub(super) fn nothing() -> Self {
        Self { state: State::default(), tip: Tip::default(), at: Position::default(), baseline: None }
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}

pub(super) async fn start<L: EventLog>(log: &L) -> Result<Start, Failure> {
    let bounds = log.bounds().await.map_err(failed)?;
    let oldest = log.read(bounds.first).next().await.transpose().map_err(failed)?;
    let first = oldest.and_then(|message| message.content.first_seq());
    if first.is_none_or(|seq| seq == Seq(1)) {
        return Ok(Start::nothing());
    }
    let baselines = log.baselines().await.map_err(failed)?;
    let mut foreign = String::new();
    for baseline in baselines.into_iter().filter(|baseline| baseline.position.next() >= bounds.first) {
        match master::load_baseline(log, &baseline).await {
            Ok(loaded) => return Ok(Start::of(loaded, Some(baseline))),
            Err(error @ TrimmingError::Foreign { .. }) => foreign = format!("; {error}"),
            Err(error) => return Err(failed(error)),
        }
    }
    let first = bounds.first;
    Err(failed(format!("the log begins at position {first}, and has no baseline of what was before it{foreign}")))
}

/// What a fold found.
pub(super) struct Found {
    pub(super) state: State,
    pub(super) tip: Tip,
    pub(super) at: Position,
    pub(super) records: u64,
    /// Records that do not count, those among them that are unfinished.
    pub(super) void: u64,
    pub(super) hashes: u64,
    /// The parts at the end of what was folded whose record has no end yet.
    pub(super) waiting: Option<PartPlace>,
}

/// Folds `messages`, which begin at or right behind the start, to their end. `expected` says which state hash there has to be
/// after some records.
pub(super) async fn fold(
    messages: Messages,
    start: Start,
    expected: &BTreeMap<Seq, model::Hash>,
    bar: &mut Bar,
) -> Result<Found, Failure> {
    let Start { state, tip, at, .. } = start;
    let begin = at;
    let mut found = Found { state, tip, at, records: 0, void: 0, hashes: 0, waiting: None };
    let mut entries = committed(messages, tip);
    while let Some(entry) = entries.next().await {
        match entry.map_err(failed)? {
            Entry::Accepted { position, record, tip } => {
                found.state.apply(&record.record);
                (found.tip, found.at, found.records) = (tip, position, found.records + 1);
                let told = record.record.state_hash;
                let differs = found.state.differs_from(told)
                    || expected.get(&tip.seq).is_some_and(|expected| *expected != found.state.hash());
                if differs {
                    let seq = tip.seq;
                    return Err(failed(format!(
                        "record {seq}, at position {position}: its fold gives another state than the one that was \
                         recorded; the log was changed, or another version of bayplan wrote it"
                    )));
                }
                found.hashes += u64::from(told.is_some());
                bar.at(position.0);
            }
            // Of these, the start had its part before.
            Entry::Void { position, .. } if position == begin => {}
            Entry::Void { .. } | Entry::Unfinished { .. } => found.void += 1,
            Entry::Part { .. } => {}
        }
    }
    found.waiting = entries.waiting_for_parts();
    if let Some(violation) = found.state.check().first() {
        let seq = found.tip.seq;
        return Err(failed(format!("after record {seq} an invariant does not hold: {violation}")));
    }
    Ok(found)
}
