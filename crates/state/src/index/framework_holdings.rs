//! What a framework has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AgentId, OfferId, Resources, TaskId, Timestamp};

/// What a framework has: tasks, offers, and agents that it refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameworkHoldings {
    /// Of its active tasks and open offers together, without ports.
    pub amounts: Resources,
    pub offers: BTreeSet<OfferId>,
    /// Agents on which it has a filter.
    pub refused: BTreeSet<AgentId>,
    /// Of a framework outside: its active tasks.
    pub active: BTreeSet<TaskId>,
    /// Those of the active ones that were asked to end.
    pub killing: u32,
    /// Tasks with updates that it did not acknowledge.
    pub untold: BTreeSet<TaskId>,
    pub ended: BTreeSet<(Timestamp, TaskId)>,
    /// The youngest task that is remembered under each of its own ids.
    pub by_own_id: BTreeMap<Arc<str>, TaskId>,
}

impl FrameworkHoldings {
    pub(crate) const fn none() -> &'static Self {
        static NONE: FrameworkHoldings = FrameworkHoldings {
            amounts: Resources {
                cpus: model::Scalar::ZERO,
                mem: model::Scalar::ZERO,
                disk: model::Scalar::ZERO,
                gpus: model::Scalar::ZERO,
                ports: model::PortRanges::none(),
                gpu_slots: model::GpuSlots::none(),
            },
            offers: BTreeSet::new(),
            refused: BTreeSet::new(),
            active: BTreeSet::new(),
            killing: 0,
            untold: BTreeSet::new(),
            ended: BTreeSet::new(),
            by_own_id: BTreeMap::new(),
        };
        &NONE
    }

    pub(super) fn add(&mut self, resources: &Resources) {
        self.amounts.cpus = self.amounts.cpus.plus(resources.cpus);
        self.amounts.mem = self.amounts.mem.plus(resources.mem);
        self.amounts.disk = self.amounts.disk.plus(resources.disk);
        self.amounts.gpus = self.amounts.gpus.plus(resources.gpus);
    }

    pub(super) fn subtract(&mut self, resources: &Resources) {
        self.amounts.cpus = self.amounts.cpus.minus(resources.cpus);
        self.amounts.mem = self.amounts.mem.minus(resources.mem);
        self.amounts.disk = self.amounts.disk.minus(resources.disk);
        self.amounts.gpus = self.amounts.gpus.minus(resources.gpus);
    }
}
