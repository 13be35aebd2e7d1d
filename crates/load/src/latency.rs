//! How long things took, as they are seen from outside.

use std::time::Duration;

/// A collection of waits, from which percentiles are taken.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    micros: Vec<u32>,
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    /// In milliseconds, by nearest rank; None when nothing was measured. `permille` is 500 for the median.
    #[must_use]
    pub fn percentile_ms(&mut self, permille: usize) -> Option<f64> {
        let last = self.micros.len().checked_sub(1)?;
        let rank = (self.micros.len() * permille).div_ceil(1_000).saturating_sub(1).min(last);
        let (_, found, _) = self.micros.select_nth_unstable(rank);
        Some(f64::from(*found) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_by_nearest_rank() {
        let mut waits = Latencies::default();
        assert_eq!(waits.percentile_ms(500), None);
        (1..=100).rev().for_each(|ms| waits.add(Duration::from_millis(ms)));
        let found = [0, 10, 500, 990, 1_000].map(|permille| waits.percentile_ms(permille));
        assert_eq!(found, [1.0, 1.0, 50.0, 99.0, 100.0].map(Some));
    }
}
