//! Mesos' scheduler API: frameworks subscribe, and call on other connections. Who leads is looked at before, in `forward`.
//!
//! The order of the checks is Mesos' own, because clients tell by the code what to do next.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use master::{CallRefused, FrameworkStream, Handle, SubmitError};
use model::Principal;
use protocol::mesos::{CallKind, Encoder, Event, SCHEDULER_PATH, STREAM_ID_HEADER, VERSION_PATH, frame, parse_call};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::auth::principal_of;

/// Of the API: clients choose by it how they call.
const API_VERSION: &str = "1.11.0";
const JSON: &str = "application/json";
const STREAM_ID: HeaderName = HeaderName::from_static(STREAM_ID_HEADER);

#[derive(Clone)]
struct Mesos {
    handle: Handle,
    stopping: CancellationToken,
}

/// Mesos' routes, without authentication. `stopping` ends the subscriptions.
pub(crate) fn router(handle: Handle, stopping: CancellationToken) -> Router {
    Router::new()
        .route(SCHEDULER_PATH, post(call))
        .route(VERSION_PATH, get(version))
        .with_state(Mesos { handle, stopping })
}

async fn version() -> Response {
    axum::Json(json!({"version": API_VERSION, "bayplan_version": env!("CARGO_PKG_VERSION")})).into_response()
}

async fn call(
    State(mesos): State<Mesos>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| Refusal::Api(rejection.into()))?;
    let media_type =
        header(&headers, &CONTENT_TYPE).ok_or_else(|| Refusal::bad("the header Content-Type is missing"))?;
    if bare(media_type) != JSON {
        let message = format!("Content-Type {media_type} is not read here: send {JSON}");
        return Err(Refusal::Plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let call = parse_call(&body).map_err(|error| Refusal::bad(error.to_string()))?;
    if let Some(accepted) = header(&headers, &ACCEPT).filter(|accepted| !accepts_json(accepted)) {
        let message = format!("Accept {accepted} cannot be served: accept {JSON}");
        return Err(Refusal::Plain(StatusCode::NOT_ACCEPTABLE, message));
    }
    let stream_id = header(&headers, &STREAM_ID);
    let principal = principal_of(&extensions);
    if let CallKind::Subscribe(subscription) = call.kind {
        if stream_id.is_some() {
            return Err(Refusal::bad("a subscription carries no header Mesos-Stream-Id: it is given one"));
        }
        let principal = named(&principal, &subscription.info.name);
        let subscribed = mesos.handle.subscribe_framework(principal, subscription).await?;
        return Ok(stream_of(subscribed, mesos.stopping));
    }
    let framework = mesos.handle.calling_framework(call.framework.as_deref(), stream_id)?;
    if let CallKind::NotBuilt(name) = call.kind {
        return Err(Refusal::Plain(StatusCode::NOT_IMPLEMENTED, format!("{name} is not built")));
    }
    mesos.handle.call_of_framework(named(&principal, &framework.to_string()), framework, call.kind).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The log says which framework it was, and where it called from.
fn named(principal: &Principal, framework: &str) -> Principal {
    Principal::new(format!("framework:{framework} {principal}"))
}

fn stream_of(subscribed: FrameworkStream, stopping: CancellationToken) -> Response {
    let FrameworkStream { stream_id, encoder, events } = subscribed;
    let lots = stream::unfold((events, encoder), |(mut events, encoder)| async {
        let lot = events.recv().await?;
        Some((Ok::<_, Infallible>(framed(&encoder, &lot)), (events, encoder)))
    });
    let body = Body::from_stream(lots.take_until(stopping.cancelled_owned()));
    let mut response = ([(CONTENT_TYPE, JSON)], body).into_response();
    if let Some(stream_id) = stream_id.and_then(|id| id.parse().ok()) {
        response.headers_mut().insert(STREAM_ID, stream_id);
    }
    response
}

fn framed(encoder: &Encoder, lot: &[Event]) -> Bytes {
    let mut bytes = Vec::new();
    lot.iter().for_each(|event| bytes.extend_from_slice(&frame(&encoder.json(event))));
    bytes.into()
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Without its parameters.
fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

fn accepts_json(accepted: &str) -> bool {
    accepted.split(',').map(bare).any(|media_type| matches!(media_type, JSON | "application/*" | "*/*" | "*"))
}

/// Mesos says in plain words why it refuses.
enum Refusal {
    Plain(StatusCode, String),
    Api(Error),
}

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self::Plain(StatusCode::BAD_REQUEST, message.into())
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        Self::Api(error.into())
    }
}

impl From<CallRefused> for Refusal {
    fn from(refused: CallRefused) -> Self {
        let status = match refused {
            CallRefused::NotSubscribed(_) => StatusCode::FORBIDDEN,
            CallRefused::NoFramework
            | CallRefused::UnknownFramework(_)
            | CallRefused::NoStreamId
            | CallRefused::OtherStreamId => StatusCode::BAD_REQUEST,
        };
        Self::Plain(status, refused.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Plain(status, message) => (status, message + "\n").into_response(),
            Self::Api(error) => error.into_response(),
        }
    }
}
