//! How tasks are run: the contract, and its three implementations.
//!
//! A containerizer knows tasks by their ids only. It knows nothing of the master, of desired lists or of the
//! journal; whether a task may be started at all is decided elsewhere.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::{ExitStatus, GpuSlots, StatusReason, TaskId};
use protocol::agent::{AgentIdentity, TaskSpec};

pub(crate) mod cgroup;
#[cfg(test)]
mod conformance;
pub mod docker;
pub mod fake;
pub mod process;
pub(crate) mod run_folder;

/// Runs tasks. Everything is keyed by the task's id and idempotent; one conformance suite holds for all.
pub trait Containerizer: Send + Sync + 'static {
    /// Everything that was launched and not removed, also by an earlier life of the agent.
    fn list(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Phase>, ContainerizerError>>;

    /// Fetches what the task needs. It starts nothing, and may be given up at any time by dropping it.
    fn prepare<'a>(&'a self, _launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>> {
        Box::pin(async { Ok(()) })
    }

    /// Starts the task and returns once it really runs. It starts nothing when the task is known already, whether
    /// it runs or has ended, or when it was stopped before; must not be dropped before it returns.
    fn launch<'a>(&'a self, launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>>;

    /// Asks the task to end: politely, and by force after `grace`. Returns when it was asked, not when it has
    /// ended. Asking again may shorten the grace. Nothing happens to a task that is not there.
    fn stop<'a>(&'a self, task: &'a TaskId, grace: Duration) -> BoxFuture<'a, Result<(), ContainerizerError>>;

    /// Returns when nothing of the task runs any more: at once when it is not there. It rides out failures of
    /// whatever it asks.
    fn wait<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Ended>;

    /// Forgets an ended task and frees what it held, but for its sandbox. Nothing happens when it is not there.
    fn remove<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<(), ContainerizerError>>;

    /// What each task that runs takes, for metrics; nothing where that cannot be known.
    fn usage(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Usage>, ContainerizerError>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }
}

/// What a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Since its start, of all its processes.
    pub cpu_us: u64,
    /// Now. What processes have in common may count for each of them.
    pub memory_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Running,
    Ended,
}

/// A task to start.
#[derive(Debug, Clone)]
pub struct Launch {
    pub task: TaskId,
    /// Whose it is, for the labels of what is started.
    pub identity: AgentIdentity,
    pub spec: TaskSpec,
    /// In the order of the spec's ports.
    pub host_ports: Vec<u16>,
    /// Which of the agent's GPUs it has.
    pub gpu_slots: GpuSlots,
    /// The task's own folder; it exists.
    pub sandbox: PathBuf,
    /// The agent's host name, for the task's environment.
    pub hostname: String,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Exited {
        status: ExitStatus,
        out_of_memory: bool,
    },
    /// It never ran.
    NotStarted {
        error: LaunchError,
    },
    /// It is gone, and nobody saw how it ended.
    Unobserved {
        message: String,
    },
}

/// Why a task could not be started; `message` is for people, in the words of whoever refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LaunchError {
    pub reason: StatusReason,
    pub message: String,
}

impl LaunchError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { reason: StatusReason::LaunchFailed, message: message.into() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ContainerizerError {
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    /// In the words of the engine, or of what came in the way to it.
    #[error("{0}")]
    Engine(String),
}

impl ContainerizerError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
