//! `bayplan replay what-if`: where the two part and why, and what they come to.

mod chart;

use std::fmt::Write as _;

use model::Event;
use replay::diff;
use replay::what_if::Cause;
use serde_json::Value;

use super::event::describe;
use super::explanation::{candidates, filters, host_of};
use super::time::{moment, record, span};
use super::{Align, Cell, Table, count, one_line};
use crate::commands::replay::what_if::{AccountOf, DifferenceOf, Document, Parted, Side};
use crate::output::{BOLD, BUSY, DIM, styled};

pub(crate) use chart::chart;

/// So many candidates of each, and so many moves, are shown.
const SHOWN: usize = 5;
/// So many characters of a value that differs.
const VALUE_SHOWN: usize = 160;
/// What the two are called.
const CONTROL: &str = "As it was";
const FORK: &str = "What if";

pub(crate) fn told(document: &Document, all: bool, width: Option<usize>) -> String {
    let mut text = String::new();
    let change = match document.change.as_slice() {
        [] => "nothing is changed".to_owned(),
        changes => one_line(&changes.join("; ")),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "From {}, {} in {}: {change}.",
        record(document.fork, &format!(" at {}", moment(document.from))),
        count(document.records, "record"),
        span(document.to.ms_since(document.from)),
    );
    if let Some(parted) = &document.newer_code {
        let _ = write!(
            text,
            "\n{}\n{}",
            styled(BUSY, "This version of bayplan decides otherwise than the one that wrote the log."),
            difference(parted, ["The log", "This version"], width)
        );
        text.push_str("So what follows compares two runs of this version; neither is what happened.\n");
    }
    match &document.divergence {
        None => text.push_str("\nThe fork decides everything as without the change.\n"),
        Some(parted) => text.push_str(&format!("\n{}", difference(parted, [CONTROL, FORK], width))),
    }
    let _ = write!(text, "\n{}{}", sums(document, width), moves(document, all));
    if !document.not_comparable.is_empty() {
        let names = one_line(&document.not_comparable.join(", "));
        let _ = writeln!(
            text,
            "Not comparable: {names}. Frameworks answer to offers; what they answered was said to the offers of the same agents."
        );
    }
    for (name, side) in [(CONTROL, &document.as_it_was), (FORK, &document.what_if)] {
        if let Some(first) = &side.first_refused {
            let _ = writeln!(
                text,
                "{name}: {} of users refused; the first: {}",
                count(side.commands_refused, "command"),
                one_line(first)
            );
        }
    }
    text
}

fn difference(parted: &Parted, names: [&str; 2], width: Option<usize>) -> String {
    let place = match parted.is_recorded {
        true => format!("in record {}, {}", parted.seq, parted.command),
        false => format!("after record {}, with an {} that the log has not", parted.seq, parted.command),
    };
    let mut text = format!("They part {place}, at {}:\n", moment(parted.at));
    for (side, name) in names.into_iter().enumerate() {
        let account = parted.accounts[side].as_ref();
        let by = account.map(|told| format!(" ({})", one_line(&told.profile))).unwrap_or_default();
        let what = match &parted.difference {
            DifferenceOf::Placement { app, tasks, agents } => placement(app, &tasks[side], agents[side], account),
            DifferenceOf::Event(events) => match &events[side] {
                Some(event) => format!("{} {}", event.name(), describe(event, parted.at)),
                None => "has no such event".to_owned(),
            },
            DifferenceOf::Refused(reasons) => match &reasons[side] {
                Some(reason) => format!("refuses it: {}", one_line(reason)),
                None => "carries it out".to_owned(),
            },
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{}{by} {what}", styled(BOLD, name));
        if let Some(told) = account {
            let _ = write!(text, "{}{}", candidates(&told.account, SHOWN, width), filters(&told.account));
        }
    }
    if let DifferenceOf::Event([Some(one), Some(other)]) = &parted.difference
        && one.name() == other.name()
        && describe(one, parted.at) == describe(other, parted.at)
        && let Some(part) = diff::first_part(&json(one), &json(other))
    {
        let _ = writeln!(text, "\nThey differ in {}: {} / {}", part.field, value(&part.before), value(&part.after));
    }
    text
}

/// Without its kind.
fn json(event: &Event) -> Value {
    let told = serde_json::to_value(event).unwrap_or_default();
    told.get(event.name()).cloned().unwrap_or(told)
}

/// What a part of an event is, as far as it fits on a line.
fn value(value: &Value) -> String {
    let text = match (value, diff::ports(value)) {
        (Value::Null, _) => "nothing".to_owned(),
        (Value::Array(list), _) if list.is_empty() => "none".to_owned(),
        (_, Some(ports)) => ports.to_string(),
        (Value::String(text), _) => one_line(text),
        (other, _) => other.to_string(),
    };
    match text.char_indices().nth(VALUE_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn placement(
    app: &model::AppId,
    task: &Option<model::TaskId>,
    agent: Option<model::AgentId>,
    account: Option<&AccountOf>,
) -> String {
    let Some(agent) = agent else { return format!("places no instance of {app} then") };
    let place = account.map_or_else(|| agent.to_string(), |told| host_of(&told.account, agent));
    let task = task.as_ref().map(|task| format!(", task {}", one_line(task.as_str()))).unwrap_or_default();
    format!("places an instance of {app} on {place}{task}")
}

fn sums(document: &Document, width: Option<usize>) -> String {
    let columns = [CONTROL, FORK].map(|name| (name.to_uppercase(), Align::Right));
    let [control, fork] = columns;
    let mut table = Table::new(&[("SUM".to_owned(), Align::Left), control, fork]);
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let mut row = |what: &str, of: &dyn Fn(&Side) -> String| {
        let cells = [&document.as_it_was, &document.what_if].map(|side| Cell::new(of(side)));
        let [one, other] = cells;
        table.row([what.into(), one, other]);
    };
    row("launched", &|side| side.launched.to_string());
    row("  of these again", &|side| side.relaunched.to_string());
    row("ended well", &|side| side.finished.to_string());
    row("ended badly", &|side| side.failed.to_string());
    row("ended when asked to", &|side| side.killed.to_string());
    row("lost with their agents", &|side| side.lost.to_string());
    row("did not fit anywhere", &|side| side.not_placed.to_string());
    row("missing at the end", &|side| side.missing_at_the_end.to_string());
    row("half launched after", &|side| span(side.launch_wait_p50_ms));
    row("99 % launched after", &|side| span(side.launch_wait_p99_ms));
    for (cause, words) in CAUSES {
        if [&document.as_it_was, &document.what_if].iter().any(|side| side.waited_ms.contains_key(&cause)) {
            row(words, &|side| span(side.waited_ms.get(&cause).copied().unwrap_or_default()));
        }
    }
    row("agents in use, mean", &|side| format!("{:.1}", side.agents_in_use_mean));
    row("agents in use, at the end", &|side| {
        format!("{} of {}", side.at_the_end.agents_in_use, side.at_the_end.agents)
    });
    row("cpus taken, mean", &|side| percent(side.cpus_mean));
    row("memory taken, mean", &|side| percent(side.mem_mean));
    if document.as_it_was.gpus_mean + document.what_if.gpus_mean > 0.0 {
        row("GPUs taken, mean", &|side| percent(side.gpus_mean));
        row("free GPUs in useless pieces, mean", &|side| percent(side.fragmented_mean));
    }
    table.render(width)
}

/// Instances that wait at the same time count each.
const CAUSES: [(Cause, &str); 4] = [
    (Cause::NothingFits, "waited for room, in all"),
    (Cause::Backoff, "waited after failures, in all"),
    (Cause::Dependency, "waited for other apps, in all"),
    (Cause::EarlierStep, "waited for earlier steps, in all"),
];

fn moves(document: &Document, all: bool) -> String {
    let moves = &document.moves;
    let mut text = format!(
        "Of the launched instances {} went to the same agent and {} elsewhere; {} were launched only as it was, {} only in the fork.\n",
        moves.same, moves.elsewhere, moves.only_as_it_was, moves.only_what_if
    );
    let shown = if all { usize::MAX } else { SHOWN };
    for told in moves.first.iter().take(shown) {
        let [from, to] = told.agents;
        let run = if told.incarnation == 0 { String::new() } else { format!(", run {}", told.incarnation + 1) };
        let line = format!("  {} instance {}{run}: {from} -> {to}\n", told.app, told.instance);
        text.push_str(&styled(DIM, &line));
    }
    text
}

#[cfg(test)]
mod tests;
