//! The stream between an agent and the master.
//!
//! An agent `POST`s a [`Subscribe`] to [`SUBSCRIBE_PATH`] and reads lines of JSON from the answer, each an
//! [`AgentEvent`], for as long as both live. On other connections it posts [`StatusReport`]s to [`STATUS_PATH`];
//! the answer, an [`Acknowledgement`], is sent when they are durable and means that they need not be sent again.
//!
//! What the master wants is told whole: a [`Desired`] list replaces the one before it. It carries the place in
//! the log that it was made at; an agent keeps the highest [`Mark`] it has seen and does nothing for an older one
//! or for another cluster's.

mod desired;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, AppVersion, ClusterId, Container, Epoch, GpuSlots, Invocation,
    KillReason, PortRanges, PortSpec, Resources, Seq, StatusUpdate, TaskId, TaskInfo, TaskState, UpdateId,
};
use serde::{Deserialize, Serialize};

pub const SUBSCRIBE_PATH: &str = "/api/v1/agent/subscribe";
pub const STATUS_PATH: &str = "/api/v1/agent/status";
/// Answered by the agent itself with a [`FileChunk`]: `?task=…&file=stdout|stderr&offset=N&length=N`.
pub const READ_FILE_PATH: &str = "/files/read";

/// An agent introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// What it was given when it registered; None for a new agent, or one that lost its disk.
    pub identity: Option<AgentIdentity>,
    pub description: AgentDescription,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentIdentity {
    pub cluster: ClusterId,
    pub agent: AgentId,
}

/// A line of the answer to [`Subscribe`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentEvent {
    /// The first line. An agent that hears nothing for three heartbeats subscribes anew. The identity may be
    /// another one than the agent's: it was removed in the meantime, its tasks were given up. The agent keeps the
    /// new identity; the desired lists that follow no longer hold its old tasks, so it ends them.
    Subscribed {
        identity: AgentIdentity,
        heartbeat_interval_ms: u64,
    },
    Desired(Desired),
    /// To be answered by a [`StatusReport`], with or without updates: a master that hears nothing from an agent for
    /// three heartbeats takes it to be away.
    Heartbeat,
    /// The last line: why the master will not have this agent, and the way out.
    Refused {
        message: String,
    },
}

/// Epoch and sequence: the age of a desired list, compared in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Mark {
    pub epoch: Epoch,
    pub seq: Seq,
}

/// Everything that should be on the agent. Tasks that share a spec share it on the wire too, see [`desired`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "desired::Wire", try_from = "desired::Wire")]
pub struct Desired {
    pub cluster: ClusterId,
    pub mark: Mark,
    pub tasks: Vec<DesiredTask>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredTask {
    pub id: TaskId,
    /// What the log says of it so far.
    pub state: TaskState,
    /// Set when it must end.
    pub kill: Option<Kill>,
    pub spec: Arc<TaskSpec>,
    /// In the order of the spec's ports.
    pub host_ports: Vec<u16>,
    /// Which of the agent's GPUs it has, and how much of each. Nothing for a task from before GPUs were told apart.
    pub gpu_slots: GpuSlots,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    pub reason: KillReason,
    pub grace_ms: u64,
}

/// Whose a task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TaskOwner {
    App {
        app: AppId,
        version: AppVersion,
    },
    Framework {
        /// As the framework knows itself, and its task.
        framework: String,
        own_id: Arc<str>,
        name: String,
    },
}

/// What the tasks of one version of an app have in common, or what a framework wants of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    #[serde(flatten)]
    pub owner: TaskOwner,
    pub invocation: Invocation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The task's own; the agent adds its own variables, which these may not override.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Without ports and GPUs by their places: these are the task's.
    pub resources: Resources,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortSpec>,
    pub kill_grace_ms: u64,
}

impl TaskSpec {
    #[must_use]
    pub fn of_app(app: &AppSpec, version: AppVersion) -> Self {
        Self {
            owner: TaskOwner::App { app: app.id.clone(), version },
            invocation: app.invocation.clone(),
            container: app.container.clone(),
            user: app.user.clone(),
            env: app.env.clone(),
            labels: app.labels.clone(),
            resources: app.resources.clone(),
            ports: app.ports.clone(),
            kill_grace_ms: app.kill_grace_ms,
        }
    }

    /// `framework` is the id by which the framework knows itself.
    #[must_use]
    pub fn of_framework(framework: String, info: &TaskInfo, resources: &Resources) -> Self {
        Self {
            owner: TaskOwner::Framework { framework, own_id: Arc::clone(&info.id), name: info.name.clone() },
            invocation: info.invocation.clone(),
            container: info.container.clone(),
            user: info.user.clone(),
            env: info.env.clone(),
            labels: info.labels.clone(),
            resources: Resources { ports: PortRanges::default(), gpu_slots: GpuSlots::none(), ..resources.clone() },
            ports: info.ports.clone(),
            kill_grace_ms: info.kill_grace_ms,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    pub identity: AgentIdentity,
    pub updates: Vec<StatusUpdate>,
}

/// These updates are in the log, or need not be: the agent may forget them, and the tasks that ended with them.
/// Desired lists older than `mark` do not know of these ends and must not be obeyed any more; a newer list follows every
/// acknowledgement of an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub updates: Vec<UpdateId>,
    pub mark: Mark,
}

/// The answer to [`READ_FILE_PATH`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChunk {
    /// Whole characters; bytes that are no text are replaced, so its length says nothing.
    pub data: String,
    pub offset: u64,
    /// Where to read on. The same as `offset` at the end of the file, which may still grow.
    pub next_offset: u64,
}
