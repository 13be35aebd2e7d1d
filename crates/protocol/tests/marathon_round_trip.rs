//! What is answered reads back as the same definition, whatever the definition is.

use std::collections::BTreeMap;

use model::{
    AppId, AppSpec, Backoff, Constraint, ConstraintOperator, Container, DockerContainer, Invocation, Network,
    Parameter, PortProtocol, PortRanges, PortSpec, Resources, Scalar, Volume, VolumeMode,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use protocol::marathon::{self, AppDefinition, Update};

fn app_id() -> impl Strategy<Value = AppId> {
    "(/[a-z0-9]([a-z0-9.-]{0,6}[a-z0-9])?){1,3}x".prop_map(|path| AppId::parse(&path).expect("an id"))
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[A-Za-z_.][A-Za-z0-9_. ü-]{0,8}", "[^\0]{0,12}", 0..4)
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![Just(Scalar::LIMIT), (0..=Scalar::LIMIT.0).prop_map(Scalar), (0..100_000_i64).prop_map(Scalar)]
}

fn invocation() -> impl Strategy<Value = Invocation> {
    prop_oneof![
        "[^\0]{1,20}".prop_map(Invocation::Shell),
        vec("[^\0]{0,8}", 1..4).prop_map(Invocation::Args),
        Just(Invocation::ImageDefault),
    ]
}

fn constraints() -> impl Strategy<Value = Vec<Constraint>> {
    let operators = select(ConstraintOperator::ALL.to_vec());
    let one = ("@?[a-z]{1,8}", operators, option::of("[^\0]{1,8}")).prop_map(|(field, operator, value)| Constraint {
        field,
        operator,
        value,
    });
    vec(one, 0..4)
}

fn docker() -> impl Strategy<Value = DockerContainer> {
    let network = select(vec![Network::Host, Network::Bridge]);
    let parameters = vec("[a-z]{1,8}=[^\0]{0,8}", 0..3).prop_map(|values| {
        values.into_iter().map(|value| Parameter { key: "env".to_owned(), value }).collect::<Vec<_>>()
    });
    let volumes = btree_map("/[a-z]{1,8}", ("/[a-z]{1,8}", any::<bool>()), 0..3).prop_map(|volumes| {
        let volume = |(container_path, (host_path, is_rw))| Volume {
            container_path,
            host_path,
            mode: if is_rw { VolumeMode::Rw } else { VolumeMode::Ro },
        };
        volumes.into_iter().map(volume).collect::<Vec<_>>()
    });
    ("[a-z0-9/:.]{1,20}", network, any::<(bool, bool)>(), parameters, volumes).prop_map(
        |(image, network, (privileged, force_pull), parameters, volumes)| DockerContainer {
            image,
            network,
            privileged,
            force_pull,
            parameters,
            volumes,
        },
    )
}

/// Ports with every number and name different; what they mean depends on the network, so it is set later.
fn ports() -> impl Strategy<Value = Vec<PortSpec>> {
    let protocols = select(vec![PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Both]);
    vec((any::<(u16, bool, bool)>(), protocols, texts()), 0..5).prop_map(|ports| {
        let port = |(index, ((container_port, is_fixed, is_named), protocol, labels))| {
            let number = 20_000 + index as u16;
            PortSpec {
                container_port: Some(container_port),
                host_port: if is_fixed { number } else { 0 },
                service_port: if is_named { 0 } else { number },
                protocol,
                name: is_named.then(|| format!("port-{index}")),
                labels,
            }
        };
        ports.into_iter().enumerate().map(port).collect()
    })
}

fn suited(ports: Vec<PortSpec>, network: Network, require: bool) -> Vec<PortSpec> {
    let on_host = |port: PortSpec| PortSpec {
        container_port: None,
        host_port: if require { port.service_port } else { 0 },
        ..port
    };
    match network {
        Network::Bridge => ports,
        Network::Host => ports.into_iter().map(on_host).collect(),
    }
}

prop_compose! {
    fn resources()(cpus in scalar(), mem in scalar(), disk in scalar(), gpus in 0..64_i64) -> Resources {
        Resources { cpus, mem, disk, gpus: Scalar::from_whole(gpus), ports: PortRanges::default(), gpu_slots: model::GpuSlots::none() }
    }
}

prop_compose! {
    fn backoff()(initial_ms in 0..31_536_000_000_u64, factor_milli in 1_000..=1_000_000_u32, max_ms in 0..9_999_999_u64) -> Backoff {
        Backoff { initial_ms, factor_milli, max_ms }
    }
}

prop_compose! {
    fn app()(
        (id, invocation, instances, resources) in (app_id(), invocation(), 0..=100_000_u32, resources()),
        (docker, ports, require) in (option::of(docker()), ports(), any::<bool>()),
        (user, role, env, labels) in (option::of("[a-z]{1,8}"), option::of("[a-zA-Z][a-z_-]{0,8}"), texts(), texts()),
        (constraints, dependencies) in (constraints(), vec(app_id(), 0..3)),
        (backoff, kill_grace_ms) in (backoff(), 0..100_000_u64),
    ) -> AppSpec {
        let network = docker.as_ref().map_or(Network::Host, |docker| docker.network);
        let require_ports = require && network == Network::Host;
        let invocation = match (invocation, &docker) {
            (Invocation::ImageDefault, None) => Invocation::Shell("true".to_owned()),
            (invocation, _) => invocation,
        };
        let mut dependencies = dependencies;
        dependencies.sort();
        dependencies.dedup();
        AppSpec {
            id, invocation, instances, resources, user, env, labels, require_ports, constraints, dependencies, backoff,
            kill_grace_ms,
            role: role.map(Into::into),
            container: docker.map(Container::Docker),
            ports: suited(ports, network, require_ports),
        }
    }
}

proptest! {
    #[test]
    fn a_definition_reads_back_as_it_was(spec in app()) {
        let definition = marathon::definition_of(&spec);
        let json = serde_json::to_string(&definition).expect("plain data");
        let body = serde_json::from_str(&json).expect("JSON");
        prop_assert_eq!(marathon::create(body, &|_| Ok(())), Ok(spec));
        let read: AppDefinition = serde_json::from_str(&json).expect("a definition");
        prop_assert_eq!(read, definition);
    }

    #[test]
    fn an_empty_update_changes_nothing_and_a_whole_one_everything(present in app(), next in app()) {
        let mut present = present;
        // As the scheduler does: no port is open, so none is kept.
        for (port, chosen) in present.ports.iter_mut().zip(30_000..) {
            port.service_port = chosen;
            port.host_port = if present.require_ports { chosen } else { port.host_port };
        }
        let empty = serde_json::json!({});
        let merged = marathon::update(&present.id, Some(&present), empty, Update::Merge, &|_| Ok(()));
        prop_assert_eq!(merged, Ok(present.clone()));

        let next = AppSpec { id: present.id.clone(), ports: present.ports.clone(), ..next };
        let network = |spec: &AppSpec| spec.container.as_ref().map(|Container::Docker(docker)| docker.network);
        let next = AppSpec { require_ports: present.require_ports, ..next };
        prop_assume!(network(&next).unwrap_or(Network::Host) == network(&present).unwrap_or(Network::Host));
        let body = serde_json::to_value(marathon::definition_of(&next)).expect("plain data");
        // A container cannot be taken away by a partial update.
        let how = if next.container.is_none() { Update::Replace } else { Update::Merge };
        let replaced = marathon::update(&present.id, Some(&present), body, how, &|_| Ok(()));
        // Nor can a user or a command without a new one.
        let kept = next.user.is_none() || next.invocation == Invocation::ImageDefault;
        if how == Update::Replace || !kept {
            prop_assert_eq!(replaced, Ok(next));
        }
    }
}
