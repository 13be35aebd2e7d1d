//! What is only looked at: deployments, what waits, and what this server is.

use axum::Json;
use axum::http::header;
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};
use master::Role;
use protocol::marathon::{DeploymentAnswer, QueueItem};
use serde_json::json;

use super::call::Call;
use super::{changes, views};
use crate::Error;

/// Clients decide by this what they may ask for: it is the version of the API, not of the software.
const API_VERSION: &str = "1.10.0";
const SOFTWARE: &str = concat!("bayplan ", env!("CARGO_PKG_VERSION"));
/// Out of which the scheduler chooses service ports.
const SERVICE_PORTS: (u16, u16) = (10_000, 20_000);

pub(super) fn info(call: &Call) -> Response {
    let leader = leader_address(call);
    let port = call.head.header(header::HOST).and_then(|host| host.parse::<Authority>().ok()?.port_u16());
    let framework = call.state().header.cluster.as_ref().map(ToString::to_string);
    let info = json!({
        "name": "bayplan",
        "version": API_VERSION,
        "buildref": SOFTWARE,
        "elected": call.master().role() == Role::Leading,
        "leader": leader,
        "frameworkId": framework,
        "http_config": { "http_port": port.unwrap_or(8080), "https_port": null, "assets_path": null },
        "marathon_config": {
            "framework_name": "bayplan",
            "ha": !call.master().peers().is_empty(),
            "local_port_min": SERVICE_PORTS.0,
            "local_port_max": SERVICE_PORTS.1,
        },
        "zookeeper_config": {},
    });
    Json(info).into_response()
}

/// Where the leader answers Marathon's API, or its name where it can only be reached from its own machine.
fn leader_address(call: &Call) -> Option<String> {
    let health = call.master().health();
    if health.role == (Role::Following { leader: None }) {
        return None;
    }
    let addresses = call.state().header.leader_addresses.clone();
    Some(addresses.map_or(health.leader, |addresses| addresses.marathon))
}

pub(super) fn leader(call: &Call) -> Result<Response, Error> {
    let leader = leader_address(call).ok_or_else(|| Error::NotFound("There is no leader".to_owned()))?;
    Ok(Json(json!({ "leader": leader })).into_response())
}

/// The leader lets another master lead.
pub(super) async fn abdicate(call: &Call) -> Result<Response, Error> {
    call.master().hand_over(None).await?;
    Ok(Json(json!({ "message": "Leadership abdicated" })).into_response())
}

pub(super) fn deployments(call: &Call) -> Response {
    let list: Vec<DeploymentAnswer> = call.state().deployments.values().map(views::deployment).collect();
    Json(list).into_response()
}

pub(super) fn queue(call: &Call) -> Response {
    let list: Vec<QueueItem> = {
        let state = call.state();
        let now = call.master().now();
        state.apps.values().filter_map(|app| views::queue_item(&state, app, now)).collect()
    };
    changes::named("queue", &list)
}
