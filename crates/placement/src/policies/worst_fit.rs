//! The agent with the fewest instances of the app, and among those the one with the most left over.

use super::{SCORE_BITS, VACANCY_BITS};
use crate::{Batch, Context, LANES, Node, Order, Policy, Ranking, Request, Score};

/// From so many instances on, agents are no longer told apart by their number.
const INSTANCES_COUNTED: u32 = (1 << (SCORE_BITS - VACANCY_BITS)) - 1;

/// Score: `(511 - instances) * 2^22 + left over`, where instances are the app's own on the agent, at most 511 of
/// them, and left over is as in [`crate::BestFit`]; but GPUs do not count for a request that wants none, so that such
/// tasks are not drawn to the agents that have some.
#[derive(Debug, Clone, Copy)]
pub struct WorstFit {
    /// `worst-fit`, or its other name: `spread`.
    pub name: &'static str,
}

impl Policy for WorstFit {
    fn name(&self) -> &str {
        self.name
    }

    fn ranking(&self, request: &Request) -> Ranking {
        let wants_gpus = request.gpus.0 > 0;
        Ranking::ByInstancesThen(if wants_gpus { Order::MostVacant } else { Order::MostVacantButGpus })
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let left = left_over(node.vacancy(), node.gpu_vacancy(), cx.demand(), gpu_mask(request));
        Score(left + priority(cx.instances_on(node)))
    }

    fn score_batch(&self, cx: &Context<'_>, request: &Request, batch: &Batch<'_>, scores: &mut [Score; LANES]) {
        let (demand, mask) = (cx.demand(), gpu_mask(request));
        for ((place, vacancy), gpu_vacancy) in scores.iter_mut().zip(batch.vacancy()).zip(batch.gpu_vacancy()) {
            *place = Score(left_over(*vacancy, *gpu_vacancy, demand, mask).wrapping_add(priority(0)));
        }
        for (lane, instances) in batch.instances(cx) {
            scores[lane] = Score(scores[lane].0.wrapping_sub(priority(0) - priority(instances)));
        }
    }
}

fn priority(instances: u32) -> u32 {
    (INSTANCES_COUNTED - instances.min(INSTANCES_COUNTED)) << VACANCY_BITS
}

/// All ones when free GPUs do not count.
fn gpu_mask(request: &Request) -> u32 {
    if request.gpus.0 > 0 { 0 } else { u32::MAX }
}

/// Wraps for agents that are not feasible, whose scores do not count.
fn left_over(vacancy: u32, gpu_vacancy: u32, demand: u32, gpu_mask: u32) -> u32 {
    vacancy.wrapping_sub(gpu_vacancy & gpu_mask).wrapping_sub(demand)
}
