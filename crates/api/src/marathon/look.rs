//! What is only looked at: deployments, what waits, and what this server is.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::header;
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use protocol::marathon::{DeploymentAnswer, QueueItem};
use serde_json::json;

use super::call::Call;
use super::{changes, views};

/// Clients decide by this what they may ask for: it is the version of the API, not of the software.
const API_VERSION: &str = "1.10.0";
const SOFTWARE: &str = concat!("bayplan ", env!("CARGO_PKG_VERSION"));
/// Out of which the scheduler chooses service ports.
const SERVICE_PORTS: (u16, u16) = (10_000, 20_000);

pub(super) fn info(call: &Call) -> Response {
    let leader = call.master().health().leader;
    let port = call.head.header(header::HOST).and_then(|host| host.parse::<Authority>().ok()?.port_u16());
    let framework = call.state().header.cluster.as_ref().map(ToString::to_string);
    let info = json!({
        "name": "bayplan",
        "version": API_VERSION,
        "buildref": SOFTWARE,
        "elected": true,
        "leader": leader,
        "frameworkId": framework,
        "http_config": { "http_port": port.unwrap_or(8080), "https_port": null, "assets_path": null },
        "marathon_config": {
            "framework_name": "bayplan",
            "ha": false,
            "local_port_min": SERVICE_PORTS.0,
            "local_port_max": SERVICE_PORTS.1,
        },
        "zookeeper_config": {},
    });
    Json(info).into_response()
}

pub(super) fn deployments(call: &Call) -> Response {
    let list: Vec<DeploymentAnswer> = call.state().deployments.values().map(views::deployment).collect();
    Json(list).into_response()
}

pub(super) fn queue(call: &Call) -> Response {
    let list: Vec<QueueItem> = {
        let state = call.state();
        let now = now();
        state.apps.values().filter_map(|app| views::queue_item(&state, app, now)).collect()
    };
    changes::named("queue", &list)
}

/// For the time that is left of a delay only.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
