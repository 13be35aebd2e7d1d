//! A replay equals what was live, hash by hash: whatever a master shows as the state after a record is what a fold of the log
//! gives, at any time, and once more at the end from the first record on and from a baseline.

use std::collections::BTreeMap;

use eventlog::Content;
use model::{Hash, SealedRecord, Seq, Tip};
use protocol::agent::Mark;
use state::State;

use super::truth::{Truth, attempt_of};
use super::{Found, Joined};

const NAME: &str = "a replay equals what was live";

pub(super) fn on_state(truth: &Truth, who: &str, mark: Mark, hash: Hash) -> Found {
    match truth.record(mark.seq) {
        Some(known) if known.state_hash == hash => Ok(()),
        _ => Err((NAME, format!("{who} shows another state after record {} than the log's fold", mark.seq))),
    }
}

/// Which attempt each record of the log is of, of those that count.
pub(super) fn at_the_end(truth: &Truth, log: &[Content]) -> Found<BTreeMap<Seq, Option<u64>>> {
    let (mut tip, mut state) = (Tip::default(), State::default());
    let mut records = BTreeMap::new();
    let mut joined = Joined::default();
    let batches: Vec<Vec<SealedRecord>> = log.iter().map(|content| joined.join(content)).collect::<Found<_>>()?;
    for sealed in batches.iter().flatten() {
        let Ok(next) = tip.accept(sealed) else { continue };
        tip = next;
        // As it is kept, not as it was handed over.
        let opened = SealedRecord::open(&sealed.bytes);
        let (opened, _) = opened.map_err(|error| (NAME, format!("record {} cannot be read: {error}", tip.seq)))?;
        state.apply(&opened.record);
        if opened.record.state_hash.is_some_and(|recorded| recorded != state.hash()) {
            return Err((
                NAME,
                format!("record {} was written with another state hash than its replay gives", tip.seq),
            ));
        }
        records.insert(tip.seq, attempt_of(&opened.record));
    }
    if tip != truth.tip || state.hash() != truth.state.hash() {
        return Err((NAME, format!("the log ends at record {} now, but {} was written to it", tip.seq, truth.tip.seq)));
    }
    let restored = State::from_baseline(state.seq, state.epoch, state.at, &state.baseline());
    if restored.hash() != state.hash() {
        return Err((NAME, "a baseline gives another state".to_owned()));
    }
    Ok(records)
}
