//! What a command's record says to the one who submitted it.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use master::Committed;
use model::{App, Deployment, Event, TaskId};
use protocol::marathon::{ChangeAnswer, write_timestamp};
use serde::Serialize;
use state::State;

const DEPLOYMENT_ID: HeaderName = HeaderName::from_static("marathon-deployment-id");

pub(super) fn deployment(committed: &Committed) -> Option<&Deployment> {
    events(committed).find_map(|event| match event {
        Event::DeploymentStarted { deployment } => Some(deployment),
        _ => None,
    })
}

/// The app that a command made or changed, as it was then: service ports are filled in, no task is there.
pub(super) fn changed_app(committed: &Committed) -> Option<App> {
    let at = committed.record.as_ref()?.cause.at;
    events(committed).find_map(|event| match event {
        Event::AppChanged { app, version, config_version } => Some(App {
            spec: app.clone(),
            version: *version,
            config_version: *config_version,
            last_scaled_at: at,
            delay: None,
            waiting: None,
            last_failure: None,
        }),
        _ => None,
    })
}

/// The tasks that a command asked to end.
pub(super) fn killed(committed: &Committed) -> Vec<TaskId> {
    let killed = events(committed).filter_map(|event| match event {
        Event::TaskKillRequested { task, .. } => Some(task.clone()),
        _ => None,
    });
    killed.collect()
}

fn events(committed: &Committed) -> impl Iterator<Item = &Event> {
    committed.record.iter().flat_map(|record| &record.events)
}

/// `{version, deploymentId}`, and the header that goes with it. A command with nothing to do made no deployment; its
/// answer names the last version there is.
pub(super) fn answer(status: StatusCode, committed: &Committed, state: &State) -> Response {
    match deployment(committed) {
        Some(deployment) => {
            let body =
                ChangeAnswer { version: write_timestamp(deployment.version), deployment_id: deployment.id.to_string() };
            with_deployment((status, Json(body)).into_response(), deployment)
        }
        None => {
            let body = ChangeAnswer { version: write_timestamp(state.at), deployment_id: String::new() };
            (status, Json(body)).into_response()
        }
    }
}

pub(super) fn with_deployment(mut response: Response, deployment: &Deployment) -> Response {
    if let Ok(value) = HeaderValue::from_str(deployment.id.as_str()) {
        response.headers_mut().insert(DEPLOYMENT_ID, value);
    }
    response
}

/// JSON of something that has a place under one name: `{"apps": […]}`.
pub(super) fn named<T: Serialize>(name: &'static str, value: &T) -> Response {
    Json(BTreeMap::from([(name, value)])).into_response()
}
