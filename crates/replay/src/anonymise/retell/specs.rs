//! What is wanted and what there is: definitions, containers, agents, frameworks, profiles.

use std::sync::Arc;

use model::{
    AgentDescription, AppSpec, AppVersion, Backoff, Constraint, Container, DockerContainer, Explanation, Filtered,
    FrameworkInfo, GpuSlot, GpuSlots, Invocation, LeaderAddresses, Module, Parameter, PortRange, PortRanges, PortSpec,
    Profile, ProfileChoices, ProfileScope, ProfileTerm, Resources, TaskInfo, TaskStatus, Volume, Workload,
};

use super::{all, bits, optional, pairs, shared};
use crate::anonymise::names::{Kind, Names};

const LABELS: (Kind, Kind) = (Kind::Label, Kind::LabelText);
const ENVIRONMENT: (Kind, Kind) = (Kind::Variable, Kind::Setting);

pub(super) fn app_spec(names: &mut dyn Names, spec: &AppSpec) -> Arc<AppSpec> {
    let AppSpec {
        id,
        invocation,
        instances,
        resources,
        container,
        user,
        role,
        env,
        labels,
        ports,
        require_ports,
        constraints,
        dependencies,
        backoff,
        kill_grace_ms,
    } = spec;
    Arc::new(AppSpec {
        id: names.app(id),
        invocation: self::invocation(names, invocation),
        instances: bits(instances),
        resources: self::resources(resources),
        container: container.as_ref().map(|container| self::container(names, container)),
        user: optional(names, Kind::User, user.as_ref()),
        role: role.as_ref().map(|role| shared(names, Kind::Role, role)),
        env: pairs(names, ENVIRONMENT, env),
        labels: pairs(names, LABELS, labels),
        ports: ports.iter().map(|port| self::port(names, port)).collect(),
        require_ports: bits(require_ports),
        constraints: constraints.iter().map(|constraint| self::constraint(names, constraint)).collect(),
        dependencies: dependencies.iter().map(|app| names.app(app)).collect(),
        backoff: bits::<Backoff>(backoff),
        kill_grace_ms: bits(kill_grace_ms),
    })
}

fn constraint(names: &mut dyn Names, constraint: &Constraint) -> Constraint {
    // All of it is a matter of names.
    let Constraint { field: _, operator: _, value: _ } = constraint;
    names.constraint(constraint)
}

fn invocation(names: &mut dyn Names, invocation: &Invocation) -> Invocation {
    match invocation {
        Invocation::Shell(command) => Invocation::Shell(names.text(Kind::Command, command)),
        Invocation::Args(arguments) => Invocation::Args(all(names, Kind::Argument, arguments)),
        Invocation::ImageDefault => Invocation::ImageDefault,
    }
}

fn container(names: &mut dyn Names, Container::Docker(container): &Container) -> Container {
    let DockerContainer { image, network, privileged, force_pull, parameters, volumes } = container;
    let parameter = |names: &mut dyn Names, Parameter { key, value }: &Parameter| Parameter {
        key: names.text(Kind::EngineOption, key),
        value: names.text(Kind::EngineValue, value),
    };
    let volume = |names: &mut dyn Names, Volume { container_path, host_path, mode }: &Volume| Volume {
        container_path: names.text(Kind::Path, container_path),
        host_path: names.text(Kind::Path, host_path),
        mode: bits(mode),
    };
    Container::Docker(DockerContainer {
        image: names.text(Kind::Image, image),
        network: bits(network),
        privileged: bits(privileged),
        force_pull: bits(force_pull),
        parameters: parameters.iter().map(|it| parameter(names, it)).collect(),
        volumes: volumes.iter().map(|it| volume(names, it)).collect(),
    })
}

fn port(names: &mut dyn Names, port: &PortSpec) -> PortSpec {
    let PortSpec { container_port, host_port, service_port, protocol, name, labels } = port;
    PortSpec {
        container_port: bits(container_port),
        host_port: bits(host_port),
        service_port: bits(service_port),
        protocol: bits(protocol),
        name: optional(names, Kind::Port, name.as_ref()),
        labels: pairs(names, LABELS, labels),
    }
}

pub(super) fn resources(resources: &Resources) -> Resources {
    let Resources { cpus, mem, disk, gpus, ports, gpu_slots } = resources;
    Resources {
        cpus: bits(cpus),
        mem: bits(mem),
        disk: bits(disk),
        gpus: bits(gpus),
        ports: PortRanges::new(ports.ranges().iter().map(bits::<PortRange>)),
        gpu_slots: GpuSlots::new(gpu_slots.iter().map(|slot| bits::<GpuSlot>(&slot))),
    }
}

pub(super) fn agent_description(names: &mut dyn Names, description: &AgentDescription) -> AgentDescription {
    let AgentDescription { hostname, resources, attributes, address, containerizers } = description;
    AgentDescription {
        hostname: names.text(Kind::Host, hostname),
        resources: self::resources(resources),
        attributes: attributes.iter().map(|(field, value)| names.attribute(field, value)).collect(),
        address: names.text(Kind::Address, address),
        containerizers: all(names, Kind::Containerizer, containerizers),
    }
}

pub(super) fn leader_addresses(names: &mut dyn Names, addresses: &LeaderAddresses) -> LeaderAddresses {
    let LeaderAddresses { operator, marathon } = addresses;
    LeaderAddresses { operator: names.text(Kind::Address, operator), marathon: names.text(Kind::Address, marathon) }
}

pub(super) fn framework_info(names: &mut dyn Names, info: &FrameworkInfo) -> Arc<FrameworkInfo> {
    let FrameworkInfo { name, user, role, failover_timeout_ms, principal, hostname, webui_url } = info;
    Arc::new(FrameworkInfo {
        name: names.text(Kind::Framework, name),
        user: names.text(Kind::User, user),
        role: names.text(Kind::Role, role),
        failover_timeout_ms: bits(failover_timeout_ms),
        principal: optional(names, Kind::Principal, principal.as_ref()),
        hostname: optional(names, Kind::Host, hostname.as_ref()),
        webui_url: optional(names, Kind::Url, webui_url.as_ref()),
    })
}

pub(super) fn task_info(names: &mut dyn Names, info: &TaskInfo) -> Arc<TaskInfo> {
    let TaskInfo { id, name, invocation, container, user, env, labels, ports, kill_grace_ms } = info;
    Arc::new(TaskInfo {
        id: shared(names, Kind::OwnTask, id),
        name: names.text(Kind::TaskName, name),
        invocation: self::invocation(names, invocation),
        container: container.as_ref().map(|container| self::container(names, container)),
        user: optional(names, Kind::User, user.as_ref()),
        env: pairs(names, ENVIRONMENT, env),
        labels: pairs(names, LABELS, labels),
        ports: ports.iter().map(|port| self::port(names, port)).collect(),
        kill_grace_ms: bits(kill_grace_ms),
    })
}

pub(super) fn workload(names: &mut dyn Names, workload: &Workload) -> Workload {
    match workload {
        Workload::App { app, version } => Workload::App { app: names.app(app), version: bits::<AppVersion>(version) },
        Workload::Own(info) => Workload::Own(task_info(names, info)),
    }
}

pub(super) fn status(names: &mut dyn Names, status: &TaskStatus) -> TaskStatus {
    let TaskStatus { state, reason, message, exit } = status;
    TaskStatus {
        state: bits(state),
        reason: bits(reason),
        message: optional(names, Kind::Message, message.as_ref()),
        exit: bits(exit),
    }
}

pub(super) fn explanation(names: &mut dyn Names, explanation: &Explanation) -> Explanation {
    let Explanation { policy, score, considered, feasible, filtered } = explanation;
    let told = |names: &mut dyn Names, Filtered { filter, detail, agents }: &Filtered| Filtered {
        filter: bits(filter),
        detail: detail.as_ref().map(|detail| names.detail(*filter, detail)),
        agents: bits(agents),
    };
    Explanation {
        policy: names.text(Kind::Profile, policy),
        score: bits(score),
        considered: bits(considered),
        feasible: bits(feasible),
        filtered: filtered.iter().map(|it| told(names, it)).collect(),
    }
}

pub(super) fn profile(names: &mut dyn Names, profile: &Profile) -> Arc<Profile> {
    let Profile { name, terms, sample } = profile;
    let term = |names: &mut dyn Names, ProfileTerm { policy, weight, normalise }: &ProfileTerm| ProfileTerm {
        policy: shared(names, Kind::Profile, policy),
        weight: bits(weight),
        normalise: bits(normalise),
    };
    Arc::new(Profile {
        name: shared(names, Kind::Profile, name),
        terms: terms.iter().map(|it| term(names, it)).collect(),
        sample: bits(sample),
    })
}

pub(super) fn profile_name(names: &mut dyn Names, name: Option<&Arc<str>>) -> Option<Arc<str>> {
    name.map(|name| shared(names, Kind::Profile, name))
}

pub(super) fn scope(names: &mut dyn Names, scope: &ProfileScope) -> ProfileScope {
    match scope {
        ProfileScope::Role(role) => ProfileScope::Role(shared(names, Kind::Role, role)),
        ProfileScope::App(app) => ProfileScope::App(names.app(app)),
    }
}

pub(super) fn choices(names: &mut dyn Names, choices: &ProfileChoices) -> ProfileChoices {
    let ProfileChoices { roles, apps, shadow } = choices;
    let mut told = ProfileChoices::default();
    for (role, profile) in roles {
        told.roles.insert(shared(names, Kind::Role, role), shared(names, Kind::Profile, profile));
    }
    for (app, profile) in apps {
        told.apps.insert(names.app(app), shared(names, Kind::Profile, profile));
    }
    told.shadow = profile_name(names, shadow.as_ref());
    told
}

pub(super) fn module(names: &mut dyn Names, module: &Module) -> Arc<Module> {
    let Module { name, hash: _, bytes, disabled } = module;
    let told = Module::new(shared(names, Kind::Profile, name), names.module(bytes));
    let disabled = disabled.as_ref().map(|reason| shared(names, Kind::Message, reason));
    Arc::new(Module { disabled, ..told })
}
