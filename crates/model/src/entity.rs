//! What the cluster knows of each agent, app, task and offer.
//!
//! These are the rows of the state's tables and, told one by one as [`crate::Event::Restored`], the rows of a
//! baseline: the events that rebuild the state without its history.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentDescription, AgentId, AppId, AppSpec, AppVersion, ClusterId, Counts, Deployment, DisconnectReason,
    Explanation, Framework, FrameworkId, KillReason, LeaderAddresses, Module, OfferFilter, OfferId, OfferOutcome,
    PendingUpdate, Profile, ProfileChoices, Resources, TaskId, TaskState, TaskStatus, Timestamp, Waiting, Workload,
};

/// One row of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    Header(Header),
    Agent(Agent),
    App(App),
    Definition(Arc<AppSpec>, AppVersion),
    Task(Task),
    Offer(Offer),
    Deployment(Deployment),
    Framework(Framework),
    Filter(OfferFilter),
    Profile(Arc<Profile>),
    Module(Arc<Module>),
}

/// What there is only one of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    pub cluster: Option<ClusterId>,
    pub leader: String,
    #[serde(default)]
    pub leader_addresses: Option<LeaderAddresses>,
    /// When the present leadership began.
    #[serde(default)]
    pub led_since: Timestamp,
    /// Which version of the fold makes the hashes that the present leader records.
    #[serde(default)]
    pub state_version: u32,
    pub placement_policy: String,
    pub next_agent: AgentId,
    pub next_offer: OfferId,
    /// Of the frameworks outside; 0 until there is one.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub next_framework: FrameworkId,
    /// How long frameworks may keep offers; None until a master has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_timeout_ms: Option<u64>,
    pub totals: Totals,
    /// Who is decided for by another profile than `placement_policy`.
    #[serde(default, skip_serializing_if = "ProfileChoices::is_empty")]
    pub profiles: ProfileChoices,
    /// Counted while masters lead whose fold counts them; None before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Box<Counts>>,
}

fn is_none_yet(next: &FrameworkId) -> bool {
    *next == FrameworkId::default()
}

/// Counts over the whole life of the cluster, for metrics: a replay rebuilds them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    pub events: u64,
    pub offers_made: u64,
    pub offers_closed: BTreeMap<OfferOutcome, u64>,
    pub tasks_launched: u64,
    pub tasks_ended: BTreeMap<TaskState, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    pub id: AgentId,
    pub description: AgentDescription,
    pub registered_at: Timestamp,
    pub connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    Connected,
    Disconnected { since: Timestamp, reason: DisconnectReason },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct App {
    pub spec: Arc<AppSpec>,
    pub version: AppVersion,
    /// Tasks of this version or a later one need not be replaced.
    pub config_version: AppVersion,
    pub last_scaled_at: Timestamp,
    pub delay: Option<LaunchDelay>,
    pub waiting: Option<Waiting>,
    pub last_failure: Option<TaskFailure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LaunchDelay {
    pub delay_ms: u64,
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskFailure {
    pub task: TaskId,
    pub agent: AgentId,
    pub hostname: String,
    pub version: AppVersion,
    pub at: Timestamp,
    pub status: TaskStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    pub id: TaskId,
    pub framework: FrameworkId,
    pub offer: OfferId,
    pub agent: AgentId,
    pub hostname: String,
    pub workload: Workload,
    pub resources: Resources,
    pub host_ports: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    pub launched_at: Timestamp,
    pub running_since: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub kill: Option<KillRequest>,
    pub status: TaskStatus,
    pub status_at: Timestamp,
    /// What its framework did not acknowledge yet, the oldest first. Always empty for tasks of apps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unacknowledged: Vec<PendingUpdate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KillRequest {
    pub reason: KillReason,
    pub at: Timestamp,
}

/// An offer that is neither accepted nor declined nor withdrawn yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    pub id: OfferId,
    pub framework: FrameworkId,
    pub agent: AgentId,
    pub resources: Resources,
    pub made_at: Timestamp,
}

impl Agent {
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.connection, Connection::Connected)
    }
}

impl Task {
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !self.status.state.is_terminal()
    }

    #[must_use]
    pub const fn app(&self) -> Option<&AppId> {
        self.workload.app()
    }

    #[must_use]
    pub const fn version(&self) -> Option<AppVersion> {
        self.workload.version()
    }

    /// Whether it runs this version of its app or a later one.
    #[must_use]
    pub fn is_since(&self, version: AppVersion) -> bool {
        self.version().is_some_and(|own| own >= version)
    }
}
