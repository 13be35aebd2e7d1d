//! Instances of vector packing whose optimum is known, because they are made from a packing: full bins, each parted at random
//! into items that add up to it in every dimension. Then the bins are forgotten.
//!
//! No bin has anything left over, so none can be spared: the number of bins is the optimum, and the bound that every dimension
//! gives is the same. Must not know how anything is packed.

use crate::draw::Draws;
use crate::packing::Packing;

/// In thousandths, in the order of [`placement::Dimension`]: cpus, MB of memory, MB of disk, GPUs.
pub type Amounts = [i64; 4];

/// What a bin has, and the steps in which a task asks for it: a tenth of a cpu, 64 MB of memory, a GB of disk, whole GPUs. So many
/// GPUs as can be told apart, because a share of one goes onto one GPU and would be another kind of packing inside of this one.
const STEPS: [(i64, i64); 4] = [(100, 640), (64_000, 4_096), (1_024_000, 2_048), (1_000, 64)];
/// Of cpus, memory and disk with [`Grain::Fine`]: they are then in thousandths of a cpu, and in MB.
const FINER: [i64; 4] = [100, 64, 1_024, 1];

/// How large a bin's items are, and how they are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Three of them, each between a fifth and a half of the bin in every dimension.
    Triples,
    /// Two to six, each dimension parted on its own.
    Few,
    /// Four to twelve that want about the same share of every dimension.
    Alike,
    /// Four to twelve that want four times as much of one dimension as of the others.
    Lopsided,
    /// Ten to thirty, some of them fifty times as large as others, each dimension parted on its own.
    Many,
    /// Of each bin it is drawn which of the others it belongs to.
    Mixed,
}

impl Family {
    pub const ALL: [Self; 6] = [Self::Triples, Self::Few, Self::Alike, Self::Lopsided, Self::Many, Self::Mixed];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Triples => "triples",
            Self::Few => "few",
            Self::Alike => "alike",
            Self::Lopsided => "lopsided",
            Self::Many => "many",
            Self::Mixed => "mixed",
        }
    }

    /// The weights by which a bin is parted, by item.
    fn weights(self, draws: &mut Draws, dimensions: usize) -> Vec<Amounts> {
        let mut between = |low: i64, high: i64| low + draws.below((high - low + 1) as usize) as i64;
        match self {
            Self::Triples => (0..3).map(|_| [(); 4].map(|()| between(300, 600))).collect(),
            Self::Few => (0..between(2, 6)).map(|_| [(); 4].map(|()| between(1, 1_000))).collect(),
            Self::Alike => {
                let parts = (0..between(4, 12)).map(|_| {
                    let size = between(10, 100);
                    [(); 4].map(|()| size * between(80, 120))
                });
                parts.collect()
            }
            Self::Lopsided => {
                let parts = (0..between(4, 12)).map(|_| {
                    let (size, most) = (between(10, 100), between(0, dimensions as i64 - 1));
                    [0, 1, 2, 3].map(|dimension| size * between(80, 120) * if dimension == most { 4 } else { 1 })
                });
                parts.collect()
            }
            Self::Many => (0..between(10, 30)).map(|_| [(); 4].map(|()| between(7, 50).pow(2))).collect(),
            Self::Mixed => {
                let others = [Self::Triples, Self::Few, Self::Alike, Self::Lopsided, Self::Many];
                others[between(0, 4) as usize].weights(draws, dimensions)
            }
        }
    }
}

/// The steps in which amounts are drawn. With coarse ones, other subsets of the items fill a bin exactly, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    Coarse,
    Fine,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// Of every bin; zero in the dimensions that there are none of.
    pub capacity: Amounts,
    /// In the order in which they arrive; none of them is larger than a bin.
    pub items: Vec<Amounts>,
}

impl Planted {
    /// The first `dimensions` of cpus, memory, disk and GPUs count. `bins` is the optimum.
    #[must_use]
    pub fn draw(seed: u64, family: Family, grain: Grain, dimensions: usize, bins: usize) -> Self {
        Self::draw_with_answer(seed, family, grain, dimensions, bins).0
    }

    /// The same, and the packing that it was made from.
    #[must_use]
    pub fn draw_with_answer(
        seed: u64,
        family: Family,
        grain: Grain,
        dimensions: usize,
        bins: usize,
    ) -> (Self, Packing) {
        let mut draws = Draws::new(seed);
        let mut drawn: Vec<(usize, Amounts)> = Vec::new();
        for bin in 0..bins {
            let weights = family.weights(&mut draws, dimensions);
            let first = drawn.len();
            drawn.resize(first + weights.len(), (bin, Amounts::default()));
            for dimension in 0..dimensions {
                let (step, steps) = step(grain, dimension);
                part(steps, weights.iter().map(|weights| weights[dimension]), |item, share| {
                    drawn[first + item].1[dimension] = share * step;
                });
            }
        }
        draws.shuffle(&mut drawn);
        let capacity = [0, 1, 2, 3].map(|dimension| {
            let (step, steps) = step(grain, dimension);
            if dimension < dimensions { step * steps } else { 0 }
        });
        let mut answer = Packing { bins: vec![Vec::new(); bins] };
        drawn.iter().enumerate().for_each(|(item, (bin, _))| answer.bins[*bin].push(item));
        (Self { capacity, items: drawn.into_iter().map(|(_, amounts)| amounts).collect() }, answer)
    }

    /// No packing needs fewer bins: what the items want of the dimension of which they want the most, and one for any item.
    #[must_use]
    pub fn lower_bound(&self) -> usize {
        let bins = (0..4).filter(|dimension| self.capacity[*dimension] > 0).map(|dimension| {
            let wanted: i64 = self.items.iter().map(|item| item[dimension]).sum();
            (wanted as u64).div_ceil(self.capacity[dimension] as u64)
        });
        let least = usize::from(!self.items.is_empty());
        bins.max().map_or(least, |bins| least.max(bins as usize))
    }
}

/// The size of a step, and how many a bin has.
fn step(grain: Grain, dimension: usize) -> (i64, i64) {
    let (step, steps) = STEPS[dimension];
    match grain {
        Grain::Coarse => (step, steps),
        Grain::Fine => (step / FINER[dimension], steps * FINER[dimension]),
    }
}

/// Shares in proportion to the weights that add up to `total`.
fn part(total: i64, weights: impl Iterator<Item = i64> + Clone, mut give: impl FnMut(usize, i64)) {
    let sum: i64 = weights.clone().sum();
    let (mut so_far, mut given) = (0, 0);
    for (item, weight) in weights.enumerate() {
        so_far += weight;
        let up_to = total * so_far / sum;
        give(item, up_to - given);
        given = up_to;
    }
}
