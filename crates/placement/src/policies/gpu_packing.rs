//! GPUs in use before idle ones.

use model::WHOLE_GPU;

use crate::choice::gpus_wanted;
use crate::{Context, Node, Policy, Ranking, Request, Score};

/// The GPUs of one agent count up to this many.
const GPUS_COUNTED: u32 = 63;

/// A task that wants a part of a GPU goes to a GPU in use, the one that it leaves the least of; else it begins an idle GPU of an agent
/// with GPUs in use, else one of an idle agent. Tasks with whole GPUs, too, prefer agents with GPUs in use, and then those that they
/// leave the fewest idle GPUs on. Tasks without GPUs go to the agents with the fewest idle GPUs.
///
/// Score: `(class * 2^6 + 63 - idle GPUs) * 2^10 + 1023 - what is left of the GPU`, spread over the range of scores.
#[derive(Debug, Clone, Copy)]
pub struct GpuPacking;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    IdleAgent,
    IdleGpu,
    GpuInUse,
}

impl Policy for GpuPacking {
    fn name(&self) -> &str {
        "gpu-packing"
    }

    fn score(&self, _: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let whole = WHOLE_GPU.0 as i16;
        let idle = node.gpu_shares().filter(|free| *free >= whole).count() as u32;
        let in_use = node.gpu_shares().filter(|free| *free < whole).count();
        let (gpus, share) = gpus_wanted(request.gpus.0);
        let is_part = gpus == 1 && share < WHOLE_GPU.0;
        let share = share as i16;
        let left = node.gpu_shares().filter(|free| *free < whole && *free >= share).map(|free| free - share).min();
        let (class, left) = match left.filter(|_| is_part) {
            Some(left) => (Class::GpuInUse, left),
            None if in_use > 0 => (Class::IdleGpu, 0),
            None => (Class::IdleAgent, 0),
        };
        let packed = (class as u32) << 6 | GPUS_COUNTED.saturating_sub(idle);
        Score((packed << 10 | (1_023 - i32::from(left).clamp(0, 1_023)) as u32) << 13)
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::ByShape
    }
}
