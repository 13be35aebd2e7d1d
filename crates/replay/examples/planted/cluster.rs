//! A cluster on paper: commands are decided by the real `scheduler`, agents do what a script has them do, and time is made up.

use std::collections::BTreeMap;

use model::{
    AgentId, Command, CommandId, CommandKind, Event, ExitStatus, Principal, Record, SealedRecord, StatusReason,
    StatusUpdate, TaskId, TaskState, TaskStatus, Timestamp, Tip, UpdateId,
};
use scheduler::{Policies, World, decide};

/// A master records it at every 1,024th record; so short a log has it more often.
const STATE_HASH_INTERVAL: u64 = 64;
/// How often an allocation may follow another at once.
const ALLOCATIONS: usize = 100;

type Step = Box<dyn FnOnce(&mut Cluster)>;

pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) log: Vec<SealedRecord>,
    now: Timestamp,
    tip: Tip,
    commands: u64,
    updates: u64,
    /// What happens when; what was planned first comes first.
    plan: BTreeMap<(Timestamp, u64), Step>,
    planned: u64,
    /// What an agent makes of a task of an app: how long until it runs, and how it ends by itself.
    pub(crate) behaviour: fn(&Cluster, &TaskId, AgentId) -> Behaviour,
    /// Whether every invariant is checked after every record.
    pub(crate) is_checked: bool,
}

/// What becomes of a task.
pub(crate) struct Behaviour {
    pub(crate) runs_after_ms: u64,
    /// How long after its launch, and how.
    pub(crate) ends: Option<(u64, TaskStatus)>,
}

impl Cluster {
    pub(crate) fn new(begin: Timestamp, behaviour: fn(&Cluster, &TaskId, AgentId) -> Behaviour) -> Self {
        Self {
            world: World::default(),
            log: Vec::new(),
            now: begin,
            tip: Tip::default(),
            commands: 0,
            updates: 0,
            plan: BTreeMap::new(),
            planned: 0,
            behaviour,
            is_checked: true,
        }
    }

    pub(crate) fn after(&mut self, ms: u64, step: impl FnOnce(&mut Cluster) + 'static) {
        self.planned += 1;
        self.plan.insert((self.now.plus_ms(ms), self.planned), Box::new(step));
    }

    /// A command some time after the beginning.
    pub(crate) fn at(&mut self, ms: u64, principal: &'static str, kind: CommandKind) {
        self.after(ms, move |cluster| cluster.give(principal, kind));
    }

    /// Lets everything happen that was planned, and what follows from it, for so long.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let due = self.world.next_allocation_at().map(|at| at.max(self.now.plus_ms(1)));
            let next = self.plan.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = [due, next].into_iter().flatten().min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = at;
            match self.plan.first_entry().filter(|entry| entry.key().0 <= at) {
                Some(entry) => entry.remove()(self),
                None => self.allocate(),
            }
        }
    }

    /// A user's, an agent's or a framework's command, and the allocation that follows from it.
    pub(crate) fn give(&mut self, principal: &str, kind: CommandKind) {
        self.decide(principal, kind);
        self.allocate();
    }

    fn allocate(&mut self) {
        for _ in 0..ALLOCATIONS {
            if !self.decide("master", CommandKind::Allocate) {
                return;
            }
        }
        panic!("the allocation at {:?} goes on for ever", self.now);
    }

    /// Whether anything happened. A master beside which others may lead records also what was no news, unless it is its own.
    fn decide(&mut self, principal: &str, kind: CommandKind) -> bool {
        self.commands += 1;
        let seed = blake3::hash(&self.commands.to_le_bytes());
        let cause = Command {
            id: CommandId(seed.as_bytes()[..16].try_into().expect("a hash has 32 bytes")),
            at: self.now,
            seed: self.commands.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            principal: Principal::new(principal),
            kind,
        };
        let decided = decide(&self.world, &cause, &Policies::default());
        let events = decided.unwrap_or_else(|why| panic!("{} of {principal} is refused: {why}", cause.kind.name()));
        let happened = !events.is_empty();
        if !happened && cause.kind == CommandKind::Allocate {
            return false;
        }
        let begins = matches!(events.first(), Some(Event::EpochStarted { .. }));
        let epoch = if begins { self.tip.epoch.next() } else { self.tip.epoch };
        let (seq, previous) = (self.tip.seq.next(), self.tip.hash);
        let mut record = Record { seq, epoch, previous, cause, events, state_hash: None };
        self.world.apply(&record);
        if self.is_checked {
            assert_eq!(self.world.state.check(), Vec::new(), "after record {seq}");
        }
        if seq.0.is_multiple_of(STATE_HASH_INTERVAL) {
            record.state_hash = Some(self.world.state.hash());
        }
        let sealed = record.seal();
        self.tip = self.tip.accept(&sealed).expect("it follows");
        sealed.record.events.iter().for_each(|event| self.react(event));
        self.log.push(sealed);
        happened
    }

    fn react(&mut self, event: &Event) {
        match event {
            Event::TaskLaunched { task } => {
                let (id, agent) = (task.id.clone(), task.agent);
                let Behaviour { runs_after_ms, ends } = (self.behaviour)(self, &id, agent);
                self.after(runs_after_ms, {
                    let id = id.clone();
                    move |cluster| cluster.report(agent, &id, plain(TaskState::Running))
                });
                if let Some((ms, status)) = ends {
                    self.after(ms, move |cluster| cluster.report(agent, &id, status));
                }
            }
            Event::TaskKillRequested { task, agent, .. } => {
                let (id, agent) = (task.clone(), *agent);
                self.after(180, move |cluster| cluster.report(agent, &id, killed()));
            }
            _ => {}
        }
    }

    /// A report of an agent; what it has said already it does not say again.
    fn report(&mut self, agent: AgentId, task: &TaskId, status: TaskStatus) {
        let known = self.world.state.tasks.get(task).map(|task| task.status.state);
        if known.is_some_and(|known| status.state > known && !known.is_terminal()) {
            self.report_anyway(agent, task, status);
        }
    }

    pub(crate) fn report_anyway(&mut self, agent: AgentId, task: &TaskId, status: TaskStatus) {
        self.updates += 1;
        let update = StatusUpdate {
            id: UpdateId::new(format!("u{}", self.updates)),
            task: task.clone(),
            observed_at: self.now,
            status,
        };
        self.give(&format!("agent:{agent}"), CommandKind::UpdateStatus { agent, updates: vec![update] });
    }
}

pub(crate) fn plain(state: TaskState) -> TaskStatus {
    TaskStatus { state, reason: None, message: None, exit: None }
}

pub(crate) fn killed() -> TaskStatus {
    let message = Some("terminated by signal 15".to_owned());
    let (reason, exit) = (Some(StatusReason::KillRequested), Some(ExitStatus::Signal(15)));
    TaskStatus { state: TaskState::Killed, reason, message, exit }
}
