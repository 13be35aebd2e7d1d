//! Many seeds, on several threads. Which thread runs which seed has no influence on a history.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::faults::{Coverage, Fault};
use crate::history::{Report, run};
use crate::plants::Plant;
use crate::settings::Settings;

/// What is run.
#[derive(Debug, Clone)]
pub struct Sweep {
    pub seeds: Range<u64>,
    pub commands: u32,
    /// Each history has some of these.
    pub faults: Vec<Fault>,
    pub plant: Option<Plant>,
    pub threads: usize,
    /// Whether each history is run twice, and has to go the same way.
    pub twice: bool,
    /// Whether the sweep ends with the first history that fails.
    pub stop_at_first: bool,
}

/// A history that should not have gone so.
#[derive(Debug, Clone)]
pub struct Failure {
    pub report: Report,
}

/// How far a sweep has got.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
    pub failed: u64,
}

/// What a sweep came to.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub histories: u64,
    pub commands: u64,
    pub records: u64,
    pub void_records: u64,
    pub epochs: u64,
    pub coverage: Coverage,
    /// In the order of their seeds.
    pub failures: Vec<Failure>,
    /// By the histories' own clocks.
    pub simulated: Duration,
    pub took: Duration,
}

/// The name under which a history is reported that went in two ways.
pub(crate) const TWICE: &str = "the same history goes the same way";

/// Runs the seeds; `tell` hears of every history that has ended.
pub fn sweep(sweep: &Sweep, tell: impl Fn(Progress) + Sync) -> Summary {
    let began_at = Instant::now();
    let next = AtomicU64::new(sweep.seeds.start);
    let is_over = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let total = sweep.seeds.end.saturating_sub(sweep.seeds.start);
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= sweep.seeds.end {
                return;
            }
            let report = history(sweep, seed);
            let failed = !report.violations.is_empty();
            let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
            summary.add(report);
            tell(Progress { done: summary.histories, total, failed: summary.failures.len() as u64 });
            if failed && sweep.stop_at_first {
                is_over.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..sweep.threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort_by_key(|failure| failure.report.settings.seed);
    summary.took = began_at.elapsed();
    summary
}

fn history(sweep: &Sweep, seed: u64) -> Report {
    let settings = Settings { plant: sweep.plant, ..Settings::of_seed(seed, sweep.commands, &sweep.faults) };
    checked(&settings, sweep.twice)
}

/// One history, as a sweep of it alone.
#[must_use]
pub fn single(settings: &Settings, twice: bool) -> Summary {
    let began_at = Instant::now();
    let mut summary = Summary::default();
    summary.add(checked(settings, twice));
    summary.took = began_at.elapsed();
    summary
}

/// One history, twice if it has to be shown that it goes the same way.
pub(crate) fn checked(settings: &Settings, twice: bool) -> Report {
    let mut report = run(settings);
    if twice && report.violations.is_empty() {
        let again = run(settings);
        if again.trace != report.trace {
            let what = format!("the traces of two runs are {:016x} and {:016x}", report.trace, again.trace);
            report.violations.push(crate::Violation { invariant: TWICE, what, at: report.lasted });
        }
    }
    report
}

impl Summary {
    fn add(&mut self, report: Report) {
        self.histories += 1;
        self.commands += report.commands;
        self.records += report.records;
        self.void_records += report.void_records;
        self.epochs += report.epochs;
        self.simulated += report.lasted;
        self.coverage.add(&report.coverage);
        if !report.violations.is_empty() {
            self.failures.push(Failure { report });
        }
    }
}
