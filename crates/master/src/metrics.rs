//! What the master tells Prometheus.
//!
//! What happened in the cluster is read from the folded state when metrics are asked for, so a restart or a replay
//! shows the same. Only the loop's own speed is measured as it goes.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use model::{OfferOutcome, Resources, TaskState};
use state::State;

use crate::batch::Batch;

const COMMIT_SECONDS: &str = "bayplan_commit_seconds";
const APPEND_SECONDS: &str = "bayplan_append_seconds";
const BATCH_RECORDS: &str = "bayplan_batch_records";
const BATCH_BYTES: &str = "bayplan_batch_bytes";

pub(crate) fn batch_sent(batch: &Batch) {
    histogram!(BATCH_RECORDS).record(batch.records.len() as f64);
    histogram!(BATCH_BYTES).record(batch.bytes as f64);
}

pub(crate) fn batch_durable(batch: &Batch, append_began_at: Instant) {
    histogram!(APPEND_SECONDS).record(append_began_at.elapsed().as_secs_f64());
    histogram!(COMMIT_SECONDS).record(batch.began_at.elapsed().as_secs_f64());
}

/// Says what each metric means. Call it once, when the recorder is installed.
pub fn describe_metrics() {
    describe_histogram!(
        COMMIT_SECONDS,
        Unit::Seconds,
        "From the first decision of a batch until the batch is durable."
    );
    describe_histogram!(APPEND_SECONDS, Unit::Seconds, "How long the log took to make a batch durable.");
    describe_histogram!(BATCH_RECORDS, Unit::Count, "Records in one append.");
    describe_histogram!(BATCH_BYTES, Unit::Bytes, "Bytes in one append.");
    describe_counter!("bayplan_records_total", "Records in the log, over the life of the cluster.");
    describe_counter!("bayplan_events_total", "Events in these records.");
    describe_counter!("bayplan_offers_made_total", "Resource offers made to frameworks.");
    describe_counter!("bayplan_offers_accepted_total", "Offers that a framework accepted.");
    describe_counter!("bayplan_offers_declined_total", "Offers that a framework declined.");
    describe_counter!("bayplan_tasks_launched_total", "Tasks launched.");
    describe_counter!("bayplan_tasks_ended_total", "Tasks that ended, by their last state.");
    describe_gauge!("bayplan_tasks", "Tasks that have not ended, by state.");
    describe_gauge!("bayplan_agents", "Agents, by whether they are connected.");
    describe_gauge!("bayplan_resources", "Resources of all agents: total, used by tasks, and out in open offers.");
    describe_gauge!("bayplan_apps", "App definitions.");
    describe_gauge!("bayplan_instances_waiting", "Instances that are wanted and not launched, over all apps.");
    describe_gauge!("bayplan_deployments", "Deployments under way.");
    describe_gauge!("bayplan_inbox_commands", "Commands that wait to be decided.");
    describe_gauge!("bayplan_epoch", "The epoch of the leadership.");
}

/// Sets everything that is a picture of the state.
pub(crate) fn observe(state: &State, inbox_commands: usize) {
    let totals = &state.header.totals;
    counter!("bayplan_records_total").absolute(state.seq.0);
    counter!("bayplan_events_total").absolute(totals.events);
    counter!("bayplan_offers_made_total").absolute(totals.offers_made);
    let closed = |outcome| totals.offers_closed.get(&outcome).copied().unwrap_or(0);
    counter!("bayplan_offers_accepted_total").absolute(closed(OfferOutcome::Accepted));
    counter!("bayplan_offers_declined_total").absolute(closed(OfferOutcome::Declined));
    counter!("bayplan_tasks_launched_total").absolute(totals.tasks_launched);
    for task_state in TaskState::ALL {
        let label = task_state.name();
        if task_state.is_terminal() {
            let ended = totals.tasks_ended.get(&task_state).copied().unwrap_or(0);
            counter!("bayplan_tasks_ended_total", "state" => label).absolute(ended);
        } else {
            let active = state.active_by_state().get(&task_state).copied().unwrap_or(0);
            gauge!("bayplan_tasks", "state" => label).set(f64::from(active));
        }
    }
    let connected = state.agents.values().filter(|agent| agent.is_connected()).count();
    gauge!("bayplan_agents", "state" => "connected").set(connected as f64);
    gauge!("bayplan_agents", "state" => "disconnected").set((state.agents.len() - connected) as f64);
    observe_resources(state);
    gauge!("bayplan_apps").set(state.apps.len() as f64);
    let waiting = state.apps.values().filter_map(|app| app.waiting.as_ref());
    gauge!("bayplan_instances_waiting").set(waiting.map(|waiting| f64::from(waiting.instances)).sum::<f64>());
    gauge!("bayplan_deployments").set(state.deployments.len() as f64);
    gauge!("bayplan_inbox_commands").set(inbox_commands as f64);
    gauge!("bayplan_epoch").set(state.epoch.0 as f64);
}

fn observe_resources(state: &State) {
    let total = state.agents.values().map(|agent| &agent.description.resources);
    let used = state.tasks.values().filter(|task| task.is_active()).map(|task| &task.resources);
    let offered = state.offers.values().map(|offer| &offer.resources);
    set_resources("total", total);
    set_resources("used", used);
    set_resources("offered", offered);
}

fn set_resources<'a>(kind: &'static str, parts: impl Iterator<Item = &'a Resources>) {
    let (mut sum, mut ports) = (Resources::default(), 0);
    for part in parts {
        sum.add(&Resources { ports: model::PortRanges::default(), ..part.clone() });
        ports += part.ports.len();
    }
    let quantities = [
        ("cpus", sum.cpus.as_f64()),
        ("mem_mb", sum.mem.as_f64()),
        ("disk_mb", sum.disk.as_f64()),
        ("gpus", sum.gpus.as_f64()),
        ("ports", f64::from(ports)),
    ];
    for (resource, quantity) in quantities {
        gauge!("bayplan_resources", "resource" => resource, "kind" => kind).set(quantity);
    }
}
