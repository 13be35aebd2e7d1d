//! Commands: what somebody, or a timer, asks of the cluster.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentId, AppId, AppSpec, Attributes, ClusterId, CommandId, FrameworkId, FrameworkInfo, LaunchRequest, ModuleBytes,
    OfferId, Profile, ProfileScope, Resources, TaskId, TaskStatus, Timestamp, UpdateId, UpdateReceipt,
};

/// A command with everything `decide` may not ask for itself: time, id and seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    pub id: CommandId,
    /// Never before that of an earlier record.
    pub at: Timestamp,
    pub seed: u64,
    pub principal: Principal,
    pub kind: CommandKind,
}

/// Who asks. The log is the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Principal(pub Arc<str>);

impl Principal {
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// The first record of a leadership; in an empty log it also names the cluster. Without a policy, the one
    /// that the log has stays.
    StartEpoch {
        cluster: ClusterId,
        leader: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addresses: Option<LeaderAddresses>,
        placement_policy: Option<String>,
        /// What the policy's name means, where the configuration says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<Arc<Profile>>,
    },
    /// Places what is wanted and not there, asks what is not wanted to end, and moves deployments on.
    Allocate,
    CreateApp {
        app: Arc<AppSpec>,
    },
    /// Creates or changes apps in one deployment; `force` takes the place of deployments that hold them.
    PutApps {
        apps: Vec<Arc<AppSpec>>,
        force: bool,
    },
    /// Changes the number of instances only.
    ScaleApp {
        app: AppId,
        instances: u32,
        force: bool,
    },
    /// Replaces every task, one for one.
    RestartApp {
        app: AppId,
        force: bool,
    },
    DestroyApp {
        app: AppId,
        force: bool,
    },
    KillTasks {
        selection: TaskSelection,
        scale: bool,
        force: bool,
    },
    /// An agent that has no id yet.
    RegisterAgent {
        description: AgentDescription,
    },
    /// An agent that has one is back; what it says of itself may have changed.
    ReconnectAgent {
        agent: AgentId,
        description: AgentDescription,
    },
    DisconnectAgent {
        agent: AgentId,
        reason: DisconnectReason,
    },
    /// An agent was silent for longer than it may be.
    RemoveAgent {
        agent: AgentId,
        reason: crate::RemovalReason,
    },
    UpdateStatus {
        agent: AgentId,
        updates: Vec<StatusUpdate>,
    },
    /// How long frameworks may keep offers before they are taken back.
    ChooseOfferTimeout {
        offer_timeout_ms: u64,
    },
    /// A framework that has no id yet, or one that is back, or another process that takes its place.
    SubscribeFramework {
        framework: Option<FrameworkId>,
        info: Arc<FrameworkInfo>,
    },
    DisconnectFramework {
        framework: FrameworkId,
    },
    /// Ends a framework and its tasks.
    TeardownFramework {
        framework: FrameworkId,
    },
    /// Launches tasks on offers of one agent; what is left of these is refused for a while.
    AcceptOffers {
        framework: FrameworkId,
        offers: Vec<OfferId>,
        launches: Vec<LaunchRequest>,
        refuse_ms: u64,
    },
    DeclineOffers {
        framework: FrameworkId,
        offers: Vec<OfferId>,
        refuse_ms: u64,
    },
    /// Forgets everything that a framework refused, and offers to it again if it had suppressed that.
    ReviveOffers {
        framework: FrameworkId,
    },
    SuppressOffers {
        framework: FrameworkId,
    },
    AcknowledgeUpdates {
        framework: FrameworkId,
        receipts: Vec<UpdateReceipt>,
    },
    /// By the framework's own id.
    KillFrameworkTask {
        framework: FrameworkId,
        task: Arc<str>,
    },
    DefineProfile {
        profile: Arc<Profile>,
    },
    RemoveProfile {
        profile: Arc<str>,
    },
    /// What decides for all tasks, or for some; for these, None takes the choice back.
    ChooseProfile {
        scope: Option<ProfileScope>,
        profile: Option<Arc<str>>,
    },
    ChooseShadow {
        profile: Option<Arc<str>>,
    },
    /// The same module again makes one that was disabled decide again.
    AddModule {
        name: Arc<str>,
        bytes: ModuleBytes,
    },
    RemoveModule {
        module: Arc<str>,
    },
}

/// Where a leader answers, as `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct LeaderAddresses {
    pub operator: String,
    pub marathon: String,
}

/// Which tasks are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskSelection {
    Tasks(Vec<TaskId>),
    /// All tasks of an app, or those on one host.
    App {
        app: AppId,
        host: Option<String>,
    },
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct AgentDescription {
    pub hostname: String,
    /// All of it, with the ports that tasks may be given.
    pub resources: Resources,
    #[serde(default)]
    pub attributes: Attributes,
    /// Where the agent itself answers, for logs and sandboxes: `host:port`.
    pub address: String,
    /// Names of the containerizers that work there: `process`, `docker`.
    pub containerizers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusUpdate {
    pub id: UpdateId,
    pub task: TaskId,
    /// By the agent's clock, for people.
    pub observed_at: Timestamp,
    pub status: TaskStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisconnectReason {
    StreamClosed,
    HeartbeatsMissed,
}

impl CommandKind {
    /// The kind's name as the log has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StartEpoch { .. } => "start_epoch",
            Self::Allocate => "allocate",
            Self::CreateApp { .. } => "create_app",
            Self::PutApps { .. } => "put_apps",
            Self::ScaleApp { .. } => "scale_app",
            Self::RestartApp { .. } => "restart_app",
            Self::DestroyApp { .. } => "destroy_app",
            Self::KillTasks { .. } => "kill_tasks",
            Self::RegisterAgent { .. } => "register_agent",
            Self::ReconnectAgent { .. } => "reconnect_agent",
            Self::DisconnectAgent { .. } => "disconnect_agent",
            Self::RemoveAgent { .. } => "remove_agent",
            Self::UpdateStatus { .. } => "update_status",
            Self::ChooseOfferTimeout { .. } => "choose_offer_timeout",
            Self::SubscribeFramework { .. } => "subscribe_framework",
            Self::DisconnectFramework { .. } => "disconnect_framework",
            Self::TeardownFramework { .. } => "teardown_framework",
            Self::AcceptOffers { .. } => "accept_offers",
            Self::DeclineOffers { .. } => "decline_offers",
            Self::ReviveOffers { .. } => "revive_offers",
            Self::SuppressOffers { .. } => "suppress_offers",
            Self::AcknowledgeUpdates { .. } => "acknowledge_updates",
            Self::KillFrameworkTask { .. } => "kill_framework_task",
            Self::DefineProfile { .. } => "define_profile",
            Self::RemoveProfile { .. } => "remove_profile",
            Self::ChooseProfile { .. } => "choose_profile",
            Self::ChooseShadow { .. } => "choose_shadow",
            Self::AddModule { .. } => "add_module",
            Self::RemoveModule { .. } => "remove_module",
        }
    }
}
