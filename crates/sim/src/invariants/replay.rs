//! A replay equals what was live, hash by hash: whatever a master shows as the state after a record is what a fold of the log
//! gives. What was shown is noted, and compared at the end with the log from its first record on, and from a baseline.

use std::collections::BTreeMap;

use eventlog::Content;
use model::{Hash, SealedRecord, Seq, Tip};
use protocol::agent::Mark;
use state::State;

use super::truth::{Truth, attempt_of};
use super::{Found, Joined, overcommit};

const NAME: &str = "a replay equals what was live";

/// What was shown as the state after a record, and by whom first.
#[derive(Default)]
pub(super) struct Shown(BTreeMap<Seq, (Hash, String)>);

impl Shown {
    pub(super) fn on_state(&mut self, who: &str, mark: Mark, hash: Hash) -> Found {
        match self.0.get(&mark.seq) {
            Some((before, _)) if *before == hash => Ok(()),
            Some((_, first)) => {
                Err((NAME, format!("{who} and {first} show different states after record {}", mark.seq)))
            }
            None => {
                self.0.insert(mark.seq, (hash, who.to_owned()));
                Ok(())
            }
        }
    }

    /// `state` is what the log gives after its last record.
    fn compare(&self, state: &mut State) -> Found {
        match self.0.get(&state.seq) {
            Some((hash, who)) if *hash != state.kept_hash() => {
                Err((NAME, format!("{who} showed another state after record {} than the log's fold", state.seq)))
            }
            _ => Ok(()),
        }
    }
}

/// What the log gives when it is read from its first record on.
pub(super) struct Replayed {
    pub(super) state: State,
    /// Which attempt each record is of, of those that count.
    pub(super) attempts: BTreeMap<Seq, Option<u64>>,
}

pub(super) fn at_the_end(truth: &Truth, shown: &Shown, log: &[Content]) -> Found<Replayed> {
    let (mut tip, mut state) = (Tip::default(), State::default());
    let mut attempts = BTreeMap::new();
    let mut joined = Joined::default();
    let batches: Vec<Vec<SealedRecord>> = log.iter().map(|content| joined.join(content)).collect::<Found<_>>()?;
    for sealed in batches.iter().flatten() {
        let Ok(next) = tip.accept(sealed) else { continue };
        tip = next;
        // As it is kept, not as it was handed over.
        let opened = SealedRecord::open(&sealed.bytes);
        let (opened, _) = opened.map_err(|error| (NAME, format!("record {} cannot be read: {error}", tip.seq)))?;
        state.apply(&opened.record);
        if opened.record.state_hash.is_some_and(|recorded| recorded != state.kept_hash()) {
            return Err((
                NAME,
                format!("record {} was written with another state hash than its replay gives", tip.seq),
            ));
        }
        shown.compare(&mut state)?;
        overcommit::check_now_and_then(&state)?;
        attempts.insert(tip.seq, attempt_of(&opened.record));
    }
    if tip != truth.tip {
        return Err((NAME, format!("the log ends at record {} now, but {} was written to it", tip.seq, truth.tip.seq)));
    }
    let restored = State::from_baseline(state.seq, state.epoch, state.at, &state.baseline());
    if restored.hash() != state.hash() {
        return Err((NAME, "a baseline gives another state".to_owned()));
    }
    overcommit::check(&state)?;
    Ok(Replayed { state, attempts })
}
