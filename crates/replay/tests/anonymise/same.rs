//! In a log in other words the same is decided.

use std::collections::BTreeSet;

use model::{AgentId, Event, Record, SealedRecord, Seq};
use proptest::prelude::*;
use replay::anonymise::{Anonymised, Survey, decide_again};
use scheduler::{Again, Policies, World};
use state::State;

use crate::history::History;

const STEPS: usize = 120;

fn survey(records: &[Record]) -> Survey {
    let mut survey = Survey::default();
    records.iter().for_each(|record| survey.record(record));
    survey
}

fn told_again(records: &[Record]) -> Vec<SealedRecord> {
    let mut told = Anonymised::new(survey(records));
    let last = records.last().map(|record| record.seq);
    records.iter().map(|record| told.record(record, Some(record.seq) == last)).collect()
}

fn fold(records: &[Record]) -> State {
    let mut state = State::default();
    records.iter().for_each(|record| state.apply(record));
    state
}

/// Where what was launched landed, in order.
fn launches(record: &Record) -> Vec<(AgentId, Vec<u16>)> {
    let launched = record.events.iter().filter_map(|event| match event {
        Event::TaskLaunched { task } => Some((task.agent, task.host_ports.clone())),
        _ => None,
    });
    launched.collect()
}

fn decided_the_same(world: &mut World, told: &[SealedRecord]) {
    for sealed in told {
        let record = &sealed.record;
        let again = decide_again(world, record, &Policies::default());
        assert_eq!(again, Again::AsRecorded, "record {}: {record:#?}", record.seq);
        world.apply(record);
        if let Some(hash) = record.state_hash {
            assert_eq!(world.state.hash(), hash, "record {}", record.seq);
        }
    }
    assert_eq!(world.state.check(), vec![]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_command_is_decided_as_before_and_every_task_lands_where_it_did(seed in any::<u64>()) {
        let records = History::of(seed, STEPS);
        let told = told_again(&records);
        decided_the_same(&mut World::default(), &told);
        for (record, told) in records.iter().zip(&told) {
            prop_assert_eq!(launches(record), launches(&told.record));
        }
        prop_assert!(told.last().is_some_and(|last| last.record.state_hash.is_some()));
    }

    #[test]
    fn a_slice_begins_with_the_state_that_a_whole_log_has_there(seed in any::<u64>(), cut in 10_usize..60) {
        let records = History::of(seed, STEPS);
        let cut = cut.min(records.len() - 1);
        let (before, slice) = records.split_at(cut);
        let (state, last) = (fold(before), &before[cut - 1]);

        let mut whole = Anonymised::new(survey(&records));
        before.iter().for_each(|record| drop(whole.record(record, false)));
        let mut same_names = Anonymised::new(survey(&records));
        let begun = same_names.begin(&state, last);
        prop_assert_eq!(begun.state.hash(), whole.state().hash());

        let mut seen = Survey::default();
        seen.state(&state);
        seen.record(last);
        slice.iter().for_each(|record| seen.record(record));
        let mut alone = Anonymised::new(seen);
        let begun = alone.begin(&state, last);
        let told: Vec<SealedRecord> = slice.iter().map(|record| alone.record(record, false)).collect();
        prop_assert_eq!(told[0].record.previous, begun.last.hash);
        prop_assert_eq!((begun.state.seq, told[0].record.seq), (Seq(cut as u64), Seq(cut as u64 + 1)));
        decided_the_same(&mut World::of(begun.state), &told);
    }
}

#[test]
fn histories_have_all_that_names_matter_for() {
    let records: Vec<Record> = (0..20).flat_map(|seed| History::of(seed, STEPS)).collect();
    let commands: BTreeSet<&str> = records.iter().map(|record| record.cause.kind.name()).collect();
    let events: BTreeSet<&str> = records.iter().flat_map(|record| &record.events).map(Event::name).collect();
    for name in ["accept_offers", "acknowledge_updates", "kill_tasks", "remove_agent", "choose_profile"] {
        assert!(commands.contains(name), "{name} is not in {commands:?}");
    }
    for name in ["launch_refused", "updates_acknowledged", "waiting_changed", "launch_delayed", "deployment_ended"] {
        assert!(events.contains(name), "{name} is not in {events:?}");
    }
}
