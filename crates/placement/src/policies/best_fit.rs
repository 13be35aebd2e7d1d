//! The agent with the least left over.

use super::{SCORE_BITS, VACANCY_BITS};
use crate::{Batch, Context, LANES, Node, Order, Policy, Ranking, Request, Score};

/// Score: the highest one less what is left over after the placement, times 2^9.
///
/// Left over is the sum over cpus, mem, disk and GPUs of what stays free as a share of the largest agent's total, which
/// counts 2^20 - 1: the agent's vacancy less the request's demand. Shares of the largest agent, not of the agent
/// itself, so that a small agent which is filled counts as better than a large one that is hardly used; and so that the
/// order of the agents is the same for all requests.
#[derive(Debug, Clone, Copy)]
pub struct BestFit;

impl Policy for BestFit {
    fn name(&self) -> &str {
        "best-fit"
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::By(Order::LeastVacant)
    }

    fn score(&self, cx: &Context<'_>, _: &Request, node: Node<'_>) -> Score {
        score(node.vacancy(), cx.demand())
    }

    fn score_batch(&self, cx: &Context<'_>, _: &Request, batch: &Batch<'_>, scores: &mut [Score; LANES]) {
        let demand = cx.demand();
        for (place, vacancy) in scores.iter_mut().zip(batch.vacancy()) {
            *place = score(*vacancy, demand);
        }
    }
}

/// Wraps for agents that are not feasible, whose scores do not count.
fn score(vacancy: u32, demand: u32) -> Score {
    Score(Score::MAX.0.wrapping_sub(vacancy.wrapping_sub(demand) << (SCORE_BITS - VACANCY_BITS)))
}
