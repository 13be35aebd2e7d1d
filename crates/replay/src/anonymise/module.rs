//! WebAssembly modules without what is not run: names of functions, what made them, where they were made.

use std::sync::Arc;

use model::ModuleBytes;

/// The magic word and the version.
const HEADER_BYTES: usize = 8;
/// Sections of this number are for people and tools.
const CUSTOM: u8 = 0;

/// The module without its custom sections; nothing at all when it is no module.
pub(super) fn stripped(bytes: &ModuleBytes) -> ModuleBytes {
    ModuleBytes(sections(&bytes.0).map_or_else(|| Arc::from([]), Arc::from))
}

fn sections(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES).filter(|(header, _)| header.starts_with(b"\0asm"))?;
    let mut kept = header.to_vec();
    while let Some((id, body)) = rest.split_first() {
        let (length, taken) = length(body)?;
        let (section, after) = rest.split_at_checked(1 + taken + length)?;
        if *id != CUSTOM {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Some(kept)
}

/// A number in LEB128, and how many bytes it takes.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u32;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_for_people_are_left_out_and_no_others() {
        let header = *b"\0asm\x01\0\0\0";
        let (custom, types) = ([0, 5, 4, b'n', b'a', b'm', b'e'], [1, 4, 1, 0x60, 0, 0]);
        let mut long = vec![0, 0x80, 0x01];
        long.extend([7; 128]);
        let whole = [&header[..], &custom, &types, &long].concat();
        let told = |bytes: &[u8]| stripped(&ModuleBytes(bytes.into())).0.to_vec();
        assert_eq!(told(&whole), [&header[..], &types].concat());
        for broken in [&whole[..whole.len() - 1], b"(module)", b""] {
            assert_eq!(told(broken), Vec::<u8>::new(), "{broken:?}");
        }
    }
}
