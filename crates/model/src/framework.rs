//! Frameworks: schedulers outside of the cluster that are offered resources and launch tasks of their own on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentId, AppId, AppVersion, Container, FrameworkId, Invocation, OfferId, PortSpec, Resources, Scalar, TaskId,
    TaskState, TaskStatus, Timestamp, UpdateUuid,
};

/// What a framework says of itself when it subscribes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkInfo {
    pub name: String,
    /// Whom its tasks run as, unless they say otherwise; empty for whom the agent runs as.
    pub user: String,
    pub role: String,
    /// How long it may be away before its tasks are ended.
    pub failover_timeout_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webui_url: Option<String>,
}

/// A framework that is subscribed, or away for no longer than it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Framework {
    pub id: FrameworkId,
    pub info: Arc<FrameworkInfo>,
    pub registered_at: Timestamp,
    pub connection: FrameworkConnection,
    /// It asked for no more offers until it asks for them again.
    #[serde(default)]
    pub is_suppressed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameworkConnection {
    Subscribed,
    Away { since: Timestamp },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameworkRemovalReason {
    /// It, or an operator, asked for it.
    TornDown,
    /// It was away for longer than its failover time-out.
    FailoverTimedOut,
}

/// A framework does not want to be offered an agent again until then, unless it has more free than was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferFilter {
    pub agent: AgentId,
    pub framework: FrameworkId,
    pub until: Timestamp,
    pub cpus: Scalar,
    pub mem: Scalar,
    pub disk: Scalar,
    pub gpus: Scalar,
}

/// What a task runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// A version of an app's definition.
    App { app: AppId, version: AppVersion },
    /// What its framework said when it launched the task.
    Own(Arc<TaskInfo>),
}

/// A task as its framework describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct TaskInfo {
    /// The framework's own id, unique among its tasks only.
    pub id: Arc<str>,
    pub name: String,
    pub invocation: Invocation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Their host ports are the task's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortSpec>,
    pub kill_grace_ms: u64,
}

/// A launch that a framework asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LaunchRequest {
    Task {
        info: Arc<TaskInfo>,
        agent: AgentId,
        resources: Resources,
    },
    /// Nothing that could be run, whatever was offered.
    Invalid {
        task: Arc<str>,
        agent: Option<AgentId>,
        reason: String,
    },
}

/// A status update that its framework did not acknowledge yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingUpdate {
    pub status: TaskStatus,
    pub at: Timestamp,
}

/// A framework has received an update of a task, which it names by its own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateReceipt {
    pub task: Arc<str>,
    pub update: UpdateUuid,
}

impl Framework {
    #[must_use]
    pub const fn is_subscribed(&self) -> bool {
        matches!(self.connection, FrameworkConnection::Subscribed)
    }

    #[must_use]
    pub const fn wants_offers(&self) -> bool {
        self.is_subscribed() && !self.is_suppressed
    }

    /// When its tasks are ended unless it comes back.
    #[must_use]
    pub fn removed_at(&self) -> Option<Timestamp> {
        match self.connection {
            FrameworkConnection::Subscribed => None,
            FrameworkConnection::Away { since } => Some(since.plus_ms(self.info.failover_timeout_ms)),
        }
    }
}

impl Workload {
    #[must_use]
    pub const fn app(&self) -> Option<&AppId> {
        match self {
            Self::App { app, .. } => Some(app),
            Self::Own(_) => None,
        }
    }

    #[must_use]
    pub const fn version(&self) -> Option<AppVersion> {
        match self {
            Self::App { version, .. } => Some(*version),
            Self::Own(_) => None,
        }
    }

    #[must_use]
    pub const fn own(&self) -> Option<&Arc<TaskInfo>> {
        match self {
            Self::App { .. } => None,
            Self::Own(info) => Some(info),
        }
    }
}

impl TaskId {
    /// The cluster's id of a framework's task. An offer is accepted once, so the same id is never made again, even if the
    /// framework uses its own id for another task later.
    #[must_use]
    pub fn of_framework(framework: FrameworkId, offer: OfferId, own: &str) -> Self {
        Self::new(format!("{framework}.{offer}.{own}"))
    }

    /// The framework outside that launched a task; None for tasks of apps, whose ids begin with no capital letter.
    #[must_use]
    pub fn framework(&self) -> Option<FrameworkId> {
        self.as_str().strip_prefix('F')?.split_once('.')?.0.parse().ok().map(FrameworkId)
    }
}

impl UpdateUuid {
    /// A task is told to be in each state at most once, so both together name the update.
    #[must_use]
    pub fn of(task: &TaskId, state: TaskState) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(task.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(state.name().as_bytes());
        Self(hasher.finalize().as_bytes()[..16].try_into().expect("a hash has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_a_framework_names_it_and_no_other_task_does() {
        let id = TaskId::of_framework(FrameworkId(12), OfferId(7), "a.b F3.c");
        assert_eq!((id.as_str(), id.framework()), ("F12.O7.a.b F3.c", Some(FrameworkId(12))));
        for other in ["f3.instance-1._app.1", "shop_cart.instance-1._app.1", "F.x", "Fx.y", "F3"] {
            assert_eq!(TaskId::new(other).framework(), None, "{other}");
        }
    }
}
