//! The agents' side: a stream of what is wanted, and reports of what is.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use protocol::agent::{Acknowledgement, AgentEvent, StatusReport, Subscribe};

use super::Operator;
use crate::Error;

pub(super) const NDJSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/x-ndjson")];

pub(super) async fn subscribe(
    State(operator): State<Operator>,
    subscribe: Result<Json<Subscribe>, JsonRejection>,
) -> Result<Response, Error> {
    let Json(subscribe) = subscribe?;
    let events = operator.handle.subscribe_agent(subscribe).await?;
    let lines = stream::unfold(events, |mut events| async { Some((line(&events.recv().await?), events)) });
    let lines = lines.take_until(operator.stopping.cancelled_owned());
    Ok((NDJSON, Body::from_stream(lines)).into_response())
}

fn line(event: &AgentEvent) -> Result<Bytes, Infallible> {
    let mut line = serde_json::to_vec(event).expect("an agent event is plain data with text for keys");
    line.push(b'\n');
    Ok(line.into())
}

pub(super) async fn report(
    State(operator): State<Operator>,
    report: Result<Json<StatusReport>, JsonRejection>,
) -> Result<Json<Acknowledgement>, Error> {
    let Json(report) = report?;
    Ok(Json(operator.handle.report(report).await?))
}
