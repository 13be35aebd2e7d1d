//! `bayplan sim`: runs simulated histories, makes a failing one smaller, and tells how to repeat it.

use std::num::NonZero;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anstyle::Style;
use serde_json::{Value, json};
use sim::{Coverage, Fault, Progress, Report, Settings, Summary, Sweep};

use crate::cli::sim::Sim;
use crate::cli::{ColorWhen, Global};
use crate::failure::Failure;
use crate::output::{BAD, GOOD, Output, note, styled};

const TELL_EVERY: Duration = Duration::from_secs(5);

/// Runs on threads of its own: every history has a runtime that must not be inside another one.
pub(crate) fn run(args: &Sim, global: &Global) -> Result<(), Failure> {
    let mut out = Output::new(global.color, global.json);
    let summary = match args.seed {
        Some(seed) => one(seed, args),
        None => many(args, global.color),
    };
    let smaller = smaller(args, &summary, global.color);
    if out.is_json() {
        out.document(&document(&summary, smaller.as_ref()))?;
    } else {
        out.text(&table(&summary, smaller.as_ref()))?;
    }
    match summary.failures.len() {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {} histories break an invariant", summary.histories))),
    }
}

fn one(seed: u64, args: &Sim) -> Summary {
    let chosen = Settings::of_seed(seed, args.commands, &[]);
    let settings = Settings {
        agents: args.agents.unwrap_or(chosen.agents),
        masters: args.masters.unwrap_or(chosen.masters),
        faults: args.faults.clone(),
        plant: args.plant,
        trace: args.trace,
        ..chosen
    };
    sim::single(&settings, args.twice)
}

fn many(args: &Sim, color: ColorWhen) -> Summary {
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1);
    let sweep = Sweep {
        seeds: args.seeds.clone(),
        commands: args.commands,
        faults: args.faults.iter().collect(),
        plant: args.plant,
        threads: jobs,
        twice: args.twice,
        stop_at_first: !args.keep_going,
    };
    let told = Mutex::new(Instant::now());
    sim::sweep(&sweep, |Progress { done, total, failed }| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= TELL_EVERY {
            *told = Instant::now();
            note(color, &format!("{done} of {total} histories, {failed} broken"));
        }
    })
}

/// A trace is wanted of the very history that was named.
fn smaller(args: &Sim, summary: &Summary, color: ColorWhen) -> Option<Report> {
    let first = summary.failures.first().filter(|_| !args.trace)?;
    note(color, "making the first broken history smaller");
    Some(sim::shrink(first.report.clone()))
}

fn table(summary: &Summary, smaller: Option<&Report>) -> String {
    let Summary { histories, commands, records, void_records, epochs, simulated, took, .. } = summary;
    let mut text = format!(
        "{histories} histories, {commands} commands, {records} records ({void_records} more were void), {epochs} epochs\n\
         {:.1} hours of simulated time in {:.1} seconds\n\n{:<18} {:>10} {:>10}\n",
        simulated.as_secs_f64() / 3_600.0,
        took.as_secs_f64(),
        "FAULT",
        "TIMES",
        "HISTORIES"
    );
    for (fault, times, in_histories) in rows(&summary.coverage) {
        text += &format!("{:<18} {times:>10} {in_histories:>10}\n", fault.name());
    }
    for failure in &summary.failures {
        text += &broken("broken", BAD, &failure.report);
    }
    if let Some(report) = smaller {
        text += &broken("smaller", BAD, report);
    }
    if summary.failures.is_empty() {
        text += &format!("\n{}\n", styled(GOOD, "every invariant holds"));
    }
    text
}

fn rows(coverage: &Coverage) -> impl Iterator<Item = (Fault, u64, u64)> {
    let count = |counts: &std::collections::BTreeMap<Fault, u64>, fault| counts.get(&fault).copied().unwrap_or(0);
    Fault::ALL.iter().map(move |fault| (*fault, count(&coverage.times, *fault), count(&coverage.histories, *fault)))
}

fn broken(title: &str, style: Style, report: &Report) -> String {
    let mut text = format!("\n{}\n", styled(style, title));
    for violation in &report.violations {
        let after = violation.at.as_secs_f64();
        text += &format!("  {}, after {after:.3} s: {}\n", violation.invariant, violation.what);
    }
    text + &format!("  repeat it with: {}\n", report.settings.command_line())
}

fn document(summary: &Summary, smaller: Option<&Report>) -> Value {
    let coverage = rows(&summary.coverage).map(
        |(fault, times, in_histories)| json!({ "fault": fault.name(), "times": times, "histories": in_histories }),
    );
    json!({
        "histories": summary.histories,
        "commands": summary.commands,
        "records": summary.records,
        "void_records": summary.void_records,
        "epochs": summary.epochs,
        "simulated_ms": summary.simulated.as_millis() as u64,
        "took_ms": summary.took.as_millis() as u64,
        "coverage": coverage.collect::<Vec<_>>(),
        "failures": summary.failures.iter().map(|failure| failed(&failure.report)).collect::<Vec<_>>(),
        "smaller": smaller.map(failed),
    })
}

fn failed(report: &Report) -> Value {
    let violations = report.violations.iter().map(|violation| {
        json!({
            "invariant": violation.invariant,
            "what": violation.what,
            "at_ms": violation.at.as_millis() as u64,
        })
    });
    json!({
        "seed": report.settings.seed,
        "repeat": report.settings.command_line(),
        "trace": format!("{:016x}", report.trace),
        "violations": violations.collect::<Vec<_>>(),
    })
}
