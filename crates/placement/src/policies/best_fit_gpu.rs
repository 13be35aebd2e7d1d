//! Best fit over cpus and GPUs alone, in a hundred steps.

use crate::{Context, Dimension, Node, Policy, Ranking, Request, Score};

const STEPS: u64 = 100;
/// Shares are exact to so many binary places, and rounded down, so that what is exactly a step counts as that.
const PLACES: u32 = 40;

/// Score: `100 * (1 - cpus left / (2 * largest cpus) - GPUs left / (2 * largest GPUs))`, rounded down to whole numbers and spread over
/// the range of scores, where the largest are those of the largest agents. It is the BestFit with which results on the openb trace
/// were published (Weng et al., USENIX ATC 2023); [`crate::BestFit`] looks at memory and disk too, and more finely.
#[derive(Debug, Clone, Copy)]
pub struct BestFitGpu;

impl Policy for BestFitGpu {
    fn name(&self) -> &str {
        "best-fit-gpu"
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let left = [Dimension::Cpus, Dimension::Gpus].map(|dimension| {
            let left = (node.free(dimension).0 - request.amount(dimension).0.max(0)).max(0).unsigned_abs();
            let largest = cx.largest(dimension).0.max(1).unsigned_abs();
            ((u128::from(left) << PLACES) / u128::from(largest)) as u64
        });
        let whole = 2_u64 << PLACES;
        let free_of_waste = whole.saturating_sub(left[0] + left[1]);
        let step = (u128::from(STEPS * free_of_waste) / u128::from(whole)) as u32;
        Score(Score::MAX.0 / STEPS as u32 * step)
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::ByShape
    }
}
