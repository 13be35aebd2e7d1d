//! The golden text of every kind of event.

use std::sync::Arc;

use model::{
    ActionKind, AgentId, AppId, AppVersion, Backoff, ClusterId, Command, CommandId, CommandKind, DeploymentAction,
    DeploymentId, DeploymentStep, DockerContainer, Epoch, ExitStatus, Explanation, FrameworkId, GpuSlot, Hash, Network,
    OfferOutcome, Principal, Resources, Scalar, Seq, StatusReason, TaskId, TaskStatus, Waiting, WaitingCause, Workload,
};

use super::*;
use crate::render::plain;

fn record(events: Vec<Event>) -> Record {
    Record {
        seq: Seq(12),
        epoch: Epoch(1),
        previous: Hash::default(),
        cause: Command {
            id: CommandId::default(),
            at: Timestamp(1_784_116_803_120),
            seed: 0,
            principal: Principal::new("someone"),
            kind: CommandKind::Allocate,
        },
        events,
        state_hash: None,
    }
}

fn app() -> AppSpec {
    AppSpec {
        id: AppId::parse("web").expect("an id"),
        invocation: Invocation::Shell("sleep 500\n".into()),
        instances: 3,
        resources: Resources { cpus: Scalar(500), mem: Scalar::from_whole(300), ..Resources::default() },
        container: None,
        user: None,
        role: None,
        env: [].into(),
        labels: [].into(),
        ports: vec![],
        require_ports: false,
        constraints: vec![],
        dependencies: vec![],
        backoff: Backoff::default(),
        kill_grace_ms: 3_000,
    }
}

fn explanation() -> Explanation {
    Explanation { policy: "best-fit".into(), score: Some(7), considered: 2, feasible: None, filtered: vec![] }
}

fn description() -> AgentDescription {
    let resources = Resources {
        cpus: Scalar::from_whole(2),
        mem: Scalar::from_whole(2048),
        ports: "31000-32000".parse().expect("ports"),
        ..Resources::default()
    };
    AgentDescription {
        hostname: "box\u{1b}[31m".into(),
        resources,
        attributes: [].into(),
        address: "127.0.0.1:5051".into(),
        containerizers: vec!["process".into(), "docker".into()],
    }
}

fn cluster_events() -> Vec<Event> {
    let agent = AgentId(0);
    let offers = OfferBatch {
        offers: (1..=6).map(OfferId).collect(),
        agents: vec![agent; 6],
        resources: vec![Resources::default(); 6],
    };
    let framework = FrameworkId::SERVICES;
    vec![
        Event::EpochStarted {
            cluster: ClusterId::new("c1"),
            leader: "box:5050".into(),
            addresses: None,
            state_version: 1,
        },
        Event::PlacementPolicyChosen { policy: "best-fit".into() },
        Event::AgentRegistered { agent, description: description() },
        Event::AgentDisconnected { agent, reason: DisconnectReason::HeartbeatsMissed },
        Event::AgentRemoved { agent, reason: RemovalReason::TimedOut },
        Event::OffersMade { framework, offers },
        Event::OffersClosed {
            framework,
            offers: vec![OfferId(1), OfferId(2)],
            outcome: OfferOutcome::Accepted,
            refused_until: None,
        },
    ]
}

fn task_events() -> Vec<Event> {
    let (task, agent) = (TaskId::new("web.1"), AgentId(0));
    let launched = LaunchedTask {
        id: task.clone(),
        framework: FrameworkId::SERVICES,
        offer: OfferId(1),
        agent,
        workload: Workload::App { app: app().id, version: AppVersion::default() },
        resources: Resources {
            gpu_slots: [(0, 1_000), (3, 250)].map(|(gpu, share)| GpuSlot { gpu, share: Scalar(share) }).to_vec().into(),
            ..Resources::default()
        },
        host_ports: vec![31_000, 31_001],
        explanation: Some(explanation()),
    };
    let status = TaskStatus {
        state: TaskState::Failed,
        reason: Some(StatusReason::OutOfMemory),
        message: None,
        exit: Some(ExitStatus::Signal(9)),
    };
    vec![
        Event::TaskLaunched { task: Box::new(launched) },
        Event::TaskStatusChanged { task: task.clone(), agent, update: None, status },
        Event::TaskKillRequested { task, agent, reason: KillReason::ScaledDown },
    ]
}

fn app_events() -> Vec<Event> {
    let id = app().id;
    let docker = DockerContainer {
        image: "nginx".into(),
        network: Network::Bridge,
        privileged: false,
        force_pull: false,
        parameters: vec![],
        volumes: vec![],
    };
    let container = Some(Container::Docker(docker));
    let image = AppSpec { invocation: Invocation::ImageDefault, instances: 1, container, ..app() };
    let action = |kind| DeploymentStep { actions: vec![DeploymentAction { app: id.clone(), kind }] };
    let deployment = Deployment {
        id: DeploymentId::new("d1"),
        version: Timestamp(0),
        steps: vec![action(ActionKind::StartApplication), action(ActionKind::ScaleApplication)],
        current_step: 0,
    };
    let version = AppVersion::default();
    let until = Timestamp(1_784_116_805_120);
    let ended = |outcome| Event::DeploymentEnded { deployment: deployment.id.clone(), outcome };
    vec![
        Event::AppChanged { app: Arc::new(app()), version, config_version: version },
        Event::AppChanged { app: Arc::new(image), version, config_version: version },
        Event::LaunchDelayed { app: id.clone(), delay_ms: 2_000, until },
        Event::WaitingChanged {
            app: id.clone(),
            waiting: Some(Waiting { instances: 1, cause: WaitingCause::Backoff { until } }),
        },
        Event::WaitingChanged { app: id.clone(), waiting: None },
        Event::DeploymentStarted { deployment: deployment.clone() },
        Event::DeploymentAdvanced { deployment: deployment.id.clone(), current_step: 1 },
        ended(DeploymentOutcome::Succeeded),
        ended(DeploymentOutcome::Superseded),
        Event::AppDestroyed { app: id.clone() },
    ]
}

fn shown(events: Vec<Event>) -> Vec<String> {
    const START: &str = "    12  2026-07-15T12:00:03.120Z  someone              ";
    let text = plain(&lines(&record(events)));
    text.lines().map(|line| line.strip_prefix(START).expect("number, time and principal").to_owned()).collect()
}

#[test]
fn a_record_without_events_names_its_command() {
    assert_eq!(shown(vec![]), ["allocate"]);
}

#[test]
fn the_cluster_in_lines() {
    assert_eq!(
        shown(cluster_events()),
        [
            "epoch_started  box:5050 leads cluster c1",
            "placement_policy_chosen  best-fit",
            "agent_registered  S0 box [31m at 127.0.0.1:5051: 2 cpus, 2 GB of memory, ports 31000-32000; process and docker",
            "agent_disconnected  S0 is silent",
            "agent_removed  S0 was silent for too long",
            "offers_made  F0 is offered O1 on S0, O2 on S0, O3 on S0 and 3 more offers",
            "offers_closed  F0 accepted O1, O2",
        ]
    );
}

#[test]
fn tasks_in_lines() {
    assert_eq!(
        shown(task_events()),
        [
            "task_launched  web.1 on S0 with ports 31000, 31001 with GPUs 0,3:0.25 by best-fit, score 7, the best of 2 agents",
            "task_status_changed  web.1 on S0 TASK_FAILED: out of memory, terminated by signal 9",
            "task_kill_requested  web.1 on S0, because fewer instances are wanted",
        ]
    );
}

#[test]
fn apps_in_lines() {
    assert_eq!(
        shown(app_events()),
        [
            "app_changed  /web: 3 instances of `sleep 500`, each 0.5 cpus, 300 MB of memory",
            "app_changed  /web: 1 instance of nginx, each 0.5 cpus, 300 MB of memory",
            "launch_delayed  /web starts nothing for 2s",
            "waiting_changed  /web: 1 instance waits 2s before the next start",
            "waiting_changed  /web waits for nothing",
            "deployment_started  d1 StartApplication /web; then ScaleApplication /web",
            "deployment_advanced  d1 to step 2",
            "deployment_ended  d1 succeeded",
            "deployment_ended  d1 gave way to a later change",
            "app_destroyed  /web",
        ]
    );
}
