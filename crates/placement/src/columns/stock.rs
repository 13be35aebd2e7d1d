//! What is free in a block of agents, exactly and in the forms that a scan reads.

use std::collections::BTreeMap;

use model::{GpuSlots, WHOLE_GPU};

use super::{Amounts, LANES};
use crate::Dimension;

/// The share of a dimension that the largest agent has; shares of the four dimensions add up to less than 2^22.
const WHOLE: u32 = (1 << 20) - 1;
/// The narrow columns, after those of cpus, memory and disk: whole free GPUs, free ports, and the largest free share of one GPU.
pub(crate) const WHOLE_GPUS: usize = 3;
pub(crate) const PORTS: usize = 4;
pub(crate) const GPU_SHARE: usize = 5;
pub(crate) const NARROW_COLUMNS: usize = 6;
/// The dimensions that have a narrow column of their own.
pub(crate) const NARROWED: [Dimension; 3] = [Dimension::Cpus, Dimension::Mem, Dimension::Disk];

#[derive(Debug, Clone)]
pub(crate) struct Stock {
    /// In thousandths; negative while an agent that came back smaller holds more than it has.
    pub(crate) free: [[i64; LANES]; 4],
    /// What a scan reads, narrow so that it is fast: cpus, memory and disk, but at most `i32::MAX`, then whole GPUs, ports and the
    /// largest share of a GPU.
    pub(crate) fit: [[i32; LANES]; NARROW_COLUMNS],
    /// The shares of all that is free, added up.
    pub(crate) vacancy: [u32; LANES],
    /// The part of `vacancy` that is GPUs.
    pub(crate) gpu_vacancy: [u32; LANES],
    /// What is free of each GPU, in thousandths: an agent's GPUs side by side, for as many as an agent of the block has.
    gpus: Vec<i16>,
    gpus_each: usize,
}

impl Stock {
    pub(crate) const EMPTY: Self = Self {
        free: [[0; LANES]; 4],
        fit: [[0; LANES]; NARROW_COLUMNS],
        vacancy: [0; LANES],
        gpu_vacancy: [0; LANES],
        gpus: Vec::new(),
        gpus_each: 0,
    };

    pub(crate) fn free(&self, lane: usize) -> Amounts {
        self.free.each_ref().map(|column| column[lane])
    }

    /// Sums wrap: amounts are limited, so that takes a log with thousands of absurd entries, and then an entry that is
    /// taken back still leaves what was there before.
    pub(crate) fn change(&mut self, lane: usize, change: Amounts, scale: &Scale) {
        for (dimension, change) in change.into_iter().enumerate() {
            let free = &mut self.free[dimension][lane];
            *free = free.wrapping_add(change);
        }
        for dimension in NARROWED {
            self.fit[dimension as usize][lane] = narrow(self.free[dimension as usize][lane]);
        }
        self.weigh_lane(lane, scale);
    }

    pub(crate) fn clear(&mut self, lane: usize) {
        for column in &mut self.free {
            column[lane] = 0;
        }
        for column in &mut self.fit {
            column[lane] = 0;
        }
        self.gpus_mut(lane).fill(0);
        (self.vacancy[lane], self.gpu_vacancy[lane]) = (0, 0);
    }

    pub(crate) fn set_free_ports(&mut self, lane: usize, count: u32) {
        self.fit[PORTS][lane] = count as i32;
    }

    pub(crate) fn fits_of(&self, lane: usize) -> [i32; NARROW_COLUMNS] {
        self.fit.each_ref().map(|column| column[lane])
    }

    /// What is free of each GPU of an agent.
    pub(crate) fn gpus_of(&self, lane: usize) -> &[i16] {
        &self.gpus[lane * self.gpus_each..(lane + 1) * self.gpus_each]
    }

    fn gpus_mut(&mut self, lane: usize) -> &mut [i16] {
        &mut self.gpus[lane * self.gpus_each..(lane + 1) * self.gpus_each]
    }

    pub(crate) fn set_gpus(&mut self, lane: usize, free: &[i16]) {
        if self.gpus_each < free.len() {
            self.make_room_for_gpus(free.len());
        }
        for (gpu, place) in self.gpus_mut(lane).iter_mut().enumerate() {
            *place = free.get(gpu).copied().unwrap_or(0);
        }
        self.count_gpus(lane);
    }

    fn make_room_for_gpus(&mut self, each: usize) {
        let mut gpus = vec![0; each * LANES];
        for (lane, places) in gpus.chunks_exact_mut(each).enumerate() {
            places[..self.gpus_each].copy_from_slice(self.gpus_of(lane));
        }
        (self.gpus, self.gpus_each) = (gpus, each);
    }

    pub(crate) fn take_gpus(&mut self, lane: usize, slots: &GpuSlots) {
        self.change_gpus(lane, slots, -1);
    }

    pub(crate) fn give_gpus_back(&mut self, lane: usize, slots: &GpuSlots) {
        self.change_gpus(lane, slots, 1);
    }

    fn change_gpus(&mut self, lane: usize, slots: &GpuSlots, sign: i64) {
        let gpus = self.gpus_mut(lane);
        for slot in slots.iter() {
            if let Some(free) = gpus.get_mut(usize::from(slot.gpu)) {
                *free = (i64::from(*free) + sign * slot.share.0).clamp(0, WHOLE_GPU.0) as i16;
            }
        }
        self.count_gpus(lane);
    }

    fn count_gpus(&mut self, lane: usize) {
        let (mut whole, mut share) = (0, 0);
        for free in self.gpus_of(lane) {
            whole += i32::from(i64::from(*free) >= WHOLE_GPU.0);
            share = share.max(i32::from(*free));
        }
        (self.fit[WHOLE_GPUS][lane], self.fit[GPU_SHARE][lane]) = (whole, share);
    }

    pub(crate) fn weigh(&mut self, scale: &Scale) {
        for lane in 0..LANES {
            self.weigh_lane(lane, scale);
        }
    }

    fn weigh_lane(&mut self, lane: usize, scale: &Scale) {
        let free = self.free(lane);
        self.vacancy[lane] = scale.vacancy(free);
        self.gpu_vacancy[lane] = scale.share(Dimension::Gpus, free[Dimension::Gpus as usize]);
    }

    /// Whether the derived columns of a row are what they must be.
    pub(crate) fn is_consistent(&self, lane: usize, free_ports: u32, gpus: &[i16], scale: &Scale) -> bool {
        let mut fresh = self.clone();
        fresh.change(lane, [0; 4], scale);
        fresh.set_free_ports(lane, free_ports);
        fresh.set_gpus(lane, gpus);
        let derived = |stock: &Self| (stock.fits_of(lane), stock.vacancy[lane], stock.gpu_vacancy[lane]);
        derived(&fresh) == derived(self) && fresh.gpus_of(lane) == self.gpus_of(lane)
    }
}

fn narrow(amount: i64) -> i32 {
    amount.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// Makes amounts of different dimensions comparable: as shares of the largest agent's total.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scale {
    /// How many agents have which total, by dimension.
    totals: [BTreeMap<i64, u32>; 4],
    largest: Amounts,
    /// `WHOLE / largest`, rounded up, with 64 binary places.
    weight: [u128; 4],
}

impl Scale {
    /// True when shares have changed.
    pub(crate) fn add(&mut self, total: Amounts) -> bool {
        for (totals, total) in self.totals.iter_mut().zip(total) {
            *totals.entry(total).or_default() += 1;
        }
        self.settle()
    }

    pub(crate) fn remove(&mut self, total: Amounts) -> bool {
        for (totals, total) in self.totals.iter_mut().zip(total) {
            if let Some(count) = totals.get_mut(&total) {
                *count -= 1;
                if *count == 0 {
                    totals.remove(&total);
                }
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> bool {
        let largest = self.totals.each_ref().map(|totals| totals.last_key_value().map_or(0, |(total, _)| *total));
        let changed = largest != self.largest;
        if changed {
            self.largest = largest;
            self.weight = largest.map(|largest| match largest {
                0 => 0,
                _ => (u128::from(WHOLE) << 64).div_ceil(largest.unsigned_abs().into()),
            });
        }
        changed
    }

    pub(crate) fn largest(&self, dimension: Dimension) -> i64 {
        self.largest[dimension as usize]
    }

    /// Nothing of a dimension is 0, what the largest agent has is [`WHOLE`]; more than it has counts as that.
    pub(crate) fn share(&self, dimension: Dimension, amount: i64) -> u32 {
        let dimension = dimension as usize;
        let amount = amount.clamp(0, self.largest[dimension]);
        ((u128::from(amount.unsigned_abs()) * self.weight[dimension]) >> 64) as u32
    }

    pub(crate) fn vacancy(&self, free: Amounts) -> u32 {
        Dimension::ALL.into_iter().zip(free).map(|(dimension, amount)| self.share(dimension, amount)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_at_both_ends_and_never_decrease() {
        for largest in [1, 3, 1_000, 64_000_000, 1_000_000_000_000_000] {
            let mut scale = Scale::default();
            assert!(scale.add([largest; 4]));
            let share = |amount| scale.share(Dimension::Mem, amount);
            assert_eq!((share(-5), share(0), share(largest), share(i64::MAX)), (0, 0, WHOLE, WHOLE));
            let step = (largest / 1_000).max(1);
            let shares: Vec<u32> = (0..=1_000).map(|index| share(index * step)).collect();
            assert!(shares.is_sorted(), "of {largest}");
        }
    }
}
