//! A task's output, read through the master, so that clients need to reach nobody else.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use model::TaskId;
use protocol::agent::READ_FILE_PATH;
use serde::Deserialize;

use super::Operator;
use crate::{Error, innermost};

const TIMEOUT: Duration = Duration::from_secs(10);
const FILES: [&str; 2] = ["stdout", "stderr"];
/// More is never asked of an agent at once.
const LENGTH_LIMIT_BYTES: u64 = 1 << 20;

/// Asks agents for parts of files.
#[derive(Clone)]
pub struct AgentFiles {
    http: reqwest::Client,
    token: Option<String>,
}

impl AgentFiles {
    /// The token that the agents demand, if they do.
    #[must_use]
    pub fn new(http: reqwest::Client, token: Option<String>) -> Self {
        Self { http, token }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    #[serde(default)]
    offset: u64,
    length: Option<u64>,
}

pub(super) async fn read(
    State(operator): State<Operator>,
    Path((task, file)): Path<(String, String)>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Error> {
    let Query(part) = part?;
    if !FILES.contains(&file.as_str()) {
        let message = format!("there is no file '{file}'; there are: {}", FILES.join(", "));
        return Err(Error::NotFound(message));
    }
    let task = TaskId::new(task);
    let address = address_of(&operator, &task)?;
    let length = part.length.unwrap_or(LENGTH_LIMIT_BYTES).min(LENGTH_LIMIT_BYTES);
    let query = [
        ("task", task.to_string()),
        ("file", file),
        ("offset", part.offset.to_string()),
        ("length", length.to_string()),
    ];
    let url = format!("http://{address}{READ_FILE_PATH}");
    let mut request = operator.files.http.get(url).query(&query).timeout(TIMEOUT);
    if let Some(token) = &operator.files.token {
        request = request.bearer_auth(token);
    }
    let unreachable = |error: reqwest::Error| {
        let message = format!(
            "the agent at {address} cannot be asked for the files of task '{task}' ({}); is it running, and can this \
             machine reach it there?",
            innermost(&error)
        );
        Error::BadGateway(message)
    };
    let answer = request.send().await.map_err(unreachable)?;
    let (status, kind) = (answer.status(), answer.headers().get(CONTENT_TYPE).cloned());
    let bytes = answer.bytes().await.map_err(unreachable)?;
    let mut response = (status, Body::from(bytes)).into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    Ok(response)
}

fn address_of(operator: &Operator, task: &TaskId) -> Result<String, Error> {
    let state = operator.handle.read();
    let found = state
        .tasks
        .get(task)
        .ok_or_else(|| Error::NotFound(format!("task '{task}' does not exist, or ended too long ago")))?;
    let agent = state.agents.get(&found.agent).ok_or_else(|| {
        let message = format!("task '{task}' ran on agent {}, which was removed, and its files with it", found.agent);
        Error::NotFound(message)
    })?;
    Ok(agent.description.address.clone())
}
