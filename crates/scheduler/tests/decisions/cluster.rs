//! A cluster in a test: commands go in, records come out, and every record is checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, Backoff, ClusterId, Command, CommandId, CommandKind, Event, Invocation,
    Principal, Record, Resources, Scalar, SealedRecord, StatusUpdate, Task, TaskId, TaskState, TaskStatus, Timestamp,
    Tip, UpdateId,
};
use scheduler::{Decision, Policies, Rejection, World, decision};
use state::State;

pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    pub(crate) tip: Tip,
    pub(crate) log: Vec<SealedRecord>,
    pub(crate) policies: Policies,
    /// Whether the last allocation was not through.
    pub(crate) is_unfinished: bool,
    pub(crate) commands: u64,
}

impl Cluster {
    pub(crate) fn new(policy: &str) -> Self {
        let mut cluster = Self {
            world: World::default(),
            now: Timestamp(1_000_000),
            tip: Tip::default(),
            log: Vec::new(),
            policies: Policies::default(),
            is_unfinished: false,
            commands: 0,
        };
        let start = CommandKind::StartEpoch {
            cluster: ClusterId::new("test"),
            leader: "m1".to_owned(),
            addresses: None,
            placement_policy: Some(policy.to_owned()),
            profile: None,
        };
        cluster.run(start).expect("an epoch starts");
        cluster
    }

    /// Decides a command, folds its record, and checks every invariant. Returns the events.
    pub(crate) fn run(&mut self, kind: CommandKind) -> Result<Vec<Event>, Rejection> {
        self.commands += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_le_bytes());
        let starts = matches!(kind, CommandKind::StartEpoch { .. });
        let cause = Command {
            id: CommandId(id),
            at: self.now,
            seed: self.commands.wrapping_mul(0x9e37_79b9),
            principal: Principal::new("test"),
            kind,
        };
        let Decision { events, is_unfinished } = decision(&self.world, &cause, &self.policies)?;
        self.is_unfinished = is_unfinished;
        if events.is_empty() {
            return Ok(events);
        }
        let epoch = if starts { self.tip.epoch.next() } else { self.tip.epoch };
        let record = Record {
            seq: self.tip.seq.next(),
            epoch,
            previous: self.tip.hash,
            cause,
            events: events.clone(),
            state_hash: None,
        };
        let sealed = record.seal();
        self.tip = self.tip.accept(&sealed).expect("the record follows");
        self.world.apply(&sealed.record);
        self.log.push(sealed);
        self.check();
        Ok(events)
    }

    fn check(&self) {
        assert_eq!(self.world.state.check(), vec![], "after {:#?}", self.log.last());
        assert_eq!(self.world.view.check(), Vec::<String>::new(), "after {:#?}", self.log.last());
        let book = self.world.book.check(&self.world.view);
        assert_eq!(book, Vec::<String>::new(), "after {:#?}", self.log.last());
    }

    /// Allocates until there is nothing left to do now.
    pub(crate) fn allocate(&mut self) {
        for _ in 0..1_000 {
            if self.run(CommandKind::Allocate).expect("an allocation is never refused").is_empty() {
                return;
            }
        }
        panic!("allocation goes on for ever");
    }

    pub(crate) fn add_agent(&mut self, hostname: &str, cpus: i64, mem: i64) -> AgentId {
        let agent = self.world.state.header.next_agent;
        let description = describe(hostname, cpus, mem);
        self.run(CommandKind::RegisterAgent { description }).expect("an agent registers");
        agent
    }

    pub(crate) fn deploy(&mut self, app: AppSpec) {
        self.run(CommandKind::PutApps { apps: vec![Arc::new(app)], force: true }).expect("an app is accepted");
        self.allocate();
    }

    pub(crate) fn tasks(&self, app: &str) -> Vec<Task> {
        self.world.state.active_tasks_of_app(&id(app)).cloned().collect()
    }

    /// Every agent does what it is told: staged tasks run, killed ones end.
    pub(crate) fn obey(&mut self) {
        for _ in 0..1_000 {
            let tasks: Vec<Task> = self.world.state.tasks.values().filter(|task| task.is_active()).cloned().collect();
            let before = self.tip;
            for task in tasks {
                if task.kill.is_some() {
                    self.report(&task.id, TaskState::Killed);
                } else if task.status.state < TaskState::Running {
                    self.report(&task.id, TaskState::Running);
                }
            }
            self.allocate();
            if self.tip == before {
                return;
            }
        }
        panic!("the cluster does not settle");
    }

    pub(crate) fn report(&mut self, task: &TaskId, state: TaskState) {
        let Some(row) = self.world.state.tasks.get(task) else { return };
        let agent = row.agent;
        let update = StatusUpdate {
            id: UpdateId::new(format!("{task}-{state}")),
            task: task.clone(),
            observed_at: self.now,
            status: TaskStatus { state, reason: None, message: None, exit: None },
        };
        let kind = CommandKind::UpdateStatus { agent, updates: vec![update] };
        let known = self.world.state.agents.contains(&agent);
        assert_eq!(self.run(kind).is_ok(), known, "only a removed agent's report is refused");
    }

    pub(crate) fn app(&self, app: &str) -> &model::App {
        self.world.state.apps.get(&id(app)).expect("the app is there")
    }

    /// The whole log folded anew.
    pub(crate) fn replayed(&self) -> State {
        let mut state = State::default();
        for sealed in &self.log {
            state.apply(&sealed.record);
        }
        state
    }
}

pub(crate) fn id(app: &str) -> AppId {
    AppId::parse(app).expect("an app id")
}

pub(crate) fn describe(hostname: &str, cpus: i64, mem: i64) -> AgentDescription {
    AgentDescription {
        hostname: hostname.to_owned(),
        resources: Resources {
            cpus: Scalar::from_whole(cpus),
            mem: Scalar::from_whole(mem),
            disk: Scalar::from_whole(10_000),
            gpus: Scalar::ZERO,
            ports: "31000-31099".parse().expect("ports"),
            gpu_slots: model::GpuSlots::none(),
        },
        attributes: BTreeMap::new(),
        address: format!("{hostname}:5051"),
        containerizers: vec!["process".to_owned()],
    }
}

pub(crate) fn app(name: &str, instances: u32) -> AppSpec {
    AppSpec {
        id: id(name),
        invocation: Invocation::Shell("sleep 1000".to_owned()),
        instances,
        resources: Resources { cpus: Scalar(500), mem: Scalar::from_whole(100), ..Resources::default() },
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
