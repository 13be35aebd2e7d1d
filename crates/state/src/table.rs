//! An ordered table that keeps a hash of its rows as they change.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

/// How many rows may wait to be hashed where nobody says otherwise. It bounds what asking for the hash costs.
const UNHASHED_LIMIT: usize = 1_024;

/// Rows by key. The sum of the rows' hashes is kept, so that the hash of a large state costs only what changed.
///
/// Hashing is most of the work of a change, and many rows change again, or are gone, before anybody asks for the hash. So
/// rows that changed wait until somebody does, or until they are too many.
#[derive(Debug, Clone)]
pub struct Table<K, V> {
    /// Copies of a table share its rows until either changes them.
    rows: BTreeMap<K, Arc<Row<V>>>,
    /// Of the rows that do not wait.
    sum: u128,
    /// The keys of the rows that wait, and those of rows that are gone or were hashed meanwhile.
    unhashed: Vec<K>,
    /// Whether a row that waits may be named there twice.
    has_doubles: bool,
    /// Whether more rows may wait than usual.
    is_late: bool,
    touched: Touched<K>,
}

#[derive(Debug, Clone)]
struct Row<V> {
    value: V,
    /// Zero while the row waits.
    hash: u128,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        let (rows, unhashed) = (BTreeMap::new(), Vec::new());
        Self { rows, sum: 0, unhashed, has_doubles: false, is_late: false, touched: Touched(None) }
    }
}

/// The keys that changed since somebody asked; None while nobody does.
#[derive(Debug)]
struct Touched<K>(Option<BTreeSet<K>>);

impl<K: Ord + Clone> Touched<K> {
    fn touch(&mut self, key: &K) {
        if let Some(touched) = &mut self.0
            && !touched.contains(key)
        {
            touched.insert(key.clone());
        }
    }
}

/// Nobody asks a copy, and what is never asked for would only grow.
impl<K> Clone for Touched<K> {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl<K: Ord + Clone + Serialize, V: Clone + Serialize> Table<K, V> {
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.rows.get(key).map(|row| &row.value)
    }

    #[must_use]
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.rows.contains_key(key)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, row)| (key, &row.value))
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.rows.keys()
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values().map(|row| &row.value)
    }

    pub fn range(&self, keys: impl std::ops::RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(keys).map(|(key, row)| (key, &row.value))
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.hash_if_too_many_wait();
        self.touched.touch(&key);
        self.unhashed.push(key.clone());
        if let Some(old) = self.rows.insert(key, Arc::new(Row { value, hash: 0 })) {
            self.forget_hash(old.hash);
        }
    }

    /// As `insert`, with the row's hash from [`hash_of`].
    pub(crate) fn insert_hashed(&mut self, key: K, value: V, hash: u128) {
        self.touched.touch(&key);
        self.sum = self.sum.wrapping_add(hash);
        if let Some(old) = self.rows.insert(key, Arc::new(Row { value, hash })) {
            self.forget_hash(old.hash);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.touched.touch(key);
        self.forget_hash(row.hash);
        Some(Arc::unwrap_or_clone(row).value)
    }

    /// Of a row that is gone. If it waited, its key stays behind, and may come again.
    fn forget_hash(&mut self, hash: u128) {
        self.sum = self.sum.wrapping_sub(hash);
        self.has_doubles |= hash == 0;
    }

    /// Changes a row in place; nothing happens when there is none.
    pub(crate) fn update(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        let _row = self.change(key, change);
    }

    /// As `update`: what the change gives, and the row as it is then.
    pub(crate) fn change<T>(&mut self, key: &K, change: impl FnOnce(&mut V) -> T) -> Option<(T, &V)> {
        self.hash_if_too_many_wait();
        let row = Arc::make_mut(self.rows.get_mut(key)?);
        let changed = change(&mut row.value);
        let hash = std::mem::take(&mut row.hash);
        if hash != 0 {
            self.sum = self.sum.wrapping_sub(hash);
            self.unhashed.push(key.clone());
        }
        self.touched.touch(key);
        Some((changed, &row.value))
    }

    /// Before one more may have to wait.
    fn hash_if_too_many_wait(&mut self) {
        // Most of the keys may be of rows that are gone.
        let more = if self.is_late { 2 * self.rows.len() } else { 0 };
        if self.unhashed.len() >= UNHASHED_LIMIT + more {
            self.hash_changes();
        }
    }

    /// Lets all rows wait that change, or only as many as before.
    pub(crate) fn hash_late(&mut self, late: bool) {
        self.is_late = late;
    }

    /// Hashes the rows that wait.
    pub(crate) fn hash_changes(&mut self) {
        for key in self.unhashed.drain(..) {
            if let Some(row) = self.rows.get_mut(&key).filter(|row| row.hash == 0) {
                let row = Arc::make_mut(row);
                row.hash = hash_of(&key, &row.value);
                self.sum = self.sum.wrapping_add(row.hash);
            }
        }
        self.has_doubles = false;
    }

    /// Begins, or ends, to remember which keys change.
    pub(crate) fn track(&mut self, on: bool) {
        self.touched.0 = on.then(BTreeSet::new);
    }

    /// What changed since this was last called, with the rows as they are now; None for one that was removed.
    pub(crate) fn take_touched(&mut self) -> impl Iterator<Item = (K, Option<&V>)> {
        let touched = self.touched.0.as_mut().map(std::mem::take).unwrap_or_default();
        touched.into_iter().map(|key| {
            let value = self.rows.get(&key).map(|row| &row.value);
            (key, value)
        })
    }

    pub(crate) fn sum(&self) -> u128 {
        let hash_now = |key: &K| self.rows.get(key).filter(|row| row.hash == 0).map(|row| hash_of(key, &row.value));
        if self.has_doubles {
            let keys: BTreeSet<&K> = self.unhashed.iter().collect();
            return keys.into_iter().filter_map(hash_now).fold(self.sum, u128::wrapping_add);
        }
        self.unhashed.iter().filter_map(hash_now).fold(self.sum, u128::wrapping_add)
    }

    /// The sum made anew from the rows, for checks.
    pub(crate) fn recomputed_sum(&self) -> u128 {
        self.rows.iter().fold(0, |sum, (key, row)| sum.wrapping_add(hash_of(key, &row.value)))
    }
}

/// What most rows have room in.
const ROW_BYTES: usize = 1_024;

/// Written as a whole and then hashed: the hasher is slow when it is fed a few bytes at a time.
///
/// The hash finds what was folded differently or was damaged; nothing that somebody could forge is believed by it. So it is a fast
/// one.
pub(crate) fn hash_of<K: Serialize, V: Serialize>(key: &K, value: &V) -> u128 {
    let mut row = Vec::with_capacity(ROW_BYTES);
    rmp_serde::encode::write(&mut row, &(key, value)).expect("rows are plain data");
    xxh3_128(&row)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever happens to rows while they wait, the sum is that of the rows that are there.
    #[test]
    fn the_sum_is_that_of_the_rows() {
        let mut table = Table::<u64, u64>::default();
        let mut dice = 1_u64;
        for step in 0..60_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (dice >> 33) % 3_000;
            match (dice >> 60) % 8 {
                0..=2 => table.insert(key, step),
                3 => table.insert_hashed(key, step, hash_of(&key, &step)),
                4 | 5 => table.update(&key, |value| *value += 1),
                6 => drop(table.remove(&key)),
                _ if step % 4_096 == 0 => table.hash_changes(),
                _ => {}
            }
            assert!(table.unhashed.len() <= UNHASHED_LIMIT);
            if step % 97 == 0 {
                assert_eq!(table.sum(), table.recomputed_sum(), "after step {step}");
            }
        }
        let (sum, waiting) = (table.sum(), table.unhashed.len());
        assert!(waiting > 0 && !table.is_empty(), "nothing waits at the end, so that nothing was shown");
        table.hash_changes();
        assert_eq!((table.sum(), table.sum), (sum, sum));
    }

    #[test]
    fn a_copy_shares_rows_until_either_changes_them() {
        let mut table = Table::<u64, String>::default();
        (0..10).for_each(|key| table.insert(key, format!("row {key}")));
        table.hash_changes();
        let mut copy = table.clone();
        copy.update(&3, |row| row.push_str(", changed"));
        table.remove(&4);
        assert_eq!((table.get(&3), copy.get(&3)), (Some(&"row 3".to_owned()), Some(&"row 3, changed".to_owned())));
        assert_eq!((table.get(&4), copy.get(&4)), (None, Some(&"row 4".to_owned())));
        assert_eq!((table.sum(), copy.sum()), (table.recomputed_sum(), copy.recomputed_sum()));
    }

    #[test]
    fn a_table_that_hashes_late_lets_all_rows_wait() {
        let many = 3 * UNHASHED_LIMIT as u64;
        let mut table = Table::<u64, u64>::default();
        table.hash_late(true);
        (0..many).for_each(|key| table.insert(key, 0));
        (0..many).for_each(|key| table.update(&key, |value| *value += 1));
        assert_eq!(table.unhashed.len() as u64, many, "a row that waits was named twice, or one was hashed");
        table.hash_late(false);
        table.update(&0, |value| *value += 1);
        assert!(table.unhashed.len() <= UNHASHED_LIMIT);
        assert_eq!(table.sum(), table.recomputed_sum());
    }
}
