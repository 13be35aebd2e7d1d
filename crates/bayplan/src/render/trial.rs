//! `bayplan placement simulate --log`

use scheduler::Packing;
use serde_json::{Value, json};

use super::chart::{Chart, Line};
use super::{Align, Cell, Table};
use crate::commands::trial::Tried;

/// What the log itself came to.
const RECORDED: &str = "(as recorded)";

/// Without GPUs nothing can be fragmented: how few agents suffice tells more then.
fn has_gpus(tried: &[Tried]) -> bool {
    let mut points = tried.iter().flat_map(|tried| &tried.points);
    points.any(|point| point.recorded.taken[GPUS] > 0.0 || point.own.taken[GPUS] > 0.0)
}

const CPUS: usize = 0;
const GPUS: usize = 3;

fn percent(share: f64) -> f64 {
    share * 100.0
}

fn in_use(packing: &Packing) -> f64 {
    f64::from(packing.in_use) / f64::from(packing.agents.max(1))
}

pub(crate) fn table(tried: &[Tried], width: Option<usize>) -> String {
    let mut table = Table::new(&[
        ("POLICY", Align::Left),
        ("PLACED", Align::Right),
        ("NO ROOM", Align::Right),
        ("ALIKE", Align::Right),
        ("AGENTS", Align::Right),
        ("CPUS", Align::Right),
        ("MEMORY", Align::Right),
        ("GPUS", Align::Right),
        ("FRAGMENTED", Align::Right),
        ("SECONDS", Align::Right),
    ]);
    let shown = |share: f64| format!("{:.2} %", percent(share));
    let packing = |packing: Packing| {
        let [cpus, mem, _, gpus] = packing.taken.map(shown);
        [format!("{} of {}", packing.in_use, packing.agents), cpus, mem, gpus, shown(packing.fragmented)]
    };
    let last = |tried: &Tried| tried.points.last().copied();
    if let Some((counts, end)) = tried.first().and_then(|first| Some((first.counts, last(first)?))) {
        let before = [RECORDED.to_owned(), counts.decisions.to_string()].into_iter();
        let cells = before.chain(["", ""].map(ToOwned::to_owned)).chain(packing(end.recorded)).chain([String::new()]);
        table.row(cells.map(Cell::new));
    }
    for tried in tried {
        let (counts, end) = (tried.counts, last(tried).map(|end| end.own).unwrap_or_default());
        let alike = counts.agreed as f64 / counts.decisions.max(1) as f64;
        let placed = (counts.decisions - counts.without_room).to_string();
        let before = [tried.policy.clone(), placed, counts.without_room.to_string(), shown(alike)].into_iter();
        let took = format!("{:.2}", tried.took.as_secs_f64());
        table.row(before.chain(packing(end)).chain([took]).map(Cell::new));
    }
    table.render(width)
}

pub(crate) fn document(tried: &[Tried]) -> Value {
    let of_policy = |tried: &Tried| {
        let points = tried.points.iter().map(|point| {
            let (recorded, own) = (api::explained::packing(point.recorded), api::explained::packing(point.own));
            json!({ "launches": point.launches, "recorded": recorded, "own": own })
        });
        json!({
            "policy": tried.policy,
            "launches": tried.counts.decisions,
            "placed": tried.counts.decisions - tried.counts.without_room,
            "without_room": tried.counts.without_room,
            "agreed": tried.counts.agreed,
            "nowhere": tried.counts.nowhere,
            "took_ms": tried.took.as_millis() as u64,
            "points": points.collect::<Vec<_>>(),
        })
    };
    json!({ "policies": tried.iter().map(of_policy).collect::<Vec<_>>() })
}

pub(crate) fn chart(tried: &[Tried]) -> String {
    let with_gpus = has_gpus(tried);
    let shares = |packing: &Packing| match with_gpus {
        true => [percent(packing.taken[GPUS]), percent(packing.fragmented)],
        false => [percent(packing.taken[CPUS]), percent(in_use(packing))],
    };
    let titles = match with_gpus {
        true => ["GPUs allocated (% of all)", "Free GPUs in useless pieces (% of free ones)"],
        false => ["Cpus allocated (% of all)", "Agents in use (% of all)"],
    };
    let recorded = tried.first().map(|first| Line {
        name: RECORDED.to_owned(),
        points: first.points.iter().map(|point| (point.launches as f64, shares(&point.recorded))).collect(),
    });
    let own = tried.iter().map(|tried| Line {
        name: tried.policy.clone(),
        points: tried.points.iter().map(|point| (point.launches as f64, shares(&point.own))).collect(),
    });
    Chart { titles, asked_for: "launches", lines: recorded.into_iter().chain(own).collect() }.svg()
}
