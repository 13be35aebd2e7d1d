//! The agent whose free resources point most in the direction of what is asked for.

use crate::{Context, Dimension, Node, Policy, Ranking, Request, Score};

/// Score: the sum over cpus, memory, disk and GPUs of what is asked for times what is free, both as shares of the largest agent.
///
/// The alignment of Tetris (Grandl et al., "Multi-Resource Packing for Cluster Schedulers", SIGCOMM 2014): it prefers agents with much
/// of what the task needs much of, and so keeps what is free in balance.
#[derive(Debug, Clone, Copy)]
pub struct DotProduct;

impl Policy for DotProduct {
    fn name(&self) -> &str {
        "dot-product"
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let product = |dimension| {
            let (wanted, free) =
                (cx.share(dimension, request.amount(dimension)), cx.share(dimension, node.free(dimension)));
            u64::from(wanted) * u64::from(free)
        };
        // Four products of two numbers below 2^20 each.
        let sum: u64 = Dimension::ALL.map(product).iter().sum();
        Score((sum >> 11) as u32)
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::ByShape
    }
}
