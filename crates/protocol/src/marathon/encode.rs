//! From the model to the modern form. What is written here reads back as the same definition.

use model::{AppSpec, Constraint, Container, DockerContainer, Invocation, Network, PortSpec};

use super::decimal::Decimal;
use super::definition::{
    AppDefinition, ContainerDefinition, ContainerType, DEFAULT_ROLE, DockerDefinition, NetworkDefinition, NetworkMode,
    ParameterDefinition, PortDefinition, PortMapping, VolumeDefinition,
};

#[must_use]
pub fn definition_of(spec: &AppSpec) -> AppDefinition {
    let network = network_of(spec);
    let (cmd, args) = match &spec.invocation {
        Invocation::Shell(line) => (Some(line.clone()), None),
        Invocation::Args(args) => (None, Some(args.clone())),
        Invocation::ImageDefault => (None, None),
    };
    let container = spec.container.as_ref().map(|Container::Docker(docker)| container(docker, &spec.ports));
    AppDefinition {
        id: spec.id.to_string(),
        cmd,
        args,
        user: spec.user.clone(),
        role: spec.role.as_deref().unwrap_or(DEFAULT_ROLE).to_owned(),
        env: spec.env.clone(),
        instances: spec.instances,
        cpus: spec.resources.cpus.into(),
        mem: spec.resources.mem.into(),
        disk: spec.resources.disk.into(),
        gpus: spec.resources.gpus.into(),
        constraints: spec.constraints.iter().map(constraint).collect(),
        dependencies: spec.dependencies.iter().map(ToString::to_string).collect(),
        container,
        networks: vec![NetworkDefinition { mode: mode(network) }],
        port_definitions: (network == Network::Host).then(|| spec.ports.iter().map(port_definition).collect()),
        require_ports: spec.require_ports,
        labels: spec.labels.clone(),
        backoff_seconds: Decimal::seconds(spec.backoff.initial_ms),
        backoff_factor: Decimal::from_thousandths(i64::from(spec.backoff.factor_milli)),
        max_launch_delay_seconds: Decimal::seconds(spec.backoff.max_ms),
        task_kill_grace_period_seconds: Decimal::seconds(spec.kill_grace_ms),
    }
}

fn network_of(spec: &AppSpec) -> Network {
    match &spec.container {
        Some(Container::Docker(docker)) => docker.network,
        None => Network::Host,
    }
}

const fn mode(network: Network) -> NetworkMode {
    match network {
        Network::Host => NetworkMode::Host,
        Network::Bridge => NetworkMode::Bridge,
    }
}

fn constraint(constraint: &Constraint) -> Vec<String> {
    let mut parts = vec![constraint.field.clone(), constraint.operator.name().to_owned()];
    parts.extend(constraint.value.clone());
    parts
}

fn container(docker: &DockerContainer, ports: &[PortSpec]) -> ContainerDefinition {
    let parameters =
        docker.parameters.iter().map(|p| ParameterDefinition { key: p.key.clone(), value: p.value.clone() });
    let volumes = docker.volumes.iter().map(|volume| VolumeDefinition {
        container_path: volume.container_path.clone(),
        host_path: volume.host_path.clone(),
        mode: volume.mode,
    });
    ContainerDefinition {
        r#type: ContainerType::Docker,
        docker: DockerDefinition {
            image: docker.image.clone(),
            privileged: docker.privileged,
            force_pull_image: docker.force_pull,
            parameters: parameters.collect(),
        },
        volumes: volumes.collect(),
        port_mappings: (docker.network == Network::Bridge).then(|| ports.iter().map(port_mapping).collect()),
    }
}

fn port_definition(port: &PortSpec) -> PortDefinition {
    PortDefinition {
        port: port.service_port,
        protocol: port.protocol,
        name: port.name.clone(),
        labels: port.labels.clone(),
    }
}

fn port_mapping(port: &PortSpec) -> PortMapping {
    PortMapping {
        container_port: port.container_port.unwrap_or_default(),
        host_port: port.host_port,
        service_port: port.service_port,
        protocol: port.protocol,
        name: port.name.clone(),
        labels: port.labels.clone(),
    }
}
