//! Histories for the tests: apps come, change, run, fail and go, on some agents.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, Backoff, ClusterId, Command, CommandId, CommandKind, Invocation,
    Principal, Record, Resources, Scalar, SealedRecord, Seq, StatusUpdate, TaskState, TaskStatus, Timestamp, Tip,
    UpdateId,
};
use scheduler::{Policies, World};
use state::State;

pub(crate) struct History {
    pub(crate) world: World,
    pub(crate) tip: Tip,
    pub(crate) records: Vec<SealedRecord>,
}

impl History {
    pub(crate) fn new() -> Self {
        let mut history = Self { world: World::default(), tip: Tip::default(), records: Vec::new() };
        history.run(CommandKind::StartEpoch {
            cluster: ClusterId::new("test"),
            leader: "m1".to_owned(),
            addresses: None,
            placement_policy: Some("best-fit".to_owned()),
            profile: None,
        });
        for number in 0..4 {
            history.run(CommandKind::RegisterAgent { description: agent(number) });
        }
        history
    }

    /// Decides and folds a command. Refusals and commands that lead to nothing leave no record.
    fn run(&mut self, kind: CommandKind) {
        let number = self.records.len() as u64 + 1;
        let cause = Command {
            id: CommandId(u128::from(number).to_be_bytes()),
            at: Timestamp(1_000_000 + number * 1_000),
            seed: number,
            principal: Principal::new("test"),
            kind,
        };
        let Ok(events) = scheduler::decide(&self.world, &cause, &Policies::default()) else { return };
        if events.is_empty() {
            return;
        }
        let starts = matches!(cause.kind, CommandKind::StartEpoch { .. });
        let epoch = if starts { self.tip.epoch.next() } else { self.tip.epoch };
        let (seq, previous) = (self.tip.seq.next(), self.tip.hash);
        let sealed = Record { seq, epoch, previous, cause, events, state_hash: None }.seal();
        self.tip = self.tip.accept(&sealed).expect("it follows");
        self.world.apply(&sealed.record);
        self.records.push(sealed);
    }

    /// Something happens.
    pub(crate) fn step(&mut self, number: u32) {
        let name = format!("/team/app-{}", number % 5);
        match number % 7 {
            0 | 3 => self.run(CommandKind::PutApps { apps: vec![app(&name, 1 + number % 4, number)], force: true }),
            1 | 2 => self.report(TaskState::Running),
            4 => self.report(TaskState::Failed),
            5 => self.run(CommandKind::DestroyApp { app: AppId::parse(&name).expect("an app id"), force: true }),
            _ => self.report(TaskState::Finished),
        }
        self.run(CommandKind::Allocate);
    }

    /// The agents report of all tasks that they have.
    fn report(&mut self, state: TaskState) {
        let mut updates: BTreeMap<AgentId, Vec<StatusUpdate>> = BTreeMap::new();
        for task in self.world.state.tasks.values().filter(|task| task.is_active()).take(3) {
            let status = TaskStatus { state, reason: None, message: Some("as told".to_owned()), exit: None };
            let id = UpdateId::new(format!("{}-{state}", task.id));
            let update = StatusUpdate { id, task: task.id.clone(), observed_at: Timestamp(1), status };
            updates.entry(task.agent).or_default().push(update);
        }
        for (agent, updates) in updates {
            self.run(CommandKind::UpdateStatus { agent, updates });
        }
    }

    /// The state after record `seq`.
    pub(crate) fn replayed(&self, seq: Seq) -> State {
        let mut state = State::default();
        self.records
            .iter()
            .take_while(|sealed| sealed.record.seq <= seq)
            .for_each(|sealed| state.apply(&sealed.record));
        state
    }

    /// How many apps are gone.
    pub(crate) fn destroyed_apps(&self) -> usize {
        let destroyed = |event: &&model::Event| matches!(event, model::Event::AppDestroyed { .. });
        self.records.iter().flat_map(|sealed| &sealed.record.events).filter(destroyed).count()
    }
}

fn agent(number: u32) -> AgentDescription {
    AgentDescription {
        hostname: format!("h{number}"),
        resources: Resources {
            cpus: Scalar::from_whole(8),
            mem: Scalar::from_whole(8_192),
            disk: Scalar::from_whole(10_000),
            gpus: Scalar::ZERO,
            ports: "31000-31999".parse().expect("a range"),
            gpu_slots: model::GpuSlots::none(),
        },
        attributes: BTreeMap::new(),
        address: format!("h{number}:5051"),
        containerizers: vec!["process".to_owned()],
    }
}

fn app(name: &str, instances: u32, number: u32) -> Arc<AppSpec> {
    Arc::new(AppSpec {
        id: AppId::parse(name).expect("an app id"),
        invocation: Invocation::Shell("sleep 1000".to_owned()),
        instances,
        resources: Resources { cpus: Scalar(100), mem: Scalar::from_whole(32), ..Resources::default() },
        container: None,
        user: None,
        role: None,
        env: BTreeMap::from([("NUMBER".to_owned(), (number % 3).to_string())]),
        labels: BTreeMap::new(),
        ports: Vec::new(),
        require_ports: false,
        constraints: Vec::new(),
        dependencies: Vec::new(),
        backoff: Backoff::default(),
        kill_grace_ms: 3_000,
    })
}
