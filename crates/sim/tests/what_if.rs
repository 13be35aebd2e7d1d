//! Forks of what real masters and agents recorded, with everything going wrong around them: a change that changes nothing makes
//! every command be decided anew and every report find its place, and diverges nowhere.

use std::sync::Arc;

use eventlog::Content;
use model::{PartsSoFar, Record, SealedRecord, Tip};
use replay::what_if::{Change, Reading, Resized, WhatIf};
use scheduler::Policies;
use sim::{Fault, Settings, record};
use state::State;

const SEEDS: u64 = 24;
const COMMANDS: u32 = 300;
const POINTS: u32 = 10;

/// The records that count; None when the beginning of the log was trimmed.
fn records(log: &[Content]) -> Option<Vec<Arc<Record>>> {
    let (mut parts, mut tip, mut accepted) = (PartsSoFar::default(), Tip::default(), Vec::new());
    for content in log {
        let batch: Vec<SealedRecord> = match content {
            Content::Records(records) => {
                parts.give_up();
                records.to_vec()
            }
            Content::Part(part) => parts.take(&part.part).expect("a sound part").whole.into_iter().collect(),
        };
        for sealed in batch {
            if let Ok(next) = tip.accept(&sealed) {
                tip = next;
                accepted.push(sealed.record);
            }
        }
    }
    accepted.first().is_some_and(|first| first.seq.0 == 1).then_some(accepted)
}

#[test]
fn a_fork_in_which_nothing_changes_ends_where_the_log_does() {
    let (mut forked, mut followed) = (0, 0);
    for seed in 0..SEEDS {
        let settings = Settings::of_seed(seed, COMMANDS, Fault::ALL);
        let (_, log) = record(&settings);
        let Some(records) = records(&log) else { continue };
        let mut state = State::default();
        let (before, after) = records.split_at(records.len() / 3);
        before.iter().for_each(|record| state.apply(record));
        let Some(agent) = state.agents.keys().next().copied() else { continue };
        let mut reading = Reading::begin(&state);
        after.iter().for_each(|record| reading.follow(record));
        let change = Change { resize: [(agent, Resized::default())].into(), ..Change::default() };
        let what_if = WhatIf::begin(&state, change, reading.close(), Policies::default(), POINTS);
        let mut what_if = what_if.expect("there is such a fork");
        let mut recorded = state;
        for record in after {
            what_if.follow(record);
            recorded.apply(record);
        }
        let hashes = what_if.states().map(State::hash);
        let outcome = what_if.finish();
        assert_eq!(outcome.newer_code, None, "{}", settings.command_line());
        assert_eq!(outcome.divergence, None, "{}", settings.command_line());
        assert_eq!(hashes, [recorded.hash(), recorded.hash()], "{}", settings.command_line());
        forked += 1;
        followed += outcome.records;
    }
    assert!(forked > SEEDS / 3 && followed > 1_000, "{forked} forks of {SEEDS}, {followed} records");
}
