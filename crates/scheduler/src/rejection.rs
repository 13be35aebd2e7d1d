//! Why a command is refused. A refused command leaves no record and changes nothing.

use model::{AgentId, AppId, DeploymentId, FrameworkId, TaskId};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("app '{0}' already exists")]
    AppExists(AppId),
    #[error("app '{0}' does not exist")]
    UnknownApp(AppId),
    #[error("task '{0}' does not exist or has ended")]
    UnknownTask(TaskId),
    #[error("agent {0} is unknown: it never registered with this cluster, or it was removed")]
    UnknownAgent(AgentId),
    #[error("framework {0} is unknown: it never subscribed to this cluster, or it was torn down")]
    UnknownFramework(FrameworkId),
    /// Another change is being carried out; `force` takes its place.
    #[error("app '{app}' is locked by one or more deployments")]
    AppLocked { app: AppId, deployments: Vec<DeploymentId> },
    /// The apps in order, the first one again at the end.
    #[error("dependencies form a cycle: {}", path(cycle))]
    DependencyCycle { cycle: Vec<AppId> },
    /// A field of an app that cannot be accepted as the cluster is.
    #[error("{app}: {field} {reason}")]
    InvalidApp { app: AppId, field: String, reason: String },
    #[error("no placement policy, profile or module is named '{name}'; there are: {known}")]
    UnknownPolicy { name: String, known: String },
    #[error("'{name}' cannot decide: {reason}")]
    UnusableProfile { name: String, reason: String },
    #[error("profile '{name}': {field} {reason}")]
    InvalidProfile { name: String, field: String, reason: String },
    #[error("'{name}' is in use by {}: choose another profile there first", users.join(", "))]
    ProfileInUse { name: String, users: Vec<String> },
    #[error("role '{role}' {reason}")]
    InvalidRole { role: String, reason: String },
    #[error("profiles are chosen for {limit} roles and apps already: take one back first")]
    TooManyChoices { limit: usize },
    #[error("module '{name}': {reason}")]
    InvalidModule { name: String, reason: String },
    #[error("no module is named '{0}'")]
    UnknownModule(String),
}

fn path(cycle: &[AppId]) -> String {
    cycle.iter().map(AppId::as_str).collect::<Vec<_>>().join(" -> ")
}
