//! The life of a task, in Mesos' words.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskState {
    /// Launched by the master; the agent has not reported yet, or is fetching the image.
    Staging,
    Starting,
    Running,
    /// Was asked to end.
    Killing,
    Finished,
    Failed,
    Killed,
    Error,
    Lost,
}

impl TaskState {
    pub const ALL: [Self; 9] = [
        Self::Staging,
        Self::Starting,
        Self::Running,
        Self::Killing,
        Self::Finished,
        Self::Failed,
        Self::Killed,
        Self::Error,
        Self::Lost,
    ];

    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed | Self::Error | Self::Lost)
    }

    /// Mesos' name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staging => "TASK_STAGING",
            Self::Starting => "TASK_STARTING",
            Self::Running => "TASK_RUNNING",
            Self::Killing => "TASK_KILLING",
            Self::Finished => "TASK_FINISHED",
            Self::Failed => "TASK_FAILED",
            Self::Killed => "TASK_KILLED",
            Self::Error => "TASK_ERROR",
            Self::Lost => "TASK_LOST",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an agent, or the master in its place, says about a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct TaskStatus {
    pub state: TaskState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<StatusReason>,
    /// For people; the engine's own words where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(signal) => write!(f, "terminated by signal {signal}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusReason {
    /// It ended by itself with an exit status other than 0, or by a signal.
    CommandFailed,
    /// It could not be started.
    LaunchFailed,
    ImagePullFailed,
    /// The memory limit was reached.
    OutOfMemory,
    /// It was asked to end.
    KillRequested,
    /// It ended because its agent was stopped on purpose.
    AgentStopped,
    /// It was gone, without an exit status, when its agent came back: the machine restarted, or its
    /// supervising process was killed.
    EndedUnobserved,
    /// Its agent was silent for too long and was removed.
    AgentRemoved,
    /// Its framework accepted offers that were not open, or not for one agent.
    InvalidOffers,
    /// What its framework wanted cannot be run so.
    InvalidTask,
}

impl StatusReason {
    pub const ALL: [Self; 10] = [
        Self::CommandFailed,
        Self::LaunchFailed,
        Self::ImagePullFailed,
        Self::OutOfMemory,
        Self::KillRequested,
        Self::AgentStopped,
        Self::EndedUnobserved,
        Self::AgentRemoved,
        Self::InvalidOffers,
        Self::InvalidTask,
    ];

    /// As the log has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommandFailed => "command_failed",
            Self::LaunchFailed => "launch_failed",
            Self::ImagePullFailed => "image_pull_failed",
            Self::OutOfMemory => "out_of_memory",
            Self::KillRequested => "kill_requested",
            Self::AgentStopped => "agent_stopped",
            Self::EndedUnobserved => "ended_unobserved",
            Self::AgentRemoved => "agent_removed",
            Self::InvalidOffers => "invalid_offers",
            Self::InvalidTask => "invalid_task",
        }
    }
}

/// Why a task is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KillReason {
    UserRequest,
    ScaledDown,
    /// A newer version of the app replaces it.
    Superseded,
    AppDestroyed,
    /// Its framework asked for it.
    FrameworkRequest,
    /// Its framework was torn down, or away for too long.
    FrameworkRemoved,
}
