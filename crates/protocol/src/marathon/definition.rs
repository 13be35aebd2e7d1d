//! An app's definition in the modern form, field by field.
//!
//! The defaults here are Marathon's. They are what the schema says and what answers are read with; a body that comes
//! in is read by `decode`, which says everything that is wrong with it.

use std::collections::BTreeMap;

use model::{Backoff, PortProtocol, VolumeMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Decimal;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "App", deny_unknown_fields)]
pub struct AppDefinition {
    /// The app's path: lowercase letters, digits, dots and dashes, with slashes between its parts.
    pub id: String,
    /// A command line for `/bin/sh -c`. Either this or `args`, or a container whose image says what to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<String>,
    /// What to run, without a shell; for a container the arguments of its entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Runs as this user of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// For which apps together a placement profile may be chosen.
    #[serde(default = "default_role")]
    pub role: String,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default = "default_instances")]
    pub instances: u32,
    /// Of one instance.
    #[serde(default = "default_cpus")]
    pub cpus: Decimal,
    /// In MB.
    #[serde(default = "default_mem")]
    pub mem: Decimal,
    /// In MB.
    #[serde(default)]
    pub disk: Decimal,
    /// A whole number.
    #[serde(default)]
    pub gpus: Decimal,
    /// Each is `[field, operator]` or `[field, operator, value]`. The field is `hostname`, `@region`, `@zone` or an attribute of
    /// agents; the operator is UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER or IS.
    #[serde(default)]
    #[schemars(inner(length(min = 2, max = 3)))]
    pub constraints: Vec<Vec<String>>,
    /// Apps that must run before this one starts.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Without one, the app runs as a plain process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerDefinition>,
    /// At most one; `host` when there is none.
    #[serde(default)]
    pub networks: Vec<NetworkDefinition>,
    /// On the host's network. One port that the cluster chooses, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_definitions: Option<Vec<PortDefinition>>,
    /// On the host's network: the ports of `portDefinitions` are the ones that a task gets on its agent.
    #[serde(default)]
    pub require_ports: bool,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How long the next launch waits after a task ended by itself.
    #[serde(default = "default_backoff")]
    pub backoff_seconds: Decimal,
    /// By how much the wait grows each time.
    #[serde(default = "default_backoff_factor")]
    #[schemars(range(min = 1))]
    pub backoff_factor: Decimal,
    #[serde(default = "default_max_launch_delay")]
    pub max_launch_delay_seconds: Decimal,
    /// How long a task may take to end after SIGTERM, before SIGKILL.
    #[serde(default = "default_kill_grace")]
    pub task_kill_grace_period_seconds: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ContainerDefinition {
    pub r#type: ContainerType,
    pub docker: DockerDefinition,
    #[serde(default)]
    pub volumes: Vec<VolumeDefinition>,
    /// On a bridge network. One that publishes the port `PORT0`, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_mappings: Option<Vec<PortMapping>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContainerType {
    #[serde(rename = "DOCKER")]
    Docker,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct DockerDefinition {
    pub image: String,
    #[serde(default)]
    pub privileged: bool,
    /// Pulls the image even when the agent has it.
    #[serde(default)]
    pub force_pull_image: bool,
    /// Options of `docker run`, without their dashes.
    #[serde(default)]
    pub parameters: Vec<ParameterDefinition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ParameterDefinition {
    pub key: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct VolumeDefinition {
    pub container_path: String,
    pub host_path: String,
    #[serde(default = "default_volume_mode")]
    pub mode: VolumeMode,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NetworkDefinition {
    pub mode: NetworkMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkMode {
    #[serde(rename = "host")]
    Host,
    #[serde(rename = "container/bridge")]
    Bridge,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PortDefinition {
    /// Where load balancers listen; 0 lets the cluster choose. A task's own port is chosen by the cluster, unless
    /// `requirePorts` is set.
    #[serde(default)]
    pub port: u16,
    #[serde(default = "default_protocol", with = "protocol_name")]
    #[schemars(with = "protocol_name::Names")]
    pub protocol: PortProtocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PortMapping {
    /// 0 is the same as the port on the agent.
    #[serde(default)]
    pub container_port: u16,
    /// On the agent; 0 lets the cluster choose.
    #[serde(default)]
    pub host_port: u16,
    /// Where load balancers listen; 0 lets the cluster choose.
    #[serde(default)]
    pub service_port: u16,
    #[serde(default = "default_protocol", with = "protocol_name")]
    #[schemars(with = "protocol_name::Names")]
    pub protocol: PortProtocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The name of a port that nobody named, if it is there by default.
pub(crate) const DEFAULT_PORT_NAME: &str = "default";
pub(crate) const DEFAULT_ROLE: &str = "*";
pub(crate) const DEFAULT_INSTANCES: u32 = 1;
pub(crate) const DEFAULT_CPUS: Decimal = Decimal::whole(1);
pub(crate) const DEFAULT_MEM: Decimal = Decimal::whole(128);
/// What Mesos' executors do when an app does not say.
pub(crate) const DEFAULT_KILL_GRACE_MS: u64 = 3_000;

fn default_role() -> String {
    DEFAULT_ROLE.to_owned()
}

const fn default_instances() -> u32 {
    DEFAULT_INSTANCES
}

const fn default_cpus() -> Decimal {
    DEFAULT_CPUS
}

const fn default_mem() -> Decimal {
    DEFAULT_MEM
}

fn default_backoff() -> Decimal {
    Decimal::seconds(Backoff::default().initial_ms)
}

fn default_backoff_factor() -> Decimal {
    Decimal::from_thousandths(i64::from(Backoff::default().factor_milli))
}

fn default_max_launch_delay() -> Decimal {
    Decimal::seconds(Backoff::default().max_ms)
}

fn default_kill_grace() -> Decimal {
    Decimal::seconds(DEFAULT_KILL_GRACE_MS)
}

const fn default_volume_mode() -> VolumeMode {
    VolumeMode::Rw
}

const fn default_protocol() -> PortProtocol {
    PortProtocol::Tcp
}

/// A port's protocol in Marathon's words.
pub(crate) mod protocol_name {
    use model::PortProtocol;
    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(crate) enum Names {
        #[serde(rename = "tcp")]
        Tcp,
        #[serde(rename = "udp")]
        Udp,
        #[serde(rename = "udp,tcp", alias = "tcp,udp")]
        Both,
    }

    pub(crate) fn serialize<S: Serializer>(protocol: &PortProtocol, serializer: S) -> Result<S::Ok, S::Error> {
        match protocol {
            PortProtocol::Tcp => Names::Tcp,
            PortProtocol::Udp => Names::Udp,
            PortProtocol::Both => Names::Both,
        }
        .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PortProtocol, D::Error> {
        Ok(match Names::deserialize(deserializer)? {
            Names::Tcp => PortProtocol::Tcp,
            Names::Udp => PortProtocol::Udp,
            Names::Both => PortProtocol::Both,
        })
    }
}
