//! The log of a busy cluster without the cluster: what users and agents would send is decided by the scheduler in virtual time, and
//! sealed as a master does it. The same settings give the same bytes. For measurements and tests that need a long log.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use model::{
    AgentDescription, AgentId, AppId, AppSpec, Attributes, Backoff, ClusterId, Command, CommandId, CommandKind,
    DisconnectReason, Event, ExitStatus, Invocation, PortProtocol, PortSpec, Principal, Record, Resources, Scalar,
    SealedRecord, StatusReason, StatusUpdate, TaskId, TaskState, TaskStatus, Timestamp, Tip, UpdateId,
};
use scheduler::{Policies, World};
use state::State;

/// 2026-11-26T02:00:00Z.
const BEGIN: Timestamp = Timestamp(1_795_658_400_000);
/// All that is due in such a span goes into one message, as a master's batch does.
const TICK_MS: u64 = 100;
/// Of so many ends of tasks, one is a failure.
const FAILS: u64 = 50;
/// How often a user changes something, and how often an agent loses its connection for a while.
const CHANGE_EVERY_MS: u64 = 5_000;
const AGENT_LOST_EVERY_MS: u64 = 60_000;
const AGENT_AWAY_MS: u64 = 20_000;
/// What launching a task, running and ending it takes.
const EVENTS_PER_RUN: u64 = 7;
/// Whole cpus, and GB of memory.
const AGENT_SIZES: [(i64, i64); 4] = [(16, 64), (32, 128), (64, 256), (96, 384)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusySettings {
    pub agents: u32,
    pub apps: u32,
    /// Of all apps together.
    pub instances: u32,
    pub span_ms: u64,
    /// About how many there are in that span.
    pub events: u64,
    /// After how many records one says the hash of its state.
    pub state_hash_interval: u64,
    pub seed: u64,
}

impl Default for BusySettings {
    /// An hour of a large cluster.
    fn default() -> Self {
        Self {
            agents: 1_000,
            apps: 200,
            instances: 20_000,
            span_ms: 3_600_000,
            events: 1_100_000,
            state_hash_interval: 1_024,
            seed: 1,
        }
    }
}

/// Something that is going to happen.
enum Due {
    Reports(TaskId, TaskState),
    Returns,
}

/// The cluster as far as its log has come.
pub struct Busy {
    settings: BusySettings,
    world: World,
    tip: Tip,
    at: Timestamp,
    rng: Rng,
    /// By time and agent, so that an agent tells all at once.
    due: BTreeMap<(Timestamp, AgentId), Vec<Due>>,
    message: Vec<SealedRecord>,
    events: u64,
    ends: u64,
}

impl Busy {
    #[must_use]
    pub fn new(settings: BusySettings) -> Self {
        Self {
            settings,
            world: World::default(),
            tip: Tip::default(),
            at: BEGIN,
            rng: Rng::with_seed(settings.seed),
            due: BTreeMap::new(),
            message: Vec::new(),
            events: 0,
            ends: 0,
        }
    }

    /// After all that was handed out.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.world.state
    }

    #[must_use]
    pub const fn tip(&self) -> Tip {
        self.tip
    }

    /// How many there were so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The records of the next message; none when the span is over.
    pub fn next_message(&mut self) -> Vec<SealedRecord> {
        while self.message.is_empty() {
            let passed_ms = self.at.ms_since(BEGIN);
            if passed_ms >= self.settings.span_ms {
                break;
            }
            if passed_ms == 0 {
                self.begin();
            }
            self.tick(passed_ms);
            self.at = self.at.plus_ms(TICK_MS);
        }
        std::mem::take(&mut self.message)
    }

    fn begin(&mut self) {
        self.run(CommandKind::StartEpoch {
            cluster: ClusterId::new(format!("busy-{}", self.settings.seed)),
            leader: "m1".to_owned(),
            addresses: None,
            placement_policy: Some("best-fit".to_owned()),
            profile: None,
        });
        for number in 0..self.settings.agents {
            let description = self.agent(number);
            self.run(CommandKind::RegisterAgent { description });
        }
        let each = self.settings.instances / self.settings.apps.max(1);
        let apps = (0..self.settings.apps).map(|number| Arc::new(self.app(number, each))).collect();
        self.run(CommandKind::PutApps { apps, force: false });
    }

    fn tick(&mut self, passed_ms: u64) {
        while let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= self.at) {
            let ((_, agent), due) = first.remove_entry();
            self.happens(agent, due);
        }
        if passed_ms > 0 && passed_ms.is_multiple_of(CHANGE_EVERY_MS) {
            self.change();
        }
        if passed_ms > 0 && passed_ms.is_multiple_of(AGENT_LOST_EVERY_MS) {
            let agent = AgentId(self.rng.u32(..self.settings.agents.max(1)));
            self.run(CommandKind::DisconnectAgent { agent, reason: DisconnectReason::HeartbeatsMissed });
            self.due.entry((self.at.plus_ms(AGENT_AWAY_MS), agent)).or_default().push(Due::Returns);
        }
        self.run(CommandKind::Allocate);
    }

    fn happens(&mut self, agent: AgentId, due: Vec<Due>) {
        let mut updates = Vec::new();
        for due in due {
            match due {
                Due::Reports(task, state) => updates.extend(self.update(task, state)),
                Due::Returns => {
                    let Some(row) = self.world.state.agents.get(&agent) else { continue };
                    let description = row.description.clone();
                    self.run(CommandKind::ReconnectAgent { agent, description });
                }
            }
        }
        if !updates.is_empty() {
            self.run(CommandKind::UpdateStatus { agent, updates });
        }
    }

    /// What an agent says of a task, and what it is going to say next.
    fn update(&mut self, task: TaskId, state: TaskState) -> Option<StatusUpdate> {
        let row = self.world.state.tasks.get(&task).filter(|row| row.is_active())?;
        let (agent, is_killed) = (row.agent, row.kill.is_some());
        let mut state = state;
        let (mut reason, mut exit) = (None, None);
        match state {
            TaskState::Starting => self.later(agent, &task, TaskState::Running, 200, 2_000),
            TaskState::Running => {
                let mean_ms = self.lifetime_ms();
                self.later(agent, &task, TaskState::Finished, mean_ms / 2, mean_ms + mean_ms / 2);
            }
            _ if is_killed => state = TaskState::Killed,
            _ => {
                self.ends += 1;
                exit = Some(ExitStatus::Code(0));
                if self.ends.is_multiple_of(FAILS) {
                    (state, reason, exit) =
                        (TaskState::Failed, Some(StatusReason::CommandFailed), Some(ExitStatus::Code(1)));
                }
            }
        }
        let status = TaskStatus { state, reason, message: None, exit };
        Some(StatusUpdate { id: UpdateId::new(format!("{task}-{state}")), task, observed_at: self.at, status })
    }

    fn later(&mut self, agent: AgentId, task: &TaskId, state: TaskState, least_ms: u64, most_ms: u64) {
        let at = self.at.plus_ms(self.rng.u64(least_ms..=most_ms.max(least_ms)));
        self.due.entry((at, agent)).or_default().push(Due::Reports(task.clone(), state));
    }

    /// So long that there are as many events as are wanted.
    fn lifetime_ms(&self) -> u64 {
        let runs = (self.settings.events / EVENTS_PER_RUN).max(1);
        (u64::from(self.settings.instances) * self.settings.span_ms / runs).max(1_000)
    }

    /// A user changes an app.
    fn change(&mut self) {
        let number = self.rng.u32(..self.settings.apps.max(1));
        let app = app_id(number);
        let each = self.settings.instances / self.settings.apps.max(1);
        let kind = match self.rng.u8(..8) {
            0 => CommandKind::RestartApp { app, force: true },
            1 => {
                let spec = self.app(number, each);
                let env = BTreeMap::from([("RELEASE".to_owned(), self.tip.seq.to_string())]);
                CommandKind::PutApps { apps: vec![Arc::new(AppSpec { env, ..spec })], force: true }
            }
            _ => {
                let instances = each / 2 + self.rng.u32(..=each);
                CommandKind::ScaleApp { app, instances, force: true }
            }
        };
        self.run(kind);
    }

    /// Decides and folds a command. Refusals, and commands that lead to nothing, leave no record.
    fn run(&mut self, kind: CommandKind) {
        let starts = matches!(kind, CommandKind::StartEpoch { .. });
        let by = match &kind {
            CommandKind::Allocate | CommandKind::StartEpoch { .. } => "master",
            CommandKind::UpdateStatus { .. }
            | CommandKind::RegisterAgent { .. }
            | CommandKind::ReconnectAgent { .. } => "agent",
            _ => "anonymous@10.0.0.7",
        };
        let id = CommandId(self.rng.u128(..).to_be_bytes());
        let cause = Command { id, at: self.at, seed: self.rng.u64(..), principal: Principal::new(by), kind };
        let Ok(events) = scheduler::decide(&self.world, &cause, &Policies::default()) else { return };
        if events.is_empty() {
            return;
        }
        let epoch = if starts { self.tip.epoch.next() } else { self.tip.epoch };
        let (seq, previous) = (self.tip.seq.next(), self.tip.hash);
        let mut record = Record { seq, epoch, previous, cause, events, state_hash: None };
        self.world.apply(&record);
        if seq.0.is_multiple_of(self.settings.state_hash_interval) {
            record.state_hash = Some(self.world.state.kept_hash());
        }
        let sealed = record.seal();
        self.tip = Tip { seq, epoch, hash: sealed.hash };
        self.events += sealed.record.events.len() as u64;
        self.follow(&sealed.record);
        self.message.push(sealed);
    }

    /// What agents are going to say of a record.
    fn follow(&mut self, record: &Record) {
        for event in &record.events {
            match event {
                Event::TaskLaunched { task } => self.later(task.agent, &task.id, TaskState::Starting, 100, 500),
                Event::TaskKillRequested { task, .. } => {
                    let Some(agent) = self.world.state.tasks.get(task).map(|row| row.agent) else { continue };
                    self.later(agent, task, TaskState::Killed, 100, 3_000);
                }
                _ => {}
            }
        }
    }

    fn agent(&mut self, number: u32) -> AgentDescription {
        let (cpus, mem_gb) = AGENT_SIZES[self.rng.usize(..AGENT_SIZES.len())];
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
            attributes: Attributes::new(),
            address: format!("node-{number}.example:5051"),
            containerizers: vec!["process".to_owned()],
        }
    }

    fn app(&self, number: u32, instances: u32) -> AppSpec {
        let service_port = u16::try_from(10_000 + number % 10_000).unwrap_or_default();
        AppSpec {
            id: app_id(number),
            invocation: Invocation::Shell("exec /srv/serve --quietly".to_owned()),
            instances,
            resources: Resources {
                cpus: Scalar(100 * (1 + i64::from(number % 5))),
                mem: Scalar::from_whole(128 * (1 + i64::from(number % 7))),
                ..Resources::default()
            },
            container: None,
            user: None,
            role: None,
            env: BTreeMap::from([("RELEASE".to_owned(), "1".to_owned())]),
            labels: BTreeMap::new(),
            ports: vec![PortSpec {
                container_port: None,
                host_port: 0,
                service_port,
                protocol: PortProtocol::Tcp,
                name: None,
                labels: BTreeMap::new(),
            }],
            require_ports: false,
            constraints: Vec::new(),
            dependencies: Vec::new(),
            backoff: Backoff { initial_ms: 500, factor_milli: 1_000, max_ms: 1_000 },
            kill_grace_ms: 3_000,
        }
    }
}

fn app_id(number: u32) -> AppId {
    AppId::parse(&format!("/team-{}/service-{number}", number % 10)).expect("an app id")
}
