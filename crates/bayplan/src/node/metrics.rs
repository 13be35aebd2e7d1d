//! Collects what the parts measure, for Prometheus.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::failure::Failure;

const DISK_FREE: &str = "bayplan_disk_free_bytes";
const DISK_SIZE: &str = "bayplan_disk_size_bytes";

/// From what a write to a fast disk takes to what nobody waits for.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Of what the loop does without waiting for anybody.
const DECISION_SECONDS: [f64; 14] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0,
];
const DECISIONS: [&str; 2] = ["bayplan_decide_seconds", "bayplan_allocate_seconds"];
const RECORDS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
const BYTES: [f64; 9] =
    [256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];
/// How often what was measured is put into its buckets.
const UPKEEP: Duration = Duration::from_secs(5);

pub(super) type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Installs the recorder of this process; the answer renders everything that was measured.
pub(super) fn install() -> Result<Render, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot collect metrics: {error}"));
    let mut builder = PrometheusBuilder::new();
    for name in DECISIONS {
        let matched = Matcher::Full(name.to_owned());
        builder = builder.set_buckets_for_metric(matched, &DECISION_SECONDS).map_err(|error| failed(&error))?;
    }
    let handle = builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), &RECORDS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES))
        .map_err(|error| failed(&error))?
        .install_recorder()
        .map_err(|error| failed(&error))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}

/// Renders with how full the disk of a master's folder is at that moment.
pub(super) fn with_disk(render: Render, folder: &Path) -> Render {
    describe_gauge!(
        DISK_FREE,
        Unit::Bytes,
        "What is free on the disk of the master's folder, which has its log or snapshot."
    );
    describe_gauge!(DISK_SIZE, Unit::Bytes, "The size of the disk of the master's folder.");
    let folder: PathBuf = folder.to_owned();
    Arc::new(move || {
        match rustix::fs::statvfs(&folder) {
            Ok(disk) => {
                // What only root may use does not help.
                gauge!(DISK_FREE).set((disk.f_bavail * disk.f_frsize) as f64);
                gauge!(DISK_SIZE).set((disk.f_blocks * disk.f_frsize) as f64);
            }
            Err(error) => tracing::debug!(%error, folder = %folder.display(), "cannot see how full the disk is"),
        }
        render()
    })
}
