//! Resources are conserved: what launches took and ends gave back is what the state and placement's picture say.

use std::collections::BTreeMap;

use model::{AgentId, Event, TaskId};
use scheduler::World;
use state::State;

use super::{Found, quantities};

const NAME: &str = "resources are conserved";

#[derive(Default)]
pub(super) struct Conserved {
    used: BTreeMap<AgentId, ([i64; 4], u64)>,
    tasks: BTreeMap<TaskId, (AgentId, [i64; 4], u64)>,
}

impl Conserved {
    pub(super) fn on_event(&mut self, event: &Event) -> Found {
        match event {
            Event::TaskLaunched { task } => {
                let (taken, ports) = (quantities(&task.resources), u64::from(task.resources.ports.len()));
                let (used, used_ports) = self.used.entry(task.agent).or_default();
                used.iter_mut().zip(taken).for_each(|(used, taken)| *used += taken);
                *used_ports += ports;
                if self.tasks.insert(task.id.clone(), (task.agent, taken, ports)).is_some() {
                    return Err((NAME, format!("task {} was launched twice", task.id)));
                }
            }
            Event::TaskStatusChanged { task, status, .. } if status.state.is_terminal() => {
                let Some((agent, taken, ports)) = self.tasks.remove(task) else {
                    return Err((NAME, format!("task {task} gives back what it never took")));
                };
                let (used, used_ports) = self.used.entry(agent).or_default();
                used.iter_mut().zip(taken).for_each(|(used, taken)| *used -= taken);
                *used_ports -= ports;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn at_the_end(&self, state: &State) -> Found {
        for (agent, (used, ports)) in &self.used {
            let in_state = state.used_on(*agent);
            if *used != quantities(&in_state) || *ports != u64::from(in_state.ports.len()) {
                return Err((
                    NAME,
                    format!("agent {agent} has {used:?} and {ports} ports in use, the state {in_state}"),
                ));
            }
        }
        match World::of(state.clone()).view.check().pop() {
            Some(violation) => Err((NAME, format!("placement's picture is off: {violation}"))),
            None => Ok(()),
        }
    }
}
