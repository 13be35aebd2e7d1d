//! Tasks: listed and killed.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use master::{Committed, Rejection, SubmitError};
use model::{AppId, CommandKind, Task, TaskId, TaskSelection};
use protocol::marathon::TaskAnswer;
use serde_json::Value;

use super::call::{Call, Wanted, existing};
use super::{changes, views};
use crate::Error;

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
/// How often a list of tasks is asked to end anew when some of them end in between.
const KILL_ATTEMPTS: u32 = 5;

/// What is wanted of tasks that are killed.
struct Manner {
    scale: bool,
    force: bool,
}

impl Manner {
    fn of(call: &Call) -> Result<Self, Error> {
        let flag = |name| call.head.flag(name, false);
        match (flag("scale")?, flag("wipe")?) {
            (true, true) => Err(Error::BadRequest("scale and wipe exclude each other: ask for one of them".to_owned())),
            (false, true) => Err(Error::invalid("wipe", "is not built yet: there are no persistent volumes to wipe")),
            (scale, false) => Ok(Self { scale, force: flag("force")? }),
        }
    }
}

pub(super) fn list(call: &Call) -> Result<Response, Error> {
    let mut wanted = Vec::new();
    for status in call.head.all("status") {
        wanted.push(match status {
            "running" => views::is_running as fn(&Task) -> bool,
            "staging" => views::is_staged,
            other => {
                let message = format!("the parameter status must be running or staging, not '{other}'");
                return Err(Error::BadRequest(message));
            }
        });
    }
    let state = call.state();
    if call.head.wanted(&[Wanted::Json, Wanted::Text]) == Wanted::Text {
        return Ok(text(views::endpoints(&state, state.apps.values())));
    }
    let is_wanted = |task: &&Task| wanted.is_empty() || wanted.iter().any(|is| is(task));
    let mut tasks: Vec<&Task> = state.tasks.values().filter(|task| task.is_active()).filter(is_wanted).collect();
    tasks.sort_by_key(|task| (task.app(), task.launched_at));
    let tasks: Vec<TaskAnswer> = tasks.into_iter().filter_map(|task| views::task(&state, task)).collect();
    drop(state);
    Ok(changes::named("tasks", &tasks))
}

pub(super) fn list_of_app(call: &Call, app: &str) -> Result<Response, Error> {
    let id = existing(app)?;
    let state = call.state();
    let app = state.apps.get(&id).ok_or_else(|| Error::unknown_app(&id))?;
    if call.head.wanted(&[Wanted::Json, Wanted::Text]) == Wanted::Text {
        return Ok(text(views::endpoints(&state, std::iter::once(app))));
    }
    let tasks: Vec<TaskAnswer> = state.active_tasks_of_app(&id).filter_map(|task| views::task(&state, task)).collect();
    drop(state);
    Ok(changes::named("tasks", &tasks))
}

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, PLAIN_TEXT)], text).into_response()
}

pub(super) async fn kill_of_app(call: &Call, app: &str) -> Result<Response, Error> {
    let app = existing(app)?;
    let Manner { scale, force } = Manner::of(call)?;
    let host = call.head.first("host").filter(|host| !host.is_empty() && *host != "*").map(ToOwned::to_owned);
    let selection = TaskSelection::App { app, host };
    let committed = call.submit(CommandKind::KillTasks { selection, scale, force }).await?;
    answer_killed(call, &committed)
}

pub(super) async fn kill_one(call: &Call, app: &str, task: &str) -> Result<Response, Error> {
    let app = existing(app)?;
    let Manner { scale, force } = Manner::of(call)?;
    let task = TaskId::new(task);
    let before = running_of(call, &app, &task)?;
    let selection = TaskSelection::Tasks(vec![task.clone()]);
    let committed = call.submit(CommandKind::KillTasks { selection, scale, force }).await?;
    if scale && let Some(changed) = scaled(call, &committed) {
        return Ok(changed);
    }
    let after = {
        let state = call.state();
        state.tasks.get(&task).and_then(|task| views::task(&state, task))
    };
    Ok(changes::named("task", &after.unwrap_or(before)))
}

fn running_of(call: &Call, app: &AppId, task: &TaskId) -> Result<TaskAnswer, Error> {
    let state = call.state();
    if !state.apps.contains(app) {
        return Err(Error::unknown_app(app));
    }
    let found = state.tasks.get(task).filter(|found| found.is_active() && found.app() == Some(app));
    let found = found.and_then(|found| views::task(&state, found));
    found.ok_or_else(|| Error::NotFound(format!("App '{app}' has no task '{task}'")))
}

/// `{"ids": […]}`. Tasks that are not there are passed over, as they may have ended meanwhile.
pub(super) async fn kill_listed(call: &Call) -> Result<Response, Error> {
    let Manner { scale, force } = Manner::of(call)?;
    let ids = listed(&call.json()?)?;
    for _ in 0..KILL_ATTEMPTS {
        let there = {
            let state = call.state();
            ids.iter().filter(|id| state.tasks.get(id).is_some_and(Task::is_active)).cloned().collect()
        };
        let selection = TaskSelection::Tasks(there);
        match call.submit(CommandKind::KillTasks { selection, scale, force }).await {
            Err(SubmitError::Rejected(Rejection::UnknownTask(_))) => {}
            Err(error) => return Err(error.into()),
            Ok(committed) => return answer_killed(call, &committed),
        }
    }
    let message = "the tasks change faster than they can be listed: ask again".to_owned();
    Err(Error::Unavailable { message, retry_after_s: 1 })
}

fn listed(body: &Value) -> Result<Vec<TaskId>, Error> {
    let Some(ids) = body.get("ids").and_then(Value::as_array) else {
        return Err(Error::invalid("/ids", "must be an array of the ids of tasks"));
    };
    let id = |(index, id): (usize, &Value)| {
        let id = id.as_str().ok_or_else(|| Error::invalid(format!("/ids({index})"), "must be a string"))?;
        Ok(TaskId::new(id))
    };
    ids.iter().enumerate().map(id).collect()
}

fn answer_killed(call: &Call, committed: &Committed) -> Result<Response, Error> {
    if let Some(changed) = scaled(call, committed) {
        return Ok(changed);
    }
    let tasks: Vec<TaskAnswer> = {
        let state = call.state();
        let killed = changes::killed(committed);
        killed.iter().filter_map(|id| state.tasks.get(id)).filter_map(|task| views::task(&state, task)).collect()
    };
    Ok(changes::named("tasks", &tasks))
}

/// The answer where killing changed the number of instances too.
fn scaled(call: &Call, committed: &Committed) -> Option<Response> {
    changes::deployment(committed)?;
    Some(changes::answer(axum::http::StatusCode::OK, committed, &call.state()))
}
