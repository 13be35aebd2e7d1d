//! What stands in the three panes: the state after a record, its events, and its cause. Pure.

use std::collections::BTreeSet;

use model::{AgentId, AppId, Connection, Record, Seq, Task, TaskId, TaskState, Timestamp, Workload};
use replay::mention::{self, Mention};
use serde_json::Value;
use state::State;

use super::model::Pane;
use crate::render::{self, count, one_line, plain, time};

/// So many agents, apps and tasks are listed, and lines of a command's arguments; the rest is counted.
const LISTED: usize = 500;
/// So much is shown of one argument.
const LONGEST: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Head,
    /// What the record changed.
    Changed,
    Dim,
    Bad,
    Busy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) look: Look,
    pub(super) text: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Panes {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    state: Vec<Line>,
    events: Vec<Line>,
    cause: Vec<Line>,
}

impl Panes {
    pub(super) fn new(state: &State, record: Option<&Record>) -> Self {
        let touched = record.map(Touched::by).unwrap_or_default();
        Self {
            seq: state.seq,
            at: state.at,
            state: of_state(state, &touched),
            events: record.map(of_events).unwrap_or_default(),
            cause: record.map(of_cause).unwrap_or_default(),
        }
    }

    pub(super) fn of(&self, pane: Pane) -> &[Line] {
        match pane {
            Pane::State => &self.state,
            Pane::Events => &self.events,
            Pane::Cause => &self.cause,
        }
    }
}

fn line(look: Look, text: impl Into<String>) -> Line {
    Line { look, text: text.into() }
}

/// Whom the events of a record name.
#[derive(Debug, Default)]
struct Touched {
    apps: BTreeSet<AppId>,
    agents: BTreeSet<AgentId>,
    tasks: BTreeSet<TaskId>,
}

impl Touched {
    fn by(record: &Record) -> Self {
        let mut touched = Self::default();
        for event in &record.events {
            mention::of_event(event, &mut |mention| match mention {
                Mention::App(app) => touched.apps.extend([app.clone()]),
                Mention::Agent(agent) => touched.agents.extend([agent]),
                Mention::Task(task) => {
                    touched.apps.extend(mention::app_of(task));
                    touched.tasks.insert(task.clone());
                }
                _ => {}
            });
        }
        touched
    }
}

fn of_state(state: &State, touched: &Touched) -> Vec<Line> {
    let by_state: Vec<_> = state.active_by_state().iter().map(|(of, tasks)| format!("{tasks} {}", word(*of))).collect();
    let tasks = if by_state.is_empty() { "no active tasks".to_owned() } else { by_state.join(", ") };
    let connected = state.agents.values().filter(|agent| agent.connection == Connection::Connected).count();
    let mut lines = vec![
        line(Look::Plain, format!("tasks: {tasks}")),
        line(
            Look::Plain,
            format!("{connected} of {} connected, epoch {}", count(state.agents.len() as u64, "agent"), state.epoch),
        ),
        line(
            Look::Plain,
            format!(
                "{}, {}",
                count(state.offers.len() as u64, "open offer"),
                count(state.deployments.len() as u64, "deployment")
            ),
        ),
    ];
    section(&mut lines, "APPS", state.apps.iter(), |id| touched.apps.contains(id), |id, app| of_app(state, id, app));
    section(
        &mut lines,
        "AGENTS",
        state.agents.iter(),
        |id| touched.agents.contains(id),
        |_, agent| of_agent(state, agent),
    );
    section(
        &mut lines,
        "TASKS",
        state.tasks.iter().filter(|(id, task)| task.is_active() || touched.tasks.contains(*id)),
        |id| touched.tasks.contains(id),
        |_, task| of_task(task),
    );
    lines
}

/// A list with a heading; what the record changed comes first.
fn section<'a, K: 'a, V: 'a>(
    lines: &mut Vec<Line>,
    name: &str,
    rows: impl Iterator<Item = (&'a K, &'a V)>,
    is_changed: impl Fn(&K) -> bool,
    show: impl Fn(&K, &V) -> (Look, String),
) {
    let (changed, rest): (Vec<_>, Vec<_>) = rows.partition(|(id, _)| is_changed(id));
    let all = changed.len() + rest.len();
    if all == 0 {
        return;
    }
    lines.push(line(Look::Head, format!("{name} {all}")));
    let changed = changed.into_iter().map(|row| (true, row));
    for (is_changed, (id, row)) in changed.chain(rest.into_iter().map(|row| (false, row))).take(LISTED) {
        let (look, text) = show(id, row);
        lines.push(if is_changed {
            line(Look::Changed, format!("▸ {text}"))
        } else {
            line(look, format!("  {text}"))
        });
    }
    if all > LISTED {
        lines.push(line(Look::Dim, format!("  … and {} more", all - LISTED)));
    }
}

fn of_app(state: &State, id: &AppId, app: &model::App) -> (Look, String) {
    let running: u32 = state.tasks_of_app(id).running.values().sum();
    let counted = format!("{id} {running}/{}", app.spec.instances);
    match &app.waiting {
        Some(waiting) => {
            let why = render::waiting::reason(waiting, None, state.at);
            (Look::Busy, format!("{counted}  {why}"))
        }
        None if state.is_settled(id) => (Look::Plain, counted),
        None => (Look::Plain, format!("{counted}  under way")),
    }
}

fn of_agent(state: &State, agent: &model::Agent) -> (Look, String) {
    let (used, total) = (state.used_on(agent.id), &agent.description.resources);
    let gpus =
        if total.gpus == model::Scalar::ZERO { String::new() } else { format!(", {}/{} gpus", used.gpus, total.gpus) };
    let text = format!(
        "{} {}  {}/{} cpus, {}/{} MB{gpus}, {}",
        agent.id,
        one_line(&agent.description.hostname),
        used.cpus,
        total.cpus,
        used.mem,
        total.mem,
        count(state.active_tasks_on(agent.id).count() as u64, "task"),
    );
    match agent.connection {
        Connection::Connected => (Look::Plain, text),
        Connection::Disconnected { since, .. } => {
            (Look::Bad, format!("{text}; away for {}", time::age(since, state.at)))
        }
    }
}

fn of_task(task: &Task) -> (Look, String) {
    let whose = match &task.workload {
        Workload::App { .. } => String::new(),
        Workload::Own(_) => format!(" of {}", task.framework),
    };
    let look = if task.is_active() { Look::Plain } else { Look::Dim };
    (look, format!("{} on {}  {}{whose}", word(task.status.state), task.agent, task.id))
}

/// `running` instead of `TASK_RUNNING`.
fn word(state: TaskState) -> String {
    state.to_string().trim_start_matches("TASK_").to_lowercase()
}

fn of_events(record: &Record) -> Vec<Line> {
    if record.events.is_empty() {
        return vec![line(Look::Dim, "nothing followed")];
    }
    let mut lines = Vec::new();
    for event in &record.events {
        lines.push(line(Look::Head, event.name()));
        lines.push(line(Look::Plain, format!("  {}", plain(&render::event::describe(event, record.cause.at)))));
    }
    lines
}

fn of_cause(record: &Record) -> Vec<Line> {
    let cause = &record.cause;
    let mut lines = vec![
        line(Look::Head, one_line(&replay::words::command(&cause.kind))),
        line(Look::Plain, format!("by    {}", one_line(&cause.principal.to_string()))),
        line(Look::Plain, format!("at    {}", time::moment(cause.at))),
        line(Look::Plain, format!("id    {}", cause.id)),
        line(Look::Plain, format!("seed  {}", cause.seed)),
        line(Look::Head, cause.kind.name()),
    ];
    match serde_json::to_value(&cause.kind) {
        Ok(Value::Object(kind)) if kind.len() == 1 => {
            kind.values().for_each(|arguments| arguments_of(&mut lines, arguments, 1));
        }
        Ok(value @ Value::Object(_)) => arguments_of(&mut lines, &value, 1),
        _ => {}
    }
    if matches!(lines.last(), Some(last) if last.look == Look::Head) {
        lines.push(line(Look::Dim, "  no arguments"));
    }
    lines
}

/// `name: value`, a line each, and what is inside of something further in.
fn arguments_of(lines: &mut Vec<Line>, value: &Value, depth: usize) {
    let fields: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (format!("{name}:"), value)).collect(),
        Value::Array(items) => items.iter().map(|item| ("-".to_owned(), item)).collect(),
        value => vec![(String::new(), value)],
    };
    for (name, value) in fields {
        if lines.len() > LISTED {
            return;
        }
        let is_empty = match value {
            Value::Null => true,
            Value::Object(inner) => inner.is_empty(),
            Value::Array(inner) => inner.is_empty(),
            _ => false,
        };
        if is_empty {
            continue;
        }
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(_) => {
                lines.push(line(Look::Plain, format!("{indent}{name}")));
                arguments_of(lines, value, depth + 1);
            }
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                lines.push(line(Look::Plain, format!("{indent}{name}")));
                arguments_of(lines, value, depth + 1);
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().take(LISTED).map(short).collect();
                lines.push(line(Look::Plain, cut(format!("{indent}{name} {}", items.join(", ")))));
            }
            value => lines.push(line(Look::Plain, cut(format!("{indent}{name} {}", short(value))))),
        }
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        value => value.to_string(),
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
