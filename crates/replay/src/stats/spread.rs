//! How long things took, in a bounded number of counts: two significant digits are kept.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Default)]
pub(super) struct Spread {
    counts: BTreeMap<u64, u64>,
    max: u64,
}

/// In milliseconds; zeros where nothing was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

impl Spread {
    pub(super) fn add(&mut self, ms: u64) {
        *self.counts.entry(rounded(ms)).or_default() += 1;
        self.max = self.max.max(ms);
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        let count: u64 = self.counts.values().sum();
        let at = |percent: u64| {
            let mut left = (count * percent).div_ceil(100);
            let found = self.counts.iter().find(|(_, count)| {
                left = left.saturating_sub(**count);
                left == 0
            });
            found.map_or(0, |(ms, _)| *ms)
        };
        Percentiles { count, p50: at(50), p90: at(90), p99: at(99), max: self.max }
    }
}

/// To two significant digits, down.
const fn rounded(ms: u64) -> u64 {
    let mut unit = 1;
    while ms / unit >= 100 {
        unit *= 10;
    }
    ms / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let mut spread = Spread::default();
        (1..=100).for_each(|ms| spread.add(ms * 10));
        assert_eq!(spread.percentiles(), Percentiles { count: 100, p50: 500, p90: 900, p99: 990, max: 1_000 });
        assert_eq!(Spread::default().percentiles(), Percentiles::default());
        assert_eq!([0, 99, 101, 12_999].map(rounded), [0, 99, 100, 12_000]);
    }
}
