//! Status updates on their way to the master: in order for each task, a batch at a time, again until acknowledged.
//!
//! Ends come out of the ledger and are never dropped here. Other updates may be: when they are too many, or when
//! a newer one says more; the next desired list shows that the log does not know, and they are made anew.

use std::collections::{BTreeSet, VecDeque};

use model::{StatusUpdate, TaskId, TaskState, UpdateId};

/// Updates in one report.
const MAX_BATCH: usize = 256;
/// Above this, only ends are taken in.
const MAX_WAITING: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<StatusUpdate>,
    in_flight: Vec<StatusUpdate>,
}

impl Outbox {
    pub(crate) fn push(&mut self, update: StatusUpdate) {
        if !update.status.state.is_terminal() && self.waiting.len() >= MAX_WAITING {
            return;
        }
        // "Starting" that nobody has heard yet is of no interest once it runs or has ended.
        let is_outdated =
            |earlier: &StatusUpdate| earlier.task == update.task && earlier.status.state == TaskState::Starting;
        match self.waiting.iter().rposition(is_outdated) {
            Some(at) => self.waiting[at] = update,
            None => self.waiting.push_back(update),
        }
    }

    pub(crate) fn says_running(&self, task: &TaskId) -> bool {
        let mut all = self.in_flight.iter().chain(&self.waiting);
        all.any(|update| update.task == *task && update.status.state == TaskState::Running)
    }

    /// How many updates the master does not know yet.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    /// The next report; none while one is on its way.
    pub(crate) fn next_batch(&mut self) -> Option<&[StatusUpdate]> {
        if !self.in_flight.is_empty() || self.waiting.is_empty() {
            return None;
        }
        self.in_flight = self.waiting.drain(..self.waiting.len().min(MAX_BATCH)).collect();
        Some(&self.in_flight)
    }

    /// The report on its way was answered. What was not acknowledged is sent again, before everything else.
    /// Returns the tasks whose ends were.
    pub(crate) fn acknowledge(&mut self, ids: &[UpdateId]) -> Vec<TaskId> {
        let ids: BTreeSet<&UpdateId> = ids.iter().collect();
        let mut ended = Vec::new();
        let (known, unknown): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.in_flight).into_iter().partition(|update| ids.contains(&update.id));
        ended.extend(known.into_iter().filter(|update| update.status.state.is_terminal()).map(|update| update.task));
        for update in unknown.into_iter().rev() {
            self.waiting.push_front(update);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::status;

    fn update(id: &str, task: &str, state: TaskState) -> StatusUpdate {
        let status = model::TaskStatus { state, ..status::running() };
        StatusUpdate { id: UpdateId::new(id), task: TaskId::new(task), observed_at: Timestamp(0), status }
    }

    fn ids(outbox: &mut Outbox) -> Vec<String> {
        outbox.next_batch().unwrap_or_default().iter().map(|update| update.id.to_string()).collect()
    }

    #[test]
    fn updates_stay_in_order_until_acknowledged() {
        let mut outbox = Outbox::default();
        outbox.push(update("1", "a", TaskState::Starting));
        assert_eq!(ids(&mut outbox), ["1"]);
        outbox.push(update("2", "a", TaskState::Running));
        outbox.push(update("3", "b", TaskState::Running));
        outbox.push(update("4", "a", TaskState::Finished));
        assert_eq!(outbox.next_batch(), None, "one report at a time");
        assert_eq!(outbox.acknowledge(&[]), []);
        assert_eq!(ids(&mut outbox), ["1", "2", "3", "4"]);
        let known = ["2", "4"].map(UpdateId::new);
        assert_eq!(outbox.acknowledge(&known), [TaskId::new("a")]);
        assert!(outbox.says_running(&TaskId::new("b")) && !outbox.says_running(&TaskId::new("a")));
        assert_eq!(ids(&mut outbox), ["1", "3"]);
    }

    #[test]
    fn an_unheard_start_gives_way_and_only_ends_pass_the_limit() {
        let mut outbox = Outbox::default();
        outbox.push(update("1", "a", TaskState::Starting));
        outbox.push(update("2", "a", TaskState::Running));
        assert_eq!(ids(&mut outbox), ["2"]);
        for task in 0..=MAX_WAITING {
            outbox.push(update("r", &format!("t{task}"), TaskState::Running));
        }
        outbox.push(update("end", "t0", TaskState::Failed));
        assert_eq!(outbox.waiting.len(), MAX_WAITING + 1);
        assert_eq!(outbox.waiting.back().map(|update| update.id.as_str()), Some("end"));
    }
}
