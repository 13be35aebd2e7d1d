//! The metrics that the code has, as its text says, and the page about them.
//!
//! A metric is found where it is described: by `describe_gauge!("bayplan_…", …)` with a text or a constant of the same file
//! for its name, or by `Family::gauge("bayplan_…", label, help)`. Labels of the former are those of the calls that set it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::schema::Generated;
use crate::workspace::SourceFile;

pub(crate) const PREFIX: &str = "bayplan_";
const KINDS: [&str; 3] = ["counter", "gauge", "histogram"];
const PAGE: &str = "docs/metrics.md";

/// A call that names a metric.
pub(crate) struct Mention {
    pub(crate) place: String,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    labels: Vec<String>,
    help: String,
    path: String,
}

/// Calls that say what a metric means.
pub(crate) fn described(files: &[SourceFile]) -> Vec<Mention> {
    let mut found = mentions(files, |kind| format!("describe_{kind}!("));
    found.extend(mentions(files, |kind| format!("Family::{kind}(")));
    found
}

/// Calls that set a metric.
pub(crate) fn set(files: &[SourceFile]) -> Vec<Mention> {
    mentions(files, |kind| format!("{kind}!("))
}

fn mentions(files: &[SourceFile], call: impl Fn(&str) -> String) -> Vec<Mention> {
    let is_code = |file: &&SourceFile| file.path.ends_with(".rs") && !file.path.starts_with("crates/xtask/");
    let of_file = |file: &SourceFile| KINDS.map(|kind| calls(file, &call(kind), kind));
    files.iter().filter(is_code).flat_map(of_file).flatten().collect()
}

fn calls(file: &SourceFile, call: &str, kind: &'static str) -> Vec<Mention> {
    let starts = file.text.match_indices(call).filter(|(at, _)| !ends_in_name(&file.text[..*at]));
    let mention = |(at, _): (usize, &str)| {
        let arguments = arguments(&file.text[at + call.len()..]);
        let name = name_of(&file.text, arguments.first()?)?;
        let line = file.text[..at].lines().count().max(1);
        let labels = arguments[1..].iter().filter_map(|argument| label_of(argument)).collect();
        let help = arguments[1..].last().and_then(|last| quoted(last)).unwrap_or_default();
        Some(Mention { place: format!("{}:{line}", file.path), kind, name, labels, help, path: file.path.clone() })
    };
    starts.filter_map(mention).filter(|mention| mention.name.starts_with(PREFIX)).collect()
}

/// `describe_gauge!(` is no call of `gauge!(`.
fn ends_in_name(before: &str) -> bool {
    before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// The arguments of a call, up to its closing bracket.
fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut begin, mut depth, mut is_quoted, mut is_escaped) = (Vec::new(), 0, 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ',' | ')' if depth == 0 => {
                found.push(text[begin..at].trim());
                begin = at + 1;
                if c == ')' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|argument| !argument.is_empty());
    found
}

/// A text, or a constant of the same file.
fn name_of(text: &str, argument: &str) -> Option<String> {
    if argument.starts_with('"') {
        return quoted(argument);
    }
    let constant = argument.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()?;
    let (_, value) = text.split_once(&format!("const {constant}: &str = \""))?;
    value.split('"').next().map(str::to_owned)
}

/// `"label" => value` or `Some("label")`.
fn label_of(argument: &str) -> Option<String> {
    match argument.strip_prefix("Some(") {
        Some(label) => quoted(label),
        None => quoted(argument.split_once("=>")?.0),
    }
}

/// What is between the first quotes, with lines that go on joined.
fn quoted(text: &str) -> Option<String> {
    let inner = text.trim_start().strip_prefix('"')?;
    let (mut value, mut rest) = (String::new(), inner.chars().peekable());
    while let Some(c) = rest.next() {
        match (c, rest.peek().copied()) {
            ('"', _) => return Some(value),
            ('\\', Some('\n')) => while rest.next_if(|c| c.is_whitespace()).is_some() {},
            ('\\', Some(escaped)) => {
                value.push(escaped);
                rest.next();
            }
            _ => value.push(c),
        }
    }
    None
}

pub(crate) fn page(files: &[SourceFile]) -> Generated {
    let (described, set) = (described(files), set(files));
    let of = |is_here: &dyn Fn(&str) -> bool| table(&described, &set, is_here);
    let text = format!(
        "{HEAD}\n## The cluster\n{CLUSTER}\n{}\n## A master\n{MASTER}\n{}\n## An agent\n{AGENT}\n{}",
        of(&|path| path.starts_with("crates/state/")),
        of(&|path| !path.starts_with("crates/state/") && !path.starts_with("crates/agent/")),
        of(&|path| path.starts_with("crates/agent/")),
    );
    Generated { path: PAGE, text }
}

const HEAD: &str = "# Metrics

<!-- Written by `cargo xtask metrics` from the code; `cargo xtask tidy` compares. -->

Masters answer `/metrics` on the operator's port (`--listen`), agents on theirs. No label holds the id of a task, an app, an agent or an
offer, so the number of series does not grow with the cluster. Histograms have `_bucket`, `_sum` and `_count`. A counter begins at 0
and not with its first event. [operate.md](operate.md#watch) has the dashboards and alerts.
";
const CLUSTER: &str = "
What happened, and how the cluster stands: a fold of the durable records and of nothing else. Every master shows it, as of the record
that it has, so sum over the leader only (`… and on (job, instance) bayplan_leading == 1`). A restart, a replay and a log
that was trimmed behind a baseline give the same for the same record. Times are those of the log, in steps of a
millisecond.
";
const MASTER: &str = "
What the process of a master measures itself, leader or standby. It begins anew with the process.
";
const AGENT: &str = "
What only an agent can know. Under `bayplan dev` it is among the master's.
";

fn table(described: &[Mention], set: &[Mention], is_here: &dyn Fn(&str) -> bool) -> String {
    let mut table = "| metric | type | unit | labels | what it says |\n| --- | --- | --- | --- | --- |\n".to_owned();
    let mut here: Vec<&Mention> = described.iter().filter(|metric| is_here(&metric.path)).collect();
    here.sort_by_key(|metric| &metric.name);
    for metric in here {
        let calls = set.iter().filter(|call| call.name == metric.name);
        let labels: BTreeSet<&String> = metric.labels.iter().chain(calls.flat_map(|call| &call.labels)).collect();
        let labels: Vec<String> = labels.into_iter().map(|label| format!("`{label}`")).collect();
        let Mention { name, kind, help, .. } = metric;
        let row = writeln!(table, "| `{name}` | {kind} | {} | {} | {help} |", unit_of(name), labels.join(", "));
        row.expect("a String takes everything");
    }
    table
}

/// A name says its unit at its end.
fn unit_of(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let units = ["_microseconds", "_seconds", "_bytes", "_ratio", "_cpus", "_records", "_commands", "_batches"];
    units.into_iter().find(|unit| name.ends_with(unit)).map_or("", |unit| &unit[1..])
}

pub(crate) fn write(root: &Path, files: &[SourceFile]) -> anyhow::Result<()> {
    let page = page(files);
    fs::write(root.join(page.path), &page.text).with_context(|| format!("cannot write {}", page.path))?;
    println!("wrote {}", page.path);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::file;

    #[test]
    fn the_page_says_what_the_code_says() {
        let state = r#"Family::histogram("bayplan_open_seconds", Some("outcome"), "How long, \
                     and (why) it was.")"#;
        let agent = r#"
            const DISK: &str = "bayplan_agent_disk_free_bytes";
            describe_gauge!(DISK, Unit::Bytes, "What is free.");
            describe_counter!("bayplan_agent_failures_total", "Failures.");
            counter!("bayplan_agent_failures_total", "kind" => kind.name(), "why" => f(a, b)).increment(1);
        "#;
        let page = page(&[file("crates/state/src/a.rs", state), file("crates/agent/src/b.rs", agent)]).text;
        for row in [
            "| `bayplan_open_seconds` | histogram | seconds | `outcome` | How long, and (why) it was. |",
            "| `bayplan_agent_disk_free_bytes` | gauge | bytes |  | What is free. |",
            "| `bayplan_agent_failures_total` | counter |  | `kind`, `why` | Failures. |",
        ] {
            assert!(page.contains(row), "{row} is not in {page}");
        }
        let agents = page.split("## An agent").nth(1).expect("a part");
        assert!(agents.contains("bayplan_agent_failures_total") && !agents.contains("bayplan_open_seconds"));
    }
}
