//! What a load came to: a table for people, a document for machines.

use load::{Effort, Latencies, Measured};
use serde_json::{Value, json};

use super::table::{Align, Cell, Table};
use crate::cli::bench::Offers;

const OFFER_COLUMNS: [(&str, Align); 5] = [
    ("FRAMEWORKS", Align::Right),
    ("OFFERS/S", Align::Right),
    ("DECLINED MS p50/p99", Align::Right),
    ("LIMITS", Align::Left),
    ("PROCESSORS", Align::Left),
];
const LAUNCH_COLUMNS: [(&str, Align); 7] = [
    ("FRAMEWORKS", Align::Right),
    ("LAUNCHES/S", Align::Right),
    ("ACCEPTS/S", Align::Right),
    ("ACCEPTED MS p50/p99", Align::Right),
    ("RUNNING MS p50/p99", Align::Right),
    ("LIMITS", Align::Left),
    ("PROCESSORS", Align::Left),
];

pub(crate) fn table(args: &Offers, rows: &mut [(usize, Measured)]) -> String {
    let mut offers = Table::new(&OFFER_COLUMNS);
    let mut launches = Table::new(&LAUNCH_COLUMNS);
    for (frameworks, measured) in rows {
        offers.row([
            Cell::new(frameworks.to_string()),
            Cell::new(whole(per_second(measured.offers as f64, measured.declining_for))),
            Cell::new(waits(&mut measured.declines)),
            Cell::new(limits(&measured.declining)),
            Cell::new(processors(&measured.declining)),
        ]);
        launches.row([
            Cell::new(frameworks.to_string()),
            Cell::new(whole(per_second(args.tasks as f64, measured.launching_for))),
            Cell::new(whole(per_second(measured.accepts_made as f64, measured.launching_for))),
            Cell::new(waits(&mut measured.accepts)),
            Cell::new(waits(&mut measured.started)),
            Cell::new(limits(&measured.launching)),
            Cell::new(processors(&measured.launching)),
        ]);
    }
    format!(
        "Offers, made durable, sent, and declined ({} agents)\n\n{}\nTasks, from an offer to running ({} tasks, {} with one \
         ACCEPT)\n\n{}",
        args.agents,
        offers.render(None),
        args.tasks,
        args.tasks_per_accept,
        launches.render(None)
    )
}

fn per_second(count: f64, took: std::time::Duration) -> f64 {
    count / took.as_secs_f64().max(f64::EPSILON)
}

fn whole(rate: f64) -> String {
    format!("{rate:.0}")
}

fn waits(latencies: &mut Latencies) -> String {
    match (latencies.percentile_ms(500), latencies.percentile_ms(990)) {
        (Some(half), Some(most)) => format!("{half:.1}/{most:.1}"),
        _ => String::new(),
    }
}

/// What works one thing after the other, and how much of the time it did.
fn limits(effort: &Effort) -> String {
    let master = &effort.master;
    format!(
        "loop {:.0}% publisher {:.0}% log {:.0}% ({:.1} records per append, {:.2} ms)",
        master.loop_cpu * 100.0,
        master.publisher_cpu * 100.0,
        master.appending * 100.0,
        master.records_per_append,
        master.append_ms
    )
}

fn processors(effort: &Effort) -> String {
    let cpu = &effort.cpu;
    let master = cpu.master.map_or_else(|| "?".to_owned(), |master| format!("{master:.2}"));
    format!("{master} master + {:.2} load + {:.2} others of {}", cpu.load, cpu.others, cpu.processors)
}

pub(crate) fn document(args: &Offers, rows: &mut [(usize, Measured)]) -> Value {
    let runs: Vec<Value> = rows.iter_mut().map(|(frameworks, measured)| run(args, *frameworks, measured)).collect();
    json!({
        "agents": args.agents,
        "tasks": args.tasks,
        "tasks_per_accept": args.tasks_per_accept,
        "runs": runs,
    })
}

fn run(args: &Offers, frameworks: usize, measured: &mut Measured) -> Value {
    json!({
        "frameworks": frameworks,
        "offers": {
            "count": measured.offers,
            "per_second": per_second(measured.offers as f64, measured.declining_for),
            "declined_ms": percentiles(&mut measured.declines),
            "effort": effort(&measured.declining),
        },
        "launches": {
            "count": args.tasks,
            "per_second": per_second(args.tasks as f64, measured.launching_for),
            "accepts_per_second": per_second(measured.accepts_made as f64, measured.launching_for),
            "accepted_ms": percentiles(&mut measured.accepts),
            "running_ms": percentiles(&mut measured.started),
            "effort": effort(&measured.launching),
        },
    })
}

fn percentiles(latencies: &mut Latencies) -> Value {
    let [p50, p90, p99, p999, max] = [500, 900, 990, 999, 1_000].map(|permille| latencies.percentile_ms(permille));
    json!({ "count": latencies.count(), "p50": p50, "p90": p90, "p99": p99, "p999": p999, "max": max })
}

fn effort(effort: &Effort) -> Value {
    let Effort { cpu, master } = effort;
    json!({
        "processors": {
            "all": cpu.processors,
            "master": cpu.master,
            "load": cpu.load,
            "others": cpu.others,
            "loop": master.loop_cpu,
            "publisher": master.publisher_cpu,
        },
        "records": master.records,
        "records_per_append": master.records_per_append,
        "append_ms": master.append_ms,
        "appending": master.appending,
    })
}
