//! `bayplan task list` and `task show`

use model::{TaskState, Timestamp};
use protocol::operator::{TaskList, TaskView};

use super::time::{age, moment};
use super::{Align, Cell, Table, event, one_line, quantity, waiting};
use crate::output::{BAD, BOLD, BUSY, DIM, GOOD, styled};

const COLUMNS: [(&str, Align); 6] = [
    ("TASK", Align::Left),
    ("STATE", Align::Left),
    ("AGE", Align::Right),
    ("HOST", Align::Left),
    ("PORTS", Align::Left),
    ("REMARK", Align::Left),
];

pub(crate) fn list(list: &TaskList, width: Option<usize>) -> String {
    if list.tasks.is_empty() {
        return "There are no tasks.\n".to_owned();
    }
    let mut table = Table::new(&COLUMNS);
    for task in &list.tasks {
        let since = task.ended_at.or(task.running_since).unwrap_or(task.launched_at);
        let ports: Vec<_> = task.host_ports.iter().map(ToString::to_string).collect();
        table.row([
            task.id.to_string().into(),
            Cell::styled(task.status.state.name(), style_of(task.status.state)),
            age(since, list.now).into(),
            one_line(&task.hostname).into(),
            ports.join(",").into(),
            Cell::styled(remark(task), DIM),
        ]);
    }
    table.render(width)
}

pub(crate) fn show(task: &TaskView, now: Timestamp) -> String {
    let since = |at: Option<Timestamp>| at.map(|at| format!("{} ago, at {}", age(at, now), moment(at)));
    let state = styled(style_of(task.status.state), &one_line(&waiting::status(&task.status)));
    let optional = [
        ("state", Some(state)),
        ("app", task.app.as_ref().map(ToString::to_string)),
        ("version", task.version.map(|version| moment(version.0))),
        ("framework", task.own_id.as_ref().map(|own| one_line(&format!("{}, as {own}", task.framework)))),
        ("agent", Some(format!("{} on {}", task.agent, one_line(&task.hostname)))),
        ("has", Some(quantity::summary(&task.resources))),
        ("launched", since(Some(task.launched_at))),
        ("running", since(task.running_since)),
        ("ended", since(task.ended_at)),
        ("to end", task.kill.map(|kill| event::killed(kill.reason).to_string())),
        ("offer", Some(task.offer.to_string())),
        (
            "placed by",
            task.explanation.as_ref().map(|explanation| one_line(&format!("{}: {explanation}", explanation.policy))),
        ),
    ];
    let mut text = format!("{}\n", styled(BOLD, task.id.as_str()));
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        text.push_str(&format!("  {name:<13} {value}\n"));
    }
    text
}

/// Why it ends or how it ended; else why it is where it is.
fn remark(task: &TaskView) -> String {
    if let Some(kill) = task.kill.filter(|_| task.ended_at.is_none()) {
        return format!("ends {}", event::killed(kill.reason));
    }
    let told = waiting::status(&task.status);
    let said = told.strip_prefix(task.status.state.name()).unwrap_or(&told).trim_start_matches(": ");
    if said.is_empty() {
        match &task.explanation {
            Some(explanation) => one_line(&format!("{}: {explanation}", explanation.policy)),
            None => format!("placed by framework {}", task.framework),
        }
    } else {
        said.to_owned()
    }
}

const fn style_of(state: TaskState) -> anstyle::Style {
    match state {
        TaskState::Running => GOOD,
        TaskState::Failed | TaskState::Error | TaskState::Lost => BAD,
        TaskState::Finished | TaskState::Killed => DIM,
        TaskState::Staging | TaskState::Starting | TaskState::Killing => BUSY,
    }
}
