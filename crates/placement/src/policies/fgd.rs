//! The agent whose free GPUs stay most useful for what is asked for: fragmentation gradient descent.

use model::{GpuSlot, GpuSlots, Scalar, WHOLE_GPU};

use crate::choice::gpus_wanted;
use crate::typical::{Stand, Typical};
use crate::{Context, Dimension, Node, Policy, Ranking, Request, Score};

/// How finely a change of the fragmentation is told apart.
const STEPS: u32 = 100;

/// Score: `100 * sigmoid(decrease of the agent's fragmentation, in GPUs)`, rounded down to whole numbers and spread over the range of
/// scores; see [`Typical::fragmentation`]. A part of a GPU goes to the GPU with the best score, whole GPUs are the first idle ones.
///
/// After Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent" (USENIX ATC 2023).
/// The sigmoid is a table of thresholds, so that all is whole numbers.
#[derive(Debug, Clone, Copy)]
pub struct Fgd;

impl Policy for Fgd {
    fn name(&self) -> &str {
        "fgd"
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let (step, _) = best(cx.typical(), request, node);
        Score(Score::MAX.0 / STEPS * step)
    }

    fn gpus(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Option<GpuSlots> {
        match best(cx.typical(), request, node) {
            (_, Some(gpu)) => Some(GpuSlots::new([GpuSlot { gpu: gpu as u16, share: request.gpus }])),
            (_, None) => node.pick_gpus(request.gpus),
        }
    }

    fn ranking(&self, _: &Request) -> Ranking {
        Ranking::ByShapeAndDemand
    }
}

/// The best step, and on which GPU when the request is for a part of one.
fn best(typical: &Typical, request: &Request, node: Node<'_>) -> (u32, Option<usize>) {
    let before = typical.stand(node);
    let fragmentation = typical.fragmentation(&before);
    let decrease = |after: &Stand| step(fragmentation - typical.fragmentation(after), typical.total());
    let mut after = before;
    after.cpus -= request.amount(Dimension::Cpus).0.max(0);
    let (gpus, share) = gpus_wanted(request.gpus.0);
    if gpus != 1 || share == WHOLE_GPU.0 {
        take_whole(&mut after, request.gpus);
        return (decrease(&after), None);
    }
    let share = share as i16;
    let mut best: Option<(u32, usize)> = None;
    for gpu in 0..before.gpus().len() {
        let free = before.gpus()[gpu];
        // GPUs with as much free as an earlier one give the same.
        if free < share || before.gpus()[..gpu].contains(&free) {
            continue;
        }
        after.gpus_mut()[gpu] -= share;
        let step = decrease(&after);
        after.gpus_mut()[gpu] += share;
        if best.is_none_or(|(best, _)| step > best) {
            best = Some((step, gpu));
        }
    }
    best.map_or((0, None), |(step, gpu)| (step, Some(gpu)))
}

/// As [`GpuSlots::pick`] does.
fn take_whole(stand: &mut Stand, gpus: Scalar) {
    let whole = WHOLE_GPU.0 as i16;
    let (mut left, part) = (gpus.0.max(0) / WHOLE_GPU.0, (gpus.0.max(0) % WHOLE_GPU.0) as i16);
    for free in stand.gpus_mut() {
        if left > 0 && *free >= whole {
            *free -= whole;
            left -= 1;
        }
    }
    if part > 0
        && let Some(free) = stand.gpus_mut().iter_mut().filter(|free| **free >= part).min()
    {
        *free -= part;
    }
}

/// In which of a hundred steps the sigmoid of a decrease lies, which is given as thousandths of a GPU times `total`.
fn step(decrease: i64, total: u64) -> u32 {
    let decrease = i128::from(decrease) * THRESHOLD_UNIT;
    let total = i128::from(total.max(1));
    THRESHOLDS.partition_point(|threshold| i128::from(*threshold) * total <= decrease) as u32
}

/// Of a threshold, in one thousandth of a GPU.
const THRESHOLD_UNIT: i128 = 1_000_000_000;

/// The least decrease, in `THRESHOLD_UNIT`ths of a thousandth of a GPU, whose sigmoid is at least 1 %, 2 %, … 99 %:
/// `1000 ln(k / (100 - k))`, rounded up.
#[rustfmt::skip]
const THRESHOLDS: [i64; 99] = [
    -4_595_119_850_134, -3_891_820_298_110, -3_476_098_689_835, -3_178_053_830_347, -2_944_438_979_166, -2_751_535_313_041,
    -2_586_689_344_097, -2_442_347_035_369, -2_313_634_929_180, -2_197_224_577_336, -2_090_741_096_933, -1_992_430_164_690,
    -1_900_958_761_193, -1_815_289_966_638, -1_734_601_055_388, -1_658_228_076_603, -1_585_627_263_740, -1_516_347_489_368,
    -1_450_010_175_505, -1_386_294_361_119, -1_324_925_414_743, -1_265_666_373_331, -1_208_311_205_924, -1_152_679_509_938,
    -1_098_612_288_668, -1_045_968_555_182, -994_622_575_144, -944_461_608_840, -895_384_047_054, -847_297_860_387,
    -800_119_300_112, -753_771_802_376, -708_185_057_924, -663_294_217_410, -619_039_208_406, -575_364_144_903,
    -532_216_813_747, -489_548_225_318, -447_312_218_043, -405_465_108_108, -363_965_377_201, -322_773_392_263,
    -281_851_152_140, -241_162_056_816, -200_670_695_462, -160_342_650_075, -120_144_311_842, -80_042_707_673,
    -40_005_334_613, 0, 40_005_334_614, 80_042_707_674, 120_144_311_843, 160_342_650_076,
    200_670_695_463, 241_162_056_817, 281_851_152_141, 322_773_392_264, 363_965_377_202, 405_465_108_109,
    447_312_218_044, 489_548_225_319, 532_216_813_748, 575_364_144_904, 619_039_208_407, 663_294_217_411,
    708_185_057_925, 753_771_802_377, 800_119_300_113, 847_297_860_388, 895_384_047_055, 944_461_608_841,
    994_622_575_145, 1_045_968_555_183, 1_098_612_288_669, 1_152_679_509_939, 1_208_311_205_925, 1_265_666_373_332,
    1_324_925_414_744, 1_386_294_361_120, 1_450_010_175_506, 1_516_347_489_369, 1_585_627_263_741, 1_658_228_076_604,
    1_734_601_055_389, 1_815_289_966_639, 1_900_958_761_194, 1_992_430_164_691, 2_090_741_096_934, 2_197_224_577_337,
    2_313_634_929_181, 2_442_347_035_370, 2_586_689_344_098, 2_751_535_313_042, 2_944_438_979_167, 3_178_053_830_348,
    3_476_098_689_836, 3_891_820_298_111, 4_595_119_850_135,
];
