//! The policies that come with the crate, by name.

mod best_fit;
mod best_fit_gpu;
mod dot_product;
mod fgd;
mod first_fit;
mod gpu_packing;
mod l2;
mod scarcity;
mod worst_fit;

use std::sync::Arc;

use crate::Policy;

pub use best_fit::BestFit;
pub use best_fit_gpu::BestFitGpu;
pub use dot_product::DotProduct;
pub use fgd::Fgd;
pub use first_fit::FirstFit;
pub use gpu_packing::GpuPacking;
pub use l2::L2NormGreedy;
pub use scarcity::Scarcity;
pub use worst_fit::WorstFit;

/// The vacancy that a score can tell apart: shares of four dimensions add up to less.
const VACANCY_BITS: u32 = 22;
/// Of the highest score.
const SCORE_BITS: u32 = 31;

/// Names and what they stand for.
pub const POLICIES: &[(&str, &str)] = &[
    ("best-fit", "the agent with the least left over: fills agents up and keeps others free for large tasks"),
    ("best-fit-gpu", "best-fit over cpus and GPUs alone, in 100 steps: as published with the openb trace"),
    ("dot-product", "the agent whose free resources point most in the direction of what is asked for (Tetris)"),
    ("fgd", "the agent whose free GPUs stay most useful for the typical task (fragmentation gradient descent)"),
    ("first-fit", "the agent that registered first: simple and predictable"),
    ("gpu-packing", "GPUs in use before idle ones, and agents with GPUs in use before idle agents"),
    ("l2-norm-greedy", "the agent whose free resources are the nearest to what is asked for, by the sum of squares"),
    ("scarcity", "the agent that loses the least of what is scarce: places for the tasks that are asked for"),
    ("spread", "the agent with the fewest instances of the app, then the one with the most left over"),
    ("worst-fit", "another name of spread"),
];

#[must_use]
pub fn by_name(name: &str) -> Option<Arc<dyn Policy>> {
    match name {
        "best-fit" => Some(Arc::new(BestFit)),
        "best-fit-gpu" => Some(Arc::new(BestFitGpu)),
        "dot-product" => Some(Arc::new(DotProduct)),
        "fgd" => Some(Arc::new(Fgd)),
        "first-fit" => Some(Arc::new(FirstFit)),
        "gpu-packing" => Some(Arc::new(GpuPacking)),
        "l2-norm-greedy" => Some(Arc::new(L2NormGreedy)),
        "scarcity" => Some(Arc::new(Scarcity)),
        "spread" => Some(Arc::new(WorstFit { name: "spread" })),
        "worst-fit" => Some(Arc::new(WorstFit { name: "worst-fit" })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_policy_exists_under_its_name_and_no_other_does() {
        for (name, description) in POLICIES {
            assert_eq!(by_name(name).map(|policy| policy.name().to_owned()).as_deref(), Some(*name));
            assert!(!description.is_empty());
        }
        assert!(by_name("bestfit").is_none());
    }
}
