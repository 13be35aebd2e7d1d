//! Who had the processors, from what the kernel counts.

use std::fs;
use std::time::{Duration, Instant};

/// The kernel counts in hundredths of a second, whatever its own tick is.
const TICKS_PER_S: f64 = 100.0;

/// How many processors were busy on average, and for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuShares {
    pub processors: usize,
    /// The master, if its process is known.
    pub master: Option<f64>,
    /// The agents and frameworks of the load itself.
    pub load: f64,
    /// Everything else on this machine: the log's servers, and the kernel where it works for nobody.
    pub others: f64,
}

/// One look at the counters.
pub(crate) struct CpuLook {
    at: Instant,
    master: Option<u64>,
    load: u64,
    busy: u64,
}

impl CpuLook {
    pub(crate) fn now(master: Option<u32>) -> Self {
        Self {
            at: Instant::now(),
            master: master.and_then(|pid| ticks_of(&pid.to_string())),
            load: ticks_of("self").unwrap_or(0),
            busy: fs::read_to_string("/proc/stat").ok().and_then(|text| busy_ticks(&text)).unwrap_or(0),
        }
    }

    pub(crate) fn since(&self, before: &Self) -> CpuShares {
        let took = (self.at - before.at).max(Duration::from_millis(10)).as_secs_f64();
        let share = |now: u64, before: u64| now.saturating_sub(before) as f64 / TICKS_PER_S / took;
        let master = self.master.zip(before.master).map(|(now, before)| share(now, before));
        let load = share(self.load, before.load);
        let others = (share(self.busy, before.busy) - load - master.unwrap_or(0.0)).max(0.0);
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        CpuShares { processors, master, load, others }
    }
}

fn ticks_of(process: &str) -> Option<u64> {
    process_ticks(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The 14th and the 15th word, counted behind the name in brackets, which may hold anything.
fn process_ticks(stat: &str) -> Option<u64> {
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(words.next()?.parse::<u64>().ok()? + words.next()?.parse::<u64>().ok()?)
}

/// All processors together, without the time in which they were idle or waited for a disk.
fn busy_ticks(stat: &str) -> Option<u64> {
    let words: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    let [user, nice, system, _, _, irq, softirq, ..] = words[..] else { return None };
    Some(user + nice + system + irq + softirq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_counters_are_read_by_their_places() {
        let process = "17 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 110 23 14 15";
        assert_eq!(process_ticks(process), Some(133));
        assert_eq!(busy_ticks("cpu  10 20 30 4000 5000 6 7 8 9 10\ncpu0 1"), Some(73));
        assert_eq!((process_ticks(""), busy_ticks("cpu 1 2")), (None, None));
    }

    #[test]
    fn this_process_has_counters() {
        assert!(ticks_of("self").is_some());
    }
}
