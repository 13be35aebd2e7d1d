//! What the tasks of an agent take, and how full its disk is, looked at in intervals.
//!
//! Only sums leave this module: a task of its own in every metric would be too much for Prometheus. It must not know how a
//! containerizer finds out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::TaskId;
use tokio::time::Instant;

use crate::containerizer::{Containerizer, Usage};
use crate::ledger::Kind;
use crate::metrics;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// Goes on until it is dropped.
pub(crate) async fn measure(containerizers: BTreeMap<Kind, Arc<dyn Containerizer>>, folder: PathBuf) {
    let mut before: BTreeMap<Kind, Look> = BTreeMap::new();
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        look_at_disk(&folder);
        for (kind, containerizer) in &containerizers {
            let usage = match containerizer.usage().await {
                Ok(usage) => usage,
                Err(error) => {
                    tracing::debug!(containerizer = kind.name(), %error, "cannot see what the tasks take");
                    before.remove(kind);
                    continue;
                }
            };
            let look = Look { at: Instant::now(), usage };
            metrics::set_usage(*kind, &look.sum(before.get(kind)));
            before.insert(*kind, look);
        }
    }
}

fn look_at_disk(folder: &Path) {
    match rustix::fs::statvfs(folder) {
        // What only root may use does not help.
        Ok(disk) => metrics::set_disk(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize),
        Err(error) => tracing::debug!(%error, folder = %folder.display(), "cannot see how full the disk is"),
    }
}

struct Look {
    at: Instant,
    usage: BTreeMap<TaskId, Usage>,
}

/// Of all tasks of a containerizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sum {
    pub(crate) tasks: usize,
    /// How many cpus were busy for them since the look before.
    pub(crate) cpus: f64,
    pub(crate) memory_bytes: u64,
}

impl Look {
    fn sum(&self, before: Option<&Self>) -> Sum {
        let memory_bytes = self.usage.values().map(|usage| usage.memory_bytes).sum();
        let cpus = before.map_or(0.0, |before| {
            let used = self.usage.iter().map(|(task, usage)| {
                let earlier = before.usage.get(task).map_or(0, |earlier| earlier.cpu_us);
                usage.cpu_us.saturating_sub(earlier)
            });
            let elapsed_us = self.at.duration_since(before.at).as_micros();
            if elapsed_us == 0 { 0.0 } else { used.sum::<u64>() as f64 / elapsed_us as f64 }
        });
        Sum { tasks: self.usage.len(), cpus, memory_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, usage: &[(&str, u64, u64)]) -> Look {
        let usage = usage.iter().map(|(task, cpu_us, memory_bytes)| {
            (TaskId::new(*task), Usage { cpu_us: *cpu_us, memory_bytes: *memory_bytes })
        });
        Look { at, usage: usage.collect() }
    }

    #[test]
    fn cpus_are_what_was_used_between_two_looks() {
        let began_at = Instant::now();
        let first = look(began_at, &[("a", 5_000_000, 10), ("gone", 9_000_000, 10)]);
        assert_eq!(first.sum(None), Sum { tasks: 2, cpus: 0.0, memory_bytes: 20 });
        let second = look(began_at + Duration::from_secs(2), &[("a", 6_000_000, 10), ("new", 2_000_000, 5)]);
        assert_eq!(second.sum(Some(&first)), Sum { tasks: 2, cpus: 1.5, memory_bytes: 15 });
    }
}
