//! Six minutes of a small harbour, with four faults planted in them. The same code makes the same log, byte by byte.
//!
//! 1. **A bad placement.** Somebody lets `spread` decide for the role of `/thumbs`, which needs no GPU, and so fills up the only agent that has
//!    some; `/train` waits for a GPU although both are free.
//! 2. **An app blocked by a constraint.** `/cart` asks for a zone that no agent is in: a letter is missing.
//! 3. **A crash loop on one agent.** Tasks of `/mailer` fail on `crane4`, whose disk is broken, and the fullest agent that has
//!    room for them is always that one.
//! 4. **A double report.** `crane2` reports the end of a task twice, as two reports.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, AttributeValue, Backoff, ClusterId, CommandKind, Constraint,
    ConstraintOperator, DisconnectReason, ExitStatus, FrameworkId, FrameworkInfo, Invocation, LaunchRequest, Offer,
    PortRange, PortRanges, ProfileScope, Resources, Scalar, SealedRecord, StatusReason, TaskId, TaskInfo,
    TaskSelection, TaskState, TaskStatus, Timestamp,
};

use super::cluster::{Behaviour, Cluster, killed};

/// 2026-03-02T08:00:00Z
const BEGIN: Timestamp = Timestamp(1_772_438_400_000);
const ANNA: &str = "token@10.0.0.21";
const BOB: &str = "token@10.0.0.34";
/// The one with the broken disk.
const CRANE4: AgentId = AgentId(3);
/// The one that says things twice.
const CRANE2: AgentId = AgentId(1);
const S: u64 = 1_000;

pub(crate) fn records() -> Vec<SealedRecord> {
    let mut cluster = Cluster::new(BEGIN, behaviour);
    begin(&mut cluster);
    ordinary_life(&mut cluster);
    crash_loop(&mut cluster);
    bad_placement(&mut cluster);
    blocked_by_a_constraint(&mut cluster);
    double_report(&mut cluster);
    framework(&mut cluster);
    cluster.run(360 * S);
    cluster.log
}

fn behaviour(cluster: &Cluster, task: &TaskId, agent: AgentId) -> Behaviour {
    let runs_after_ms = 240 + 35 * (cluster.log.len() as u64 % 7);
    let is_mailer = task.as_str().starts_with("mailer.");
    let broken = TaskStatus {
        state: TaskState::Failed,
        reason: Some(StatusReason::CommandFailed),
        message: Some("exited with status 74: /var/spool/mail: Input/output error".to_owned()),
        exit: Some(ExitStatus::Code(74)),
    };
    Behaviour { runs_after_ms, ends: (is_mailer && agent == CRANE4).then_some((1_300, broken)) }
}

fn begin(cluster: &mut Cluster) {
    let start = CommandKind::StartEpoch {
        cluster: ClusterId::new("harbour"),
        leader: "m1".to_owned(),
        addresses: None,
        placement_policy: Some("best-fit".to_owned()),
        profile: None,
    };
    cluster.at(0, "master", start);
    cluster.at(1, "master", CommandKind::ChooseOfferTimeout { offer_timeout_ms: 30 * S });
    for (index, (hostname, cpus, gpus, rack)) in [
        ("crane1", 16, 0, "r1"),
        ("crane2", 16, 0, "r1"),
        ("crane3", 16, 0, "r2"),
        ("crane4", 8, 0, "r2"),
        ("gpu1", 16, 2, "r3"),
    ]
    .into_iter()
    .enumerate()
    {
        let kind = CommandKind::RegisterAgent { description: agent(hostname, cpus, gpus, rack) };
        let principal = ["agent@crane1", "agent@crane2", "agent@crane3", "agent@crane4", "agent@gpu1"][index];
        cluster.at(800 + 130 * index as u64, principal, kind);
    }
}

fn agent(hostname: &str, cpus: i64, gpus: i64, rack: &str) -> AgentDescription {
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    AgentDescription {
        hostname: hostname.to_owned(),
        resources: Resources {
            cpus: Scalar::from_whole(cpus),
            mem: Scalar::from_whole(cpus * 2_048),
            disk: Scalar::from_whole(100_000),
            gpus: Scalar::from_whole(gpus),
            ports: PortRanges::new([PortRange { begin: 31_000, end: 32_000 }]),
            ..Resources::default()
        },
        attributes: BTreeMap::from([("rack".to_owned(), text(rack)), ("zone".to_owned(), text("eu-west"))]),
        address: format!("{hostname}:5051"),
        containerizers: vec!["process".to_owned()],
    }
}

fn app(id: &str, instances: u32, cpus: i64, command: &str) -> AppSpec {
    AppSpec {
        id: self::id(id),
        invocation: Invocation::Shell(command.to_owned()),
        instances,
        resources: Resources {
            cpus: Scalar::from_whole(cpus),
            mem: Scalar::from_whole(cpus * 1_024),
            ..Resources::default()
        },
        container: None,
        user: None,
        role: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        ports: Vec::new(),
        require_ports: false,
        constraints: Vec::new(),
        dependencies: Vec::new(),
        backoff: Backoff::default(),
        kill_grace_ms: 3_000,
    }
}

fn id(text: &str) -> AppId {
    AppId::parse(text).expect("an id")
}

fn put(app: AppSpec) -> CommandKind {
    CommandKind::PutApps { apps: vec![Arc::new(app)], force: true }
}

fn where_(field: &str, operator: ConstraintOperator, value: &str) -> Vec<Constraint> {
    vec![Constraint { field: field.to_owned(), operator, value: Some(value.to_owned()) }]
}

fn ordinary_life(cluster: &mut Cluster) {
    cluster.at(12 * S, ANNA, put(app("/web", 3, 2, "web-server --port $PORT0")));
    cluster.at(15 * S, ANNA, put(app("/api", 2, 3, "api-server")));
    cluster.at(165 * S, ANNA, CommandKind::ScaleApp { app: id("/web"), instances: 5, force: false });
    cluster.at(262 * S, ANNA, CommandKind::ScaleApp { app: id("/web"), instances: 4, force: false });
    let agent = AgentId(2);
    cluster.at(181 * S, "master", CommandKind::DisconnectAgent { agent, reason: DisconnectReason::HeartbeatsMissed });
    let description = self::agent("crane3", 16, 0, "r2");
    cluster.at(193 * S + 400, "agent:S2", CommandKind::ReconnectAgent { agent, description });
}

fn crash_loop(cluster: &mut Cluster) {
    let mailer = app("/mailer", 2, 1, "mailer --spool /var/spool/mail");
    cluster.at(8 * S, ANNA, put(mailer.clone()));
    let elsewhere = where_("hostname", ConstraintOperator::Unlike, "crane4");
    cluster.at(154 * S, BOB, put(AppSpec { constraints: elsewhere, ..mailer }));
}

fn bad_placement(cluster: &mut Cluster) {
    let scope = Some(ProfileScope::Role("batch".into()));
    let spread = CommandKind::ChooseProfile { scope: scope.clone(), profile: Some("spread".into()) };
    cluster.at(40 * S, BOB, spread);
    let thumbs = app("/thumbs", 8, 3, "thumbs --queue /photos");
    cluster.at(44 * S, BOB, put(AppSpec { role: Some("batch".into()), ..thumbs }));
    let mut train = app("/train", 1, 12, "train --epochs 40");
    train.resources.gpus = Scalar::from_whole(1);
    cluster.at(71 * S, ANNA, put(train));
    cluster.at(205 * S, ANNA, CommandKind::ChooseProfile { scope, profile: None });
    let selection = TaskSelection::App { app: id("/thumbs"), host: Some("gpu1".to_owned()) };
    cluster.at(208 * S, ANNA, CommandKind::KillTasks { selection, scale: false, force: false });
}

fn blocked_by_a_constraint(cluster: &mut Cluster) {
    let cart = app("/cart", 2, 1, "cart");
    let wrong = where_("zone", ConstraintOperator::Is, "eu-wst");
    let right = where_("zone", ConstraintOperator::Is, "eu-west");
    cluster.at(96 * S, BOB, put(AppSpec { constraints: wrong, ..cart.clone() }));
    cluster.at(230 * S, ANNA, put(AppSpec { constraints: right, ..cart }));
}

/// A user ends a task on the agent, which says so, and nine seconds later says so again.
fn double_report(cluster: &mut Cluster) {
    cluster.after(130 * S, |cluster| {
        let task = cluster.world.state.active_tasks_on(CRANE2).next().expect("it has a task").id.clone();
        let selection = TaskSelection::Tasks(vec![task.clone()]);
        cluster.after(9_180, move |cluster| cluster.report_anyway(CRANE2, &task, killed()));
        cluster.give(BOB, CommandKind::KillTasks { selection, scale: false, force: false });
    });
}

/// A framework outside: one offer is accepted, one declined, and the rest left to expire.
fn framework(cluster: &mut Cluster) {
    let info = FrameworkInfo {
        name: "spark".to_owned(),
        user: String::new(),
        role: "analytics".to_owned(),
        failover_timeout_ms: 60 * S,
        principal: None,
        hostname: None,
        webui_url: None,
    };
    let kind = CommandKind::SubscribeFramework { framework: None, info: Arc::new(info) };
    cluster.at(280 * S, "framework:spark", kind);
    cluster.after(282 * S, |cluster| {
        let framework = FrameworkId(1);
        let mut offers: Vec<&Offer> = cluster.world.state.offers.values().collect();
        offers.sort_by_key(|offer| std::cmp::Reverse(offer.resources.cpus));
        let [first, second, ..] = offers[..] else { panic!("too few offers: {offers:?}") };
        let (accepted, agent, declined) = (first.id, first.agent, second.id);
        let info = TaskInfo {
            id: "stage-1".into(),
            name: "stage 1".to_owned(),
            invocation: Invocation::Shell("stage".to_owned()),
            container: None,
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            ports: Vec::new(),
            kill_grace_ms: 3_000,
        };
        let resources = Resources { cpus: Scalar::from_whole(1), mem: Scalar::from_whole(512), ..Resources::default() };
        let launches = vec![LaunchRequest::Task { info: Arc::new(info), agent, resources }];
        let (refuse_ms, principal) = (600 * S, "framework:F1 spark");
        cluster.give(principal, CommandKind::AcceptOffers { framework, offers: vec![accepted], launches, refuse_ms });
        cluster.give(principal, CommandKind::DeclineOffers { framework, offers: vec![declined], refuse_ms });
        cluster.give(principal, CommandKind::SuppressOffers { framework });
    });
}
