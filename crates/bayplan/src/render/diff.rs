//! What differs between two moments.

use std::fmt::Write as _;

use model::Seq;
use replay::Diff;
use replay::diff::{FieldDiff, Instant, TableDiff};
use replay::words::{one_line, span};
use serde_json::Value;

use super::table::cut;
use super::time::{moment, record};
use crate::output::{BAD, BOLD, BUSY, GOOD, styled};

/// How many rows of a kind are shown.
const SHOWN: usize = 20;
/// How much of a value is shown.
const VALUE: usize = 60;

pub(crate) fn diff(diff: &Diff, all: bool) -> String {
    let (from, to) = (diff.from, diff.to);
    let place = |Instant { seq, at }: Instant| record(seq, &format!(" ({})", moment(at)));
    let has_times = from.seq.min(to.seq) > Seq::default();
    let apart = if has_times { format!(", {} apart", span(to.at.0.abs_diff(from.at.0))) } else { String::new() };
    let mut text = format!("From {} to {}{apart}\n", place(from), place(to));
    if diff.tables.is_empty() {
        text += "Nothing differs.\n";
    }
    let limit = if all { usize::MAX } else { SHOWN };
    for (name, table) in &diff.tables {
        let counts = [(table.added.len(), "added"), (table.removed.len(), "removed"), (table.changed.len(), "changed")];
        let counts: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        // Writing to a string cannot fail.
        let _written = writeln!(text, "\n{}: {}", styled(BOLD, name), counts.join(", "));
        rows(&mut text, name, table, limit);
    }
    text
}

fn rows(text: &mut String, name: &str, table: &TableDiff, limit: usize) {
    let whole = [(&table.added, "+", GOOD), (&table.removed, "-", BAD)];
    for (rows, sign, style) in whole {
        for (key, row) in rows.iter().take(limit) {
            let line = format!("{sign} {key}  {}", summary(name, row));
            let _written = writeln!(text, "  {}", styled(style, line.trim_end()));
        }
        left_out(text, rows.len(), limit);
    }
    for (key, fields) in table.changed.iter().take(limit) {
        let _written = writeln!(text, "  {}", styled(BUSY, &format!("~ {key}")));
        for FieldDiff { field, before, after } in fields {
            let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
            let _written = writeln!(text, "      {field}{} -> {}", value(before), value(after));
        }
    }
    left_out(text, table.changed.len(), limit);
}

fn left_out(text: &mut String, rows: usize, limit: usize) {
    if rows > limit {
        let _written = writeln!(text, "  … and {} more; --all shows them", rows - limit);
    }
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    cut(&one_line(&text), Some(VALUE))
}

/// What tells a row from others of its table.
fn summary(table: &str, row: &Value) -> String {
    let at = |path: &str| row.pointer(path).map(value).unwrap_or_default();
    match table {
        "apps" => format!("{} instances", at("/spec/instances")),
        "tasks" => format!("on {} {}", at("/agent"), at("/status/state")),
        "agents" => at("/description/hostname"),
        "offers" => format!("to {} on {}", at("/framework"), at("/agent")),
        "frameworks" => at("/info/name"),
        "profiles" | "modules" => value(row),
        _ => String::new(),
    }
}
