//! Clusters to which anything may happen, with names whose order matters, and constraints of every kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, AttributeValue, Backoff, ClusterId, Command, CommandId, CommandKind,
    Constraint, ConstraintOperator, DisconnectReason, Epoch, ExitStatus, FrameworkId, FrameworkInfo, Hash, Invocation,
    LaunchRequest, Principal, Profile, ProfileScope, ProfileTerm, Record, RemovalReason, Resources, Scalar,
    StatusUpdate, Task, TaskId, TaskInfo, TaskSelection, TaskState, TaskStatus, Timestamp, UpdateId, UpdateReceipt,
    UpdateUuid,
};
use scheduler::{Policies, World, decide};

use crate::dice::Dice;

const APPS: [&str; 8] = ["/web", "/web-2", "/web-canary", "/web/db", "/web2", "/a.b", "/a-b/c", "/0-first"];
const HOSTS: [&str; 7] = ["b", "B", "b-1", "b.1", "b1", "a10", "a9"];
const RACKS: [&str; 4] = ["r1", "r2", "r10", ""];
const ROLES: [&str; 3] = ["batch", "web", "*"];
const PROFILES: [&str; 5] = ["one", "two", "best-fit", "spread", "random-of-2"];

pub(crate) struct History {
    world: World,
    dice: Dice,
    now: u64,
    pub(crate) records: Vec<Record>,
}

impl History {
    pub(crate) fn of(seed: u64, steps: usize) -> Vec<Record> {
        let mut history = Self { world: World::default(), dice: Dice::new(seed), now: 1_000_000, records: Vec::new() };
        history.run(CommandKind::StartEpoch {
            cluster: ClusterId::new("acme"),
            leader: "m1".to_owned(),
            addresses: None,
            placement_policy: Some("best-fit".to_owned()),
            profile: None,
        });
        for _ in 0..steps {
            history.now += history.dice.below(3_000);
            let kind = history.command();
            history.run(kind);
            if history.dice.chance(60) {
                history.run(CommandKind::Allocate);
            }
        }
        history.records
    }

    fn run(&mut self, kind: CommandKind) {
        let starts = matches!(kind, CommandKind::StartEpoch { .. });
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.dice.next().to_le_bytes());
        let principal = Principal::new(*self.dice.one_of(&["master", "agent:S0", "alice", "agent@b"]));
        let cause = Command { id: CommandId(id), at: Timestamp(self.now), seed: self.dice.next(), principal, kind };
        let Ok(events) = decide(&self.world, &cause, &Policies::default()) else { return };
        if events.is_empty() {
            return;
        }
        let (seq, epoch) = (self.world.state.seq.next(), self.world.state.epoch.0 + u64::from(starts));
        let state_hash = seq.0.is_multiple_of(16).then_some(Hash([1; 32]));
        let record = Record { seq, epoch: Epoch(epoch), previous: Hash::default(), cause, events, state_hash };
        self.world.apply(&record);
        self.records.push(record);
    }

    fn command(&mut self) -> CommandKind {
        let agent = AgentId(self.dice.below(6) as u32);
        match self.dice.below(40) {
            0..3 => CommandKind::RegisterAgent { description: self.agent() },
            3 => CommandKind::ReconnectAgent { agent, description: self.agent_again(agent) },
            4 => CommandKind::DisconnectAgent { agent, reason: DisconnectReason::HeartbeatsMissed },
            5 => CommandKind::RemoveAgent { agent, reason: RemovalReason::Gone },
            6 => self.end_apps(),
            7 => CommandKind::ScaleApp { app: self.app(), instances: self.dice.below(8) as u32, force: true },
            8 => self.profiles(),
            9..15 => CommandKind::PutApps { apps: self.apps(), force: true },
            15..20 => self.frameworks(),
            _ => self.report(agent),
        }
    }

    fn app(&mut self) -> AppId {
        AppId::parse(self.dice.one_of::<&str>(&APPS)).expect("an id")
    }

    fn end_apps(&mut self) -> CommandKind {
        let (app, force) = (self.app(), true);
        match self.dice.below(4) {
            0 => CommandKind::DestroyApp { app, force },
            1 => CommandKind::RestartApp { app, force },
            2 => {
                let host = self.dice.chance(50).then(|| (*self.dice.one_of(&HOSTS)).to_owned());
                CommandKind::KillTasks { selection: TaskSelection::App { app, host }, scale: true, force }
            }
            _ => {
                let tasks: Vec<TaskId> = self.tasks().iter().map(|task| task.id.clone()).take(5).collect();
                CommandKind::KillTasks { selection: TaskSelection::Tasks(tasks), scale: false, force }
            }
        }
    }

    fn tasks(&self) -> Vec<&Task> {
        self.world.state.tasks.values().filter(|task| task.is_active()).collect()
    }

    fn agent(&mut self) -> AgentDescription {
        let hostname = (*self.dice.one_of(&HOSTS)).to_owned();
        let mut attributes = BTreeMap::new();
        if self.dice.chance(80) {
            attributes.insert("rack".to_owned(), AttributeValue::Text((*self.dice.one_of(&RACKS)).to_owned()));
        }
        if self.dice.chance(60) {
            attributes.insert("gen".to_owned(), AttributeValue::Scalar(Scalar(500 * self.dice.below(6) as i64)));
        }
        attributes.insert("@zone".to_owned(), AttributeValue::Text((*self.dice.one_of(&["z1", "z2"])).to_owned()));
        let ports = format!("31000-{}", 31_003 + self.dice.below(20)).parse().expect("ports");
        let (cpus, mem) = (Scalar(2_000 + 500 * self.dice.below(4) as i64), Scalar::from_whole(2_000));
        let resources = Resources { cpus, mem, disk: Scalar::from_whole(1_000), ports, ..Resources::default() };
        let address = format!("{hostname}:5051");
        AgentDescription { hostname, resources, attributes, address, containerizers: vec!["process".to_owned()] }
    }

    /// With what it had, but for its names: what is promised of it stays promised.
    fn agent_again(&mut self, agent: AgentId) -> AgentDescription {
        let described = self.agent();
        let known = self.world.state.agents.get(&agent).map(|known| known.description.resources.clone());
        AgentDescription { resources: known.unwrap_or_default(), ..described }
    }

    fn apps(&mut self) -> Vec<Arc<AppSpec>> {
        (0..1 + self.dice.below(2)).map(|_| Arc::new(self.spec())).collect()
    }

    fn spec(&mut self) -> AppSpec {
        let constraints = (0..self.dice.below(3)).map(|_| self.constraint()).collect();
        let dependencies = if self.dice.chance(10) { vec![self.app()] } else { Vec::new() };
        let role = self.dice.chance(30).then(|| Arc::from(*self.dice.one_of(&ROLES)));
        AppSpec {
            id: self.app(),
            invocation: Invocation::Shell(format!("serve --tenant {}", self.dice.below(3))),
            instances: self.dice.below(7) as u32,
            resources: Resources {
                cpus: Scalar(100 + 100 * self.dice.below(6) as i64),
                mem: Scalar::from_whole(32 + 32 * self.dice.below(6) as i64),
                ..Resources::default()
            },
            container: None,
            user: None,
            role,
            env: [("TOKEN".to_owned(), "t0k3n".to_owned())].into(),
            labels: BTreeMap::new(),
            ports: Vec::new(),
            require_ports: false,
            constraints,
            dependencies,
            backoff: Backoff::default(),
            kill_grace_ms: 3_000,
        }
    }

    fn constraint(&mut self) -> Constraint {
        let field = *self.dice.one_of(&["hostname", "@hostname", "rack", "gen", "@zone", "floor"]);
        let operator = *self.dice.one_of(&ConstraintOperator::ALL);
        let values: &[&str] = match operator {
            ConstraintOperator::Unique => &[],
            ConstraintOperator::GroupBy | ConstraintOperator::MaxPer => &["1", "2", "03", "some"],
            ConstraintOperator::Cluster | ConstraintOperator::Is => &["b", "r1", "r10", "1", "1.50", "z1", "nowhere"],
            ConstraintOperator::Like | ConstraintOperator::Unlike => {
                &["[bB].*", "r1|r2", "r.*", ".*", "1.*", "z[1", "r[12]"]
            }
        };
        let value = (!values.is_empty()).then(|| (*self.dice.one_of(values)).to_owned());
        let value = value.filter(|_| operator != ConstraintOperator::GroupBy || self.dice.chance(50));
        Constraint { field: field.to_owned(), operator, value }
    }

    fn profiles(&mut self) -> CommandKind {
        let name: Arc<str> = (*self.dice.one_of(&PROFILES)).into();
        match self.dice.below(3) {
            0 => {
                let policy = (*self.dice.one_of(&["fgd", "spread", "first-fit"])).into();
                let terms = vec![ProfileTerm { policy, weight: 1, normalise: true }];
                CommandKind::DefineProfile { profile: Arc::new(Profile { name, terms, sample: Some(2) }) }
            }
            1 => CommandKind::ChooseProfile { scope: Some(ProfileScope::App(self.app())), profile: Some(name) },
            _ => {
                let role = ProfileScope::Role((*self.dice.one_of(&ROLES[..2])).into());
                CommandKind::ChooseProfile { scope: Some(role), profile: Some(name) }
            }
        }
    }

    fn report(&mut self, agent: AgentId) -> CommandKind {
        let tasks: Vec<(TaskId, AgentId)> = self.tasks().iter().map(|task| (task.id.clone(), task.agent)).collect();
        let Some((task, agent)) = tasks.get(self.dice.below(8) as usize).cloned() else {
            return CommandKind::DisconnectAgent { agent, reason: DisconnectReason::StreamClosed };
        };
        let ends = [TaskState::Failed, TaskState::Finished, TaskState::Killed];
        let state = if self.dice.chance(60) { TaskState::Running } else { *self.dice.one_of(&ends) };
        let exit = ExitStatus::Code(3);
        let messages = [exit.to_string(), format!("{task} of acme has no licence"), String::new()];
        let message = Some(self.dice.one_of(&messages).clone());
        let update = StatusUpdate {
            id: UpdateId::new(format!("{task}-{state}")),
            task,
            observed_at: Timestamp(self.now),
            status: TaskStatus { state, reason: None, message, exit: Some(exit) },
        };
        CommandKind::UpdateStatus { agent, updates: vec![update] }
    }

    fn frameworks(&mut self) -> CommandKind {
        let known: Vec<FrameworkId> = self.world.state.frameworks.keys().copied().collect();
        let Some(framework) = known.first().copied().filter(|_| self.dice.chance(90)) else {
            let framework = known.first().copied();
            return CommandKind::SubscribeFramework { framework, info: self.framework() };
        };
        let state = &self.world.state;
        let offers = state.holdings(framework).offers.iter().take(1).copied().collect();
        let refuse_ms = 1_000 * self.dice.below(10);
        match self.dice.below(6) {
            0 => CommandKind::DeclineOffers { framework, offers, refuse_ms },
            1 => {
                let untold = state.holdings(framework).untold.iter().filter_map(|id| state.tasks.get(id));
                let receipt = |task: &Task| {
                    let update = UpdateUuid::of(&task.id, task.unacknowledged.first()?.status.state);
                    Some(UpdateReceipt { task: task.workload.own()?.id.clone(), update })
                };
                CommandKind::AcknowledgeUpdates { framework, receipts: untold.filter_map(receipt).collect() }
            }
            2 => {
                let task = state.holdings(framework).by_own_id.keys().next().cloned();
                CommandKind::KillFrameworkTask { framework, task: task.unwrap_or_else(|| "nobody".into()) }
            }
            _ => {
                let open = offers.first().and_then(|offer| state.offers.get(offer));
                let agent = open.map_or(AgentId(0), |offer| offer.agent);
                let launches = (0..1 + self.dice.below(3)).map(|_| self.launch(agent)).collect();
                CommandKind::AcceptOffers { framework, offers, launches, refuse_ms }
            }
        }
    }

    fn framework(&mut self) -> Arc<FrameworkInfo> {
        Arc::new(FrameworkInfo {
            name: "billing".to_owned(),
            user: (*self.dice.one_of(&["", "root"])).to_owned(),
            role: (*self.dice.one_of(&ROLES)).to_owned(),
            failover_timeout_ms: 20_000,
            principal: None,
            hostname: Some("b".to_owned()),
            webui_url: None,
        })
    }

    fn launch(&mut self, agent: AgentId) -> LaunchRequest {
        let id: Arc<str> = format!("invoice-{}", self.dice.below(200)).into();
        if self.dice.chance(10) {
            return LaunchRequest::Invalid {
                task: id,
                agent: Some(agent),
                reason: "acme has no such thing".to_owned(),
            };
        }
        let info = TaskInfo {
            id,
            name: "invoice".to_owned(),
            invocation: Invocation::Args(vec!["print".to_owned()]),
            container: None,
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            ports: Vec::new(),
            kill_grace_ms: 1_000,
        };
        let resources = Resources { cpus: Scalar(200), mem: Scalar::from_whole(64), ..Resources::default() };
        LaunchRequest::Task { info: Arc::new(info), agent, resources }
    }
}
