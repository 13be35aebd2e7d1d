//! The operator API: what the command line, dashboards and scripts ask of a master, on port 5050.
//!
//! Apps are changed through Marathon's routes, which the same port answers; these types are what is asked here
//! only. Resources are decimals as in an app's definition (`0.5` cpus), whereas the records of [`EVENTS_PATH`] are
//! the log's own and count in thousandths. Times are milliseconds since the Unix epoch.

mod placement;

use std::collections::BTreeMap;

use model::{
    AgentId, AppId, AppVersion, ClusterId, Connection, DeploymentId, Epoch, Explanation, FrameworkId, KillRequest,
    LeaderAddresses, OfferId, Resources, Seq, TaskFailure, TaskId, TaskState, TaskStatus, Timestamp, Waiting,
};
use serde::{Deserialize, Serialize};

pub use placement::{
    Changed, DifferenceView, ModuleView, PackingView, PolicyList, PolicyView, ShadowReportView, ShadowView, UseProfile,
    UseShadow,
};

/// Answered without a token, for load balancers: 200 while commands can be written, else 503 with the reason.
pub const HEALTH_PATH: &str = "/health";
/// In Prometheus' text format.
pub const METRICS_PATH: &str = "/metrics";
pub const STATUS_PATH: &str = "/api/v1/status";
pub const AGENTS_PATH: &str = "/api/v1/agents";
/// `?id=/shop/cart` for one only.
pub const APPS_PATH: &str = "/api/v1/apps";
/// `?app=/shop/cart` for those of one app, `?ended=true` for those that ended too. Below it, `/{task}` is one task and
/// `/{task}/files/stdout` or `/stderr` a part of its output, read on its agent ([`crate::agent::READ_FILE_PATH`]).
pub const TASKS_PATH: &str = "/api/v1/tasks";
/// `?from=N&follow=true`: records as lines of JSON, see [`EventsEnd`]. An empty line now and then keeps a silent
/// connection open.
pub const EVENTS_PATH: &str = "/api/v1/events";
/// Answered with a [`LeaderView`].
pub const LEADER_PATH: &str = "/api/v1/leader";
/// Takes a [`HandOver`], and answers a [`HandedOver`] when the other one leads.
pub const HAND_OVER_PATH: &str = "/api/v1/leader/hand-over";
/// Answered with a [`PolicyList`]: what there is to choose from, and what was chosen.
pub const POLICIES_PATH: &str = "/api/v1/placement/policies";
/// Takes a [`UseProfile`].
pub const USE_PROFILE_PATH: &str = "/api/v1/placement/use";
/// Takes a [`Profile`]; `DELETE` on `/{name}` below it removes one.
pub const PROFILES_PATH: &str = "/api/v1/placement/profiles";
/// `GET` is answered with a [`ShadowView`], `PUT` takes a [`UseShadow`].
pub const SHADOW_PATH: &str = "/api/v1/placement/shadow";
/// `PUT` on `/{name}` below it takes a module's bytes, `DELETE` removes it.
pub const MODULES_PATH: &str = "/api/v1/placement/modules";

/// Who leads, as far as the master knows that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderView {
    /// None while nobody is heard of that leads.
    pub leader: Option<String>,
    /// Where the last leader answers, or answered.
    pub addresses: Option<LeaderAddresses>,
    pub epoch: Epoch,
    /// When the epoch began.
    pub led_since: Timestamp,
    pub now: Timestamp,
    /// The master that answers, and those that it hears of.
    pub masters: Vec<MasterView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterView {
    pub name: String,
    pub role: MasterRole,
    /// The last record that it has.
    pub seq: Seq,
    pub addresses: Option<LeaderAddresses>,
    /// Whether it is the one that answers.
    pub answers_this: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MasterRole {
    Leading,
    Following,
}

/// A leader shall let another master lead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// Which one; None for whoever is quickest.
    #[serde(default)]
    pub to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    pub leader: String,
    pub addresses: Option<LeaderAddresses>,
}

/// The cluster at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Of the software.
    pub version: String,
    pub cluster: Option<ClusterId>,
    pub leader: String,
    pub epoch: Epoch,
    pub seq: Seq,
    /// When the last command was decided.
    pub at: Timestamp,
    /// Who answers, if that is not the leader: then everything here is as of `seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// When the leader began to lead.
    pub led_since: Timestamp,
    /// The master's clock when it answered, to reckon ages with.
    pub now: Timestamp,
    /// Why commands are refused at the moment, for example a full disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwritable: Option<String>,
    pub placement_policy: String,
    pub agents: AgentCounts,
    pub resources: ResourceUse,
    /// Active tasks by state; a state without tasks is left out.
    pub tasks: BTreeMap<TaskState, u32>,
    pub apps: AppCounts,
    /// The apps that cannot be as wanted right now, and why.
    pub waiting: Vec<WaitingApp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentCounts {
    pub connected: u32,
    pub disconnected: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AppCounts {
    pub total: u32,
    /// Run exactly what is wanted.
    pub settled: u32,
    pub deployments: u32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ResourceUse {
    /// Of all connected agents.
    pub total: Quantities,
    /// By their active tasks.
    pub used: Quantities,
}

/// Resources as people write them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantities {
    pub cpus: f64,
    /// In MB.
    pub mem: f64,
    /// In MB.
    pub disk: f64,
    pub gpus: f64,
    /// Ranges, such as `31000-32000`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ports: String,
}

impl From<&Resources> for Quantities {
    fn from(resources: &Resources) -> Self {
        Self {
            cpus: resources.cpus.as_f64(),
            mem: resources.mem.as_f64(),
            disk: resources.disk.as_f64(),
            gpus: resources.gpus.as_f64(),
            ports: resources.ports.to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingApp {
    pub app: AppId,
    pub waiting: Waiting,
    /// How the last of its tasks ended that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<TaskFailure>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentList {
    pub now: Timestamp,
    pub agents: Vec<AgentView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    pub id: AgentId,
    pub hostname: String,
    /// Where it answers itself.
    pub address: String,
    pub connection: Connection,
    pub registered_at: Timestamp,
    pub attributes: BTreeMap<String, String>,
    pub containerizers: Vec<String>,
    pub resources: ResourceUse,
    pub active_tasks: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppList {
    pub now: Timestamp,
    pub apps: Vec<AppView>,
}

/// An app, how far it is and what holds it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppView {
    pub id: AppId,
    pub version: AppVersion,
    /// What is run, in one line.
    pub command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Of one instance.
    pub resources: Quantities,
    pub constraints: Vec<String>,
    pub dependencies: Vec<AppId>,
    pub service_ports: Vec<u16>,
    /// Wanted.
    pub instances: u32,
    pub tasks: TaskCounts,
    /// It runs exactly what is wanted and no deployment holds it.
    pub settled: bool,
    pub deployments: Vec<DeploymentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<TaskFailure>,
}

/// The active tasks of an app; each is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskCounts {
    /// As wanted.
    pub running: u32,
    /// As wanted, on the way.
    pub starting: u32,
    /// Of a version that is replaced, not asked to end yet.
    pub outdated: u32,
    /// Asked to end.
    pub ending: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskList {
    pub now: Timestamp,
    pub tasks: Vec<TaskView>,
}

/// A task, and why it landed where it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    pub id: TaskId,
    /// Its app, and the version of that; None for a task of a framework outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<AppVersion>,
    /// How its framework calls it, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_id: Option<String>,
    pub agent: AgentId,
    pub hostname: String,
    pub host_ports: Vec<u16>,
    pub resources: Quantities,
    pub status: TaskStatus,
    pub status_at: Timestamp,
    pub launched_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill: Option<KillRequest>,
    pub framework: FrameworkId,
    pub offer: OfferId,
    /// None when its framework chose the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// The last line of a stream of records that ended before its time: the reader was too slow, or the log could not be
/// read. A stream that reached its end, or whose master stops, just ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsEnd {
    pub error: String,
    /// Ask again from here.
    pub resume_from: Seq,
}

/// What every refusal says, on this API and on Marathon's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<ErrorDeployment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDeployment {
    pub id: DeploymentId,
}
