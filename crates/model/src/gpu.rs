//! Which of an agent's GPUs somebody has, and how much of each.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scalar;

/// A part of one GPU, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct GpuSlot {
    /// Its place among the agent's GPUs, from 0.
    pub gpu: u16,
    pub share: Scalar,
}

/// Slots of different GPUs of one agent, in the order of the GPUs, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Vec<GpuSlot>")]
pub struct GpuSlots(Vec<GpuSlot>);

/// What a whole GPU is in shares.
pub const WHOLE_GPU: Scalar = Scalar::from_whole(1);

impl GpuSlots {
    /// More than one slot of a GPU becomes one, and what is not more than nothing is left out.
    pub fn new(slots: impl IntoIterator<Item = GpuSlot>) -> Self {
        let mut slots: Vec<GpuSlot> = slots.into_iter().filter(|slot| slot.share > Scalar::ZERO).collect();
        slots.sort_unstable();
        slots.dedup_by(|next, kept| {
            let is_same = next.gpu == kept.gpu;
            if is_same {
                kept.share = Scalar(kept.share.0.saturating_add(next.share.0));
            }
            is_same
        });
        Self(slots)
    }

    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = GpuSlot> + '_ {
        self.0.iter().copied()
    }

    /// How much of a GPU is here.
    #[must_use]
    pub fn of(&self, gpu: u16) -> Scalar {
        self.0.binary_search_by_key(&gpu, |slot| slot.gpu).map_or(Scalar::ZERO, |index| self.0[index].share)
    }

    /// All shares added up.
    #[must_use]
    pub fn sum(&self) -> Scalar {
        Scalar(self.iter().fold(0, |sum, slot| sum.saturating_add(slot.share.0)))
    }

    /// The most that one task could get: whole GPUs, and the largest share beside them.
    #[must_use]
    pub fn most_for_one(&self) -> Scalar {
        let whole = self.iter().filter(|slot| slot.share >= WHOLE_GPU).count() as i64;
        let part = self.iter().map(|slot| slot.share).filter(|share| *share < WHOLE_GPU).max();
        WHOLE_GPU.times(whole).plus(part.unwrap_or_default())
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.iter().chain(other.iter()))
    }

    /// What is left of each GPU without what `other` has of it.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let left = |slot: GpuSlot| GpuSlot { share: Scalar(slot.share.0.saturating_sub(other.of(slot.gpu).0)), ..slot };
        Self::new(self.iter().map(left))
    }

    /// What both have of each GPU.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::new(self.iter().map(|slot| GpuSlot { share: slot.share.min(other.of(slot.gpu)), ..slot }))
    }

    /// Slots for so many GPUs: whole ones first, the lowest that are free, and for a part of one the GPU that it leaves
    /// the least of. None when `self` has no such GPUs.
    #[must_use]
    pub fn pick(&self, gpus: Scalar) -> Option<Self> {
        let (whole, part) = (gpus.0.max(0) / WHOLE_GPU.0, Scalar(gpus.0.max(0) % WHOLE_GPU.0));
        let whole = usize::try_from(whole).ok()?;
        let free = self.iter().filter(|slot| slot.share >= WHOLE_GPU);
        let mut picked: Vec<GpuSlot> = free.map(|slot| GpuSlot { share: WHOLE_GPU, ..slot }).take(whole).collect();
        if picked.len() < whole {
            return None;
        }
        if part > Scalar::ZERO {
            let fits = |slot: &GpuSlot| slot.share >= part && picked.iter().all(|picked| picked.gpu != slot.gpu);
            let best = self.iter().filter(fits).min_by_key(|slot| (slot.share, slot.gpu))?;
            picked.push(GpuSlot { share: part, ..best });
        }
        Some(Self::new(picked))
    }
}

impl From<Vec<GpuSlot>> for GpuSlots {
    fn from(slots: Vec<GpuSlot>) -> Self {
        Self::new(slots)
    }
}

/// `0-1,3:0.25`: whole GPUs by number, parts with their share.
impl fmt::Display for GpuSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, slot) in self.iter().enumerate() {
            let lead = if index == 0 { "" } else { "," };
            match slot.share {
                WHOLE_GPU => write!(f, "{lead}{}", slot.gpu)?,
                share => write!(f, "{lead}{}:{share}", slot.gpu)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(shares: &[(u16, i64)]) -> GpuSlots {
        GpuSlots::new(shares.iter().map(|(gpu, share)| GpuSlot { gpu: *gpu, share: Scalar(*share) }))
    }

    #[test]
    fn slots_of_one_gpu_become_one_and_empty_ones_are_left_out() {
        assert_eq!(slots(&[(3, 250), (0, 1_000), (1, 0), (3, 500)]), slots(&[(0, 1_000), (3, 750)]));
        assert_eq!(slots(&[(3, 250), (0, 1_000)]).to_string(), "0,3:0.25");
    }

    #[test]
    fn sets_add_up_gpu_by_gpu() {
        let (all, some) = (slots(&[(0, 1_000), (1, 600)]), slots(&[(1, 200), (2, 1_000)]));
        assert_eq!(all.union(&some), slots(&[(0, 1_000), (1, 800), (2, 1_000)]));
        assert_eq!(all.difference(&some), slots(&[(0, 1_000), (1, 400)]));
        assert_eq!(all.intersection(&some), slots(&[(1, 200)]));
        assert_eq!((all.sum(), all.of(1), all.of(9)), (Scalar(1_600), Scalar(600), Scalar(0)));
    }

    #[test]
    fn whole_gpus_are_the_first_free_ones_and_parts_go_where_they_fit_best() {
        let free = slots(&[(0, 700), (1, 1_000), (2, 400), (3, 1_000), (4, 400)]);
        let picked = |gpus| free.pick(Scalar(gpus)).map(|slots| slots.to_string());
        assert_eq!(picked(0).as_deref(), Some(""));
        assert_eq!(picked(300).as_deref(), Some("2:0.3"));
        assert_eq!(picked(500).as_deref(), Some("0:0.5"));
        assert_eq!(picked(2_000).as_deref(), Some("1,3"));
        assert_eq!(picked(1_800).as_deref(), Some("1,3:0.8"));
        assert_eq!(picked(2_800), None);
        assert_eq!(picked(3_000), None);
    }
}
