//! `bayplan placement simulate`

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trace::Column;

use super::chart::{Chart, Line};
use super::{Align, Cell, Table};
use crate::packing::Packed;

/// The arrivals at which policies are compared in the table, in percent; and where it all ends.
const COMPARED_AT: u32 = 100;

/// The runs of one policy, in the order in which policies were named.
fn by_policy(packed: &[Packed]) -> Vec<(&str, Vec<&Packed>)> {
    let mut policies: Vec<(&str, Vec<&Packed>)> = Vec::new();
    for run in packed {
        match policies.iter_mut().find(|(name, _)| *name == run.policy) {
            Some((_, runs)) => runs.push(run),
            None => policies.push((&run.policy, vec![run])),
        }
    }
    policies
}

/// The mean over runs, for each percent that one of them comes to; the others are then as they were before it.
fn means(runs: &[&Packed]) -> Vec<Column> {
    let runs: Vec<Vec<Column>> = runs.iter().map(|packed| packed.run.columns()).collect();
    let percents: BTreeSet<u32> = runs.iter().flatten().map(|column| column.percent).collect();
    let at = |percent: u32| {
        let known = runs.iter().filter_map(|columns| {
            let later = columns.partition_point(|column| column.percent <= percent);
            columns.get(later.checked_sub(1)?).copied()
        });
        let known: Vec<Column> = known.collect();
        let mean = |of: fn(&Column) -> f64| known.iter().map(of).sum::<f64>() / known.len().max(1) as f64;
        Column {
            percent,
            arrivals: known.iter().map(|column| column.arrivals).sum(),
            allocated: mean(|column| column.allocated),
            fragmented: mean(|column| column.fragmented),
            fragmented_of_idle: mean(|column| column.fragmented_of_idle),
        }
    };
    percents.into_iter().map(at).collect()
}

pub(crate) fn table(packed: &[Packed], width: Option<usize>) -> String {
    let mut table = Table::new(&[
        ("POLICY", Align::Left),
        ("SEEDS", Align::Right),
        ("PLACED", Align::Right),
        ("GPUS AT 100 %", Align::Right),
        ("GPUS AT THE END", Align::Right),
        ("FRAGMENTED", Align::Right),
        ("SECONDS", Align::Right),
    ]);
    for (policy, runs) in by_policy(packed) {
        let columns = means(&runs);
        let at = columns.iter().find(|column| column.percent == COMPARED_AT);
        let last = columns.last();
        let placed: usize = runs.iter().map(|packed| packed.run.placed()).sum();
        let arrived: usize = runs.iter().map(|packed| packed.run.steps.len()).sum();
        let seconds: f64 = runs.iter().map(|packed| packed.took.as_secs_f64()).sum();
        let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2} %"));
        let placed = if arrived == 0 { None } else { Some(placed as f64 / arrived as f64 * 100.0) };
        table.row([
            Cell::new(policy),
            Cell::new(runs.len().to_string()),
            Cell::new(percent(placed)),
            Cell::new(percent(at.map(|column| column.allocated))),
            Cell::new(percent(last.map(|column| column.allocated))),
            Cell::new(percent(last.map(|column| column.fragmented))),
            Cell::new(format!("{seconds:.2}")),
        ]);
    }
    table.render(width)
}

pub(crate) fn chart(packed: &[Packed]) -> String {
    let point = |column: Column| (f64::from(column.percent), [column.allocated, column.fragmented]);
    let line = |(policy, runs): (&str, Vec<&Packed>)| {
        let points = means(&runs).into_iter().map(point).collect();
        Line { name: policy.to_owned(), points }
    };
    let lines = by_policy(packed).into_iter().map(line).collect();
    let titles = ["GPUs allocated (% of all)", "GPUs fragmented (% of all)"];
    Chart { titles, asked_for: "GPUs asked for (% of all)", lines }.svg()
}

pub(crate) fn document(packed: &[Packed]) -> Value {
    let of_policy = |(policy, runs): (&str, Vec<&Packed>)| {
        let seeds = runs.iter().map(|packed| {
            json!({
                "seed": packed.seed,
                "arrived": packed.run.steps.len(),
                "placed": packed.run.placed(),
                "took_ms": packed.took.as_millis() as u64,
                "columns": columns(&packed.run.columns()),
            })
        });
        json!({ "policy": policy, "mean": columns(&means(&runs)), "seeds": seeds.collect::<Vec<_>>() })
    };
    json!({ "policies": by_policy(packed).into_iter().map(of_policy).collect::<Vec<_>>() })
}

/// In percent; `fragmented` of all GPUs, `fragmented_of_idle` of those that are idle.
fn columns(columns: &[Column]) -> Vec<Value> {
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let column = |column: &Column| {
        json!({
            "arrived": column.percent,
            "allocated": rounded(column.allocated),
            "fragmented": rounded(column.fragmented),
            "fragmented_of_idle": rounded(column.fragmented_of_idle),
        })
    };
    columns.iter().map(column).collect()
}
