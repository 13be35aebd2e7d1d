//! The agent with the lowest id.

use crate::{Batch, Context, LANES, Node, Policy, Request, Score};

/// Score: the highest one less the agent's number, so there are no ties.
#[derive(Debug, Clone, Copy)]
pub struct FirstFit;

impl Policy for FirstFit {
    fn name(&self) -> &'static str {
        "first-fit"
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
    Score(Score::MAX.0 - id)
}
