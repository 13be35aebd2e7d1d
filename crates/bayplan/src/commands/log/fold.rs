//! Folds a log from its beginning, or from the oldest baseline where the beginning was trimmed, and checks what it folds.

use std::collections::BTreeMap;

use eventlog::{Baseline, BaselineError, Entry, EventLog, Messages, ReadError, committed};
use master::TrimmingError;
use model::{PartPlace, Position, Seq, Tip};
use snapshot::Loaded;
use state::State;

use super::bar::Bar;
use crate::failure::Failure;

/// Where a fold begins.
pub(crate) struct Start {
    pub(crate) state: State,
    pub(crate) tip: Tip,
    /// The message that holds the last record of the state.
    pub(crate) at: Position,
    /// None when the log has its beginning.
    pub(crate) baseline: Option<Baseline>,
}

impl Start {
    pub(crate) fn of(Loaded { state, mark }: Loaded, baseline: Option<Baseline>) -> Self {
        Self { state, tip: mark.tip, at: mark.position, baseline }
    }

    pub(crate) fn nothing() -> Self {
        Self { state: State::default(), tip: Tip::default(), at: Position::default(), baseline: None }
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}

pub(crate) async fn start<L: EventLog>(log: &L) -> Result<Start, Unsound> {
    let bounds = log.bounds().await.map_err(failed)?;
    let oldest = log.read(bounds.first).next().await.transpose();
    let oldest = oldest.map_err(|error| match bounds.first {
        Position(1) => unreadable(Tip::default(), &error),
        _ => Unsound::of(error.is_damage(), &error),
    })?;
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
            Err(error) => return Err(Unsound::of_baseline(&error)),
        }
    }
    let first = bounds.first;
    let reason = format!("the log begins at position {first}, and has no baseline of what was before it{foreign}");
    Err(Unsound::Bad { seq: None, reason })
}

/// What a fold found.
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) tip: Tip,
    pub(crate) at: Position,
    pub(crate) records: u64,
    /// Records that do not count, those among them that are unfinished.
    pub(crate) void: u64,
    pub(crate) hashes: u64,
    /// The parts at the end of what was folded whose record has no end yet.
    pub(crate) waiting: Option<PartPlace>,
}

/// What a fold compares with, and how often it checks all invariants.
pub(crate) struct Expected {
    /// Of the state after some records.
    pub(crate) hashes: BTreeMap<Seq, model::Hash>,
    /// After so many records, and at the end in any case.
    pub(crate) check_every: u64,
    /// Up to this record all of them are known to hold.
    pub(crate) held_until: Seq,
}

impl Default for Expected {
    fn default() -> Self {
        Self { hashes: BTreeMap::new(), check_every: u64::MAX, held_until: Seq(0) }
    }
}

/// Why a fold is not sound.
pub(crate) enum Unsound {
    /// Nobody knows: it could not be looked at.
    Failed(Failure),
    /// It is damaged, or gives another state than was recorded: at this record, where one can be named.
    Bad { seq: Option<Seq>, reason: String },
    /// An invariant does not hold after this record, and did after the other one.
    Violated { held_until: Seq, seq: Seq, violation: String },
}

impl Unsound {
    fn of(is_damage: bool, error: &impl std::fmt::Display) -> Self {
        if is_damage { Self::Bad { seq: None, reason: error.to_string() } } else { Self::Failed(failed(error)) }
    }

    pub(crate) fn of_baseline(error: &TrimmingError) -> Self {
        let is_damage = match error {
            TrimmingError::Read(error) => error.is_damage(),
            TrimmingError::Baseline(error) => {
                matches!(error, BaselineError::Missing { .. } | BaselineError::Damaged { .. })
            }
            TrimmingError::Unfit { .. } | TrimmingError::Foreign { .. } => true,
            TrimmingError::Trim(_) => false,
        };
        Self::of(is_damage, error)
    }
}

impl From<Failure> for Unsound {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unsound> for Failure {
    fn from(unsound: Unsound) -> Self {
        match unsound {
            Unsound::Failed(failure) => failure,
            Unsound::Bad { reason, .. } => failed(reason),
            Unsound::Violated { seq, violation, .. } => {
                failed(format!("after record {seq} an invariant does not hold: {violation}"))
            }
        }
    }
}

/// Folds `messages`, which begin at or right behind the start, to their end.
pub(crate) async fn fold(
    messages: Messages,
    start: Start,
    expected: &Expected,
    bar: &mut Bar,
) -> Result<Found, Unsound> {
    let Start { state, tip, at, .. } = start;
    let begin = at;
    let mut found = Found { state, tip, at, records: 0, void: 0, hashes: 0, waiting: None };
    found.state.hash_late(true);
    let (mut entries, mut held_until) = (committed(messages.read_ahead(), tip), tip.seq.max(expected.held_until));
    while let Some(entry) = entries.next().await {
        let entry = entry.map_err(|error| unreadable(entries.tip(), &error))?;
        match entry {
            Entry::Accepted { position, record, tip } => {
                found.state.apply(&record.record);
                (found.tip, found.at, found.records) = (tip, position, found.records + 1);
                compare(&mut found, record.record.state_hash, expected)?;
                if tip.seq.0.saturating_sub(held_until.0) >= expected.check_every {
                    check(&found, held_until)?;
                    held_until = tip.seq;
                }
                bar.at(position.0);
            }
            // Of these, the start had its part before.
            Entry::Void { position, .. } if position == begin => {}
            Entry::Void { .. } | Entry::Unfinished { .. } => found.void += 1,
            Entry::Part { .. } => {}
        }
    }
    found.waiting = entries.waiting_for_parts();
    found.state.hash_late(false);
    check(&found, held_until)?;
    Ok(found)
}

fn unreadable(tip: Tip, error: &ReadError) -> Unsound {
    let seq = tip.seq.next();
    match error.is_damage() {
        true => Unsound::Bad { seq: Some(seq), reason: format!("record {seq} cannot be read: {error}") },
        false => Unsound::Failed(failed(error)),
    }
}

fn compare(found: &mut Found, told: Option<model::Hash>, expected: &Expected) -> Result<(), Unsound> {
    let (seq, position) = (found.tip.seq, found.at);
    let wanted = expected.hashes.get(&seq);
    if found.state.differs_from(told) || wanted.is_some_and(|wanted| *wanted != found.state.kept_hash()) {
        let reason = format!(
            "record {seq}, at position {position}: its fold gives another state than the one that was recorded; the log was \
             changed, or another version of bayplan wrote it"
        );
        return Err(Unsound::Bad { seq: Some(seq), reason });
    }
    found.hashes += u64::from(told.is_some());
    Ok(())
}

fn check(found: &Found, held_until: Seq) -> Result<(), Unsound> {
    match found.state.check().first() {
        None => Ok(()),
        Some(violation) => Err(Unsound::Violated { held_until, seq: found.tip.seq, violation: violation.to_string() }),
    }
}
