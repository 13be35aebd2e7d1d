//! What the agent tells Prometheus: what only it can know. Counts of tasks are the master's.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use tokio::time::Instant;

use crate::ledger::Kind;
use crate::measuring::Sum;

const LAUNCH_SECONDS: &str = "bayplan_agent_launch_seconds";
const LAUNCH_FAILURES: &str = "bayplan_agent_launch_failures_total";
const JOURNAL_FAILURES: &str = "bayplan_agent_journal_failures_total";
const SUBSCRIBED: &str = "bayplan_agent_subscribed";
const UPDATES_WAITING: &str = "bayplan_agent_updates_waiting";
const TASKS: &str = "bayplan_agent_tasks";
const TASKS_CPUS: &str = "bayplan_agent_tasks_cpus";
const TASKS_MEMORY: &str = "bayplan_agent_tasks_memory_bytes";
const DISK_FREE: &str = "bayplan_agent_disk_free_bytes";
const DISK_SIZE: &str = "bayplan_agent_disk_size_bytes";

/// Says what each metric means. Call it once, when the recorder is installed.
pub fn describe_metrics() {
    describe_histogram!(
        LAUNCH_SECONDS,
        Unit::Seconds,
        "From a task's intent until it runs, with the pull of its image, by containerizer."
    );
    describe_counter!(LAUNCH_FAILURES, "Tasks that could not be started, by containerizer.");
    describe_counter!(JOURNAL_FAILURES, "Writes to the agent's journal that failed; nothing is started meanwhile.");
    describe_gauge!(SUBSCRIBED, "1 while the agent is subscribed to a master, else 0.");
    describe_gauge!(UPDATES_WAITING, "Status updates that the master has not acknowledged.");
    describe_gauge!(TASKS, "Tasks that run, by containerizer.");
    describe_gauge!(TASKS_CPUS, "Cpus that are busy for tasks, over the last seconds, by containerizer.");
    describe_gauge!(TASKS_MEMORY, Unit::Bytes, "Memory that tasks take, by containerizer.");
    describe_gauge!(DISK_FREE, Unit::Bytes, "What is free on the disk of the agent's work folder.");
    describe_gauge!(DISK_SIZE, Unit::Bytes, "The size of the disk of the agent's work folder.");
    // Counters that are 0 are there too, so that the first failure is an increase.
    for kind in [Kind::Process, Kind::Docker] {
        counter!(LAUNCH_FAILURES, "containerizer" => kind.name()).increment(0);
        set_usage(kind, &Sum { tasks: 0, cpus: 0.0, memory_bytes: 0 });
    }
    counter!(JOURNAL_FAILURES).increment(0);
    set_subscribed(false);
    set_updates_waiting(0);
}

pub(crate) fn launched(kind: Kind, began_at: Instant, runs: bool) {
    if runs {
        histogram!(LAUNCH_SECONDS, "containerizer" => kind.name()).record(began_at.elapsed().as_secs_f64());
    } else {
        counter!(LAUNCH_FAILURES, "containerizer" => kind.name()).increment(1);
    }
}

pub(crate) fn journal_failed() {
    counter!(JOURNAL_FAILURES).increment(1);
}

pub(crate) fn set_subscribed(is_subscribed: bool) {
    gauge!(SUBSCRIBED).set(f64::from(is_subscribed));
}

pub(crate) fn set_updates_waiting(updates: usize) {
    gauge!(UPDATES_WAITING).set(updates as f64);
}

pub(crate) fn set_usage(kind: Kind, sum: &Sum) {
    gauge!(TASKS, "containerizer" => kind.name()).set(sum.tasks as f64);
    gauge!(TASKS_CPUS, "containerizer" => kind.name()).set(sum.cpus);
    gauge!(TASKS_MEMORY, "containerizer" => kind.name()).set(sum.memory_bytes as f64);
}

pub(crate) fn set_disk(free_bytes: u64, size_bytes: u64) {
    gauge!(DISK_FREE).set(free_bytes as f64);
    gauge!(DISK_SIZE).set(size_bytes as f64);
}
