//! The agent whose free resources are the nearest to what is asked for.

use crate::{Context, Dimension, Node, Policy, Ranking, Request, Score};

/// Score: the highest one less the sum over cpus, memory, disk and GPUs of the square of what is left over, each as a share of the
/// largest agent.
///
/// Norm-based greedy (Panigrahy et al., "Heuristics for Vector Bin Packing", 2011): one large remainder counts more than many small
/// ones, so what is left over stays in balance.
#[derive(Debug, Clone, Copy)]
pub struct L2NormGreedy;

impl Policy for L2NormGreedy {
    fn name(&self) -> &str {
        "l2-norm-greedy"
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let square = |dimension| {
            let (wanted, free) =
                (cx.share(dimension, request.amount(dimension)), cx.share(dimension, node.free(dimension)));
            u64::from(free.saturating_sub(wanted)).pow(2)
        };
        // Four squares of numbers below 2^20.
        let sum: u64 = Dimension::ALL.map(square).iter().sum();
        Score(Score::MAX.0 - (sum >> 11) as u32)
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::ByShape
    }
}
