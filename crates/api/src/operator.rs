//! The operator API: the agents' streams, questions about the cluster, the log as a stream, metrics and health.
//!
//! It changes nothing in the cluster but who leads and what decides where tasks go; apps are changed through Marathon's routes, which are merged into the
//! same port, and frameworks call Mesos' there. It must not know how a question is shown to people.

mod agents;
mod events;
mod explain;
mod files;
mod leader;
mod look;
mod placement;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post, put};
use master::Handle;
use model::LeaderAddresses;
use protocol::agent::{STATUS_PATH as AGENT_STATUS_PATH, SUBSCRIBE_PATH};
use protocol::explain::{EXPLANATION, WHY_NOT_PATH};
use protocol::operator::{
    AGENTS_PATH, APPS_PATH, EVENTS_PATH, HAND_OVER_PATH, HEALTH_PATH, LEADER_PATH, METRICS_PATH, MODULES_PATH,
    POLICIES_PATH, PROFILES_PATH, SHADOW_PATH, STATUS_PATH, TASKS_PATH, USE_PROFILE_PATH,
};
use tokio_util::sync::CancellationToken;

pub use files::AgentFiles;

/// A report holds many updates, each with an engine's message.
const BODY_LIMIT_BYTES: usize = 16 << 20;
/// More than a module may have, so that most that are too large are refused with the reason.
const MODULE_BODY_LIMIT_BYTES: usize = 1 << 20;

/// Renders what this process has measured, in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the operator API works with.
#[derive(Clone)]
pub struct Operator {
    pub handle: Handle,
    /// Where this master answers.
    pub addresses: Option<LeaderAddresses>,
    pub metrics: RenderMetrics,
    pub files: AgentFiles,
    /// Ends the streams, which would go on for ever, when the process is to end.
    pub stopping: CancellationToken,
}

/// What is answered out of the log, and can be asked about the past too.
pub(crate) fn questions() -> Router<Operator> {
    Router::new()
        .route(STATUS_PATH, get(look::status))
        .route(AGENTS_PATH, get(look::agents))
        .route(APPS_PATH, get(look::apps))
        .route(TASKS_PATH, get(look::tasks))
        .route(&format!("{TASKS_PATH}/{{task}}"), get(look::task))
        .route(&format!("{TASKS_PATH}/{{task}}/{EXPLANATION}"), get(explain::task))
        .route(WHY_NOT_PATH, get(explain::why_not))
        .route(EVENTS_PATH, get(events::records))
        .route(LEADER_PATH, get(leader::show))
        .route(POLICIES_PATH, get(placement::list))
        .route(SHADOW_PATH, get(placement::shadow))
}

/// Every route, without authentication.
pub fn router(operator: Operator) -> Router {
    let mesos = crate::mesos::router(operator.handle.clone(), operator.stopping.clone());
    let modules = put(placement::add_module).layer(DefaultBodyLimit::max(MODULE_BODY_LIMIT_BYTES));
    let modules = modules.delete(placement::remove_module);
    questions()
        .route(SUBSCRIBE_PATH, post(agents::subscribe))
        .route(AGENT_STATUS_PATH, post(agents::report))
        .route(&format!("{TASKS_PATH}/{{task}}/files/{{file}}"), get(files::read))
        .route(HAND_OVER_PATH, post(leader::hand_over))
        .route(USE_PROFILE_PATH, post(placement::choose))
        .route(PROFILES_PATH, post(placement::define))
        .route(&format!("{PROFILES_PATH}/{{name}}"), delete(placement::remove))
        .route(SHADOW_PATH, put(placement::choose_shadow))
        .route(&format!("{MODULES_PATH}/{{name}}"), modules)
        .route(METRICS_PATH, get(look::metrics))
        .route(HEALTH_PATH, get(look::health))
        .with_state(operator)
        .merge(mesos)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
}
