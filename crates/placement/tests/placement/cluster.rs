//! Clusters told as events, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, AppVersion, AttributeValue, Attributes, Backoff, Constraint,
    ConstraintOperator, DisconnectReason, Event, Explanation, FrameworkId, Invocation, LaunchedTask, OfferBatch,
    OfferId, OfferOutcome, PortRanges, RemovalReason, Resources, Scalar, TaskId, TaskState, TaskStatus, Timestamp,
    Workload,
};
use placement::{Outcome, Placed, Policy, PortWanted, Request, Scratch, View};

pub(crate) fn resources(cpus: i64, mem: i64) -> Resources {
    Resources { cpus: Scalar(cpus), mem: Scalar(mem), ..Resources::default() }
}

pub(crate) fn description(hostname: &str, resources: Resources) -> AgentDescription {
    AgentDescription {
        hostname: hostname.into(),
        resources,
        attributes: BTreeMap::new(),
        address: "127.0.0.1:5051".into(),
        containerizers: vec!["process".into()],
    }
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), AttributeValue::Text((*text).to_owned()))).collect()
}

pub(crate) fn registered(agent: u32, description: AgentDescription) -> Event {
    Event::AgentRegistered { agent: AgentId(agent), description }
}

pub(crate) fn reconnected(agent: u32, description: AgentDescription) -> Event {
    Event::AgentReconnected { agent: AgentId(agent), description }
}

pub(crate) fn disconnected(agent: u32) -> Event {
    Event::AgentDisconnected { agent: AgentId(agent), reason: DisconnectReason::StreamClosed }
}

pub(crate) fn removed(agent: u32) -> Event {
    Event::AgentRemoved { agent: AgentId(agent), reason: RemovalReason::Gone }
}

pub(crate) fn offered(offer: u64, agent: u32, resources: Resources) -> Event {
    let offers = OfferBatch { offers: vec![OfferId(offer)], agents: vec![AgentId(agent)], resources: vec![resources] };
    Event::OffersMade { framework: FrameworkId(1), offers }
}

pub(crate) fn closed(offer: u64, outcome: OfferOutcome) -> Event {
    Event::OffersClosed { framework: FrameworkId(1), offers: vec![OfferId(offer)], outcome, refused_until: None }
}

pub(crate) fn ended(task: &str, agent: u32) -> Event {
    Event::TaskStatusChanged {
        task: TaskId::new(task),
        agent: AgentId(agent),
        update: None,
        status: TaskStatus { state: TaskState::Finished, reason: None, message: None, exit: None },
    }
}

pub(crate) fn version(number: u64) -> AppVersion {
    AppVersion(Timestamp(number))
}

pub(crate) fn request(app: &str, cpus: i64, mem: i64) -> Request {
    Request {
        app: AppId::parse(app).expect("an app id"),
        counted_since: AppVersion::default(),
        is_container: false,
        cpus: Scalar(cpus),
        mem: Scalar(mem),
        disk: Scalar(0),
        gpus: Scalar(0),
        ports: Vec::new(),
        constraints: Vec::new(),
    }
}

pub(crate) fn constraint(field: &str, operator: ConstraintOperator, value: Option<&str>) -> Constraint {
    Constraint { field: field.into(), operator, value: value.map(str::to_owned) }
}

pub(crate) fn with(request: &Request, constraints: &[Constraint]) -> Request {
    Request { constraints: constraints.to_vec(), ..request.clone() }
}

pub(crate) fn sorted(mut agents: Vec<u32>) -> Vec<u32> {
    agents.sort_unstable();
    agents
}

pub(crate) fn any_ports(count: usize) -> Vec<PortWanted> {
    vec![PortWanted::Any; count]
}

/// An app whose instances are such requests, but for their ports.
pub(crate) fn asked(request: &Request, instances: u32) -> Event {
    let app = AppSpec {
        id: request.app.clone(),
        invocation: Invocation::ImageDefault,
        instances,
        resources: Resources {
            cpus: request.cpus,
            mem: request.mem,
            disk: request.disk,
            gpus: request.gpus,
            ..Resources::default()
        },
        container: None,
        user: None,
        role: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        ports: Vec::new(),
        require_ports: false,
        constraints: request.constraints.clone(),
        dependencies: Vec::new(),
        backoff: Backoff::default(),
        kill_grace_ms: 0,
    };
    Event::AppChanged { app: Arc::new(app), version: version(1), config_version: version(1) }
}

/// The task that a placement leads to.
pub(crate) fn launched(
    task: &str,
    offer: u64,
    version: AppVersion,
    request: &Request,
    placed: &Placed,
) -> LaunchedTask {
    LaunchedTask {
        id: TaskId::new(task),
        framework: FrameworkId::SERVICES,
        offer: OfferId(offer),
        agent: placed.agent,
        workload: Workload::App { app: request.app.clone(), version },
        resources: Resources {
            cpus: request.cpus,
            mem: request.mem,
            disk: request.disk,
            gpus: request.gpus,
            ports: PortRanges::from_ports(placed.host_ports.iter().copied()),
            gpu_slots: placed.gpu_slots.clone(),
        },
        host_ports: placed.host_ports.clone(),
        explanation: Some(placed.explanation.clone()),
    }
}

/// A view of these events, which must be all right.
pub(crate) fn view(events: impl IntoIterator<Item = Event>) -> View {
    let mut view = View::new();
    for event in events {
        view.apply(&event);
    }
    assert_eq!(view.check(), Vec::<String>::new());
    view
}

/// `count` equal agents with 4 cpus, 4 GB and 10 ports each, on hosts h0, h1, …
pub(crate) fn equal_agents(count: u32) -> Vec<Event> {
    let mut all = resources(4_000, 4_000_000);
    all.ports = "31000-31009".parse().expect("a range");
    (0..count).map(|agent| registered(agent, description(&format!("h{agent}"), all.clone()))).collect()
}

pub(crate) fn policy(name: &str) -> std::sync::Arc<dyn Policy> {
    placement::by_name(name).expect("a policy of that name")
}

/// Places so many instances one after the other; the number of each one's agent, until one fits nowhere.
pub(crate) fn place_many(view: &View, name: &str, request: &Request, count: usize) -> (Vec<u32>, Option<Explanation>) {
    let mut scratch = Scratch::new(view);
    let mut agents = Vec::new();
    for seed in 0..count {
        match scratch.place(policy(name).as_ref(), seed as u64, request) {
            Outcome::Placed(placed) => agents.push(placed.agent.0),
            Outcome::Nowhere(explanation) => return (agents, Some(explanation)),
            Outcome::Faulty(fault) => panic!("{}", fault.reason),
        }
    }
    (agents, None)
}

pub(crate) fn explained(outcome: &Outcome) -> &Explanation {
    outcome.explanation().expect("a decision")
}
