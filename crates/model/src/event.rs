//! Events: what happened. The state is the fold of these and of nothing else.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentDescription, AgentId, AppId, AppSpec, AppVersion, ClusterId, Deployment, DeploymentId, DeploymentOutcome,
    DisconnectReason, Explanation, FrameworkId, FrameworkInfo, FrameworkRemovalReason, KillReason, LeaderAddresses,
    Module, OfferId, Profile, ProfileScope, Resources, Row, TaskId, TaskStatus, Timestamp, UpdateId, Workload,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A leader begins. Everything that an older leader appends after this is void.
    EpochStarted {
        cluster: ClusterId,
        leader: String,
        /// Where the leader answers; None when nobody else could reach it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addresses: Option<LeaderAddresses>,
        /// Which version of the fold makes the hashes of the state that this leader records.
        #[serde(default)]
        state_version: u32,
    },
    /// The profile that decides where nothing else was chosen. Every policy that is built in is a profile of its own.
    PlacementPolicyChosen {
        policy: String,
    },
    /// A new profile, or another meaning of a name.
    ProfileDefined {
        profile: Arc<Profile>,
    },
    ProfileRemoved {
        profile: Arc<str>,
    },
    /// What decides for some tasks; None for what decides for all others.
    ProfileChosen {
        scope: ProfileScope,
        profile: Option<Arc<str>>,
    },
    /// From the next record on, this profile decides too, for comparison; None ends that.
    ShadowChosen {
        profile: Option<Arc<str>>,
    },
    ModuleAdded {
        module: Arc<Module>,
    },
    ModuleRemoved {
        module: Arc<str>,
    },
    /// It gave no answer that can be used; what would be decided by it is decided by the cluster's default from now on.
    ModuleDisabled {
        module: Arc<str>,
        reason: Arc<str>,
    },

    AgentRegistered {
        agent: AgentId,
        description: AgentDescription,
    },
    AgentReconnected {
        agent: AgentId,
        description: AgentDescription,
    },
    AgentDisconnected {
        agent: AgentId,
        reason: DisconnectReason,
    },
    AgentRemoved {
        agent: AgentId,
        reason: RemovalReason,
    },

    OffersMade {
        framework: FrameworkId,
        offers: OfferBatch,
    },
    OffersClosed {
        framework: FrameworkId,
        offers: Vec<OfferId>,
        outcome: OfferOutcome,
        /// Until then the framework does not want what was left in them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused_until: Option<Timestamp>,
    },
    /// Every framework that wants offers has refused what these agents have free, the first of them until then. Columns of
    /// the same length.
    OffersHeldBack {
        agents: Vec<AgentId>,
        until: Vec<Timestamp>,
    },
    OfferTimeoutChosen {
        offer_timeout_ms: u64,
    },

    /// A new framework, or one that is back. Offers that it had are closed in the same record.
    FrameworkSubscribed {
        framework: FrameworkId,
        info: Arc<FrameworkInfo>,
    },
    FrameworkDisconnected {
        framework: FrameworkId,
    },
    FrameworkRemoved {
        framework: FrameworkId,
        reason: FrameworkRemovalReason,
    },
    /// All that the framework refused counts no more.
    OffersRevived {
        framework: FrameworkId,
    },
    OffersSuppressed {
        framework: FrameworkId,
    },
    /// A task that its framework wanted is not launched. It is told once, and nothing is kept of it.
    LaunchRefused {
        framework: FrameworkId,
        task: Arc<str>,
        agent: Option<AgentId>,
        status: TaskStatus,
    },
    /// The framework has received the oldest unacknowledged update of each of these tasks.
    UpdatesAcknowledged {
        framework: FrameworkId,
        tasks: Vec<TaskId>,
    },

    TaskLaunched {
        task: Box<LaunchedTask>,
    },
    TaskStatusChanged {
        task: TaskId,
        agent: AgentId,
        update: Option<UpdateId>,
        status: TaskStatus,
    },
    TaskKillRequested {
        task: TaskId,
        agent: AgentId,
        reason: KillReason,
    },

    /// A new app, a new version of one, or another number of instances.
    AppChanged {
        app: Arc<AppSpec>,
        version: AppVersion,
        /// The version since which tasks need not be replaced.
        config_version: AppVersion,
    },
    AppDestroyed {
        app: AppId,
    },
    /// Launches of this app wait until then, because its tasks end by themselves.
    LaunchDelayed {
        app: AppId,
        delay_ms: u64,
        until: Timestamp,
    },
    LaunchDelayReset {
        app: AppId,
    },
    /// What holds an app's missing instances back; None when nothing does any more. Told when it changes.
    WaitingChanged {
        app: AppId,
        waiting: Option<Waiting>,
    },

    DeploymentStarted {
        deployment: Deployment,
    },
    DeploymentAdvanced {
        deployment: DeploymentId,
        current_step: u32,
    },
    DeploymentEnded {
        deployment: DeploymentId,
        outcome: DeploymentOutcome,
    },

    /// A row of a baseline, which stands for all the events before it.
    Restored {
        row: Box<Row>,
    },
}

/// Offers of one framework and allocation cycle, column by column; all columns have the same length.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OfferBatch {
    pub offers: Vec<OfferId>,
    pub agents: Vec<AgentId>,
    pub resources: Vec<Resources>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    Accepted,
    Declined,
    Rescinded,
    Expired,
}

impl OfferOutcome {
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Declined, Self::Rescinded, Self::Expired];

    /// As the log has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Rescinded => "rescinded",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "crate::upcast::LaunchedTaskForm")]
pub struct LaunchedTask {
    pub id: TaskId,
    pub framework: FrameworkId,
    pub offer: OfferId,
    pub agent: AgentId,
    pub workload: Workload,
    /// Taken out of the agent's, ports included.
    pub resources: Resources,
    /// In the order of the workload's ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<u16>,
    /// None when its framework chose the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// How many instances wait.
    pub instances: u32,
    pub cause: WaitingCause,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingCause {
    /// No agent passed every filter.
    NothingFits { explanation: Explanation },
    /// Its tasks ended by themselves; the next launch is at `until`.
    Backoff { until: Timestamp },
    /// A dependency does not exist, or does not run all its instances yet.
    Dependency { app: AppId },
    /// An earlier step of its deployment is under way.
    EarlierStep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// It was silent for longer than the agent time-out.
    TimedOut,
    /// An operator says that it is gone for good.
    Gone,
}

impl Event {
    /// The kind's name as the log has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::EpochStarted { .. } => "epoch_started",
            Self::PlacementPolicyChosen { .. } => "placement_policy_chosen",
            Self::ProfileDefined { .. } => "profile_defined",
            Self::ProfileRemoved { .. } => "profile_removed",
            Self::ProfileChosen { .. } => "profile_chosen",
            Self::ShadowChosen { .. } => "shadow_chosen",
            Self::ModuleAdded { .. } => "module_added",
            Self::ModuleRemoved { .. } => "module_removed",
            Self::ModuleDisabled { .. } => "module_disabled",
            Self::AgentRegistered { .. } => "agent_registered",
            Self::AgentReconnected { .. } => "agent_reconnected",
            Self::AgentDisconnected { .. } => "agent_disconnected",
            Self::AgentRemoved { .. } => "agent_removed",
            Self::OffersMade { .. } => "offers_made",
            Self::OffersClosed { .. } => "offers_closed",
            Self::OffersHeldBack { .. } => "offers_held_back",
            Self::OfferTimeoutChosen { .. } => "offer_timeout_chosen",
            Self::FrameworkSubscribed { .. } => "framework_subscribed",
            Self::FrameworkDisconnected { .. } => "framework_disconnected",
            Self::FrameworkRemoved { .. } => "framework_removed",
            Self::OffersRevived { .. } => "offers_revived",
            Self::OffersSuppressed { .. } => "offers_suppressed",
            Self::LaunchRefused { .. } => "launch_refused",
            Self::UpdatesAcknowledged { .. } => "updates_acknowledged",
            Self::TaskLaunched { .. } => "task_launched",
            Self::TaskStatusChanged { .. } => "task_status_changed",
            Self::TaskKillRequested { .. } => "task_kill_requested",
            Self::AppChanged { .. } => "app_changed",
            Self::AppDestroyed { .. } => "app_destroyed",
            Self::LaunchDelayed { .. } => "launch_delayed",
            Self::LaunchDelayReset { .. } => "launch_delay_reset",
            Self::WaitingChanged { .. } => "waiting_changed",
            Self::DeploymentStarted { .. } => "deployment_started",
            Self::DeploymentAdvanced { .. } => "deployment_advanced",
            Self::DeploymentEnded { .. } => "deployment_ended",
            Self::Restored { .. } => "restored",
        }
    }
}
