//! What a log is made of.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use replay::stats::{Percentiles, Told};
use replay::words::span;

use super::table::{Align, Cell, Table};
use super::time::moment;
use super::{count, one_line};
use crate::output::{DIM, styled};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const NARROW: usize = 80;
/// What stands before and behind a line of bars.
const BESIDE_BARS: usize = 34;
const MOST_BARS: usize = 128;

pub(crate) fn stats(told: &Told, top: usize, width: Option<usize>) -> String {
    let (Some(first), Some(last), Some(from), Some(to)) = (told.first, told.last, told.from, told.to) else {
        return "There are no records there.\n".to_owned();
    };
    let (ms, events) = (to.ms_since(from), told.events.values().sum::<u64>());
    let mut text = format!(
        "Records {first} to {last}, from {} to {}, {}: {}, {}, {} bytes, {} records per second\n\n",
        moment(from),
        moment(to),
        span(ms),
        count(told.records, "record"),
        count(events, "event"),
        told.bytes,
        per_second(told.records, ms)
    );
    text += &over_time(told, ms, width);
    text += &took("From launch to running", &told.launch_to_running_ms);
    text += &took("Apps waited", &told.waited_ms);
    let ignored = told.ignored_reports;
    if ignored > 0 {
        let line = format!(
            "Reports of agents that were no news: {ignored}; `replay bisect --condition 'ignored_reports > 0'` finds the first\n"
        );
        text += &line;
    }
    text += &tables(told, top, width);
    text
}

/// To one decimal.
pub(crate) fn per_second(count: u64, ms: u64) -> String {
    let tenths = (u128::from(count) * 10_000).checked_div(u128::from(ms)).unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What a line shows of a slot.
type CountOf = fn(&replay::stats::Slot) -> u64;

fn over_time(told: &Told, ms: u64, width: Option<usize>) -> String {
    let room = width.unwrap_or(NARROW).saturating_sub(BESIDE_BARS).clamp(10, MOST_BARS);
    let slots = &told.over_time.slots;
    let each = slots.len().div_ceil(room).max(1);
    let mut text = String::new();
    let lines: [(&str, CountOf); 4] = [
        ("records", |slot| slot.records),
        ("launches", |slot| slot.launches),
        ("failures", |slot| slot.failures),
        ("offers", |slot| slot.offers),
    ];
    let mut most = 0;
    for (name, of) in lines {
        let counts: Vec<u64> = slots.chunks(each).map(|chunk| chunk.iter().map(of).sum()).collect();
        let (total, peak) = (counts.iter().sum::<u64>(), counts.iter().copied().max().unwrap_or_default());
        most = most.max(counts.len());
        let _written = writeln!(text, "{name:<9} {} {total}, {}/s", bars(&counts, peak), per_second(total, ms));
    }
    let slot = span(told.over_time.slot_ms * each as u64);
    let _written = writeln!(text, "{}\n", styled(DIM, &format!("{:<9} each of {most} is {slot}", "")));
    text
}

pub(crate) fn bars(counts: &[u64], peak: u64) -> String {
    let bar = |count: &u64| match (*count, peak) {
        (0, _) | (_, 0) => ' ',
        (count, peak) => {
            let height =
                (u128::from(count) * BARS.len() as u128).div_ceil(u128::from(peak)).clamp(1, BARS.len() as u128);
            BARS[usize::try_from(height - 1).unwrap_or_default()]
        }
    };
    counts.iter().map(bar).collect()
}

fn took(what: &str, of: &Percentiles) -> String {
    if of.count == 0 {
        return String::new();
    }
    let [p50, p90, p99, max] = [of.p50, of.p90, of.p99, of.max].map(span);
    let times = if of.count == 1 { "time" } else { "times" };
    format!("{what}, {} {times}: half within {p50}, 90 % within {p90}, 99 % within {p99}, at most {max}\n", of.count)
}

fn tables(told: &Told, top: usize, width: Option<usize>) -> String {
    let mut text = String::new();
    text += &counts("EVENTS", &told.events, top, width);
    text += &counts("COMMANDS", &told.commands, top, width);
    text += &counts("ENDS", &told.ends, top, width);
    text += &counts("FAILURES", &told.failures, top, width);

    let mut table = Table::new(&[("RECORDS", Align::Right), ("EVENTS", Align::Right), ("PRINCIPAL", Align::Left)]);
    for (name, of) in most(&told.principals, top, |of| of.records) {
        table.row([number(of.records), number(of.events), Cell::new(one_line(name))]);
    }
    text += &shown(&table, told.principals.len(), top, width);

    let columns = ["LAUNCHES", "ENDS", "FAILURES", "WAITS"].map(|name| (name, Align::Right));
    let mut table = Table::new(&[&columns[..], &[("APP", Align::Left)]].concat());
    for (name, of) in most(&told.apps, top, |of| (of.failures, of.launches)) {
        table.row([
            number(of.launches),
            number(of.ends),
            number(of.failures),
            number(of.waits),
            Cell::new(one_line(name)),
        ]);
    }
    text += &shown(&table, told.apps.len(), top, width);

    let columns = ["LAUNCHES", "FAILURES", "NO NEWS", "DISCONNECTS"].map(|name| (name, Align::Right));
    let mut table = Table::new(&[&columns[..], &[("AGENT", Align::Left)]].concat());
    for (name, of) in most(&told.agents, top, |of| (of.failures, of.launches)) {
        let name = one_line(&format!("{name} {}", of.hostname));
        table.row([
            number(of.launches),
            number(of.failures),
            number(of.ignored_reports),
            number(of.disconnects),
            Cell::new(name),
        ]);
    }
    text += &shown(&table, told.agents.len(), top, width);

    let mut table = Table::new(&[("RECORDS", Align::Right), ("BUSIEST SECOND", Align::Left)]);
    for busy in told.busiest_seconds.iter().take(top) {
        table.row([number(busy.records), Cell::new(moment(busy.at))]);
    }
    text += &shown(&table, told.busiest_seconds.len(), top, width);

    let mut table = Table::new(&[("BYTES", Align::Right), ("EVENTS", Align::Right), ("LARGEST RECORD", Align::Left)]);
    for large in told.largest.iter().take(top) {
        let cells = [number(large.bytes), number(large.events), Cell::new(format!("{} {}", large.seq, large.command))];
        table.row(cells);
    }
    text += &shown(&table, told.largest.len(), top, width);
    text
}

fn number(number: u64) -> Cell {
    Cell::new(number.to_string())
}

fn shown(table: &Table, rows: usize, top: usize, width: Option<usize>) -> String {
    match rows {
        0 => String::new(),
        rows if rows > top => {
            let more = styled(DIM, &format!("… and {} more; --top shows more", rows - top));
            format!("\n{}{more}\n", table.render(width))
        }
        _ => format!("\n{}", table.render(width)),
    }
}

/// The largest first; those that are alike by name.
fn most<T, K: Ord>(
    rows: &BTreeMap<String, T>,
    top: usize,
    by: impl Fn(&T) -> K,
) -> impl Iterator<Item = (&String, &T)> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|(_, of)| std::cmp::Reverse(by(of)));
    rows.into_iter().take(top)
}

fn counts(what: &str, counts: &BTreeMap<&'static str, u64>, top: usize, width: Option<usize>) -> String {
    let named = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>();
    let mut table = Table::new(&[("COUNT", Align::Right), (what, Align::Left)]);
    for (name, count) in most(&named, top, |count| *count) {
        table.row([number(*count), Cell::new(name.as_str())]);
    }
    shown(&table, named.len(), top, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_what_they_count() {
        assert_eq!(bars(&[0, 1, 4, 8], 8), " ▁▄█");
        assert_eq!(bars(&[0, 0], 0), "  ");
        assert_eq!(per_second(15, 10_000), "1.5");
        assert_eq!(per_second(15, 0), "0.0");
    }
}
