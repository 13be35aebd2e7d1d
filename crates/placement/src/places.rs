//! The numbers of apps, in the order in which they were asked for. Must not know what is kept of an app.

use std::hash::{Hash, Hasher};

use model::AppId;

use crate::mixing::Mixing;

/// A table of so many slots to begin with; a power of two, as ever.
const SLOTS: usize = 16;
/// In a slot: no app.
const NONE: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By number, with the hash of each.
    apps: Vec<(u64, AppId)>,
    /// Numbers. An app is in the first free slot from its hash on, going round; at least half of the slots are free.
    slots: Vec<u32>,
}

impl Places {
    /// The number of an app; a new one gets the next.
    pub(crate) fn of(&mut self, app: &AppId) -> usize {
        if self.slots.len() < 2 * (self.apps.len() + 1) {
            self.grow();
        }
        let mut hasher = Mixing::default();
        app.as_str().hash(&mut hasher);
        let hash = hasher.finish();
        let mut slot = self.first_slot(hash);
        while self.slots[slot] != NONE {
            let number = self.slots[slot] as usize;
            let (known_hash, known) = &self.apps[number];
            if *known_hash == hash && known == app {
                return number;
            }
            slot = self.next(slot);
        }
        self.slots[slot] = self.apps.len() as u32;
        self.apps.push((hash, app.clone()));
        self.apps.len() - 1
    }

    fn first_slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        self.slots = vec![NONE; (2 * self.slots.len()).max(SLOTS)];
        for number in 0..self.apps.len() {
            let mut slot = self.first_slot(self.apps[number].0);
            while self.slots[slot] != NONE {
                slot = self.next(slot);
            }
            self.slots[slot] = number as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_keep_their_numbers() {
        let apps: Vec<AppId> = (0..200).map(|app| AppId::parse(&format!("/app-{app}")).expect("a path")).collect();
        let mut places = Places::default();
        for (number, app) in apps.iter().enumerate() {
            assert_eq!(places.of(app), number);
            assert_eq!(places.of(&apps[number / 2]), number / 2);
        }
    }
}
