//! What a service owner wants: an app's definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AppId, Constraint, Container, Resources, Timestamp};

/// Names a version of an app: the time of the command that made it, raised where two would coincide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AppVersion(pub Timestamp);

/// An app's definition, complete: every default is filled in before it reaches the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct AppSpec {
    pub id: AppId,
    pub invocation: Invocation,
    pub instances: u32,
    /// Of one instance. The ports are in `ports`, so `resources.ports` is empty.
    pub resources: Resources,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// None for `*`. A profile may be chosen for all apps of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortSpec>,
    /// The host ports are the service ports.
    #[serde(default)]
    pub require_ports: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<AppId>,
    pub backoff: Backoff,
    /// How long a task may take to end after the polite signal, before it is killed.
    pub kill_grace_ms: u64,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Invocation {
    /// By `/bin/sh -c`.
    Shell(String),
    /// Directly; in a container these are the arguments of the image's entry point.
    Args(Vec<String>),
    /// What the image says.
    ImageDefault,
}

/// One port of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PortSpec {
    /// Inside the container, on a bridge network; 0 is "the same as the host port". None on the host's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port: Option<u16>,
    /// On the agent; 0 is any out of the agent's offer.
    pub host_port: u16,
    /// Where load balancers listen; 0 lets the cluster choose one.
    pub service_port: u16,
    pub protocol: PortProtocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortProtocol {
    Tcp,
    Udp,
    Both,
}

/// How launches are slowed down when tasks end by themselves again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Backoff {
    pub initial_ms: u64,
    /// In thousandths: 1150 multiplies the delay by 1.15 each time.
    pub factor_milli: u32,
    pub max_ms: u64,
}

impl Default for Backoff {
    /// Marathon's: 1 s x 1.15 up to 300 s.
    fn default() -> Self {
        Self { initial_ms: 1_000, factor_milli: 1_150, max_ms: 300_000 }
    }
}

impl AppSpec {
    /// Whether running tasks must be replaced when `self` becomes `next`: anything but the number of
    /// instances, the ordering of starts and what decides where they go changes what a task is.
    #[must_use]
    pub fn needs_restart(&self, next: &Self) -> bool {
        let mut next = next.clone();
        next.instances = self.instances;
        next.dependencies.clone_from(&self.dependencies);
        next.role.clone_from(&self.role);
        next.backoff = self.backoff;
        next.kill_grace_ms = self.kill_grace_ms;
        *self != next
    }
}
