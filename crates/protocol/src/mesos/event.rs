//! What frameworks are told.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{AgentId, AttributeValue, Attributes, OfferId, Resources, StatusReason, TaskStatus, Timestamp, UpdateUuid};
use serde::Serialize;

use super::resources::{Role, WireList};
use super::{HEARTBEAT_INTERVAL_S, Id};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Subscribed(MasterInfo),
    Offers(Vec<Offer>),
    Rescind(OfferId),
    Update(Update),
    /// An agent is gone, with all that ran there.
    Failure(AgentId),
    /// The last one: the framework must not go on with this subscription.
    Error(String),
    Heartbeat,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterInfo {
    pub id: String,
    pub hostname: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub id: OfferId,
    pub agent: AgentId,
    pub hostname: String,
    /// `host:port`, where the agent answers.
    pub address: String,
    pub attributes: Attributes,
    pub resources: Resources,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The framework's own id.
    pub task: Arc<str>,
    pub agent: Option<AgentId>,
    pub status: TaskStatus,
    pub at: Timestamp,
    /// To be acknowledged with; without it there is nothing to acknowledge.
    pub uuid: Option<UpdateUuid>,
    /// It only repeats what is known, or says that nothing is.
    pub is_reconciliation: bool,
}

/// Writes the events of one subscription.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub framework: String,
    pub role: String,
}

#[derive(Serialize)]
struct WireEvent<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribed: Option<WireSubscribed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offers: Option<WireOffers<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rescind: Option<WireRescind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<WireUpdate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<WireFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WireError<'a>>,
}

#[derive(Serialize)]
struct WireSubscribed<'a> {
    framework_id: Id<&'a str>,
    heartbeat_interval_seconds: f64,
    master_info: WireMaster<'a>,
}

#[derive(Serialize)]
struct WireMaster<'a> {
    id: &'a str,
    ip: u32,
    port: u16,
    hostname: &'a str,
    address: WireAddress<'a>,
    version: &'static str,
}

#[derive(Serialize)]
struct WireAddress<'a> {
    hostname: &'a str,
    port: u16,
}

#[derive(Serialize)]
struct WireOffers<'a> {
    offers: Vec<WireOffer<'a>>,
}

#[derive(Serialize)]
struct WireOffer<'a> {
    id: Id<String>,
    framework_id: Id<&'a str>,
    agent_id: Id<String>,
    hostname: &'a str,
    url: WireUrl<'a>,
    allocation_info: Role<'a>,
    resources: WireList<'a>,
    attributes: Vec<WireAttribute<'a>>,
    executor_ids: [(); 0],
}

#[derive(Serialize)]
struct WireUrl<'a> {
    scheme: &'static str,
    address: WireAddress<'a>,
    path: &'static str,
}

#[derive(Serialize)]
struct WireAttribute<'a> {
    name: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scalar: Option<Id<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Id<&'a str>>,
}

#[derive(Serialize)]
struct WireRescind {
    offer_id: Id<String>,
}

#[derive(Serialize)]
struct WireUpdate<'a> {
    status: WireStatus<'a>,
}

#[derive(Serialize)]
struct WireStatus<'a> {
    task_id: Id<&'a str>,
    state: &'static str,
    source: &'static str,
    timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<Id<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
}

#[derive(Serialize)]
struct WireFailure {
    agent_id: Id<String>,
}

#[derive(Serialize)]
struct WireError<'a> {
    message: &'a str,
}

impl Encoder {
    /// One message, without its length.
    #[must_use]
    pub fn json(&self, event: &Event) -> Vec<u8> {
        let mut wire = WireEvent::of_type("HEARTBEAT");
        match event {
            Event::Heartbeat => {}
            Event::Subscribed(master) => {
                wire = WireEvent::of_type("SUBSCRIBED");
                wire.subscribed = Some(self.subscribed(master));
            }
            Event::Offers(offers) => {
                wire = WireEvent::of_type("OFFERS");
                wire.offers = Some(WireOffers { offers: offers.iter().map(|offer| self.offer(offer)).collect() });
            }
            Event::Rescind(offer) => {
                wire = WireEvent::of_type("RESCIND");
                wire.rescind = Some(WireRescind { offer_id: Id { value: offer.to_string() } });
            }
            Event::Update(update) => {
                wire = WireEvent::of_type("UPDATE");
                wire.update = Some(WireUpdate { status: status(update) });
            }
            Event::Failure(agent) => {
                wire = WireEvent::of_type("FAILURE");
                wire.failure = Some(WireFailure { agent_id: Id { value: agent.to_string() } });
            }
            Event::Error(message) => {
                wire = WireEvent::of_type("ERROR");
                wire.error = Some(WireError { message });
            }
        }
        serde_json::to_vec(&wire).expect("an event is plain data with text for keys")
    }

    fn subscribed<'a>(&'a self, master: &'a MasterInfo) -> WireSubscribed<'a> {
        let MasterInfo { id, hostname, port } = master;
        WireSubscribed {
            framework_id: Id { value: &self.framework },
            heartbeat_interval_seconds: HEARTBEAT_INTERVAL_S as f64,
            master_info: WireMaster {
                id,
                ip: 0,
                port: *port,
                hostname,
                address: WireAddress { hostname, port: *port },
                version: env!("CARGO_PKG_VERSION"),
            },
        }
    }

    fn offer<'a>(&'a self, offer: &'a Offer) -> WireOffer<'a> {
        let (host, port) = offer.address.rsplit_once(':').unwrap_or((&offer.address, ""));
        WireOffer {
            id: Id { value: offer.id.to_string() },
            framework_id: Id { value: &self.framework },
            agent_id: Id { value: offer.agent.to_string() },
            hostname: &offer.hostname,
            url: WireUrl {
                scheme: "http",
                address: WireAddress { hostname: host, port: port.parse().unwrap_or_default() },
                path: "/slave(1)",
            },
            allocation_info: Role { role: &self.role },
            resources: WireList { resources: &offer.resources, role: &self.role },
            attributes: offer.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            executor_ids: [],
        }
    }
}

impl WireEvent<'_> {
    const fn of_type(r#type: &'static str) -> Self {
        Self { r#type, subscribed: None, offers: None, rescind: None, update: None, failure: None, error: None }
    }
}

fn attribute<'a>(name: &'a str, value: &'a AttributeValue) -> WireAttribute<'a> {
    match value {
        AttributeValue::Scalar(scalar) => {
            WireAttribute { name, r#type: "SCALAR", scalar: Some(Id { value: scalar.as_f64() }), text: None }
        }
        AttributeValue::Text(text) => {
            WireAttribute { name, r#type: "TEXT", scalar: None, text: Some(Id { value: text }) }
        }
    }
}

fn status(update: &Update) -> WireStatus<'_> {
    let TaskStatus { state, reason, message, exit } = &update.status;
    let said = match (message, exit) {
        (Some(message), Some(exit)) => Some(format!("{message} ({exit})")),
        (Some(message), None) => Some(message.clone()),
        (None, exit) => exit.map(|exit| exit.to_string()),
    };
    let by_master = update.is_reconciliation || reason.is_some_and(is_masters);
    WireStatus {
        task_id: Id { value: &update.task },
        state: state.name(),
        source: if by_master { "SOURCE_MASTER" } else { "SOURCE_EXECUTOR" },
        timestamp: update.at.0 as f64 / 1000.0,
        message: said,
        reason: if update.is_reconciliation { Some("REASON_RECONCILIATION") } else { reason.and_then(reason_name) },
        agent_id: update.agent.map(|agent| Id { value: agent.to_string() }),
        uuid: update.uuid.map(|uuid| STANDARD.encode(uuid.0)),
    }
}

const fn is_masters(reason: StatusReason) -> bool {
    matches!(reason, StatusReason::AgentRemoved | StatusReason::InvalidOffers | StatusReason::InvalidTask)
}

/// Mesos' name, where it has one.
const fn reason_name(reason: StatusReason) -> Option<&'static str> {
    Some(match reason {
        StatusReason::CommandFailed => "REASON_COMMAND_EXECUTOR_FAILED",
        StatusReason::LaunchFailed | StatusReason::ImagePullFailed => "REASON_CONTAINER_LAUNCH_FAILED",
        StatusReason::OutOfMemory => "REASON_CONTAINER_LIMITATION_MEMORY",
        StatusReason::KillRequested => return None,
        StatusReason::AgentStopped | StatusReason::EndedUnobserved => "REASON_EXECUTOR_TERMINATED",
        StatusReason::AgentRemoved => "REASON_AGENT_REMOVED",
        StatusReason::InvalidOffers => "REASON_INVALID_OFFERS",
        StatusReason::InvalidTask => "REASON_TASK_INVALID",
    })
}
