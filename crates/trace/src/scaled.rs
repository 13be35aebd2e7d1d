//! An instance in the smallest whole numbers, and what is common to the packers that work on it.

use crate::planted::{Amounts, Planted};

/// In each dimension, multiples of the largest amount that all items and the bin are multiples of.
pub(crate) type Units = [i32; 4];

const DIMENSIONS: [usize; 4] = [0, 1, 2, 3];
/// Shares of a bin are in parts of 2^20, and reckoned with as many bits again.
const SHARE_BITS: u32 = 20;

pub(crate) struct Scaled {
    pub(crate) items: Vec<Units>,
    pub(crate) capacity: Units,
    /// Shares of a bin in one unit, in parts of 2^40.
    scale: Amounts,
}

impl Scaled {
    pub(crate) fn of(planted: &Planted) -> Self {
        let units = DIMENSIONS.map(|dimension| {
            let amounts = planted.items.iter().map(|item| item[dimension]);
            amounts.fold(planted.capacity[dimension], common_divisor).max(1)
        });
        let scaled = |amounts: &Amounts| {
            DIMENSIONS.map(|dimension| {
                i32::try_from(amounts[dimension] / units[dimension]).expect("no bin has more than 2^31 thousandths")
            })
        };
        let capacity = scaled(&planted.capacity);
        let scale =
            capacity.map(|capacity| if capacity > 0 { (1 << (2 * SHARE_BITS)) / i64::from(capacity) } else { 0 });
        Self { items: planted.items.iter().map(scaled).collect(), capacity, scale }
    }

    pub(crate) fn share(&self, units: &Units, dimension: usize) -> i64 {
        (i64::from(units[dimension]) * self.scale[dimension]) >> SHARE_BITS
    }

    pub(crate) fn shares(&self, units: &Units) -> Amounts {
        DIMENSIONS.map(|dimension| self.share(units, dimension))
    }

    /// How far from full: the sum of the squares of what is free.
    pub(crate) fn slack(&self, free: &Units) -> i64 {
        self.shares(free).iter().map(|share| share * share).sum()
    }

    pub(crate) fn total(&self, items: &[usize]) -> Units {
        items.iter().fold(Units::default(), |total, item| plus(&total, &self.items[*item]))
    }

    pub(crate) fn free(&self, bin: &[usize]) -> Units {
        minus(&self.capacity, &self.total(bin))
    }
}

pub(crate) fn plus(one: &Units, other: &Units) -> Units {
    DIMENSIONS.map(|dimension| one[dimension] + other[dimension])
}

pub(crate) fn minus(one: &Units, other: &Units) -> Units {
    DIMENSIONS.map(|dimension| one[dimension] - other[dimension])
}

pub(crate) fn fits(item: &Units, free: &Units) -> bool {
    DIMENSIONS.into_iter().all(|dimension| item[dimension] <= free[dimension])
}

fn common_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}
