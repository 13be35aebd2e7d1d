//! What frameworks ask for.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{LaunchRequest, OfferId, UpdateReceipt, UpdateUuid};
use serde::Deserialize;

use super::Id;
use super::framework::{Subscription, WireSubscribe, milliseconds};
use super::task::WireTask;

/// Calls of Mesos that are not built.
const NOT_BUILT: [&str; 8] = [
    "ACCEPT_INVERSE_OFFERS",
    "DECLINE_INVERSE_OFFERS",
    "SHUTDOWN",
    "ACKNOWLEDGE_OPERATION_STATUS",
    "RECONCILE_OPERATIONS",
    "MESSAGE",
    "REQUEST",
    "UPDATE_FRAMEWORK",
];

/// For how long what is left of an offer is refused, unless the framework says.
const DEFAULT_REFUSE_S: f64 = 5.0;

/// A call, and which framework makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub framework: Option<String>,
    pub kind: CallKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CallKind {
    Subscribe(Subscription),
    Teardown,
    Accept(Accept),
    Decline {
        offers: Vec<OfferId>,
        refuse_ms: u64,
    },
    Revive,
    Suppress,
    Kill {
        task: Arc<str>,
    },
    Acknowledge(UpdateReceipt),
    /// Without tasks, all of them are meant.
    Reconcile(Vec<ReconciledTask>),
    /// Mesos has it, and it is not built.
    NotBuilt(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Accept {
    pub offers: Vec<OfferId>,
    pub launches: Vec<LaunchRequest>,
    pub refuse_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconciledTask {
    pub task: Arc<str>,
    pub agent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("the body is not JSON of a call: {0}")]
    Json(String),
    #[error("{0}")]
    Invalid(String),
}

#[derive(Deserialize)]
struct WireCall {
    r#type: String,
    framework_id: Option<Id>,
    subscribe: Option<WireSubscribe>,
    accept: Option<WireAccept>,
    decline: Option<WireDecline>,
    kill: Option<WireKill>,
    acknowledge: Option<WireAcknowledge>,
    reconcile: Option<WireReconcile>,
}

#[derive(Deserialize)]
struct WireFilters {
    refuse_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct WireAccept {
    #[serde(default)]
    offer_ids: Vec<Id>,
    #[serde(default)]
    operations: Vec<WireOperation>,
    filters: Option<WireFilters>,
}

#[derive(Deserialize)]
struct WireOperation {
    r#type: String,
    launch: Option<WireLaunch>,
}

#[derive(Deserialize)]
struct WireLaunch {
    #[serde(default)]
    task_infos: Vec<WireTask>,
}

#[derive(Deserialize)]
struct WireDecline {
    #[serde(default)]
    offer_ids: Vec<Id>,
    filters: Option<WireFilters>,
}

#[derive(Deserialize)]
struct WireKill {
    task_id: Id<Arc<str>>,
}

#[derive(Deserialize)]
struct WireAcknowledge {
    task_id: Id<Arc<str>>,
    uuid: String,
}

#[derive(Deserialize)]
struct WireReconcile {
    #[serde(default)]
    tasks: Vec<WireReconciled>,
}

#[derive(Deserialize)]
struct WireReconciled {
    task_id: Id<Arc<str>>,
    agent_id: Option<Id>,
}

/// Reads the body of a call.
pub fn parse_call(body: &[u8]) -> Result<Call, CallError> {
    // Serde would take an array for the fields in turn.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(CallError::Json("a call is an object".to_owned()));
    }
    let wire: WireCall = serde_json::from_slice(body).map_err(|error| CallError::Json(error.to_string()))?;
    let framework = wire.framework_id.map(|id| id.value).filter(|id| !id.is_empty());
    let kind = wire.r#type;
    let missing = |field: &str| CallError::Invalid(format!("a call of type {kind} needs the field {field}"));
    let call = match kind.as_str() {
        "SUBSCRIBE" => {
            let subscribe = wire.subscribe.ok_or_else(|| missing("subscribe"))?;
            CallKind::Subscribe(subscribe.subscription(framework.as_deref()).map_err(CallError::Invalid)?)
        }
        "TEARDOWN" => CallKind::Teardown,
        "ACCEPT" => accept(wire.accept.ok_or_else(|| missing("accept"))?)?,
        "DECLINE" => {
            let decline = wire.decline.ok_or_else(|| missing("decline"))?;
            CallKind::Decline { offers: offers(&decline.offer_ids), refuse_ms: refuse_ms(decline.filters) }
        }
        "REVIVE" => CallKind::Revive,
        "SUPPRESS" => CallKind::Suppress,
        "KILL" => CallKind::Kill { task: wire.kill.ok_or_else(|| missing("kill"))?.task_id.value },
        "ACKNOWLEDGE" => {
            let acknowledge = wire.acknowledge.ok_or_else(|| missing("acknowledge"))?;
            let update = read_uuid(&acknowledge.uuid)?;
            CallKind::Acknowledge(UpdateReceipt { task: acknowledge.task_id.value, update })
        }
        "RECONCILE" => {
            let tasks = wire.reconcile.map(|reconcile| reconcile.tasks).unwrap_or_default();
            let read = |task: WireReconciled| ReconciledTask {
                task: task.task_id.value,
                agent: task.agent_id.map(|agent| agent.value),
            };
            CallKind::Reconcile(tasks.into_iter().map(read).collect())
        }
        _ if NOT_BUILT.contains(&kind.as_str()) => CallKind::NotBuilt(kind),
        _ => return Err(CallError::Invalid(format!("type: no scheduler has a call of type {kind:?}"))),
    };
    Ok(Call { framework, kind: call })
}

fn accept(accept: WireAccept) -> Result<CallKind, CallError> {
    let mut launches = Vec::new();
    for operation in accept.operations {
        if operation.r#type != "LAUNCH" {
            return Ok(CallKind::NotBuilt(format!("ACCEPT with the operation {}", operation.r#type)));
        }
        let missing = || CallError::Invalid("an operation of type LAUNCH needs the field launch".to_owned());
        let tasks = operation.launch.ok_or_else(missing)?.task_infos;
        launches.extend(tasks.into_iter().map(WireTask::request));
    }
    let (offers, refuse_ms) = (offers(&accept.offer_ids), refuse_ms(accept.filters));
    Ok(CallKind::Accept(Accept { offers, launches, refuse_ms }))
}

/// Offers that were never made cannot be open: they become one that is not.
fn offers(ids: &[Id]) -> Vec<OfferId> {
    ids.iter().map(|id| id.value.parse().unwrap_or(OfferId(u64::MAX))).collect()
}

fn refuse_ms(filters: Option<WireFilters>) -> u64 {
    let asked = filters.and_then(|filters| filters.refuse_seconds).unwrap_or(DEFAULT_REFUSE_S);
    milliseconds(asked).or_else(|| milliseconds(DEFAULT_REFUSE_S)).unwrap_or_default()
}

fn read_uuid(text: &str) -> Result<UpdateUuid, CallError> {
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    let invalid = || CallError::Invalid(format!("acknowledge.uuid must be 16 bytes in base64, not '{text}'"));
    bytes.map(UpdateUuid).ok_or_else(invalid)
}
