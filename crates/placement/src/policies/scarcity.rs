//! The agent that loses the least of what is scarce.

use model::{GpuSlot, GpuSlots, Scalar, WHOLE_GPU};

use crate::choice::gpus_wanted;
use crate::slots::{Room, Slots};
use crate::{Context, Dimension, Node, Policy, Ranking, Request, Score};

/// Every task on an agent takes away *slots*: places where one more task of some kind could go. A slot is a GPU, or a group of them, that
/// has as much free as such a task wants, as far as the agent's free cpus and memory can feed it; and it is worth the more, the more
/// tasks of that kind are wanted and the fewer slots for them an empty cluster has. The agent whose slots lose the least is chosen.
///
/// Score: the highest one less the loss. A part of a GPU goes to the GPU with the least loss, whole GPUs are the first idle ones.
#[derive(Debug, Clone, Copy)]
pub struct Scarcity;

impl Policy for Scarcity {
    fn name(&self) -> &str {
        "scarcity"
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let (loss, _) = least_loss(cx.slots(), request, node);
        Score(Score::MAX.0 - u32::try_from(loss / cx.slots().unit()).unwrap_or(u32::MAX).min(Score::MAX.0))
    }

    fn gpus(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Option<GpuSlots> {
        match least_loss(cx.slots(), request, node) {
            (_, Some(gpu)) => Some(GpuSlots::new([GpuSlot { gpu: gpu as u16, share: request.gpus }])),
            (_, None) => node.pick_gpus(request.gpus),
        }
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::ByShapeAndDemand
    }
}

/// And on which GPU, when the request is for a part of one.
fn least_loss(slots: &Slots, request: &Request, node: Node<'_>) -> (i64, Option<usize>) {
    let admits = slots.admitted_on(node);
    let before = Room::of(node);
    let worth = slots.worth(&before, &admits);
    let loss = |after: &Room| (worth - slots.worth(after, &admits)).max(0);
    let mut after = before;
    after.cpus -= request.amount(Dimension::Cpus).0.max(0);
    after.mem -= request.amount(Dimension::Mem).0.max(0);
    let (gpus, share) = gpus_wanted(request.gpus.0);
    if gpus != 1 || share == WHOLE_GPU.0 {
        for slot in node.pick_gpus(Scalar(request.gpus.0)).unwrap_or_default().iter() {
            after.gpus[usize::from(slot.gpu)] -= slot.share.0 as i16;
        }
        return (loss(&after), None);
    }
    let share = share as i16;
    let mut best: Option<(i64, usize)> = None;
    for gpu in 0..before.count {
        let free = before.gpus[gpu];
        // GPUs with as much free as an earlier one give the same.
        if free < share || before.gpus[..gpu].contains(&free) {
            continue;
        }
        after.gpus[gpu] -= share;
        let loss = loss(&after);
        after.gpus[gpu] += share;
        if best.is_none_or(|(best, _)| loss < best) {
            best = Some((loss, gpu));
        }
    }
    best.map_or((0, None), |(loss, gpu)| (loss, Some(gpu)))
}
