//! Sets of a field's texts, by number.

use std::collections::BTreeMap;

use super::rule;
use crate::fields::{ABSENT, Field};

/// A set of numbers of one field: those of its texts, and [`ABSENT`] for "an agent without the field".
#[derive(Debug, Clone)]
pub(super) struct TextSet(Vec<u64>);

impl TextSet {
    /// Nothing, of a field with so many texts.
    pub(super) fn none(texts: usize) -> Self {
        Self(vec![0; texts / 64 + 1])
    }

    pub(super) fn of(field: &Field, is_in: impl Fn(&str) -> bool) -> Self {
        let mut set = Self::none(field.texts().len());
        for (number, text) in (1_u32..).zip(field.texts()) {
            if is_in(text) {
                set.insert(number);
            }
        }
        set
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        self.0[number as usize / 64] >> (number % 64) & 1 != 0
    }

    pub(super) fn insert(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.0[number as usize / 64] &= !(1 << (number % 64));
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn keep_only(&mut self, number: u32) {
        let kept = self.contains(number);
        self.clear();
        if kept {
            self.insert(number);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The texts that are not in it, and agents without the field.
    pub(super) fn complement(&self, texts: usize) -> Self {
        let mut others = Self::none(texts);
        for number in (ABSENT..).take(texts + 1) {
            if number == ABSENT || !self.contains(number) {
                others.insert(number);
            }
        }
        others
    }
}

/// What regular expressions have matched, by field and pattern, so that each is compiled once per scratch.
#[derive(Debug, Default)]
pub(crate) struct Matched(BTreeMap<(String, String), TextSet>);

impl Matched {
    /// The texts that the pattern matches. None when it does not compile, which should have been said long before.
    pub(super) fn texts(&mut self, field: &Field, name: &str, pattern: &str) -> Option<TextSet> {
        let key = (name.to_owned(), pattern.to_owned());
        if let Some(matched) = self.0.get(&key) {
            return Some(matched.clone());
        }
        let regex = rule::compile(pattern).ok()?;
        let matched = TextSet::of(field, |text| regex.is_match(text));
        self.0.insert(key, matched.clone());
        Some(matched)
    }
}
