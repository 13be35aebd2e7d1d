//! Pictures of the state, for answers. Pure.

use master::{Health, Role};
use model::{Agent, App, AppSpec, Container, Invocation, Resources, Task, TaskState, Timestamp};
use protocol::operator::{
    AgentCounts, AgentView, AppCounts, AppView, ClusterStatus, ResourceUse, TaskCounts, TaskView, WaitingApp,
};
use state::State;

pub(super) fn status(state: &State, health: Health, now: Timestamp) -> ClusterStatus {
    let connected = count(state.agents.values().filter(|agent| agent.is_connected()));
    let waiting = state.apps.values().filter_map(|app| {
        let waiting = app.waiting.clone()?;
        Some(WaitingApp { app: app.spec.id.clone(), waiting, last_failure: app.last_failure.clone() })
    });
    ClusterStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: state.header.cluster.clone(),
        leader: health.leader,
        epoch: state.epoch,
        seq: state.seq,
        at: state.at,
        answered_by: (health.role != Role::Leading).then_some(health.name),
        led_since: state.header.led_since,
        now,
        unwritable: health.writable.err(),
        placement_policy: state.header.placement_policy.clone(),
        agents: AgentCounts { connected, disconnected: count(state.agents.values()) - connected },
        resources: resources(state),
        tasks: state.active_by_state().clone(),
        apps: AppCounts {
            total: count(state.apps.values()),
            settled: count(state.apps.values().filter(|app| state.is_settled(&app.spec.id))),
            deployments: count(state.deployments.values()),
        },
        waiting: waiting.collect(),
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// Ports are left out: the same number is another port on another agent.
fn resources(state: &State) -> ResourceUse {
    let (mut total, mut used) = (Resources::default(), Resources::default());
    for agent in state.agents.values().filter(|agent| agent.is_connected()) {
        total.add(&amounts(&agent.description.resources));
        used.add(&amounts(&state.used_on(agent.id)));
    }
    ResourceUse { total: (&total).into(), used: (&used).into() }
}

/// Without what is of one agent only.
fn amounts(resources: &Resources) -> Resources {
    let (ports, gpu_slots) = (model::PortRanges::none(), model::GpuSlots::none());
    Resources { ports, gpu_slots, ..resources.clone() }
}

pub(super) fn agent(state: &State, agent: &Agent) -> AgentView {
    let description = &agent.description;
    let attributes = description.attributes.iter().map(|(name, value)| (name.clone(), value.to_string()));
    AgentView {
        id: agent.id,
        hostname: description.hostname.clone(),
        address: description.address.clone(),
        connection: agent.connection,
        registered_at: agent.registered_at,
        attributes: attributes.collect(),
        containerizers: description.containerizers.clone(),
        resources: ResourceUse { total: (&description.resources).into(), used: (&state.used_on(agent.id)).into() },
        active_tasks: count(state.active_tasks_on(agent.id)),
    }
}

pub(super) fn app(state: &State, app: &App) -> AppView {
    let spec = &app.spec;
    AppView {
        id: spec.id.clone(),
        version: app.version,
        command: command(spec),
        image: spec.container.as_ref().map(|Container::Docker(docker)| docker.image.clone()),
        resources: (&spec.resources).into(),
        constraints: spec.constraints.iter().map(ToString::to_string).collect(),
        dependencies: spec.dependencies.clone(),
        service_ports: spec.ports.iter().map(|port| port.service_port).collect(),
        instances: spec.instances,
        tasks: task_counts(state, app),
        settled: state.is_settled(&spec.id),
        deployments: state.deployments_of(&spec.id).map(|deployment| deployment.id.clone()).collect(),
        waiting: app.waiting.clone(),
        last_failure: app.last_failure.clone(),
    }
}

fn command(spec: &AppSpec) -> String {
    match &spec.invocation {
        Invocation::Shell(command) => command.clone(),
        Invocation::Args(arguments) => arguments.join(" "),
        Invocation::ImageDefault => "what the image says".to_owned(),
    }
}

fn task_counts(state: &State, app: &App) -> TaskCounts {
    let mut counts = TaskCounts::default();
    for task in state.active_tasks_of_app(&app.spec.id) {
        if task.kill.is_some() {
            counts.ending += 1;
        } else if !task.is_since(app.config_version) {
            counts.outdated += 1;
        } else if task.status.state == TaskState::Running {
            counts.running += 1;
        } else {
            counts.starting += 1;
        }
    }
    counts
}

pub(super) fn task(task: &Task) -> TaskView {
    TaskView {
        id: task.id.clone(),
        app: task.app().cloned(),
        version: task.version(),
        own_id: task.workload.own().map(|info| info.id.to_string()),
        agent: task.agent,
        hostname: task.hostname.clone(),
        host_ports: task.host_ports.clone(),
        resources: (&task.resources).into(),
        status: task.status.clone(),
        status_at: task.status_at,
        launched_at: task.launched_at,
        running_since: task.running_since,
        ended_at: task.ended_at,
        kill: task.kill,
        framework: task.framework,
        offer: task.offer,
        explanation: task.explanation.clone(),
    }
}
