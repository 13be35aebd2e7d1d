//! One agent, as policies and tools see it.

use model::{AgentId, Constraint, GpuSlot, GpuSlots, Scalar};

use super::{Columns, PORTS, Roster, Stock};
use crate::Dimension;
use crate::constraint::Test;
use crate::gpus::{gpu_count, pick};

#[derive(Clone, Copy)]
pub struct Node<'a> {
    columns: &'a Columns,
    roster: &'a Roster,
    stock: &'a Stock,
    row: usize,
    lane: usize,
}

impl<'a> Node<'a> {
    pub(crate) fn new(columns: &'a Columns, roster: &'a Roster, stock: &'a Stock, row: usize, lane: usize) -> Self {
        Self { columns, roster, stock, row, lane }
    }

    pub(crate) fn row(&self) -> usize {
        self.row
    }

    pub(crate) fn passes(&self, test: &Test) -> bool {
        test.passes(self.columns, self.row)
    }

    #[must_use]
    pub fn agent(&self) -> AgentId {
        AgentId(self.roster.ids[self.lane])
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.roster.active[self.lane] != 0
    }

    #[must_use]
    pub fn hostname(&self) -> &'a str {
        self.columns.fields.hostname(self.row)
    }

    /// The hostname and the attributes, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.columns.fields.of_row(self.row)
    }

    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a str> {
        let name = Constraint::field_of(name);
        self.fields().find(|(field, _)| *field == name).map(|(_, text)| text)
    }

    #[must_use]
    pub fn total(&self, dimension: Dimension) -> Scalar {
        Scalar(self.roster.total[dimension as usize][self.lane])
    }

    /// What neither a task nor an open offer holds.
    #[must_use]
    pub fn free(&self, dimension: Dimension) -> Scalar {
        Scalar(self.stock.free[dimension as usize][self.lane])
    }

    /// What is free of each of its GPUs, in thousandths.
    pub fn gpu_shares(&self) -> impl Iterator<Item = i16> + Clone + 'a {
        let count = gpu_count(self.total(Dimension::Gpus).0);
        self.stock.gpus_of(self.lane).iter().copied().take(count)
    }

    #[must_use]
    pub fn free_gpus(&self) -> GpuSlots {
        let slot = |(gpu, share)| GpuSlot { gpu, share: Scalar(i64::from(share)) };
        GpuSlots::new((0..).zip(self.gpu_shares()).map(slot))
    }

    /// What is free of one GPU.
    #[must_use]
    pub fn free_of_gpu(&self, gpu: u16) -> Scalar {
        let free = self.gpu_shares().nth(usize::from(gpu));
        Scalar(free.unwrap_or(0).into())
    }

    /// As [`GpuSlots::pick`] of [`Self::free_gpus`], without a list of these.
    #[must_use]
    pub fn pick_gpus(&self, gpus: Scalar) -> Option<GpuSlots> {
        pick(self.gpu_shares(), gpus)
    }

    #[must_use]
    pub fn free_port_count(&self) -> u32 {
        self.stock.fit[PORTS][self.lane].unsigned_abs()
    }

    /// All that is free as one number: the sum over cpus, mem, disk and GPUs of its share of the largest agent's
    /// total, where that total counts 2^20 - 1.
    #[must_use]
    pub fn vacancy(&self) -> u32 {
        self.stock.vacancy[self.lane]
    }

    /// The part of [`Self::vacancy`] that is GPUs.
    #[must_use]
    pub fn gpu_vacancy(&self) -> u32 {
        self.stock.gpu_vacancy[self.lane]
    }
}
