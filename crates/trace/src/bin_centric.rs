//! Packing one bin after the other: of the items that are left, the best one for this bin, until none fits.
//!
//! The heuristics of Panigrahy, Talwar, Uyeda and Wieder, "Heuristics for Vector Bin Packing", Microsoft Research 2011. A
//! dimension has a weight, what the items that are left want of it on average, which follows what has been packed.

use crate::packing::Packing;
use crate::planted::{Amounts, Planted};
use crate::scaled::{Scaled, Units, fits, minus};

/// Which item is the best one for what is free in the bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Whose weighted product with what is free is the highest.
    DotProduct,
    /// Which leaves the least, by the weighted sum of squares.
    NormGreedy,
}

#[must_use]
pub fn fill_in_turn(planted: &Planted, choice: Choice) -> Packing {
    let scaled = Scaled::of(planted);
    let mut left: Vec<(usize, Units)> = scaled.items.iter().copied().enumerate().collect();
    let mut wanted = Amounts::default();
    for item in &scaled.items {
        wanted.iter_mut().zip(scaled.shares(item)).for_each(|(wanted, share)| *wanted += share);
    }
    let mut packing = Packing::default();
    while !left.is_empty() {
        let (mut bin, mut free) = (Vec::new(), scaled.capacity);
        loop {
            let weights = wanted.map(|wanted| wanted / left.len().max(1) as i64);
            let free_shares = scaled.shares(&free);
            let worth = |item: &Units| -> i64 {
                // Four products of three numbers up to 2^20.
                let terms = [0, 1, 2, 3].map(|dimension| {
                    let (share, free) = (scaled.share(item, dimension), free_shares[dimension]);
                    match choice {
                        Choice::DotProduct => weights[dimension] * share * free,
                        Choice::NormGreedy => -weights[dimension] * (free - share).pow(2),
                    }
                });
                terms.iter().sum()
            };
            let candidates = left.iter().enumerate().filter(|(_, (_, item))| fits(item, &free));
            let Some((place, _)) = candidates.max_by_key(|(_, (_, item))| worth(item)) else { break };
            let (item, units) = left.swap_remove(place);
            wanted.iter_mut().zip(scaled.shares(&units)).for_each(|(wanted, share)| *wanted -= share);
            free = minus(&free, &units);
            bin.push(item);
        }
        packing.bins.push(bin);
    }
    packing
}
