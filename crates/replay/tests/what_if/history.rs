//! A history as a log has it: users change what is wanted, and agents start, run and end tasks in their own time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    AgentId, AppSpec, CommandKind, DisconnectReason, Event, PortProtocol, PortSpec, Record, RemovalReason, Seq,
    StatusReason, StatusUpdate, TaskId, TaskSelection, TaskState, TaskStatus, Timestamp, UpdateId,
};
use proptest::prelude::*;
use replay::what_if::{Change, Outcome, Reading, WhatIf};
use scheduler::Policies;
use state::State;

use crate::cluster::{Cluster, app, describe, id};

/// More than a command and the allocations that it leads to.
const COMMANDS_AT_ONCE: u64 = 64;

pub(crate) struct History {
    pub(crate) cluster: Cluster,
    due: BTreeMap<(Timestamp, u64), (TaskId, TaskState)>,
    launched: u64,
    seen: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Register {
        host: u8,
        cpus: u8,
    },
    Leave(u8),
    Return(u8),
    Remove(u8),
    /// An agent restarts and finds its tasks gone.
    Reboot(u8),
    Put {
        app: u8,
        instances: u8,
        cpus: u8,
    },
    Scale {
        app: u8,
        instances: u8,
    },
    Restart(u8),
    Destroy(u8),
    Kill {
        app: u8,
    },
    Pass(u16),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..6u8, 2..6u8).prop_map(|(host, cpus)| Step::Register { host, cpus }),
        1 => (0..6u8).prop_map(Step::Leave),
        1 => (0..6u8).prop_map(Step::Return),
        1 => (0..6u8).prop_map(Step::Remove),
        1 => (0..6u8).prop_map(Step::Reboot),
        6 => (0..5u8, 0..9u8, 1..5u8).prop_map(|(app, instances, cpus)| Step::Put { app, instances, cpus }),
        3 => (0..5u8, 0..9u8).prop_map(|(app, instances)| Step::Scale { app, instances }),
        1 => (0..5u8).prop_map(Step::Restart),
        1 => (0..5u8).prop_map(Step::Destroy),
        2 => (0..5u8).prop_map(|app| Step::Kill { app }),
        8 => (1..8_000u16).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 4..40)
}

/// How the tasks of an app are: 0 runs until it is asked to end, 1 is done after a while, 2 fails soon, 3 starts slowly, 4 takes
/// its time to end.
fn name(app: u8) -> String {
    format!("app{app}")
}

impl History {
    pub(crate) fn new(policy: &str, agents: u8) -> Self {
        let cluster = Cluster::new(policy);
        let mut history = Self { cluster, due: BTreeMap::new(), launched: 0, seen: 0 };
        for host in 0..agents {
            history.run(CommandKind::RegisterAgent { description: describe(&format!("h{host}"), 4, 4_000) });
        }
        history
    }

    pub(crate) fn take(&mut self, step: Step) {
        let agent = |number: u8| AgentId(number.into());
        let kind = match step {
            Step::Register { host, cpus } => {
                CommandKind::RegisterAgent { description: describe(&format!("h{host}"), cpus.into(), 4_000) }
            }
            Step::Leave(number) => {
                CommandKind::DisconnectAgent { agent: agent(number), reason: DisconnectReason::StreamClosed }
            }
            Step::Return(number) => {
                let Some(known) = self.cluster.world.state.agents.get(&agent(number)) else { return };
                CommandKind::ReconnectAgent { agent: known.id, description: known.description.clone() }
            }
            Step::Remove(number) => CommandKind::RemoveAgent { agent: agent(number), reason: RemovalReason::Gone },
            Step::Reboot(number) => return self.reboot(agent(number)),
            Step::Put { app: number, instances, cpus } => {
                let mut app: AppSpec = app(&name(number), instances.into());
                app.resources.cpus = model::Scalar(i64::from(cpus) * 500);
                app.ports = vec![any_port(); usize::from(number % 3)];
                CommandKind::PutApps { apps: vec![Arc::new(app)], force: true }
            }
            Step::Scale { app, instances } => {
                CommandKind::ScaleApp { app: id(&name(app)), instances: instances.into(), force: false }
            }
            Step::Restart(app) => CommandKind::RestartApp { app: id(&name(app)), force: true },
            Step::Destroy(app) => CommandKind::DestroyApp { app: id(&name(app)), force: true },
            Step::Kill { app } => {
                let tasks = self.cluster.tasks(&name(app)).into_iter().take(1).map(|task| task.id).collect();
                CommandKind::KillTasks { selection: TaskSelection::Tasks(tasks), scale: false, force: true }
            }
            Step::Pass(ms) => return self.pass(ms.into()),
        };
        self.run(kind);
    }

    /// A refused command leaves no record.
    pub(crate) fn run(&mut self, kind: CommandKind) {
        self.line_up();
        let _refused = self.cluster.run(kind);
        self.cluster.allocate();
        self.foresee();
    }

    /// In clusters that go through the same, the same command has the same number, whatever they allocated before it.
    fn line_up(&mut self) {
        self.cluster.commands = self.cluster.commands.next_multiple_of(COMMANDS_AT_ONCE);
    }

    pub(crate) fn put(&mut self, app: AppSpec) {
        self.run(CommandKind::PutApps { apps: vec![Arc::new(app)], force: true });
    }

    /// Time goes on: agents report what is due, and the master wakes for launches that it put off.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.cluster.now.plus_ms(ms);
        loop {
            let report = self.due.first_key_value().map(|((at, _), _)| *at);
            let wake = self.cluster.world.next_allocation_at().map(|at| at.max(self.cluster.now.plus_ms(1)));
            let Some(at) = [report, wake].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.cluster.now = self.cluster.now.max(at);
            self.line_up();
            if report == Some(at)
                && let Some((_, (task, state))) = self.due.pop_first()
            {
                self.cluster.report(&task, state);
            }
            self.cluster.allocate();
            self.foresee();
        }
        self.cluster.now = end;
    }

    /// A last record, since a log ends with one.
    pub(crate) fn end(&mut self) {
        self.run(CommandKind::ChooseOfferTimeout { offer_timeout_ms: 1 });
    }

    fn reboot(&mut self, agent: AgentId) {
        let active: Vec<TaskId> = self.cluster.world.state.active_tasks_on(agent).map(|task| task.id.clone()).collect();
        let status = TaskStatus {
            state: TaskState::Lost,
            reason: Some(StatusReason::EndedUnobserved),
            message: None,
            exit: None,
        };
        let update = |task: TaskId| StatusUpdate {
            id: UpdateId::new(format!("{task}-lost")),
            task,
            observed_at: self.cluster.now,
            status: status.clone(),
        };
        let updates = active.into_iter().map(update).collect();
        self.run(CommandKind::UpdateStatus { agent, updates });
    }

    /// What the tasks of the records since the last look will report.
    fn foresee(&mut self) {
        let now = self.cluster.now;
        let mut due = Vec::new();
        for sealed in &self.cluster.log[self.seen..] {
            // In which order apps had their turn makes no difference to what tasks do.
            let mut events: Vec<&Event> = sealed.record.events.iter().collect();
            events.sort_by_key(|event| match event {
                Event::TaskLaunched { task } => task.workload.app().map(ToString::to_string),
                _ => None,
            });
            for event in events {
                match event {
                    Event::TaskLaunched { task } => {
                        self.launched += 1;
                        // No two at the same time, so that their order is no matter of chance.
                        let jitter = self.launched % 97;
                        let app = task.workload.app().map(ToString::to_string).unwrap_or_default();
                        let start_ms = if app == "/app3" { 3_000 } else { 200 };
                        due.push((start_ms / 2 + jitter, &task.id, TaskState::Starting));
                        due.push((start_ms + jitter, &task.id, TaskState::Running));
                        match app.as_str() {
                            "/app1" => due.push((start_ms + 5_000 + jitter, &task.id, TaskState::Finished)),
                            "/app2" => due.push((start_ms + 900 + jitter, &task.id, TaskState::Failed)),
                            _ => {}
                        }
                    }
                    Event::TaskKillRequested { task, .. } => {
                        let dying_ms = if task.as_str().starts_with("app4") { 2_500 } else { 150 };
                        due.push((dying_ms, task, TaskState::Killed));
                    }
                    _ => {}
                }
            }
        }
        for (after_ms, task, state) in due {
            let number = self.due.len() as u64 + self.launched * 1_000;
            self.due.insert((now.plus_ms(after_ms), number), (task.clone(), state));
        }
        self.seen = self.cluster.log.len();
    }

    pub(crate) fn last(&self) -> Seq {
        self.cluster.tip.seq
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.cluster.log.iter().map(|sealed| sealed.record.as_ref())
    }

    /// A fork behind that record, and the states of the control and of the fork in the end.
    pub(crate) fn fork(&self, at: Seq, change: Change) -> (Outcome, [State; 2]) {
        fork(&self.records().cloned().collect::<Vec<_>>(), at, change)
    }
}

pub(crate) fn fork(records: &[Record], at: Seq, change: Change) -> (Outcome, [State; 2]) {
    let mut state = State::default();
    let (before, after) = records.split_at(at.0 as usize);
    before.iter().for_each(|record| state.apply(record));
    let mut reading = Reading::begin(&state);
    after.iter().for_each(|record| reading.follow(record));
    let what_if = WhatIf::begin(&state, change, reading.close(), Policies::default(), 50);
    let mut what_if = what_if.expect("there is such a fork");
    for record in after {
        what_if.follow(record);
        for state in what_if.states() {
            assert_eq!(state.check(), vec![], "after record {}", record.seq);
        }
    }
    let states = what_if.states().map(Clone::clone);
    (what_if.finish(), states)
}

pub(crate) const fn any_port() -> PortSpec {
    PortSpec {
        container_port: None,
        host_port: 0,
        service_port: 0,
        protocol: PortProtocol::Tcp,
        name: None,
        labels: BTreeMap::new(),
    }
}

/// Where each record launches what.
pub(crate) fn launches(record: &Record) -> Vec<(String, AgentId)> {
    let launched = record.events.iter().filter_map(|event| match event {
        Event::TaskLaunched { task } => Some((task.workload.app()?.to_string(), task.agent)),
        _ => None,
    });
    launched.collect()
}

pub(crate) fn agents_of<'a>(tasks: impl IntoIterator<Item = &'a model::Task>) -> BTreeSet<AgentId> {
    tasks.into_iter().map(|task| task.agent).collect()
}
