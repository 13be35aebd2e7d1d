//! What every change has to pass: histories without a bug planted are clean, they repeat exactly, and planted bugs are
//! found, made smaller, and repeated.

use std::num::NonZero;

use sim::{Fault, Plant, Settings, Summary, Sweep, run, shrink, sweep};

/// `BAYPLAN_TEST_HISTORIES` says how many histories are run; all have at least a thousand commands.
const HISTORIES: &str = "BAYPLAN_TEST_HISTORIES";
const HISTORIES_BY_DEFAULT: u64 = 2_000;
/// Within so many seeds every planted bug has to be found.
const SEEDS_PER_PLANT: u64 = 1_000;
const COMMANDS: u32 = 1_000;

fn swept(seeds: u64, plant: Option<Plant>, twice: bool, stop_at_first: bool) -> Summary {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let faults = Fault::ALL.to_vec();
    sweep(&Sweep { seeds: 0..seeds, commands: COMMANDS, faults, plant, threads, twice, stop_at_first }, |_| ())
}

#[test]
fn histories_with_all_faults_break_no_invariant() {
    let histories = std::env::var(HISTORIES).ok().map(|count| count.parse().expect(HISTORIES));
    let histories = histories.unwrap_or(HISTORIES_BY_DEFAULT);
    let summary = swept(histories, None, false, false);
    let broken: Vec<String> = summary
        .failures
        .iter()
        .map(|failure| format!("{}\n{:?}", failure.report.settings.command_line(), failure.report.violations))
        .collect();
    assert!(broken.is_empty(), "{} of {histories} histories are broken:\n{}", broken.len(), broken.join("\n"));
    assert_eq!(summary.histories, histories);
    assert!(summary.commands >= histories * u64::from(COMMANDS), "only {} commands were sent", summary.commands);
    // What a stale leader wrote is in the log, and the readers' rule alone kept it from having an effect.
    assert!(summary.void_records > 0, "no record was void");
    for fault in Fault::ALL {
        assert!(summary.coverage.times.contains_key(fault), "no history had {}", fault.name());
    }
}

#[test]
fn every_planted_bug_is_found() {
    for plant in Plant::ALL {
        // An order that depends on hashing differs from run to run.
        let twice = *plant == Plant::HashOrder;
        let summary = swept(SEEDS_PER_PLANT, Some(*plant), twice, true);
        assert!(!summary.failures.is_empty(), "{} is not found in {} histories", plant.name(), summary.histories);
    }
}

#[test]
fn a_history_repeats_exactly() {
    let all = Fault::ALL;
    for seed in 0..20 {
        let settings = Settings::of_seed(seed, COMMANDS, all);
        let first = run(&settings);
        assert_eq!(first, run(&settings), "{}", settings.command_line());
        assert_ne!(first.trace, run(&Settings::of_seed(seed + 1, COMMANDS, all)).trace);
    }
}

#[test]
fn a_broken_history_is_made_smaller() {
    let summary = swept(SEEDS_PER_PLANT, Some(Plant::DoubleLaunch), false, true);
    let first = &summary.failures[0].report;
    let smaller = shrink(first.clone());
    assert_eq!(smaller.violations[0].invariant, first.violations[0].invariant);
    let sizes = |settings: &Settings| (settings.commands, settings.faults.iter().count());
    assert!(sizes(&smaller.settings) < sizes(&first.settings), "{}", smaller.settings.command_line());
    assert_eq!(run(&smaller.settings), smaller);
}
