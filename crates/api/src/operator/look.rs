//! Questions about the cluster, answered out of the last durable state.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::{AppId, TaskId};
use protocol::operator::{AgentList, AppList, ClusterStatus, TaskList, TaskView};
use serde::Deserialize;

use super::{Operator, views};
use crate::Error;

/// What Prometheus expects of a text answer.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const HEALTH_RETRY_AFTER_S: u64 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichApps {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichTasks {
    app: Option<String>,
    #[serde(default)]
    ended: bool,
}

pub(super) async fn status(State(operator): State<Operator>) -> Json<ClusterStatus> {
    let health = operator.handle.health();
    let state = operator.handle.read();
    Json(views::status(&state, health, operator.handle.now()))
}

pub(super) async fn agents(State(operator): State<Operator>) -> Json<AgentList> {
    let state = operator.handle.read();
    let agents = state.agents.values().map(|agent| views::agent(&state, agent)).collect();
    Json(AgentList { now: operator.handle.now(), agents })
}

pub(super) async fn apps(
    State(operator): State<Operator>,
    which: Result<Query<WhichApps>, QueryRejection>,
) -> Result<Json<AppList>, Error> {
    let id = which?.0.id.map(|id| parse_app(&id, "id")).transpose()?;
    let state = operator.handle.read();
    let chosen = state.apps.values().filter(|app| id.as_ref().is_none_or(|id| *id == app.spec.id));
    let apps = chosen.map(|app| views::app(&state, app)).collect();
    Ok(Json(AppList { now: operator.handle.now(), apps }))
}

pub(super) async fn tasks(
    State(operator): State<Operator>,
    which: Result<Query<WhichTasks>, QueryRejection>,
) -> Result<Json<TaskList>, Error> {
    let Query(which) = which?;
    let app = which.app.map(|app| parse_app(&app, "app")).transpose()?;
    let state = operator.handle.read();
    let mut tasks: Vec<_> = match &app {
        Some(app) => {
            let of_app = state.tasks_of_app(app);
            let ended = of_app.ended.iter().filter(|_| which.ended).map(|(_, task)| task);
            of_app.active.iter().chain(ended).filter_map(|task| state.tasks.get(task)).map(views::task).collect()
        }
        None => state.tasks.values().filter(|task| which.ended || task.is_active()).map(views::task).collect(),
    };
    tasks.sort_by(|a: &TaskView, b| (&a.app, a.launched_at, &a.id).cmp(&(&b.app, b.launched_at, &b.id)));
    Ok(Json(TaskList { now: operator.handle.now(), tasks }))
}

pub(super) async fn task(State(operator): State<Operator>, Path(task): Path<String>) -> Result<Json<TaskView>, Error> {
    let state = operator.handle.read();
    let found = state.tasks.get(&TaskId::new(task.as_str())).map(views::task);
    found.map(Json).ok_or_else(|| Error::NotFound(format!("task '{task}' does not exist, or ended too long ago")))
}

pub(super) async fn metrics(State(operator): State<Operator>) -> Response {
    operator.handle.observe_metrics();
    let text = (operator.metrics)() + &operator.handle.cluster_metrics();
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}

pub(super) async fn health(State(operator): State<Operator>) -> Result<&'static str, Error> {
    match operator.handle.health().writable {
        Ok(()) => Ok("ok\n"),
        Err(reason) => {
            let message = format!("reads are answered, but no change can be made: {reason}");
            Err(Error::Unavailable { message, retry_after_s: HEALTH_RETRY_AFTER_S })
        }
    }
}

fn parse_app(text: &str, field: &str) -> Result<AppId, Error> {
    AppId::parse(text).map_err(|error| Error::BadRequest(format!("{field} {error}")))
}
