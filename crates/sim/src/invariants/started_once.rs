//! No task id is started twice, on any machine, whatever its agent or its machine went through.

use std::collections::BTreeMap;

use model::TaskId;

use super::Found;

const NAME: &str = "no task is started twice";

#[derive(Default)]
pub(super) struct StartedOnce {
    started: BTreeMap<TaskId, u8>,
}

impl StartedOnce {
    pub(super) fn on_start(&mut self, machine: u8, task: &TaskId) -> Found {
        match self.started.insert(task.clone(), machine) {
            Some(before) => Err((NAME, format!("task {task} was started on machine {before}, and again on {machine}"))),
            None => Ok(()),
        }
    }
}
