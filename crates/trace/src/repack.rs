//! Making a packing better: a few of its bins are emptied and filled anew, again and again, until one of them stays empty.
//!
//! A large neighbourhood search (Shaw, "Using Constraint Programming and Local Search Methods to Solve Vehicle Routing Problems",
//! CP 1998), whose measure is the sum of squares of how full bins are (Falkenauer, "A hybrid grouping genetic algorithm for bin
//! packing", Journal of Heuristics 2, 1996): it rises when a full bin becomes fuller at the cost of one that is emptier. What fills
//! a bin is found among all subsets of a few items, those of each half of the items against those of the other (Horowitz and
//! Sahni, "Computing Partitions with Applications to the Knapsack Problem", JACM 21, 1974).

use crate::draw::Draws;
use crate::packing::Packing;
use crate::planted::Planted;
use crate::scaled::{Scaled, Units, fits, minus, plus};

/// Of so many items all subsets are looked at.
const OPEN: usize = 22;
/// Bins are added until they have so many items, but three at least and six at most.
const ENOUGH_ITEMS: usize = 28;
const MOST_BINS: usize = 6;
/// Of the bins that are full, only one in so many is emptied when it is drawn.
const FULL_KEPT: usize = 4;
/// One in so many changes for the worse is made.
const WORSE: usize = 500;

/// Ends when no bin can be spared, or after `looks`, so many subsets.
#[must_use]
pub fn repack(planted: &Planted, packing: Packing, looks: u64) -> Packing {
    let scaled = Scaled::of(planted);
    let bound = planted.lower_bound();
    let mut search = Search { scaled: &scaled, draws: Draws::new(0), left: Vec::new(), right: Vec::new(), looks: 0 };
    let mut bins = packing.bins;
    while bins.len() > bound && search.looks < looks {
        let chosen = search.choose(&bins);
        let items = chosen.iter().flat_map(|bin| bins[*bin].iter().copied()).collect();
        let Some(mut filled) = search.fill(items, chosen.len()) else { continue };
        filled.resize(chosen.len(), Vec::new());
        let before: i64 = chosen.iter().map(|bin| search.worth(&bins[*bin])).sum();
        let after: i64 = filled.iter().map(|bin| search.worth(bin)).sum();
        if after >= before || search.draws.below(WORSE) == 0 {
            chosen.into_iter().zip(filled).for_each(|(bin, items)| bins[bin] = items);
            bins.retain(|items| !items.is_empty());
        }
    }
    Packing { bins }
}

/// The sum of some items, and which.
type Subset = (Units, u32);

struct Search<'a> {
    scaled: &'a Scaled,
    draws: Draws,
    /// Subsets of the first half of the items, and of the second.
    left: Vec<Subset>,
    right: Vec<Subset>,
    looks: u64,
}

impl Search<'_> {
    fn worth(&self, bin: &[usize]) -> i64 {
        self.scaled.shares(&self.scaled.total(bin)).iter().sum::<i64>().pow(2)
    }

    /// The emptiest bin, and others by chance.
    fn choose(&mut self, bins: &[Vec<usize>]) -> Vec<usize> {
        let emptiest = (0..bins.len()).min_by_key(|bin| self.worth(&bins[*bin])).expect("there are bins");
        let (mut chosen, mut items) = (vec![emptiest], bins[emptiest].len());
        let most = 2 + self.draws.below(MOST_BINS - 1);
        for _ in 0..5 * MOST_BINS {
            if chosen.len() == most || (chosen.len() > 2 && items >= ENOUGH_ITEMS) {
                break;
            }
            let bin = self.draws.below(bins.len());
            let is_full = self.scaled.free(&bins[bin]) == Units::default();
            if !chosen.contains(&bin) && (!is_full || self.draws.below(FULL_KEPT) == 0) {
                chosen.push(bin);
                items += bins[bin].len();
            }
        }
        chosen
    }

    /// One bin after the other, each as full as can be; None when there are not enough of them.
    fn fill(&mut self, mut items: Vec<usize>, bins: usize) -> Option<Vec<Vec<usize>>> {
        let mut filled = Vec::new();
        while filled.len() < bins {
            let total = self.scaled.total(&items);
            if fits(&total, &self.scaled.capacity) {
                filled.push(items);
                return Some(filled);
            }
            let (mut bin, mut free) = (Vec::new(), self.scaled.capacity);
            self.draws.shuffle(&mut items);
            // Of items beyond what is looked at, as many go into this bin as into any other.
            let mut others = items.split_off(items.len().min(OPEN));
            let needed = self.scaled.shares(&total).into_iter().max().unwrap_or_default() as usize;
            others.retain(|item| {
                let units = &self.scaled.items[*item];
                let goes_here = self.draws.below(needed) < 1 << 20 && fits(units, &free);
                if goes_here {
                    free = minus(&free, units);
                    bin.push(*item);
                }
                !goes_here
            });
            let subset = self.closest(&items, &free);
            for (place, item) in items.iter().enumerate() {
                if subset >> place & 1 == 1 { &mut bin } else { &mut others }.push(*item);
            }
            filled.push(bin);
            items = others;
        }
        None
    }

    /// The subset that leaves the least of what is free.
    fn closest(&mut self, items: &[usize], free: &Units) -> u32 {
        let half = items.len() / 2;
        subsets(self.scaled, &items[..half], free, &mut self.left);
        subsets(self.scaled, &items[half..], free, &mut self.right);
        self.right.sort_unstable_by_key(|(sum, _)| sum[0]);
        self.looks += (self.left.len() + self.right.len()) as u64;
        let (mut least, mut best) = (i64::MAX, 0);
        for (sum, which) in &self.left {
            let rest = minus(free, sum);
            let end = self.right.partition_point(|(sum, _)| sum[0] <= rest[0]);
            for (sum, also) in self.right[..end].iter().rev() {
                self.looks += 1;
                // All others leave more of the first dimension.
                if self.scaled.slack(&[rest[0] - sum[0], 0, 0, 0]) >= least {
                    break;
                }
                if fits(sum, &rest) {
                    let slack = self.scaled.slack(&minus(&rest, sum));
                    if slack < least {
                        (least, best) = (slack, which | also << half);
                    }
                }
            }
            if least == 0 {
                break;
            }
        }
        best
    }
}

/// All that fit.
fn subsets(scaled: &Scaled, items: &[usize], free: &Units, all: &mut Vec<Subset>) {
    all.clear();
    all.push((Units::default(), 0));
    for (place, item) in items.iter().enumerate() {
        for known in 0..all.len() {
            let (sum, which) = (plus(&all[known].0, &scaled.items[*item]), all[known].1 | 1 << place);
            if fits(&sum, free) {
                all.push((sum, which));
            }
        }
    }
}
