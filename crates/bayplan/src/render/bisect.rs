//! Where a condition begins to hold.

use std::fmt::Write as _;

use model::Record;
use replay::{Turn, Worth};

use super::event;
use super::time::moment;
use crate::output::{BOLD, DIM, styled};

pub(crate) fn turn(condition: &str, turn: &Turn, record: &Record) -> String {
    let head = format!("{condition} holds after record {}, of {}", turn.seq, moment(turn.at));
    let cause = &record.cause;
    let mut text = format!(
        "{}\nIt is {} by {}.\n\n{}",
        styled(BOLD, &head),
        replay::words::one_line(&replay::words::command(&cause.kind)),
        replay::words::one_line(&cause.principal.0),
        event::lines(record)
    );
    for change in turn.parts.iter().filter(|change| change.before != change.after) {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "\n{}: {} -> {}", change.part, change.before, change.after);
    }
    let same: Vec<_> = turn.parts.iter().filter(|change| change.before == change.after).collect();
    if !same.is_empty() {
        text.push('\n');
    }
    for change in same {
        let line = format!("{}: {}, as before", change.part, change.after);
        let _written = writeln!(text, "{}", styled(DIM, &line));
    }
    text
}

pub(crate) fn worth(worth: &[Worth]) -> String {
    worth.iter().map(|Worth { part, value }| format!("{part}: {value}\n")).collect()
}

pub(crate) fn vocabulary(groups: &[(&str, Vec<(String, &str)>)]) -> String {
    let widest = groups.iter().flat_map(|(_, lines)| lines).map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (group, lines) in groups {
        let _written = writeln!(text, "{}", styled(BOLD, group));
        for (name, says) in lines {
            let _written = writeln!(text, "{}", format!("  {name:<widest$}  {says}").trim_end());
        }
        text.push('\n');
    }
    text += "\
lists, such as tasks: .size(), .exists(x, …), .all(x, …), .count(x, …); texts: .startsWith(…), .endsWith(…), .contains(…)
signs: && || ! == != < <= > >= + - in; lists of texts: [\"a\", \"b\"]; what is not there is null
a word on its own: an event's kind, a command's kind, or an id such as /web, S3, O17, F1, web.instance-3f0c
";
    text
}
