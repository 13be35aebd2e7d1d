//! The GPUs of one agent: how much of each is free. Must not know who holds what.

use model::{GpuSlot, GpuSlots, Scalar, WHOLE_GPU};

/// How many GPUs of one agent are told apart; what an agent has beyond is not given to anybody.
pub const MAX_GPUS: usize = 64;

/// How many distinct shares of a GPU are told apart.
const MAX_LEVELS: usize = 64;

/// The distinct shares of a GPU that are asked for, so that GPUs are counted once for all tasks that want the same.
#[derive(Debug, Default)]
pub(crate) struct Levels(Vec<i16>);

impl Levels {
    /// The number of a share; None when there are too many.
    pub(crate) fn of(&mut self, share: i16) -> Option<usize> {
        let known = self.0.iter().position(|known| *known == share);
        if known.is_none() && self.0.len() < MAX_LEVELS {
            self.0.push(share);
            return Some(self.0.len() - 1);
        }
        known
    }

    /// By level, how many GPUs have as much free.
    pub(crate) fn fitting(&self, free: &[i16]) -> [i64; MAX_LEVELS] {
        let mut fitting = [0; MAX_LEVELS];
        for (count, share) in fitting.iter_mut().zip(&self.0) {
            *count = free.iter().filter(|free| *free >= share).count() as i64;
        }
        fitting
    }

    /// By level, what is free on GPUs that have less free.
    pub(crate) fn on_others(&self, free: &[i16]) -> [i64; MAX_LEVELS] {
        let mut on_others = [0; MAX_LEVELS];
        for (sum, share) in on_others.iter_mut().zip(&self.0) {
            *sum = free.iter().filter(|free| *free < share).map(|free| i64::from(*free)).sum();
        }
        on_others
    }
}

/// How many GPUs an agent with so many thousandths of them has; the last one may be less than a whole one.
pub(crate) fn gpu_count(total: i64) -> usize {
    total.max(0).unsigned_abs().div_ceil(WHOLE_GPU.0.unsigned_abs()).min(MAX_GPUS as u64) as usize
}

/// Slots for so many GPUs out of what is free of each; as [`GpuSlots::pick`].
pub(crate) fn pick(free: impl Iterator<Item = i16> + Clone, gpus: Scalar) -> Option<GpuSlots> {
    let (whole, part) = (gpus.0.max(0) / WHOLE_GPU.0, gpus.0.max(0) % WHOLE_GPU.0);
    let free = (0..).zip(free).map(|(gpu, share)| GpuSlot { gpu, share: Scalar(share.into()) });
    let idle = free.clone().filter(|slot| slot.share >= WHOLE_GPU);
    let mut picked = Vec::new();
    if whole > 0 {
        picked.extend(idle.map(|slot| GpuSlot { share: WHOLE_GPU, ..slot }).take(whole.try_into().ok()?));
        if (picked.len() as i64) < whole {
            return None;
        }
    }
    if part > 0 {
        // The idle ones below this are picked.
        let beyond = picked.last().map_or(0, |slot: &GpuSlot| slot.gpu + 1);
        // As one number, so that there is nothing for a processor to guess wrongly.
        let number = |GpuSlot { gpu, share }| {
            let fits = (share.0 >= part) & ((share < WHOLE_GPU) | (gpu >= beyond));
            if fits { share.0 << u16::BITS | i64::from(gpu) } else { i64::MAX }
        };
        let best = free.map(number).min().filter(|best| *best != i64::MAX)?;
        picked.push(GpuSlot { gpu: best as u16, share: Scalar(part) });
    }
    Some(GpuSlots::from(picked))
}

/// A pure function of what there is and what is held, whatever the order in which it was taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentGpus {
    total: i64,
    /// By GPU; longer than there are GPUs when an agent came back with fewer.
    held: Vec<i64>,
    /// Held by tasks that do not say of which GPUs: those from before GPUs were told apart.
    unslotted: i64,
}

impl AgentGpus {
    pub(crate) fn describe(&mut self, total: Scalar) {
        self.total = total.0.max(0);
    }

    pub(crate) fn take(&mut self, gpus: i64, slots: &GpuSlots) {
        self.change(gpus, slots, 1);
    }

    pub(crate) fn give_back(&mut self, gpus: i64, slots: &GpuSlots) {
        self.change(gpus, slots, -1);
    }

    fn change(&mut self, gpus: i64, slots: &GpuSlots, sign: i64) {
        let mut slotted: i64 = 0;
        for slot in slots.iter().filter(|slot| usize::from(slot.gpu) < MAX_GPUS) {
            let (gpu, share) = (usize::from(slot.gpu), slot.share.0.clamp(0, WHOLE_GPU.0));
            if self.held.len() <= gpu {
                self.held.resize(gpu + 1, 0);
            }
            self.held[gpu] = self.held[gpu].wrapping_add(sign * share);
            slotted += share;
        }
        self.unslotted = self.unslotted.wrapping_add(sign * (gpus - slotted).max(0));
    }

    /// What is free of each GPU, in thousandths.
    pub(crate) fn free(&self) -> Vec<i16> {
        let has = |gpu: usize| (self.total - gpu as i64 * WHOLE_GPU.0).min(WHOLE_GPU.0);
        let held = |gpu: usize| self.held.get(gpu).copied().unwrap_or(0);
        let count = gpu_count(self.total);
        let left = |gpu: usize| has(gpu).saturating_sub(held(gpu)).clamp(0, WHOLE_GPU.0) as i16;
        let mut free: Vec<i16> = (0..count).map(left).collect();
        // What is held of GPUs that the agent came back without is somewhere too, so that the sum stays right.
        let beyond = |gpu: usize| held(gpu) - if gpu < count { has(gpu) } else { 0 };
        let gone: i64 = (0..self.held.len()).map(|gpu| beyond(gpu).max(0)).sum();
        let mut unslotted = self.unslotted.saturating_add(gone);
        for free in free.iter_mut().rev() {
            let taken = unslotted.clamp(0, i64::from(*free));
            *free -= taken as i16;
            unslotted -= taken;
        }
        free
    }

    /// What was given twice: a share of a GPU beyond the whole of it.
    pub(crate) fn overdrawn(&self) -> Vec<usize> {
        let beyond = |(gpu, held): (usize, &i64)| (*held > WHOLE_GPU.0 || *held < 0).then_some(gpu);
        self.held.iter().enumerate().filter_map(beyond).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(shares: &[(u16, i64)]) -> GpuSlots {
        GpuSlots::new(shares.iter().map(|(gpu, share)| GpuSlot { gpu: *gpu, share: Scalar(*share) }))
    }

    fn agent(total: i64) -> AgentGpus {
        let mut gpus = AgentGpus::default();
        gpus.describe(Scalar(total));
        gpus
    }

    #[test]
    fn what_is_taken_is_gone_from_its_gpu_until_it_is_given_back() {
        let mut gpus = agent(2_500);
        assert_eq!(gpus.free(), [1_000, 1_000, 500]);
        gpus.take(1_250, &slots(&[(0, 250), (1, 1_000)]));
        assert_eq!(gpus.free(), [750, 0, 500]);
        gpus.give_back(1_250, &slots(&[(0, 250), (1, 1_000)]));
        assert_eq!(gpus.free(), [1_000, 1_000, 500]);
    }

    #[test]
    fn tasks_that_do_not_say_which_hold_the_last_gpus_whatever_the_order() {
        let (mut one, mut other) = (agent(3_000), agent(3_000));
        one.take(1_500, &GpuSlots::none());
        one.take(1_000, &slots(&[(2, 1_000)]));
        other.take(1_000, &slots(&[(2, 1_000)]));
        other.take(1_500, &GpuSlots::none());
        assert_eq!((one.free(), other.free()), (vec![500, 0, 0], vec![500, 0, 0]));
    }

    #[test]
    fn an_agent_that_comes_back_with_fewer_gpus_keeps_account_of_those_that_are_gone() {
        let mut gpus = agent(2_000);
        gpus.take(2_000, &slots(&[(0, 1_000), (1, 1_000)]));
        gpus.describe(Scalar(1_000));
        assert_eq!(gpus.free(), [0]);
        gpus.give_back(1_000, &slots(&[(0, 1_000)]));
        assert_eq!(gpus.free(), [0], "the one that is gone is held still");
        gpus.give_back(1_000, &slots(&[(1, 1_000)]));
        assert_eq!(gpus.free(), [1_000]);
    }

    #[test]
    fn slots_are_picked_as_from_a_list_of_all_that_is_free() {
        for shares in [&[][..], &[1_000, 0, 700, 1_000, 300, 700], &[300, 1_000, 250], &[0, 1_000]] {
            let all: Vec<(u16, i64)> = (0..).zip(shares).map(|(gpu, share)| (gpu, i64::from(*share))).collect();
            for gpus in [-1, 0, 1, 250, 300, 301, 700, 999, 1_000, 1_200, 2_000, 2_300, 3_000] {
                let picked = pick(shares.iter().copied(), Scalar(gpus));
                assert_eq!(picked, self::slots(&all).pick(Scalar(gpus)), "{gpus} of {shares:?}");
            }
        }
    }

    #[test]
    fn more_gpus_than_can_be_told_apart_are_not_given_to_anybody() {
        assert_eq!(agent(i64::MAX).free().len(), MAX_GPUS);
    }
}
