//! No agent is promised more than it has, and no machine is given more to run than it has: neither cpus, memory and disk nor
//! a port twice.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, Event, Resources, TaskId};
use state::State;

use super::{Found, quantities};

const NAME: &str = "no overcommit";
/// How many records lie between two checks of the whole state.
const CHECK_INTERVAL: u64 = 512;

/// What a machine has, what runs on it, and what is to be started there.
pub(crate) struct Load<'a> {
    pub(crate) has: &'a Resources,
    pub(crate) running: Vec<(&'a Resources, &'a [u16])>,
    pub(crate) more: (&'a Resources, &'a [u16]),
}

#[derive(Default)]
pub(super) struct Overcommit {
    agents: BTreeMap<AgentId, Promised>,
    tasks: BTreeMap<TaskId, (AgentId, Resources)>,
}

#[derive(Default)]
struct Promised {
    has: Resources,
    quantities: [i64; 4],
    ports: BTreeSet<u16>,
}

impl Overcommit {
    pub(super) fn on_event(&mut self, event: &Event) -> Found {
        match event {
            Event::AgentRegistered { agent, description } | Event::AgentReconnected { agent, description } => {
                self.agents.entry(*agent).or_default().has = description.resources.clone();
            }
            Event::TaskLaunched { task } => {
                let promised = self.agents.entry(task.agent).or_default();
                promised.add(&task.resources).map_err(|what| (NAME, format!("agent {}: {what}", task.agent)))?;
                self.tasks.insert(task.id.clone(), (task.agent, task.resources.clone()));
            }
            Event::TaskStatusChanged { task, status, .. } if status.state.is_terminal() => {
                if let Some((agent, resources)) = self.tasks.remove(task) {
                    self.agents.entry(agent).or_default().take(&resources);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Promised {
    fn add(&mut self, more: &Resources) -> Result<(), String> {
        for (sum, more) in self.quantities.iter_mut().zip(quantities(more)) {
            *sum += more;
        }
        if self.quantities.iter().zip(quantities(&self.has)).any(|(sum, has)| *sum > has) {
            return Err(format!("{:?} is promised of {}", self.quantities, self.has));
        }
        for port in more.ports.iter() {
            if !self.has.ports.contains(port) || !self.ports.insert(port) {
                return Err(format!("port {port} is promised twice, or is not there"));
            }
        }
        Ok(())
    }

    fn take(&mut self, less: &Resources) {
        for (sum, less) in self.quantities.iter_mut().zip(quantities(less)) {
            *sum -= less;
        }
        for port in less.ports.iter() {
            self.ports.remove(&port);
        }
    }
}

/// What really runs on a machine.
pub(super) fn on_start(machine: u8, task: &TaskId, load: &Load<'_>) -> Found {
    let mut sum = [0; 4];
    let mut ports = BTreeSet::new();
    for (resources, host_ports) in load.running.iter().chain([&load.more]) {
        for (sum, more) in sum.iter_mut().zip(quantities(resources)) {
            *sum += more;
        }
        if let Some(port) = host_ports.iter().find(|port| !ports.insert(**port)) {
            return Err((NAME, format!("task {task} is started on machine {machine} where port {port} is in use")));
        }
    }
    if sum.iter().zip(quantities(load.has)).any(|(sum, has)| *sum > has) {
        return Err((NAME, format!("with task {task} on machine {machine}, {sum:?} is in use of {}", load.has)));
    }
    Ok(())
}

/// The state's own invariants, commitments among them; they take long, so they are looked at now and then.
pub(super) fn check_now_and_then(state: &State) -> Found {
    if state.seq.0.is_multiple_of(CHECK_INTERVAL) { check(state) } else { Ok(()) }
}

pub(super) fn check(state: &State) -> Found {
    match state.check().pop() {
        Some(violation) => Err((NAME, format!("after record {}: {violation}", state.seq))),
        None => Ok(()),
    }
}
