//! What the agent itself answers: pieces of its tasks' output, and that it lives.

use std::io;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::TaskId;
use protocol::agent::READ_FILE_PATH;
use serde::Deserialize;

use crate::sandbox::{MAX_CHUNK_BYTES, Output, Sandboxes};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadFile {
    task: String,
    file: Output,
    #[serde(default)]
    offset: u64,
    #[serde(default = "whole_chunk")]
    length: u64,
}

const fn whole_chunk() -> u64 {
    MAX_CHUNK_BYTES
}

/// The agent's routes, and `more` beside them.
pub(crate) fn router(sandboxes: Arc<Sandboxes>, token: Option<String>, more: Router) -> Router {
    let guarded = Router::new().route(READ_FILE_PATH, get(read_file)).with_state(sandboxes);
    let guarded = match token {
        Some(token) => guarded.layer(from_fn_with_state(Arc::<str>::from(token), demand_token)),
        None => guarded,
    };
    guarded.route("/health", get(async || "ok\n")).merge(more)
}

async fn demand_token(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Hashes compare in constant time.
    if blake3::hash(shown.trim().as_bytes()) == blake3::hash(token.as_bytes()) {
        return next.run(request).await;
    }
    refusal(StatusCode::UNAUTHORIZED, "show the cluster's token: Authorization: Bearer …")
}

async fn read_file(State(sandboxes): State<Arc<Sandboxes>>, Query(query): Query<ReadFile>) -> Response {
    let task = TaskId::new(query.task);
    let read = {
        let task = task.clone();
        tokio::task::spawn_blocking(move || sandboxes.read(&task, query.file, query.offset, query.length)).await
    };
    match read {
        Ok(Ok(chunk)) => Json(chunk).into_response(),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            let file = query.file.file_name();
            refusal(StatusCode::NOT_FOUND, &format!("task {task} has no {file} on this agent, or not any more"))
        }
        Ok(Err(error)) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot read: {error}")),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "message": message }))).into_response()
}
