//! Clusters in memory, drawn from a seed: agents of several sizes, apps, and records of what happens to them.
//!
//! Commands are decided and folded as the master does it, without its log, clock and random source.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, Backoff, ClusterId, Command, CommandId, CommandKind, Event, Invocation,
    PortProtocol, PortSpec, Principal, Record, Resources, Scalar, SealedRecord, StatusUpdate, TaskId, TaskState,
    TaskStatus, Timestamp, Tip, UpdateId,
};
use scheduler::{Policies, World};

use crate::Draws;

/// Whole cpus, and GB of memory.
const AGENT_SIZES: [(i64, i64); 4] = [(16, 64), (32, 128), (64, 256), (96, 384)];
const SEED: u64 = 7;

/// A world, and the end of the records that made it.
#[derive(Clone)]
pub struct Cluster {
    pub world: World,
    pub tip: Tip,
    commands: u64,
}

impl Cluster {
    /// So many connected agents, and nothing that runs on them.
    #[must_use]
    pub fn with_agents(count: u32, policy: &str) -> Self {
        let mut cluster = Self { world: World::default(), tip: Tip::default(), commands: 0 };
        cluster.run(CommandKind::StartEpoch {
            cluster: ClusterId::new("bench"),
            leader: "bench".to_owned(),
            addresses: None,
            placement_policy: Some(policy.to_owned()),
            profile: None,
        });
        let mut draws = Draws::new(SEED);
        for number in 0..count {
            cluster.run(CommandKind::RegisterAgent { description: agent(number, &mut draws) });
        }
        cluster
    }

    #[must_use]
    pub fn command(&self, kind: CommandKind) -> Command {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_le_bytes());
        Command {
            id: CommandId(id),
            at: Timestamp(1_800_000_000_000 + self.commands),
            seed: Draws::new(self.commands).draw(),
            principal: Principal::new("bench"),
            kind,
        }
    }

    /// The record of a command that was decided in this world.
    #[must_use]
    pub fn record(&self, cause: Command, events: Vec<Event>) -> Record {
        let starts = matches!(cause.kind, CommandKind::StartEpoch { .. });
        let epoch = if starts { self.tip.epoch.next() } else { self.tip.epoch };
        Record { seq: self.tip.seq.next(), epoch, previous: self.tip.hash, cause, events, state_hash: None }
    }

    pub fn apply(&mut self, sealed: &SealedRecord) {
        self.tip = self.tip.accept(sealed).expect("the record was made for this place");
        self.world.apply(&sealed.record);
        self.commands += 1;
    }

    /// Decides, seals and folds a command, which must not be refused.
    pub fn run(&mut self, kind: CommandKind) -> SealedRecord {
        let cause = self.command(kind);
        let events = scheduler::decide(&self.world, &cause, &Policies::default()).expect("the command is accepted");
        let sealed = self.record(cause, events).seal();
        self.apply(&sealed);
        sealed
    }

    /// Everything that is wanted is launched and runs, and every deployment ends.
    pub fn settle(&mut self) {
        loop {
            let sealed = self.run(CommandKind::Allocate);
            if sealed.record.events.is_empty() {
                return;
            }
            let mut launched: BTreeMap<AgentId, Vec<StatusUpdate>> = BTreeMap::new();
            for event in &sealed.record.events {
                if let Event::TaskLaunched { task } = event {
                    launched.entry(task.agent).or_default().push(update(&task.id, TaskState::Running));
                }
            }
            for (agent, updates) in launched {
                self.run(CommandKind::UpdateStatus { agent, updates });
            }
        }
    }
}

/// An agent that has room for more tasks than a benchmark starts.
#[must_use]
pub fn large_agent(number: u32) -> AgentDescription {
    AgentDescription {
        hostname: format!("node-{number}.example"),
        resources: Resources {
            cpus: Scalar::from_whole(1_000),
            mem: Scalar::from_whole(1_000_000),
            disk: Scalar::from_whole(500_000),
            gpus: Scalar::ZERO,
            ports: "31000-32000".parse().expect("a range"),
            gpu_slots: model::GpuSlots::none(),
        },
        attributes: model::Attributes::new(),
        address: format!("node-{number}.example:5051"),
        containerizers: vec!["process".to_owned()],
    }
}

/// An app of small instances without ports: there are more of them than one host has ports.
#[must_use]
pub fn small_app(name: &str, instances: u32) -> Arc<AppSpec> {
    Arc::new(AppSpec { ports: Vec::new(), ..app(name, instances, Scalar(100), Scalar::from_whole(32)) })
}

/// What an agent reports of a task.
#[must_use]
pub fn update(task: &TaskId, state: TaskState) -> StatusUpdate {
    StatusUpdate {
        id: UpdateId::new(format!("{task}-{state}")),
        task: task.clone(),
        observed_at: Timestamp(1_800_000_000_000),
        status: TaskStatus { state, reason: None, message: None, exit: None },
    }
}

fn agent(number: u32, draws: &mut Draws) -> AgentDescription {
    let (cpus, mem_gb) = draws.one_of(&AGENT_SIZES);
    AgentDescription {
        hostname: format!("node-{number}.example"),
        resources: Resources {
            cpus: Scalar::from_whole(cpus),
            mem: Scalar::from_whole(mem_gb * 1_024),
            disk: Scalar::from_whole(500_000),
            gpus: Scalar::ZERO,
            ports: "31000-32000".parse().expect("a range"),
            gpu_slots: model::GpuSlots::none(),
        },
        attributes: BTreeMap::new(),
        address: format!("node-{number}.example:5051"),
        containerizers: vec!["docker".to_owned(), "process".to_owned()],
    }
}

#[must_use]
pub fn app_id(name: &str) -> AppId {
    AppId::parse(name).expect("an app id")
}

/// A small service with one port, as Marathon's default has it.
#[must_use]
pub fn app(name: &str, instances: u32, cpus: Scalar, mem: Scalar) -> AppSpec {
    AppSpec {
        id: app_id(name),
        invocation: Invocation::Shell("exec ./serve --port $PORT0".to_owned()),
        instances,
        resources: Resources { cpus, mem, ..Resources::default() },
        container: None,
        user: None,
        role: None,
        env: BTreeMap::from([("STAGE".to_owned(), "production".to_owned())]),
        labels: BTreeMap::new(),
        ports: vec![PortSpec {
            container_port: None,
            host_port: 0,
            service_port: 0,
            protocol: PortProtocol::Tcp,
            name: None,
            labels: BTreeMap::new(),
        }],
        require_ports: false,
        constraints: Vec::new(),
        dependencies: Vec::new(),
        backoff: Backoff::default(),
        kill_grace_ms: 3_000,
    }
}

/// Apps of different needs, all of them small beside an agent.
#[must_use]
pub fn apps(count: u32, instances: u32) -> Vec<Arc<AppSpec>> {
    let mut draws = Draws::new(SEED);
    let drawn = (0..count).map(|number| {
        let (cpus, mem_mb) = (Scalar(draws.between(1, 20) * 100), draws.between(1, 64) * 64);
        Arc::new(app(&format!("team-{}/service-{number}", number % 10), instances, cpus, Scalar::from_whole(mem_mb)))
    });
    drawn.collect()
}
