//! Orders of arrival and of equals that no file gives: drawn from a seed, the same in every run.

use crate::{Node, Pod};

/// SplitMix64.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((drawn ^ (drawn >> 31)) % limit as u64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, places: &mut [T]) {
        for end in (1..places.len()).rev() {
            places.swap(end, self.below(end + 1));
        }
    }
}

/// All pods in some order, and then some of them once more, until what they ask for is `percent` of all GPUs; of all cpus when
/// there are no GPUs or nobody wants any.
#[must_use]
pub fn draw_arrivals(seed: u64, pods: &[Pod], nodes: &[Node], percent: u32) -> Vec<usize> {
    let gpus = |pod: &Pod| pod.gpus_milli();
    let cpus = |pod: &Pod| u64::from(pod.cpu_milli);
    let all_gpus: u64 = nodes.iter().map(|node| u64::from(node.gpus) * 1_000).sum();
    let all_cpus: u64 = nodes.iter().map(|node| u64::from(node.cpu_milli)).sum();
    let by_gpus = all_gpus > 0 && pods.iter().any(|pod| gpus(pod) > 0);
    let asks = |pod: usize| if by_gpus { gpus(&pods[pod]) } else { cpus(&pods[pod]) };
    let wanted = u128::from(if by_gpus { all_gpus } else { all_cpus }) * u128::from(percent) / 100;
    let mut draws = Draws::new(seed);
    let mut arrivals: Vec<usize> = (0..pods.len()).collect();
    draws.shuffle(&mut arrivals);
    let mut asked: u128 = 0;
    let mut count = arrivals.iter().take_while(|pod| {
        let is_wanted = asked < wanted;
        asked += u128::from(asks(**pod));
        is_wanted
    });
    let count = count.by_ref().count();
    arrivals.truncate(count);
    // Pods that ask for nothing would never bring it to an end.
    if pods.iter().enumerate().any(|(pod, _)| asks(pod) > 0) {
        while asked < wanted {
            let pod = draws.below(pods.len());
            asked += u128::from(asks(pod));
            arrivals.push(pod);
        }
    }
    arrivals
}

/// The nodes in some order.
#[must_use]
pub fn draw_ranks(seed: u64, nodes: &[Node]) -> Vec<usize> {
    let mut ranks: Vec<usize> = (0..nodes.len()).collect();
    // Another row of numbers than that of the arrivals.
    Draws::new(!seed).shuffle(&mut ranks);
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(gpus: u32) -> Node {
        Node { name: String::new(), cpu_milli: 8_000, memory_mib: 1_024, gpus, model: String::new() }
    }

    fn pod(cpu_milli: u32, num_gpu: u32) -> Pod {
        Pod { name: String::new(), cpu_milli, memory_mib: 1, num_gpu, gpu_milli: 1_000, gpu_spec: String::new() }
    }

    #[test]
    fn pods_come_once_and_then_some_of_them_again_until_enough_is_asked_for() {
        let (pods, nodes) = ([pod(100, 1), pod(100, 2), pod(100, 0)], [node(4), node(4)]);
        let arrivals = draw_arrivals(7, &pods, &nodes, 130);
        let asked: u64 = arrivals.iter().map(|pod| pods[*pod].gpus_milli()).sum();
        assert!((10_400..12_400).contains(&asked), "{asked}");
        let mut first = arrivals[..3].to_vec();
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2]);
        assert_eq!(arrivals, draw_arrivals(7, &pods, &nodes, 130));
        assert_ne!(draw_ranks(1, &vec![node(1); 50]), draw_ranks(2, &vec![node(1); 50]));
    }

    #[test]
    fn cpus_count_where_nobody_wants_gpus() {
        let arrivals = draw_arrivals(7, &[pod(1_000, 0)], &[node(0)], 100);
        assert_eq!(arrivals.len(), 8);
        assert_eq!(draw_arrivals(7, &[pod(0, 0)], &[node(0)], 100).len(), 1);
    }
}
