//! How many instances of an app were placed on which row. They come and go with every decision, and as a rule nobody asks where
//! they are.

use std::hash::Hasher;

use crate::mixing::Mixing;

/// A table of so many slots to begin with; a power of two, as ever.
const SLOTS: usize = 8;

/// A row is in the first free slot from its hash on, going round; at least half of the slots are free.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    slots: Vec<Option<Counted>>,
    taken: usize,
}

/// Remains when the last instance has gone, until the table is made anew.
#[derive(Debug, Clone, Copy)]
struct Counted {
    row: u32,
    count: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, row: u32) {
        if self.slots.len() < 2 * (self.taken + 1) {
            self.make_anew();
        }
        let slot = self.slot_of(row);
        match &mut self.slots[slot] {
            Some(counted) => counted.count += 1,
            empty => {
                *empty = Some(Counted { row, count: 1 });
                self.taken += 1;
            }
        }
    }

    /// One has gone; false when none was there.
    pub(crate) fn remove(&mut self, row: u32) -> bool {
        if self.slots.is_empty() {
            return false;
        }
        let slot = self.slot_of(row);
        match &mut self.slots[slot] {
            Some(counted) if counted.count > 0 => {
                counted.count -= 1;
                true
            }
            _ => false,
        }
    }

    /// Rows with instances and how many, in no order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let counted = self.slots.iter().flatten().filter(|counted| counted.count > 0);
        counted.map(|Counted { row, count }| (*row, *count))
    }

    /// Where a row is, or would be.
    fn slot_of(&self, row: u32) -> usize {
        let mut hasher = Mixing::default();
        hasher.write_u64(row.into());
        let mask = self.slots.len() - 1;
        let mut slot = hasher.finish() as usize & mask;
        while self.slots[slot].is_some_and(|counted| counted.row != row) {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn make_anew(&mut self) {
        let rows: Vec<(u32, u32)> = self.rows().collect();
        let slots = (4 * rows.len()).next_power_of_two().max(SLOTS);
        *self = Self { slots: vec![None; slots], taken: rows.len() };
        for (row, count) in rows {
            let slot = self.slot_of(row);
            self.slots[slot] = Some(Counted { row, count });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn rows_are_counted_as_they_come_and_go() {
        let (mut tally, mut simple) = (Tally::default(), BTreeMap::<u32, u32>::new());
        for step in 0_u32..5_000 {
            // Rows come and go for good, and some go that never came.
            let row = step / 50 + step * step % 37;
            if step % 5 < 3 {
                tally.add(row);
                *simple.entry(row).or_default() += 1;
            } else {
                let is_there = simple.get(&row).is_some_and(|count| *count > 0);
                assert_eq!(tally.remove(row), is_there, "step {step}");
                simple.entry(row).and_modify(|count| *count = count.saturating_sub(1));
            }
            let mut rows: Vec<(u32, u32)> = tally.rows().collect();
            rows.sort_unstable();
            let counted = simple.iter().filter(|(_, count)| **count > 0).map(|(row, count)| (*row, *count));
            assert_eq!(rows, counted.collect::<Vec<_>>(), "step {step}");
        }
    }
}
