//! What the master tells Prometheus of itself.
//!
//! What happened in the cluster is `state::metrics`, a picture of the folded state, so a restart or a replay shows the same.
//! Here is only what a process can measure while it works.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use tokio::time::Instant;

use crate::batch::Batch;

const COMMIT_SECONDS: &str = "bayplan_commit_seconds";
const APPEND_SECONDS: &str = "bayplan_append_seconds";
const DECIDE_SECONDS: &str = "bayplan_decide_seconds";
const ALLOCATE_SECONDS: &str = "bayplan_allocate_seconds";
const BATCH_RECORDS: &str = "bayplan_batch_records";
const BATCH_BYTES: &str = "bayplan_batch_bytes";
const PUBLISHER_BATCHES: &str = "bayplan_publisher_waiting_batches";

pub(crate) fn batch_sent(batch: &Batch) {
    histogram!(BATCH_RECORDS).record(batch.records.len() as f64);
    histogram!(BATCH_BYTES).record(batch.bytes as f64);
}

pub(crate) fn batch_durable(batch: &Batch, append_began_at: Instant) {
    histogram!(APPEND_SECONDS).record(append_began_at.elapsed().as_secs_f64());
    histogram!(COMMIT_SECONDS).record(batch.began_at.elapsed().as_secs_f64());
}

/// How long decisions take. It is asked for every command, so what it counts with is looked up once.
pub(crate) struct Deciding {
    decide: metrics::Histogram,
    allocate: metrics::Histogram,
}

impl Deciding {
    pub(crate) fn new() -> Self {
        Self { decide: histogram!(DECIDE_SECONDS), allocate: histogram!(ALLOCATE_SECONDS) }
    }

    pub(crate) fn decided(&self, is_allocation: bool, began_at: Instant) {
        let histogram = if is_allocation { &self.allocate } else { &self.decide };
        histogram.record(began_at.elapsed().as_secs_f64());
    }
}

pub(crate) fn publisher_waits(batches: usize) {
    gauge!(PUBLISHER_BATCHES).set(batches as f64);
}

/// Says what each metric means. Call it once, when the recorder is installed.
pub fn describe_metrics() {
    describe_loop();
    describe_standing();
    describe_shadow();
    publisher_waits(0);
}

fn describe_loop() {
    describe_histogram!(
        COMMIT_SECONDS,
        Unit::Seconds,
        "From the first decision of a batch until the batch is durable."
    );
    describe_histogram!(APPEND_SECONDS, Unit::Seconds, "How long the log took to make a batch durable.");
    describe_histogram!(
        DECIDE_SECONDS,
        Unit::Seconds,
        "How long the loop took to decide a command, seal its record and apply it; allocations apart."
    );
    describe_histogram!(
        ALLOCATE_SECONDS,
        Unit::Seconds,
        "The same of an allocation: what is wanted is placed, and offers are made."
    );
    describe_histogram!(BATCH_RECORDS, Unit::Count, "Records in one append.");
    describe_histogram!(BATCH_BYTES, Unit::Bytes, "Bytes in one append.");
    describe_counter!(
        "bayplan_cpu_microseconds_total",
        "CPU time of the parts that work one thing after the other: loop, publisher."
    );
    describe_gauge!(
        PUBLISHER_BATCHES,
        "Durable batches that wait to be folded for readers, answered and told to agents and frameworks."
    );
}

fn describe_standing() {
    describe_gauge!("bayplan_inbox_commands", "Commands that wait to be decided.");
    describe_gauge!("bayplan_inbox_limit_commands", "How many commands may wait; beyond it they are refused.");
    describe_gauge!("bayplan_leading", "1 on the master that leads, 0 on those that follow.");
    describe_gauge!("bayplan_log_writable", "1 while the log takes writes, 0 since it refused the last one.");
    describe_gauge!("bayplan_snapshot_lag_records", "How many records the snapshot is behind.");
    describe_gauge!(
        "bayplan_standby_lag_records",
        "How many records this master is behind the one that is furthest, as far as it has heard."
    );
    describe_gauge!("bayplan_peers", "Other masters that this one heard of a moment ago.");
}

/// Counters that are 0 are there too, so that the first one is an increase.
fn describe_shadow() {
    describe_counter!(
        "bayplan_shadow_decisions_total",
        "Launches that the shadow profile decided too, by what it would have done in the same place: agreed, differed, nowhere."
    );
    describe_counter!(
        "bayplan_shadow_without_room_total",
        "Launches for which there was no room in the shadow's own cluster, in which its own choices hold."
    );
    describe_counter!("bayplan_shadow_restarts_total", "How often the shadow could not follow and began anew.");
    describe_counter!(
        "bayplan_shadow_faults_total",
        "How often the shadow ended because a module gave no usable answer, or it panicked."
    );
    describe_gauge!(
        "bayplan_shadow_lag_records",
        "How many records the shadow's picture of the cluster is behind; 0 without a shadow. The live picture is folded by \
         the loop itself and never behind."
    );
    describe_gauge!(
        "bayplan_packing_agents_in_use",
        "While there is a shadow: agents on which anything is taken, in the live cluster and in the shadow's own."
    );
    describe_gauge!(
        "bayplan_packing_ratio",
        "While there is a shadow: the share of what connected agents have that is taken, as 0 to 1."
    );
    describe_gauge!(
        "bayplan_fragmentation_ratio",
        "While there is a shadow: the share of free GPUs that the typical task cannot use, as 0 to 1."
    );
    for result in ["agreed", "differed", "nowhere"] {
        counter!("bayplan_shadow_decisions_total", "result" => result).increment(0);
    }
    counter!("bayplan_shadow_without_room_total").increment(0);
    counter!("bayplan_shadow_restarts_total").increment(0);
    counter!("bayplan_shadow_faults_total").increment(0);
    gauge!("bayplan_shadow_lag_records").set(0.0);
}

/// What is asked of the master beside its state.
pub(crate) struct Load {
    pub(crate) inbox_commands: usize,
    pub(crate) inbox_limit: usize,
    pub(crate) is_writable: bool,
    pub(crate) is_leading: bool,
    pub(crate) peers: usize,
    pub(crate) standby_lag: u64,
    pub(crate) shadow_lag: u64,
    /// None while no snapshot is kept.
    pub(crate) snapshot_lag: Option<u64>,
}

pub(crate) fn observe(load: &Load) {
    gauge!("bayplan_inbox_commands").set(load.inbox_commands as f64);
    gauge!("bayplan_inbox_limit_commands").set(load.inbox_limit as f64);
    gauge!("bayplan_log_writable").set(f64::from(load.is_writable));
    gauge!("bayplan_leading").set(f64::from(load.is_leading));
    gauge!("bayplan_peers").set(load.peers as f64);
    gauge!("bayplan_standby_lag_records").set(load.standby_lag as f64);
    gauge!("bayplan_shadow_lag_records").set(load.shadow_lag as f64);
    if let Some(lag) = load.snapshot_lag {
        gauge!("bayplan_snapshot_lag_records").set(lag as f64);
    }
}
