//! Commands and containers of tasks: what they become here, and what cannot be yet.

use std::collections::BTreeMap;

use model::{Container, DockerContainer, Invocation, Network, Parameter, PortProtocol, PortSpec, Volume, VolumeMode};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
pub(super) struct WireCommand {
    shell: Option<bool>,
    value: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
    environment: Option<WireEnvironment>,
    user: Option<String>,
    #[serde(default)]
    uris: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireEnvironment {
    #[serde(default)]
    variables: Vec<WireVariable>,
}

#[derive(Deserialize)]
struct WireVariable {
    name: String,
    value: Option<String>,
    secret: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct WireContainer {
    r#type: String,
    docker: Option<WireDocker>,
    mesos: Option<IgnoredAny>,
    #[serde(default)]
    volumes: Vec<WireVolume>,
    hostname: Option<String>,
}

#[derive(Deserialize)]
struct WireDocker {
    image: String,
    network: Option<String>,
    #[serde(default)]
    port_mappings: Vec<WirePortMapping>,
    #[serde(default)]
    privileged: bool,
    #[serde(default)]
    parameters: Vec<WireParameter>,
    #[serde(default)]
    force_pull_image: bool,
}

#[derive(Deserialize)]
struct WirePortMapping {
    host_port: u64,
    container_port: u64,
    protocol: Option<String>,
}

#[derive(Deserialize)]
struct WireParameter {
    key: String,
    value: String,
}

#[derive(Deserialize)]
struct WireVolume {
    mode: String,
    container_path: String,
    host_path: Option<String>,
    image: Option<IgnoredAny>,
    source: Option<IgnoredAny>,
}

/// What is run, with which variables, as whom.
pub(super) struct Command {
    pub(super) invocation: Invocation,
    pub(super) env: BTreeMap<String, String>,
    pub(super) user: Option<String>,
}

impl WireCommand {
    pub(super) fn read(self, in_container: bool) -> Result<Command, String> {
        if !self.uris.is_empty() {
            return Err(
                "command.uris are not fetched yet: put what the task needs into its image or its command".into()
            );
        }
        let value = self.value.filter(|value| !value.is_empty());
        let invocation = match (self.shell.unwrap_or(true), value) {
            (true, Some(value)) => Invocation::Shell(value),
            (true, None) if in_container && self.arguments.is_empty() => Invocation::ImageDefault,
            (true, None) => return Err("command.value is missing: it is the line for the shell".to_owned()),
            (false, value) => direct(value, self.arguments, in_container)?,
        };
        let mut env = BTreeMap::new();
        for variable in self.environment.into_iter().flat_map(|environment| environment.variables) {
            if variable.secret.is_some() {
                return Err(format!("command.environment: {} is a secret, which is not built yet", variable.name));
            }
            env.insert(variable.name, variable.value.unwrap_or_default());
        }
        Ok(Command { invocation, env, user: self.user.filter(|user| !user.is_empty()) })
    }
}

/// Without a shell: outside of a container the value is the program, and the first argument how it is to call itself.
fn direct(value: Option<String>, mut arguments: Vec<String>, in_container: bool) -> Result<Invocation, String> {
    match value {
        Some(program) if in_container => arguments.insert(0, program),
        Some(program) => match arguments.first_mut() {
            Some(first) => *first = program,
            None => arguments.push(program),
        },
        None if in_container => {}
        None => return Err("command.value is missing: it is the program".to_owned()),
    }
    Ok(if arguments.is_empty() { Invocation::ImageDefault } else { Invocation::Args(arguments) })
}

impl WireContainer {
    pub(super) fn read(self) -> Result<(Container, Vec<PortSpec>), String> {
        if self.r#type != "DOCKER" || self.mesos.is_some() {
            return Err(format!("container.type {} is not built: use DOCKER, or no container", self.r#type));
        }
        if self.hostname.is_some() {
            return Err("container.hostname is not built: use docker.parameters with the key hostname".to_owned());
        }
        let docker = self.docker.ok_or("container.docker is missing")?;
        let network = match docker.network.as_deref() {
            None | Some("HOST") => Network::Host,
            Some("BRIDGE") => Network::Bridge,
            Some(other) => return Err(format!("container.docker.network {other} is not built: use HOST or BRIDGE")),
        };
        if network == Network::Host && !docker.port_mappings.is_empty() {
            return Err("container.docker.port_mappings need network BRIDGE".to_owned());
        }
        let ports = docker.port_mappings.iter().map(WirePortMapping::read).collect::<Result<_, _>>()?;
        let container = DockerContainer {
            image: docker.image,
            network,
            privileged: docker.privileged,
            force_pull: docker.force_pull_image,
            parameters: docker
                .parameters
                .into_iter()
                .map(|parameter| Parameter { key: parameter.key, value: parameter.value })
                .collect(),
            volumes: self.volumes.into_iter().map(WireVolume::read).collect::<Result<_, _>>()?,
        };
        Ok((Container::Docker(container), ports))
    }
}

impl WirePortMapping {
    fn read(&self) -> Result<PortSpec, String> {
        let port =
            |port: u64| u16::try_from(port).map_err(|_| format!("container.docker.port_mappings: {port} is no port"));
        let protocol = match self.protocol.as_deref() {
            None | Some("tcp") => PortProtocol::Tcp,
            Some("udp") => PortProtocol::Udp,
            Some(other) => {
                return Err(format!("container.docker.port_mappings: protocol {other} is neither tcp nor udp"));
            }
        };
        Ok(PortSpec {
            container_port: Some(port(self.container_port)?),
            host_port: port(self.host_port)?,
            service_port: 0,
            protocol,
            name: None,
            labels: BTreeMap::new(),
        })
    }
}

impl WireVolume {
    fn read(self) -> Result<Volume, String> {
        let path = self.container_path;
        let host_path = self.host_path.filter(|_| self.image.is_none() && self.source.is_none());
        let host_path =
            host_path.ok_or_else(|| format!("container.volumes: {path} needs a host_path, and only that"))?;
        let mode = match self.mode.as_str() {
            "RW" => VolumeMode::Rw,
            "RO" => VolumeMode::Ro,
            other => return Err(format!("container.volumes: mode {other} of {path} is neither RW nor RO")),
        };
        Ok(Volume { container_path: path, host_path, mode })
    }
}
