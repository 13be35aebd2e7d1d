//! One run of the recorded commands: a world in which they are decided, and agents whose reports are made anew.
//!
//! As long as a run has decided as recorded, it takes over what was recorded, reports and allocations in their places. Once it
//! `is_own`, a task that was launched in its recorded place still reports in its recorded places, so that what has nothing to do
//! with a change goes on as before; any other reports after the recorded times since its launch, and the run allocates by itself
//! as a master does. Must not know what is compared.

use std::collections::BTreeMap;

use model::{
    AgentId, Command, CommandId, CommandKind, Epoch, Event, Hash, KillReason, Principal, Record, Seq, StatusReason,
    StatusUpdate, TaskId, TaskState, TaskStatus, Timestamp, UpdateId, Workload,
};
use scheduler::{Policies, World, decide};

use super::demand::{Demand, End};
use super::divergence::Decided;
use super::instances::Instances;
use super::sums::Counting;

/// How long a run waits for a recorded allocation before it makes one of its own.
const ALLOCATION_GRACE_MS: u64 = 10;

pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) instances: Instances,
    pub(crate) counting: Counting,
    /// Whether anything in it is not as recorded.
    pub(crate) is_own: bool,
    /// Active tasks of apps.
    pub(crate) active: BTreeMap<TaskId, Actual>,
    queue: BTreeMap<(Timestamp, u64), Report>,
    queued: u64,
    /// What agents that are away have to say.
    held: BTreeMap<AgentId, Vec<Report>>,
    /// Since when records were decided that no allocation has seen.
    due_since: Option<Timestamp>,
    /// When an allocation had nothing to do, the last time.
    idle_at: Timestamp,
    wakes_at: Option<Timestamp>,
}

pub(crate) struct Actual {
    pub(crate) agent: AgentId,
    /// The record that launched it; the fork for what was there before; None when no recorded command did.
    pub(crate) launched_by: Option<Seq>,
    /// The same for who asked it to end, if anybody did.
    pub(crate) killed_by: Option<Option<Seq>>,
}

struct Report {
    task: TaskId,
    status: TaskStatus,
}

/// What a run does of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Report,
    Allocate,
}

/// Where a command comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// In the log, in that epoch.
    Recorded(Seq, Epoch),
    Own,
}

impl Run {
    pub(crate) fn begin(world: World, to: Timestamp, points: u32) -> Self {
        let state = &world.state;
        let instances = Instances::begin(state);
        let counting = Counting::begin(state, to, points);
        let of_apps = state.tasks.values().filter(|task| task.is_active() && task.app().is_some());
        let active = of_apps.map(|task| {
            let killed_by = task.kill.map(|_| Some(state.seq));
            (task.id.clone(), Actual { agent: task.agent, launched_by: Some(state.seq), killed_by })
        });
        let (active, idle_at) = (active.collect(), state.at);
        Self {
            world,
            instances,
            counting,
            is_own: false,
            active,
            queue: BTreeMap::new(),
            queued: 0,
            held: BTreeMap::new(),
            due_since: None,
            idle_at,
            wakes_at: None,
        }
    }

    pub(crate) fn decide(&self, command: &Command, policies: &Policies) -> Decided {
        decide(&self.world, command, policies).map_err(|why| why.to_string())
    }

    /// From here on it does what a master and agents would do by themselves.
    pub(crate) fn become_own(&mut self) {
        if !self.is_own {
            self.is_own = true;
            self.due_since = Some(self.world.state.at);
            self.look_ahead();
        }
    }

    /// What it does next of its own, and when.
    pub(crate) fn next_own(&self) -> Option<(Timestamp, Own)> {
        if !self.is_own {
            return None;
        }
        let report = self.queue.first_key_value().map(|((at, _), _)| (*at, Own::Report));
        let due_at = self.due_since.or(self.wakes_at).map(|at| (at.plus_ms(ALLOCATION_GRACE_MS), Own::Allocate));
        [report, due_at].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    pub(crate) fn apply(&mut self, origin: Origin, cause: Command, events: Vec<Event>, demand: &Demand) {
        let (seq, epoch) = match origin {
            Origin::Recorded(seq, epoch) => (seq, epoch),
            Origin::Own => (self.world.state.seq, self.world.state.epoch),
        };
        let record = Record { seq, epoch, previous: Hash::default(), cause, events, state_hash: None };
        self.apply_record(origin, &record, demand);
    }

    pub(crate) fn apply_record(&mut self, origin: Origin, record: &Record, demand: &Demand) {
        let at = record.cause.at;
        self.counting.pass(at, &self.world);
        self.world.apply(record);
        self.counting.follow(record, &self.world, &self.instances);
        for event in &record.events {
            self.note(origin, event, at, demand);
        }
        if !record.events.is_empty() {
            self.due_since.get_or_insert(at);
        } else if record.cause.kind == CommandKind::Allocate {
            self.settle(at);
        }
        self.look_ahead();
    }

    /// An allocation had nothing to do, or is left to the next recorded one.
    pub(crate) fn settle(&mut self, at: Timestamp) {
        self.due_since = None;
        self.idle_at = at;
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        if self.is_own {
            // Not again at once, whatever it waits for.
            let after_idle = self.idle_at.plus_ms(1);
            self.wakes_at = self.world.next_allocation_at().map(|at| at.max(after_idle));
        }
    }

    fn note(&mut self, origin: Origin, event: &Event, at: Timestamp, demand: &Demand) {
        let by = match origin {
            Origin::Recorded(seq, _) => Some(seq),
            Origin::Own => None,
        };
        match event {
            Event::TaskKillRequested { task, reason, .. } => self.ask_to_end(task, *reason, by, at, demand),
            Event::AgentReconnected { agent, .. } => {
                for report in self.held.remove(agent).unwrap_or_default() {
                    self.push(at, report);
                }
            }
            Event::AgentRemoved { agent, .. } => {
                self.held.remove(agent);
            }
            Event::TaskStatusChanged { task, status, .. } if status.state.is_terminal() => {
                self.active.remove(task);
            }
            _ => {}
        }
        self.instances.follow(event);
        if let Event::TaskLaunched { task } = event
            && let Workload::App { .. } = task.workload
        {
            let actual = Actual { agent: task.agent, launched_by: by, killed_by: None };
            self.active.insert(task.id.clone(), actual);
            if let Some(instance) = self.instances.of(&task.id) {
                self.counting.place(instance, task.agent);
            }
            self.foresee(&task.id, by, at, demand);
        }
    }

    /// What a task that was just launched will report, unless it does that in its recorded places.
    fn foresee(&mut self, task: &TaskId, by: Option<Seq>, at: Timestamp, demand: &Demand) {
        let Some(instance) = self.instances.of(task) else { return };
        let typical = demand.typical(instance);
        let (reports, end) = match demand.lives.get(instance) {
            Some(life) if by == Some(life.launched_by) => return,
            Some(life) => {
                let end = match &life.end {
                    End::Itself { after_ms, status } => Some((*after_ms, status.clone())),
                    // Nobody saw how long it would have run.
                    End::Unseen | End::Asked { .. } | End::WithAgent => None,
                };
                let reports = if life.reports.is_empty() { &typical.reports } else { &life.reports };
                (reports.clone(), end)
            }
            None => (typical.reports.clone(), typical.end.clone()),
        };
        for (after_ms, status) in reports.into_iter().chain(end) {
            self.push(at.plus_ms(after_ms), Report { task: task.clone(), status });
        }
    }

    fn ask_to_end(&mut self, task: &TaskId, reason: KillReason, by: Option<Seq>, at: Timestamp, demand: &Demand) {
        let (Some(actual), Some(instance)) = (self.active.get_mut(task), self.instances.of(task)) else { return };
        if actual.killed_by.is_some() {
            return;
        }
        actual.killed_by = Some(by);
        let life = demand.lives.get(instance);
        let in_its_place = life.is_some_and(|life| {
            let as_recorded = actual.launched_by == Some(life.launched_by) && life.was_asked_by(by);
            as_recorded
                && match life.end {
                    End::Asked { .. } | End::Unseen => true,
                    End::WithAgent => actual.agent == life.agent,
                    End::Itself { .. } => false,
                }
        });
        if in_its_place {
            return;
        }
        let status = TaskStatus {
            state: TaskState::Killed,
            reason: Some(StatusReason::KillRequested),
            message: Some(format!("it was asked to end: {reason:?}")),
            exit: None,
        };
        let took_ms = demand.dying_ms(instance);
        self.push(at.plus_ms(took_ms), Report { task: task.clone(), status });
    }

    fn push(&mut self, at: Timestamp, report: Report) {
        self.queued += 1;
        self.queue.insert((at, self.queued), report);
    }

    /// The next of its own reports, as a command; None when nobody has anything to say of it.
    pub(crate) fn take_report(&mut self, commands: &mut Commands) -> Option<Command> {
        let ((at, _), report) = self.queue.pop_first()?;
        let agent = self.active.get(&report.task)?.agent;
        if !self.world.state.agents.get(&agent)?.is_connected() {
            self.held.entry(agent).or_default().push(report);
            return None;
        }
        let at = at.max(self.world.state.at);
        let id = UpdateId::new(format!("{}-{}", report.task, report.status.state));
        let update = StatusUpdate { id, task: report.task, observed_at: at, status: report.status };
        let principal = Principal::new(format!("agent:{agent}"));
        Some(commands.make(at, principal, CommandKind::UpdateStatus { agent, updates: vec![update] }))
    }
}

/// Makes commands that are not in the log; the same ones each time.
pub(crate) struct Commands {
    fork: Seq,
    made: u64,
}

impl Commands {
    pub(crate) const fn new(fork: Seq) -> Self {
        Self { fork, made: 0 }
    }

    pub(crate) fn make(&mut self, at: Timestamp, principal: Principal, kind: CommandKind) -> Command {
        self.made += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.fork.0.to_be_bytes());
        id[8..].copy_from_slice(&self.made.to_be_bytes());
        // Unrelated to each other and to those of the log.
        let seed = (self.fork.0 ^ (self.made << 20)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Command { id: CommandId(id), at, seed, principal, kind }
    }

    /// As a master's timer would.
    pub(crate) fn allocate(&mut self, at: Timestamp) -> Command {
        self.make(at, Principal::new("master"), CommandKind::Allocate)
    }
}
