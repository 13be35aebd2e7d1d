//! How often a second something can be done: measured in several rounds, told as their median.

use std::time::Duration;

const ROUNDS: usize = 5;
/// To look at the clock takes a fraction of a microsecond, which must not count.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Rates per second, one for each round.
#[derive(Debug, Clone)]
pub struct Rate(Vec<f64>);

impl Rate {
    /// Of rounds that were measured elsewhere. There must be one at least.
    #[must_use]
    pub fn of_rounds(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<f64> = rounds.into_iter().collect();
        assert!(!rounds.is_empty(), "a rate needs a round");
        rounds.sort_by(f64::total_cmp);
        Self(rounds)
    }

    #[must_use]
    pub fn median(&self) -> f64 {
        let (upper, lower) = (self.0[self.0.len() / 2], self.0[(self.0.len() - 1) / 2]);
        f64::midpoint(upper, lower)
    }

    /// How far the slowest and the fastest round are apart, as a share of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        (self.0[self.0.len() - 1] - self.0[0]) / self.median()
    }
}

/// Median of the rounds' ratios, for rounds of two things that were measured in turns.
#[must_use]
pub fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    Rate::of_rounds(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs)).median()
}

/// How much the calling thread has computed. What other programs do meanwhile does not count, so for work that never
/// waits this tells more than a clock.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no thread computes for less than nothing")
}

/// Repeats `work` until it has computed for `round`, in each round; it says how many things it did. There is one round
/// to warm up.
pub fn rate(round: Duration, mut work: impl FnMut() -> usize) -> Rate {
    let mut repeats = 1;
    rate_of(round, || {
        let began_at = cpu_time();
        let done = (0..repeats).map(|_| work()).sum();
        let took = cpu_time() - began_at;
        if took < BETWEEN_LOOKS {
            repeats *= 2;
        }
        (done, took)
    })
}

/// The same for work that tells itself how long the part took that counts.
pub fn rate_of(round: Duration, mut work: impl FnMut() -> (usize, Duration)) -> Rate {
    let mut one_round = || {
        let (mut done, mut took) = (0, Duration::ZERO);
        while took < round {
            let (more, longer) = work();
            done += more;
            took += longer;
        }
        done as f64 / took.as_secs_f64()
    };
    one_round();
    Rate::of_rounds(std::iter::repeat_with(one_round).take(ROUNDS))
}

/// The duration that `share` of all are not longer than, in milliseconds.
#[must_use]
pub fn percentile(durations: &mut [Duration], share: f64) -> f64 {
    durations.sort_unstable();
    let index = ((durations.len() as f64 * share).ceil() as usize).clamp(1, durations.len()) - 1;
    durations[index].as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_of_sorted_values() {
        assert_eq!(Rate::of_rounds([9.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Rate::of_rounds([4.0, 1.0]).median(), 2.5);
        assert_eq!(Rate::of_rounds([4.0, 5.0, 6.0]).spread(), 0.4);
        assert_eq!(ratio(&[2.0, 9.0, 4.0], &[1.0, 3.0, 4.0]), 2.0);
        let mut durations: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!((percentile(&mut durations, 0.5), percentile(&mut durations, 0.99)), (50.0, 99.0));
        assert_eq!(percentile(&mut durations[..1], 0.99), 1.0);
    }
}
