//! `bayplan placement simulate`

mod chart;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trace::Column;

use super::{Align, Cell, Table};
use crate::packing::Packed;

pub(crate) use chart::chart;

/// The arrivals at which policies are compared in the table, in percent; and where it all ends.
const COMPARED_AT: u32 = 100;

/// The runs of one policy, in the order in which policies were named.
pub(super) fn by_policy(packed: &[Packed]) -> Vec<(&str, Vec<&Packed>)> {
    let mut policies: Vec<(&str, Vec<&Packed>)> = Vec::new();
    for run in packed {
        match policies.iter_mut().find(|(name, _)| *name == run.policy) {
            Some((_, runs)) => runs.push(run),
            None => policies.push((&run.policy, vec![run])),
        }
    }
    policies
}

/// The mean over runs of each column that one of them has.
pub(super) fn means(runs: &[&Packed]) -> Vec<Column> {
    let mut columns: BTreeMap<u32, Vec<Column>> = BTreeMap::new();
    for column in runs.iter().flat_map(|packed| packed.run.columns()) {
        columns.entry(column.percent).or_default().push(column);
    }
    let mean = |columns: &[Column], of: fn(&Column) -> f64| columns.iter().map(of).sum::<f64>() / columns.len() as f64;
    let of_percent = |(percent, columns): (u32, Vec<Column>)| Column {
        percent,
        arrivals: columns.iter().map(|column| column.arrivals).sum(),
        allocated: mean(&columns, |column| column.allocated),
        fragmented: mean(&columns, |column| column.fragmented),
        fragmented_of_idle: mean(&columns, |column| column.fragmented_of_idle),
    };
    columns.into_iter().map(of_percent).collect()
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
