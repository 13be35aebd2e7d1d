//! An old desired list has no effect: what starts or stops on a machine follows from a list that was not older than what the
//! machine's agent had on its disk when the list came.

use std::collections::{BTreeMap, BTreeSet};

use model::{TaskId, TaskState};
use protocol::agent::{Desired, Mark};

use super::Found;

const NAME: &str = "an old desired list has no effect";

#[derive(Default)]
pub(super) struct OldList {
    machines: BTreeMap<u8, Machine>,
}

/// What a machine was told by lists that were not old.
#[derive(Default)]
struct Machine {
    wanted: BTreeSet<TaskId>,
    unwanted: BTreeSet<TaskId>,
}

impl OldList {
    pub(super) fn on_list(&mut self, machine: u8, list: &Desired, durable: Mark) {
        if list.mark < durable {
            return;
        }
        let Machine { wanted, unwanted } = self.machines.entry(machine).or_default();
        let mut stays = BTreeSet::new();
        for task in &list.tasks {
            if task.kill.is_some() || task.state.is_terminal() {
                unwanted.insert(task.id.clone());
            } else {
                stays.insert(task.id.clone());
                if task.state == TaskState::Staging {
                    wanted.insert(task.id.clone());
                }
            }
        }
        unwanted.extend(wanted.extract_if(.., |task| !stays.contains(task)));
    }

    pub(super) fn on_start(&self, machine: u8, task: &TaskId) -> Found {
        let told = self.machines.get(&machine);
        if told.is_some_and(|told| told.wanted.contains(task) || told.unwanted.contains(task)) {
            return Ok(());
        }
        Err((NAME, format!("machine {machine} starts task {task}, which only an old list has")))
    }

    pub(super) fn on_stop(&self, machine: u8, task: &TaskId) -> Found {
        if self.machines.get(&machine).is_some_and(|told| told.unwanted.contains(task)) {
            return Ok(());
        }
        Err((NAME, format!("machine {machine} stops task {task}, which only an old list does not want")))
    }

    pub(super) fn on_disk_loss(&mut self, machine: u8) {
        let Machine { wanted, unwanted } = self.machines.entry(machine).or_default();
        unwanted.append(wanted);
    }
}
