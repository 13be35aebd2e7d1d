//! The policy of `examples/policies/keep_gpus.c` in Rust, as one that is built in.

use model::{Scalar, WHOLE_GPU};
use placement::{Context, Dimension, Node, Policy, Request, Score};

pub(crate) struct KeepGpus;

impl Policy for KeepGpus {
    fn name(&self) -> &str {
        "module"
    }

    fn score(&self, _: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let is_kept = node.total(Dimension::Gpus) > Scalar::ZERO && request.gpus == Scalar::ZERO;
        let used_share = |dimension: Dimension| {
            let total = node.total(dimension).0;
            let used = total - node.free(dimension).0 + request.amount(dimension).0;
            (used * 1_000).checked_div(total).unwrap_or(0)
        };
        let used = Dimension::ALL.into_iter().map(used_share).max().unwrap_or(0).clamp(0, 1_000);
        let is_part = request.gpus > Scalar::ZERO && request.gpus < WHOLE_GPU;
        let left = node.gpu_shares().map(|share| i64::from(share) - request.gpus.0).filter(|left| *left >= 0).min();
        let fit = left.filter(|_| is_part).map_or(0, |left| 1_000 - left);
        Score(((i64::from(!is_kept) * 1_001 + fit) * 1_001 + used) as u32)
    }
}
