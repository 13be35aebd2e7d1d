//! Sets of ports as sorted, disjoint, inclusive ranges.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ports `begin` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PortRange {
    pub begin: u16,
    pub end: u16,
}

/// A set of ports. The ranges are sorted, disjoint and not adjacent, so equal sets are equal values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PortRanges(Vec<PortRange>);

/// Why a text is no set of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortRangesError {
    #[error("'{0}' is not a port or a range such as 31000-32000")]
    NotARange(String),
    #[error("'{0}' ends before it begins")]
    Backwards(String),
}

impl PortRanges {
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = PortRange>) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|range| range.begin <= range.end).collect();
        sorted.sort_unstable();
        let mut merged: Vec<PortRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if u32::from(range.begin) <= u32::from(last.end) + 1 => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    #[must_use]
    pub fn from_ports(ports: impl IntoIterator<Item = u16>) -> Self {
        Self::new(ports.into_iter().map(|port| PortRange { begin: port, end: port }))
    }

    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> u32 {
        self.0.iter().map(|range| u32::from(range.end) - u32::from(range.begin) + 1).sum()
    }

    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        let after = self.0.partition_point(|range| range.begin <= port);
        after > 0 && self.0[after - 1].end >= port
    }

    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().flat_map(|range| range.begin..=range.end)
    }

    pub fn insert(&mut self, port: u16) {
        if !self.contains(port) {
            let at = self.0.partition_point(|range| range.begin < port);
            self.0.insert(at, PortRange { begin: port, end: port });
            *self = Self::new(std::mem::take(&mut self.0));
        }
    }

    /// Removes a port; false when it was not in the set.
    pub fn remove(&mut self, port: u16) -> bool {
        if !self.contains(port) {
            return false;
        }
        let at = self.0.partition_point(|range| range.begin <= port) - 1;
        let PortRange { begin, end } = self.0.remove(at);
        if port < end {
            self.0.insert(at, PortRange { begin: port + 1, end });
        }
        if begin < port {
            self.0.insert(at, PortRange { begin, end: port - 1 });
        }
        true
    }

    /// The ports of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    /// The ports of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len() + other.0.len());
        let mut passed = 0;
        for range in &self.0 {
            passed += other.0[passed..].partition_point(|cut| cut.end < range.begin);
            let mut begin = u32::from(range.begin);
            for cut in other.0[passed..].iter().take_while(|cut| cut.begin <= range.end) {
                if begin < u32::from(cut.begin) {
                    left.push(PortRange { begin: begin as u16, end: cut.begin - 1 });
                }
                begin = u32::from(cut.end) + 1;
            }
            if begin <= u32::from(range.end) {
                left.push(PortRange { begin: begin as u16, end: range.end });
            }
        }
        Self(left)
    }

    /// The ports that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// The `count` lowest ports at or after `from`, going round to the lowest of all; None when there are too few.
    #[must_use]
    pub fn pick_from(&self, from: u16, count: usize) -> Option<Vec<u16>> {
        let later = self.iter().filter(|port| *port >= from);
        let earlier = self.iter().filter(|port| *port < from);
        let picked: Vec<u16> = later.chain(earlier).take(count).collect();
        (picked.len() == count).then_some(picked)
    }
}

impl fmt::Display for PortRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}-{}", range.begin, range.end)?;
        }
        Ok(())
    }
}

impl FromStr for PortRanges {
    type Err = PortRangesError;

    /// `31000-32000,33000`, with or without Mesos' square brackets.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
        let mut ranges = Vec::new();
        for part in inner.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (begin, end) = part.split_once('-').unwrap_or((part, part));
            let port = |text: &str| text.trim().parse().map_err(|_| PortRangesError::NotARange(part.to_owned()));
            let range = PortRange { begin: port(begin)?, end: port(end)? };
            if range.begin > range.end {
                return Err(PortRangesError::Backwards(part.to_owned()));
            }
            ranges.push(range);
        }
        Ok(Self::new(ranges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_survives_any_order_of_removals_and_insertions() {
        let whole: PortRanges = "31000-31009".parse().expect("a range");
        let mut set = whole.clone();
        for port in [31_000, 31_009, 31_004] {
            assert!(set.remove(port));
            assert!(!set.remove(port));
        }
        assert_eq!(set.to_string(), "31001-31003,31005-31008");
        assert_eq!(set.len(), 7);
        for port in [31_004, 31_009, 31_000] {
            set.insert(port);
        }
        assert_eq!(set, whole);
    }

    #[test]
    fn set_operations_agree_with_sets_of_single_ports() {
        let sets = ["", "0-0", "5-9", "0-65535", "1-3,5-9,20-30", "3-5,9-20,30-31,65535", "0-4,65530-65535"];
        let sets = sets.map(|text| text.parse::<PortRanges>().expect("ranges"));
        for (one, other) in sets.iter().flat_map(|one| sets.iter().map(move |other| (one, other))) {
            let expected = |keep: fn(bool, bool) -> bool| {
                PortRanges::from_ports((0..=u16::MAX).filter(|port| keep(one.contains(*port), other.contains(*port))))
            };
            assert_eq!(one.union(other), expected(|one, other| one || other), "{one} and {other}");
            assert_eq!(one.difference(other), expected(|one, other| one && !other), "{one} and {other}");
            assert_eq!(one.intersection(other), expected(|one, other| one && other), "{one} and {other}");
        }
    }

    #[test]
    fn picks_go_round() {
        let set: PortRanges = "[10-12, 20]".parse().expect("ranges");
        assert_eq!(set.pick_from(12, 3), Some(vec![12, 20, 10]));
        assert_eq!(set.pick_from(0, 5), None);
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        assert_eq!("a-b".parse::<PortRanges>(), Err(PortRangesError::NotARange("a-b".into())));
        assert_eq!("9-3".parse::<PortRanges>(), Err(PortRangesError::Backwards("9-3".into())));
    }
}
