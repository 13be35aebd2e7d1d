//! How an app's instances are spread over the texts of a field: `GROUP_BY` and `MAX_PER`.
//!
//! A group is a text that an instance stands on. Instances on agents without the field are in no group: only an agent that
//! came back without it can have them, and they would keep the smallest group small for ever.

use super::texts::TextSet;

/// Counts by the numbers of texts.
#[derive(Debug, Clone)]
pub(super) struct Counts(Vec<u32>);

impl Counts {
    pub(super) fn none(texts: usize) -> Self {
        Self(vec![0; texts + 1])
    }

    /// The new count.
    pub(super) fn add(&mut self, number: u32, instances: u32) -> u32 {
        let count = &mut self.0[number as usize];
        *count += instances;
        *count
    }

    fn texts(&self) -> usize {
        self.0.len() - 1
    }

    fn of(&self, number: u32) -> u32 {
        self.0[number as usize]
    }

    fn groups(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied().filter(|count| *count > 0)
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        1..self.0.len() as u32
    }
}

/// Which texts `GROUP_BY` allows: one without an instance always, another one when it is one of the smallest groups and
/// there are enough groups.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    counts: Counts,
    /// Until there are so many groups, none may grow.
    least: usize,
    groups: usize,
    /// The instances of the smallest groups, and how many groups are that small.
    fewest: u32,
    smallest: usize,
    /// Without a number of groups: texts that agents have and no instance stands on. They come first while one of them can be
    /// had at all, for which there is [`Groups::without_wishes`].
    wished: TextSet,
}

impl Groups {
    /// `seen` gives the texts of agents that could be chosen; it is asked for only without a number of groups.
    pub(super) fn new(counts: Counts, least: Option<u32>, seen: impl FnOnce() -> TextSet) -> Self {
        let wished = least.map_or_else(seen, |_| TextSet::none(counts.texts()));
        let least = least.map_or(0, |least| least as usize);
        let mut groups = Self { counts, least, groups: 0, fewest: 0, smallest: 0, wished };
        groups.take_stock();
        for number in groups.counts.numbers().filter(|number| groups.counts.of(*number) > 0) {
            groups.wished.remove(number);
        }
        groups
    }

    fn take_stock(&mut self) {
        self.groups = self.counts.groups().count();
        self.fewest = self.counts.groups().min().unwrap_or_default();
        self.smallest = self.counts.groups().filter(|count| *count == self.fewest).count();
    }

    pub(super) fn allowed(&self) -> TextSet {
        if !self.wished.is_empty() {
            return self.wished.clone();
        }
        let mut allowed = TextSet::none(self.counts.texts());
        for number in self.counts.numbers().filter(|number| self.may_grow(*number)) {
            allowed.insert(number);
        }
        allowed
    }

    fn may_grow(&self, number: u32) -> bool {
        let count = self.counts.of(number);
        count == 0 || (self.groups >= self.least && count == self.fewest)
    }

    /// One instance more on this text, and what that means for the texts that are allowed.
    pub(super) fn follow(&mut self, number: u32, allowed: &mut TextSet) {
        let had_wishes = !self.wished.is_empty();
        self.wished.remove(number);
        let is_the_same_for_others = match self.counts.add(number, 1) {
            1 if self.fewest == 1 => {
                self.groups += 1;
                self.smallest += 1;
                self.groups != self.least
            }
            count if count - 1 == self.fewest && self.smallest > 1 => {
                self.smallest -= 1;
                true
            }
            _ => {
                self.take_stock();
                false
            }
        };
        if had_wishes || !is_the_same_for_others {
            *allowed = self.allowed();
        } else if self.may_grow(number) {
            allowed.insert(number);
        } else {
            allowed.remove(number);
        }
    }

    /// The same without what comes first; None when nothing does.
    pub(super) fn without_wishes(&self) -> Option<Self> {
        if self.wished.is_empty() {
            return None;
        }
        let wished = TextSet::none(self.counts.texts());
        Some(Self { wished, ..self.clone() })
    }
}
