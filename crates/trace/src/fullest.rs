//! Packing one bin after the other, each as full as can be found: around the largest item that is left, the set of others
//! that leaves the least of the bin.
//!
//! Minimum bin slack: Gupta and Ho, "A new heuristic algorithm for the one-dimensional bin-packing problem", Production Planning
//! & Control 10 (1999); with the largest item given, so that it does not stay behind: Fleszar and Hindi, "New heuristics for
//! one-dimensional bin-packing", Computers & Operations Research 29 (2002). They look at all sets, which several dimensions and
//! thousands of items forbid. Here the sets are those that begin as the greedy one does (see [`crate::Choice::NormGreedy`]) and
//! end with one item or two of all that are left.

use crate::packing::{Packing, Size, largest_first};
use crate::planted::Planted;
use crate::scaled::{Scaled, Units, fits, minus};

/// At most so many items are tried as the larger one of two.
const TRIED: usize = 3_000;
/// And at most so many with each as the smaller one: those that fill the first dimension best.
const TRIED_WITH_EACH: usize = 64;

#[must_use]
pub fn fill_fullest(planted: &Planted) -> Packing {
    let scaled = Scaled::of(planted);
    let mut by_size = largest_first(planted, Size::Sum);
    let mut ends = Ends { sorted: by_size.clone(), is_taken: vec![false; by_size.len()], scaled: &scaled };
    ends.sorted.sort_by_key(|item| scaled.items[*item]);
    let mut packing = Packing::default();
    while let Some(largest) = by_size.first() {
        let mut begun = greedy(&scaled, &by_size, *largest);
        let mut best = begun.clone();
        let mut least = scaled.slack(&scaled.free(&begun));
        begun.iter().for_each(|item| ends.is_taken[*item] = true);
        while begun.len() > 1 && least > 0 {
            ends.is_taken[begun.pop().expect("there are two at least")] = false;
            if let Some((slack, end)) = ends.best(&scaled.free(&begun), least) {
                least = slack;
                best = begun.iter().copied().chain(end).collect();
            }
        }
        begun.iter().for_each(|item| ends.is_taken[*item] = false);
        best.iter().for_each(|item| ends.is_taken[*item] = true);
        by_size.retain(|item| !ends.is_taken[*item]);
        ends.sorted.retain(|item| !ends.is_taken[*item]);
        packing.bins.push(best);
    }
    packing
}

/// Begins with `first`, and goes on with what leaves the least, until nothing fits.
fn greedy(scaled: &Scaled, left: &[usize], first: usize) -> Vec<usize> {
    let (mut bin, mut free) = (vec![first], minus(&scaled.capacity, &scaled.items[first]));
    loop {
        let candidates = left.iter().filter(|item| fits(&scaled.items[**item], &free) && !bin.contains(item));
        let best = candidates.min_by_key(|item| scaled.slack(&minus(&free, &scaled.items[**item])));
        let Some(next) = best else { return bin };
        free = minus(&free, &scaled.items[*next]);
        bin.push(*next);
    }
}

/// What a bin may end with.
struct Ends<'a> {
    scaled: &'a Scaled,
    /// What is left, by the first dimension above all.
    sorted: Vec<usize>,
    /// By item: it has a place.
    is_taken: Vec<bool>,
}

impl Ends<'_> {
    /// One item or two that leave less than `least` of what is free, and the least of all such.
    fn best(&self, free: &Units, mut least: i64) -> Option<(i64, Vec<usize>)> {
        let mut best = None;
        let end = self.up_to(free[0]);
        for place in (0..end).rev().step_by(self.sorted.len().div_ceil(TRIED).max(1)) {
            let item = self.sorted[place];
            let Some(rest) = self.rest(item, free) else { continue };
            let slack = self.scaled.slack(&rest);
            if slack < least {
                (least, best) = (slack, Some((slack, vec![item])));
            }
            for other in self.sorted[..self.up_to(rest[0]).min(place)].iter().rev().take(TRIED_WITH_EACH) {
                // All others are smaller in the first dimension, and leave more of it.
                let first_free = [rest[0] - self.scaled.items[*other][0], 0, 0, 0];
                if least == 0 || self.scaled.slack(&first_free) >= least {
                    break;
                }
                let Some(rest) = self.rest(*other, &rest) else { continue };
                let slack = self.scaled.slack(&rest);
                if slack < least {
                    (least, best) = (slack, Some((slack, vec![item, *other])));
                }
            }
            if least == 0 {
                break;
            }
        }
        best
    }

    /// How many have no more than this of the first dimension.
    fn up_to(&self, units: i32) -> usize {
        self.sorted.partition_point(|item| self.scaled.items[*item][0] <= units)
    }

    /// What is free beside the item; None when it has a place already, or none here.
    fn rest(&self, item: usize, free: &Units) -> Option<Units> {
        let units = &self.scaled.items[item];
        (!self.is_taken[item] && fits(units, free)).then(|| minus(free, units))
    }
}
