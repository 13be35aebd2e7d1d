//! A task ends once: the log has one terminal state for it, and nothing after it.

use std::collections::BTreeMap;

use model::{Event, TaskId, TaskState};

use super::Found;

const NAME: &str = "one terminal state per task";

#[derive(Default)]
pub(super) struct OneEnd {
    ends: BTreeMap<TaskId, TaskState>,
}

impl OneEnd {
    pub(super) fn on_event(&mut self, event: &Event) -> Found {
        let Event::TaskStatusChanged { task, status, .. } = event else { return Ok(()) };
        if let Some(end) = self.ends.get(task) {
            return Err((NAME, format!("task {task} ended as {end}, and after that became {}", status.state)));
        }
        if status.state.is_terminal() {
            self.ends.insert(task.clone(), status.state);
        }
        Ok(())
    }
}
