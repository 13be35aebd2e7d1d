//! A hash for tables that live as long as a scratch or a cache: quick, and the same on every machine. It protects from nobody who looks
//! for two texts of one hash; these only make a table slower.

use std::hash::Hasher;

/// Multiplies and folds.
#[derive(Default)]
pub(crate) struct Mixing(u64);

impl Hasher for Mixing {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.write_u64(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    #[test]
    fn texts_that_differ_in_one_place_have_different_hashes() {
        let hash = |text: &str| {
            let mut hasher = Mixing::default();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let hashes = ["", "a", "b", "ab", "ba", "/class-10", "/class-11", "/class-110", "/class-111"].map(hash);
        for (index, one) in hashes.iter().enumerate() {
            assert!(!hashes[index + 1..].contains(one), "hash {index}");
        }
        assert_eq!(hash("/class-10"), hashes[5]);
    }
}
