//! Amounts in 16 bits, so that twice as many are compared at once: exact below 2,048, and rounded down by less than a thousandth
//! above. Who has too little by its level has too little; who has enough by its level is asked again.

use crate::columns::NARROW_COLUMNS;

/// The narrow columns, and one of keys.
pub(crate) const LEVELS: usize = NARROW_COLUMNS + 1;
const KEY: usize = NARROW_COLUMNS;
/// As the level of a key: of who has none.
const NO_KEY: i16 = i16::MIN;

/// An agent's: of what it has, and of its key, the higher the lower that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Levels([i16; LEVELS]);

/// What an agent must have at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    /// Columns and levels; of the others, nothing is needed.
    needed: [(u8, i16); LEVELS],
    len: u8,
}

/// Amounts below 2^11 are their own level; above, levels are as dense as their first eleven binary places tell apart.
const EXACT_BITS: u32 = 11;

/// Never decreases; nothing, and less than nothing, is 0.
const fn level(amount: u32) -> i16 {
    let shift = (u32::BITS - amount.leading_zeros()).saturating_sub(EXACT_BITS);
    ((shift << (EXACT_BITS - 1)) + (amount >> shift)) as i16
}

impl Levels {
    pub(crate) const NOBODY: Self = Self([NO_KEY; LEVELS]);

    pub(crate) fn of(key: u32, amounts: &[i32; NARROW_COLUMNS]) -> Self {
        let mut levels = [-level(key); LEVELS];
        for (level, amount) in levels.iter_mut().zip(amounts) {
            *level = self::level((*amount).max(0) as u32);
        }
        Self(levels)
    }

    pub(crate) const fn from_columns(levels: [i16; LEVELS]) -> Self {
        Self(levels)
    }

    pub(crate) const fn columns(&self) -> &[i16; LEVELS] {
        &self.0
    }

    pub(crate) const fn is_nobody(&self) -> bool {
        self.0[KEY] == NO_KEY
    }
}

impl Least {
    pub(crate) fn of(amounts: &[i32; NARROW_COLUMNS]) -> Self {
        let mut least = Self { needed: [(0, 0); LEVELS], len: 0 };
        for (column, amount) in amounts.iter().enumerate().filter(|(_, amount)| **amount > 0) {
            least.push(column, level(*amount as u32));
        }
        least
    }

    /// And a key not far beyond this one.
    pub(crate) fn and_key(mut self, key: u32) -> Self {
        self.push(KEY, -level(key));
        self
    }

    fn push(&mut self, column: usize, level: i16) {
        self.needed[usize::from(self.len)] = (column as u8, level);
        self.len += 1;
    }

    /// Columns, and levels.
    pub(crate) fn needed(&self) -> impl Iterator<Item = (usize, i16)> + '_ {
        self.needed[..usize::from(self.len)].iter().map(|(column, level)| (usize::from(*column), *level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_never_decrease_and_tell_small_amounts_apart() {
        let powers = (0..32).map(|bit| 1_u32 << bit);
        let mut amounts: Vec<u32> = powers.flat_map(|power| [power - 1, power, power + power / 3]).collect();
        amounts.extend(0..5_000);
        amounts.push(u32::MAX);
        amounts.sort_unstable();
        let of_all: Vec<i16> = amounts.iter().map(|amount| level(*amount)).collect();
        assert!(of_all.is_sorted() && of_all[0] == 0);
        assert!((0..2_048).all(|amount| level(amount) == amount as i16));
        assert!(level(1_000_000) < level(1_001_000));
        let levels = Levels::of(9, &[-5, 0, 1, i32::MIN, i32::MAX, 7]);
        assert_eq!(levels.columns(), &[0, 0, 1, 0, level(i32::MAX as u32), 7, -9]);
        assert!(!levels.is_nobody() && !Levels::of(u32::MAX, &[0; NARROW_COLUMNS]).is_nobody());
    }
}
