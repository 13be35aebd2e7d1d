//! What the master tells Prometheus.
//!
//! What happened in the cluster is read from the folded state when metrics are asked for, so a restart or a replay
//! shows the same. Only the loop's own speed is measured as it goes.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use model::{OfferOutcome, PortRanges, Resources, TaskState, WaitingCause};
use state::State;
use tokio::time::Instant;

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
    describe_counter!(
        "bayplan_cpu_microseconds_total",
        "CPU time of the parts that work one thing after the other: loop, publisher."
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
    describe_gauge!("bayplan_resource_cpus", "Cpus of all agents: total, used by tasks, and out in open offers.");
    describe_gauge!("bayplan_resource_memory_bytes", Unit::Bytes, "Memory of all agents, as bayplan_resource_cpus.");
    describe_gauge!("bayplan_resource_disk_bytes", Unit::Bytes, "Disk of all agents, as bayplan_resource_cpus.");
    describe_gauge!("bayplan_resource_gpus", "GPUs of all agents, as bayplan_resource_cpus.");
    describe_gauge!("bayplan_resource_ports", "Ports of all agents, as bayplan_resource_cpus.");
    describe_gauge!("bayplan_apps", "App definitions.");
    describe_gauge!(
        "bayplan_instances_waiting",
        "Instances that are wanted and not launched, by what holds them back."
    );
    describe_gauge!("bayplan_deployments", "Deployments under way.");
    describe_gauge!("bayplan_inbox_commands", "Commands that wait to be decided.");
    describe_gauge!("bayplan_inbox_limit_commands", "How many commands may wait; beyond it they are refused.");
    describe_gauge!("bayplan_leading", "1 on the master that leads, 0 on those that follow.");
    describe_gauge!("bayplan_log_writable", "1 while the log takes writes, 0 since it refused the last one.");
    describe_gauge!("bayplan_snapshot_lag_records", "How many records the snapshot is behind.");
    describe_gauge!("bayplan_epoch", "The epoch of the leadership.");
    describe_counter!(
        "bayplan_shadow_decisions_total",
        "Launches that the shadow profile decided too, by what it would have done in the same place: agreed, differed, nowhere."
    );
    describe_counter!(
        "bayplan_shadow_without_room_total",
        "Launches for which there was no room in the shadow's own cluster, in which its own choices hold."
    );
    describe_counter!("bayplan_shadow_restarts_total", "How often the shadow could not follow and began anew.");
    describe_counter!("bayplan_shadow_faults_total", "How often a module in the shadow gave no usable answer.");
    describe_gauge!(
        "bayplan_modules_disabled",
        "Policy modules that gave no usable answer and decide nothing any more."
    );
    describe_gauge!(
        "bayplan_packing_agents_in_use",
        "Agents on which anything is taken, in the live cluster and in the shadow's own."
    );
    describe_gauge!("bayplan_packing_ratio", "The share of what agents have that is taken, as 0 to 1.");
    describe_gauge!(
        "bayplan_fragmentation_ratio",
        "The share of free GPUs that the typical task cannot use, as 0 to 1."
    );
}

/// What is asked of the master beside its state.
pub(crate) struct Load {
    pub(crate) inbox_commands: usize,
    pub(crate) inbox_limit: usize,
    pub(crate) is_writable: bool,
    pub(crate) is_leading: bool,
    /// None while no snapshot is kept.
    pub(crate) snapshot_lag: Option<u64>,
}

/// Sets everything that is a picture of the state.
pub(crate) fn observe(state: &State, load: &Load) {
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
    observe_waiting(state);
    gauge!("bayplan_deployments").set(state.deployments.len() as f64);
    gauge!("bayplan_inbox_commands").set(load.inbox_commands as f64);
    gauge!("bayplan_inbox_limit_commands").set(load.inbox_limit as f64);
    gauge!("bayplan_log_writable").set(f64::from(load.is_writable));
    gauge!("bayplan_leading").set(f64::from(load.is_leading));
    if let Some(lag) = load.snapshot_lag {
        gauge!("bayplan_snapshot_lag_records").set(lag as f64);
    }
    gauge!("bayplan_epoch").set(state.epoch.0 as f64);
    let disabled = state.modules.values().filter(|module| module.disabled.is_some()).count();
    gauge!("bayplan_modules_disabled").set(disabled as f64);
}

/// All of them are told, so that a sum or an alert never finds a gap.
const WAITING_CAUSES: [&str; 4] = ["nothing_fits", "backoff", "dependency", "earlier_step"];

const fn name_of(cause: &WaitingCause) -> &'static str {
    match cause {
        WaitingCause::NothingFits { .. } => WAITING_CAUSES[0],
        WaitingCause::Backoff { .. } => WAITING_CAUSES[1],
        WaitingCause::Dependency { .. } => WAITING_CAUSES[2],
        WaitingCause::EarlierStep => WAITING_CAUSES[3],
    }
}

fn observe_waiting(state: &State) {
    for name in WAITING_CAUSES {
        let waiting = state.apps.values().filter_map(|app| app.waiting.as_ref());
        let of_cause = waiting.filter(|waiting| name_of(&waiting.cause) == name);
        let instances: u64 = of_cause.map(|waiting| u64::from(waiting.instances)).sum();
        gauge!("bayplan_instances_waiting", "cause" => name).set(instances as f64);
    }
}

fn observe_resources(state: &State) {
    let total = state.agents.values().map(|agent| &agent.description.resources);
    let used = state.tasks.values().filter(|task| task.is_active()).map(|task| &task.resources);
    let offered = state.offers.values().map(|offer| &offer.resources);
    set_resources("total", total);
    set_resources("used", used);
    set_resources("offered", offered);
}

/// Prometheus counts in bytes, resources in MB.
const BYTES_PER_MB: f64 = (1 << 20) as f64;

fn set_resources<'a>(kind: &'static str, parts: impl Iterator<Item = &'a Resources>) {
    let (mut sum, mut ports) = (Resources::default(), 0);
    for part in parts {
        sum.add(&Resources { ports: PortRanges::default(), ..part.clone() });
        ports += part.ports.len();
    }
    gauge!("bayplan_resource_cpus", "kind" => kind).set(sum.cpus.as_f64());
    gauge!("bayplan_resource_memory_bytes", "kind" => kind).set(sum.mem.as_f64() * BYTES_PER_MB);
    gauge!("bayplan_resource_disk_bytes", "kind" => kind).set(sum.disk.as_f64() * BYTES_PER_MB);
    gauge!("bayplan_resource_gpus", "kind" => kind).set(sum.gpus.as_f64());
    gauge!("bayplan_resource_ports", "kind" => kind).set(f64::from(ports));
}
