//! Everything that is in a cluster's log, and what a test asks of it.

use serde_json::Value;

/// As records write them.
const ENDS: [&str; 5] = ["FINISHED", "FAILED", "KILLED", "ERROR", "LOST"];

/// All records, the oldest first.
pub(crate) struct History(pub(crate) Vec<Value>);

impl History {
    /// The events of one kind, each with the number of its record.
    pub(crate) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (u64, &'a Value)> {
        self.0.iter().flat_map(move |record| {
            let seq = record["seq"].as_u64().expect("a record has a number");
            let events = record["events"].as_array().expect("a record has events");
            events.iter().filter_map(move |event| Some((seq, event.get(kind)?)))
        })
    }

    /// The ids of the tasks of an app, as often as they were launched.
    pub(crate) fn launched(&self, app: &str) -> Vec<String> {
        let tasks = self.of("task_launched").map(|(_, event)| &event["task"]);
        let of_app = tasks.filter(|task| task["workload"]["app"]["app"] == format!("/{app}"));
        of_app.map(|task| task["id"].as_str().expect("a task has an id").to_owned()).collect()
    }

    /// What the log says of a task, the newest last.
    pub(crate) fn statuses<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a Value> {
        let changes = self.of("task_status_changed").map(|(_, event)| event);
        changes.filter(move |event| event["task"] == task).map(|event| &event["status"])
    }

    /// How a task ended; None when it has not.
    pub(crate) fn end_of(&self, task: &str) -> Option<Value> {
        let is_end = |status: &Value| ENDS.iter().any(|end| status["state"] == *end);
        let ends: Vec<&Value> = self.statuses(task).filter(|status| is_end(status)).collect();
        assert!(ends.len() < 2, "{task} ended more than once: {ends:?}");
        ends.first().map(|status| (*status).clone())
    }
}
