//! Rates over a time that is not known before, in a bounded number of slots; and the busiest seconds.

use model::Timestamp;
use serde::Serialize;

use super::KEPT;

/// Twice as many as are shown on a narrow terminal.
const SLOTS: usize = 128;
const SECOND_MS: u64 = 1_000;

/// Counts in slots of equal length, which doubles when they do not reach.
#[derive(Debug, Default)]
pub(super) struct OverTime {
    begin: Option<Timestamp>,
    slot_ms: u64,
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Slot {
    pub records: u64,
    pub launches: u64,
    pub failures: u64,
    pub offers: u64,
}

/// Counts by time: slot `n` begins `n * slot_ms` after the first record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rates {
    pub slot_ms: u64,
    pub slots: Vec<Slot>,
}

impl Slot {
    const fn plus(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            launches: self.launches + other.launches,
            failures: self.failures + other.failures,
            offers: self.offers + other.offers,
        }
    }
}

impl OverTime {
    pub(super) fn see(&mut self, at: Timestamp, count: impl FnOnce(&mut Slot)) {
        let begin = *self.begin.get_or_insert(at);
        self.slot_ms = self.slot_ms.max(1);
        let mut index = at.ms_since(begin) / self.slot_ms;
        while index >= SLOTS as u64 {
            self.slots = self
                .slots
                .chunks(2)
                .map(|pair| pair.iter().fold(Slot::default(), |sum, slot| sum.plus(*slot)))
                .collect();
            self.slot_ms *= 2;
            index = at.ms_since(begin) / self.slot_ms;
        }
        let index = usize::try_from(index).expect("it is less than the number of slots");
        if self.slots.len() <= index {
            self.slots.resize(index + 1, Slot::default());
        }
        count(&mut self.slots[index]);
    }

    pub(super) fn rates(&self) -> Rates {
        Rates { slot_ms: self.slot_ms, slots: self.slots.clone() }
    }
}

/// A second with many records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Busy {
    /// When it begins.
    pub at: Timestamp,
    pub records: u64,
}

/// The times of records only grow, so that a second is over when the next one begins.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    current: Option<Busy>,
    /// The busiest first.
    busiest: Vec<Busy>,
}

impl Seconds {
    pub(super) fn see(&mut self, at: Timestamp) {
        let second = Timestamp(at.0 - at.0 % SECOND_MS);
        match &mut self.current {
            Some(current) if current.at == second => current.records += 1,
            current => {
                if let Some(over) = current.replace(Busy { at: second, records: 1 }) {
                    enter(&mut self.busiest, over);
                }
            }
        }
    }

    pub(super) fn busiest(&self) -> Vec<Busy> {
        let mut busiest = self.busiest.clone();
        self.current.into_iter().for_each(|current| enter(&mut busiest, current));
        busiest
    }
}

/// Earlier ones stay before later ones that are as busy.
fn enter(busiest: &mut Vec<Busy>, second: Busy) {
    let place = busiest.partition_point(|other| other.records >= second.records);
    busiest.insert(place, second);
    busiest.truncate(KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_double_until_they_reach_and_nothing_is_lost() {
        let mut over_time = OverTime::default();
        for ms in 0..1_000 {
            over_time.see(Timestamp(5_000 + ms), |slot| slot.records += 1);
        }
        let rates = over_time.rates();
        assert_eq!((rates.slot_ms, rates.slots.len()), (8, 125));
        assert!(rates.slots.iter().all(|slot| slot.records == 8));
    }

    #[test]
    fn the_busiest_second_is_named() {
        let mut seconds = Seconds::default();
        [1_000, 2_000, 2_100, 2_999, 3_000].into_iter().for_each(|ms| seconds.see(Timestamp(ms)));
        let busiest: Vec<_> = seconds.busiest().iter().map(|busy| (busy.at.0, busy.records)).collect();
        assert_eq!(busiest, [(2_000, 3), (1_000, 1), (3_000, 1)]);
    }
}
