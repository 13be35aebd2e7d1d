//! Agents side by side, so that all of them are compared with what is needed at once. Must not know why they are together.

use std::ops::Range;

use crate::levels::{LEVELS, Least, Levels};

/// How many agents are compared at once: as many as a mask has bits.
pub(crate) const BLOCK: usize = u64::BITS as usize;
/// How many are compared when few are asked for.
const PART: usize = 16;

#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// A key, and the row below it.
    pub(crate) keys: [u64; BLOCK],
    levels: [[i16; BLOCK]; LEVELS],
}

/// A key with its row: the order of these is the order of keys, and of rows among equals.
pub(crate) const fn joined(key: u32, row: usize) -> u64 {
    (key as u64) << 32 | row as u64
}

pub(crate) const fn key_of(joined: u64) -> u32 {
    (joined >> 32) as u32
}

pub(crate) const fn row_of(joined: u64) -> usize {
    joined as u32 as usize
}

impl Block {
    pub(crate) const EMPTY: Self = Self { keys: [0; BLOCK], levels: [[0; BLOCK]; LEVELS] };

    pub(crate) fn set(&mut self, place: usize, key: u64, levels: &Levels) {
        self.keys[place] = key;
        for (column, level) in self.levels.iter_mut().zip(levels.columns()) {
            column[place] = *level;
        }
    }

    pub(crate) fn levels_at(&self, place: usize) -> Levels {
        Levels::from_columns(self.levels.each_ref().map(|column| column[place]))
    }

    /// Those of these places that have what is needed, as far as levels tell: a bit for each.
    pub(crate) fn fitting(&self, least: &Least, places: Range<usize>) -> u64 {
        let start = places.start / PART * PART;
        let fitting = match places.end <= start + PART {
            true => bits(&self.compare::<PART>(least, start)).checked_shl(start as u32).unwrap_or(0),
            false => bits(&self.compare::<BLOCK>(least, 0)),
        };
        let before_end = u64::MAX.checked_shr((BLOCK - places.end) as u32).unwrap_or(0);
        fitting & before_end & u64::MAX.checked_shl(places.start as u32).unwrap_or(0)
    }

    /// All ones for those of `N` places that have what is needed, or else zero.
    fn compare<const N: usize>(&self, least: &Least, start: usize) -> [i16; N] {
        let mut ok = [-1; N];
        for (column, least) in least.needed() {
            for (ok, level) in ok.iter_mut().zip(&self.levels[column][start..]) {
                *ok &= -i16::from(*level >= least);
            }
        }
        ok
    }
}

/// A bit for each that is not zero.
fn bits<const N: usize>(ok: &[i16; N]) -> u64 {
    // The products of this factor and bytes that are 0 or 1 have all of them side by side in their highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    // As a rule nobody has what is needed, and that is quickly seen.
    if ok.iter().fold(0, |any, ok| any | ok) == 0 {
        return 0;
    }
    let mut bytes = [0; N];
    for (byte, ok) in bytes.iter_mut().zip(ok) {
        *byte = *ok as u8 & 1;
    }
    let (words, _) = bytes.as_chunks();
    let of_word = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56;
    words.iter().enumerate().fold(0, |bits, (place, word)| bits | of_word(word) << (place * 8))
}

/// The places of the bits, from the lowest on.
pub(crate) fn places(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (place < BLOCK).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_says_who_has_enough_of_everything() {
        let mut block = Block::EMPTY;
        for place in 0..BLOCK {
            block.set(place, 0, &Levels::of(100 + place as u32, &[place as i32, 3, 0, 0, 0, (BLOCK - place) as i32]));
        }
        let fitting = |least: Least, range| places(block.fitting(&least, range)).collect::<Vec<usize>>();
        let nothing = Least::of(&[0, i32::MIN, 0, 0, 0, 0]);
        for range in [0..BLOCK, 0..0, 3..3, 5..6, 7..9, 8..16, 17..BLOCK, BLOCK..BLOCK] {
            assert_eq!(fitting(nothing, range.clone()), range.clone().collect::<Vec<usize>>(), "{range:?}");
        }
        assert_eq!(fitting(Least::of(&[9, 3, 0, 0, 0, 50]), 0..BLOCK), [9, 10, 11, 12, 13, 14]);
        assert_eq!(fitting(Least::of(&[9, 3, 0, 0, 0, 50]).and_key(110), 10..BLOCK), [10]);
        assert_eq!(fitting(Least::of(&[63, 0, 0, 0, 0, 0]), 0..BLOCK), [63]);
        assert!(fitting(Least::of(&[0, 4, 0, 0, 0, 0]), 0..BLOCK).is_empty());
    }
}
