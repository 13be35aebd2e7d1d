//! Text for people, out of what a master answers. Pure: no clock, no terminal; `now` and the width are passed in.

pub(crate) mod agents;
pub(crate) mod apps;
pub(crate) mod bench;
pub(crate) mod bisect;
mod chart;
pub(crate) mod compare;
pub(crate) mod diff;
pub(crate) mod event;
pub(crate) mod explanation;
pub(crate) mod leader;
pub(crate) mod packing;
pub(crate) mod placement;
pub(crate) mod quantity;
pub(crate) mod ready;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod story;
mod table;
pub(crate) mod tasks;
pub(crate) mod time;
pub(crate) mod trial;
pub(crate) mod waiting;
pub(crate) mod what_if;
pub(crate) mod why_not;

pub(crate) use table::{Align, Cell, Table};

/// What others wrote, on one line: a message must not break a table or steer a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Without styles.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
