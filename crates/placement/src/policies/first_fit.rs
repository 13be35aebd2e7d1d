//! The agent with the lowest id.

use crate::{Batch, Context, LANES, Node, Order, Policy, Ranking, Request, Score};

/// Score: the highest one less the agent's number, so there are no ties.
#[derive(Debug, Clone, Copy)]
pub struct FirstFit;

impl Policy for FirstFit {
    fn name(&self) -> &str {
        "first-fit"
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::By(Order::Id)
    }

    fn score(&self, _: &Context<'_>, _: &Request, node: Node<'_>) -> Score {
        score(node.agent().0)
    }

    fn score_batch(&self, _: &Context<'_>, _: &Request, batch: &Batch<'_>, scores: &mut [Score; LANES]) {
        for (place, id) in scores.iter_mut().zip(batch.ids()) {
            *place = score(*id);
        }
    }
}

fn score(id: u32) -> Score {
    Score(Score::MAX.0.saturating_sub(id))
}
