//! Checks RocksDB's write-ahead logs before RocksDB reads them, and cuts off a write that was torn.
//!
//! RocksDB alone cannot be trusted here: damage that looks like the end of the file, a changed length or a stretch of
//! zeros, ends its recovery without a word, and with it go records that were acknowledged. So this module keeps three cases
//! apart. *Whole*: every byte belongs to a valid entry. *Torn*: no entry begins behind the damage, and the damage is what a
//! machine leaves that stopped during a write: the entry ends too early, or part of it is zeros. It was never
//! acknowledged, and is cut off. *Damaged*: anything else.
//!
//! A log consists of blocks; an entry is one fragment, or several if it crosses blocks. A fragment is a masked CRC-32C
//! of all behind the length, a length, a type and the data; no fragment crosses blocks.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
/// Some types have a log number behind the header. The CRC covers it, but the length does not count it.
const LOG_NUMBER_BYTES: usize = 4;
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;
const WITH_LOG_NUMBER: [u8; 6] = [5, 6, 7, 8, 11, 131];
const CRC_MASK: u32 = 0xa282_ead8;
/// Disks write sectors as a whole.
const SECTOR_BYTES: usize = 512;
/// Fewer zeros than this at an edge of the entry may well be its data.
const MIN_HOLE_BYTES: usize = 16;

#[derive(Debug, thiserror::Error)]
pub(super) enum WalError {
    #[error(
        "its write-ahead log {} has changed at byte {offset}, {}", .file.display(),
        if *.followed { "and there are valid entries behind it" } else { "and that is not what a torn write looks like" }
    )]
    Damaged { file: PathBuf, offset: usize, followed: bool },
    #[error("its write-ahead log cannot be checked: {0}")]
    Io(#[from] io::Error),
}

/// Checks all logs in the folder; cuts off a torn write behind which nothing was written.
pub(super) fn mend(folder: &Path) -> Result<(), WalError> {
    let mut torn = Vec::new();
    for file in logs(folder)? {
        let verdict = judge(&fs::read(&file)?);
        if let Some((file, offset)) = torn.pop_if(|_| verdict.has_entries()) {
            return Err(WalError::Damaged { file, offset, followed: true });
        }
        match verdict {
            Verdict::Whole { .. } => {}
            Verdict::Torn { offset, .. } => torn.push((file, offset)),
            Verdict::Damaged { offset, followed } => return Err(WalError::Damaged { file, offset, followed }),
        }
    }
    for (file, offset) in torn {
        tracing::warn!(file = %file.display(), offset, "a write was under way when the log was last open; it is dropped");
        let file = OpenOptions::new().write(true).open(file)?;
        file.set_len(u64::try_from(offset).expect("a file's length is a u64"))?;
        file.sync_all()?;
    }
    Ok(())
}

/// How far the logs of a folder may be read.
pub(super) enum End {
    Whole,
    /// Up to `offset` of a file, and no later file. `damage` says why, unless it was a torn write, which never counted.
    Cut {
        file: PathBuf,
        offset: usize,
        damage: Option<String>,
    },
}

/// Checks all logs in the folder, and changes nothing. Somebody may be writing to the newest one.
pub(super) fn end(folder: &Path) -> Result<End, WalError> {
    let mut torn: Option<(PathBuf, usize)> = None;
    for file in logs(folder)? {
        let bytes = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes?,
        };
        let verdict = judge(&bytes);
        if let Some((file, offset)) = torn.take_if(|_| verdict.has_entries()) {
            let damage = Some(WalError::Damaged { file: file.clone(), offset, followed: true }.to_string());
            return Ok(End::Cut { file, offset, damage });
        }
        match verdict {
            Verdict::Whole { .. } => {}
            Verdict::Torn { offset, .. } => torn = torn.or(Some((file, offset))),
            Verdict::Damaged { offset, followed } => {
                let damage = Some(WalError::Damaged { file: file.clone(), offset, followed }.to_string());
                return Ok(End::Cut { file, offset, damage });
            }
        }
    }
    Ok(torn.map_or(End::Whole, |(file, offset)| End::Cut { file, offset, damage: None }))
}

/// The number of a write-ahead log; None for another file.
pub(super) fn number(path: &Path) -> Option<u64> {
    let is_log = path.extension().is_some_and(|extension| extension == "log");
    path.file_stem().filter(|_| is_log)?.to_str()?.parse().ok()
}

/// The write-ahead logs, oldest first.
pub(super) fn logs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        logs.extend(number(&path).map(|number| (number, path)));
    }
    logs.sort();
    Ok(logs.into_iter().map(|(_, path)| path).collect())
}

/// What one log is, see above. `entries` counts those before the damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Whole { entries: usize },
    Torn { entries: usize, offset: usize },
    Damaged { offset: usize, followed: bool },
}

impl Verdict {
    fn has_entries(&self) -> bool {
        !matches!(self, Self::Whole { entries: 0 } | Self::Torn { entries: 0, .. })
    }
}

fn judge(bytes: &[u8]) -> Verdict {
    let Scan { entries, whole_until } = scan(bytes);
    let Some(offset) = whole_until else { return Verdict::Whole { entries } };
    let followed = has_beginning(bytes, offset + 1);
    if !followed && looks_torn(bytes, offset) {
        Verdict::Torn { entries, offset }
    } else {
        Verdict::Damaged { offset, followed }
    }
}

struct Scan {
    entries: usize,
    /// Where the entry begins that is not whole; None if all are.
    whole_until: Option<usize>,
}

fn scan(bytes: &[u8]) -> Scan {
    let (mut offset, mut entries) = (0, 0);
    let mut begun = None;
    loop {
        let left_in_block = BLOCK_BYTES - offset % BLOCK_BYTES;
        if left_in_block < HEADER_BYTES {
            offset += left_in_block;
            continue;
        }
        if offset >= bytes.len() {
            return Scan { entries, whole_until: begun };
        }
        let Some(fragment) = Fragment::read(bytes, offset) else {
            return Scan { entries, whole_until: Some(begun.unwrap_or(offset)) };
        };
        match (fragment.kind, begun) {
            (FIRST, None) => begun = Some(offset),
            (MIDDLE, Some(_)) => {}
            (LAST, Some(_)) => {
                begun = None;
                entries += 1;
            }
            // Other types are RocksDB's own notes, whole in one fragment each.
            (kind, None) if kind != MIDDLE && kind != LAST => entries += usize::from(kind == FULL),
            (_, begun) => return Scan { entries, whole_until: Some(begun.unwrap_or(offset)) },
        }
        offset += fragment.bytes;
    }
}

struct Fragment {
    kind: u8,
    /// With the header.
    bytes: usize,
}

impl Fragment {
    /// The fragment at `offset`, if it is whole.
    fn read(bytes: &[u8], offset: usize) -> Option<Self> {
        let block_end = (offset / BLOCK_BYTES + 1) * BLOCK_BYTES;
        let rest = bytes.get(offset..block_end.min(bytes.len()))?;
        let header = rest.get(..HEADER_BYTES)?;
        let stored = u32::from_le_bytes(header[..4].try_into().ok()?);
        let kind = header[6];
        let note_bytes = if WITH_LOG_NUMBER.contains(&kind) { LOG_NUMBER_BYTES } else { 0 };
        let length = HEADER_BYTES + note_bytes + usize::from(u16::from_le_bytes([header[4], header[5]]));
        let covered = rest.get(HEADER_BYTES - 1..length)?;
        (kind != 0 && masked_crc(covered) == stored).then_some(Self { kind, bytes: length })
    }
}

/// Whether any entry begins at or behind `from`. Looks at every byte, as lengths cannot be trusted any more.
fn has_beginning(bytes: &[u8], from: usize) -> bool {
    (from..bytes.len().saturating_sub(HEADER_BYTES)).any(|offset| {
        let kind = bytes[offset + HEADER_BYTES - 1];
        (kind == FULL || kind == FIRST) && Fragment::read(bytes, offset).is_some()
    })
}

/// Whether the entry at `offset`, behind which none begins, is one that a stopped machine had not written to its end.
fn looks_torn(bytes: &[u8], offset: usize) -> bool {
    ends_early(bytes, offset) || (!ends_before_the_log(bytes, offset) && has_hole(bytes, offset))
}

/// A write that was under way is the last thing in the log.
fn ends_before_the_log(bytes: &[u8], offset: usize) -> bool {
    let Some(header) = bytes.get(offset..offset + HEADER_BYTES) else { return false };
    let end = offset + HEADER_BYTES + usize::from(u16::from_le_bytes([header[4], header[5]]));
    header[6] == FULL && end < bytes.len()
}

/// Follows the lengths of the entry's fragments to the end of the file.
fn ends_early(bytes: &[u8], mut offset: usize) -> bool {
    while let Some(fragment) = Fragment::read(bytes, offset) {
        if fragment.kind == FULL || fragment.kind == LAST {
            return false;
        }
        offset += fragment.bytes;
        let left_in_block = BLOCK_BYTES - offset % BLOCK_BYTES;
        if left_in_block < HEADER_BYTES {
            offset += left_in_block;
        }
    }
    let block_end = (offset / BLOCK_BYTES + 1) * BLOCK_BYTES;
    let Some(header) = bytes.get(offset..offset + HEADER_BYTES) else { return true };
    let end = offset + HEADER_BYTES + usize::from(u16::from_le_bytes([header[4], header[5]]));
    let stored = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    // With all its data there, it is the length that has changed.
    let data_is_whole = masked_crc(&bytes[offset + HEADER_BYTES - 1..]) == stored;
    end > bytes.len() && end <= block_end && !data_is_whole
}

/// Whether a sector, or what the entry has of it, was never written: holes of files read as zeros.
fn has_hole(bytes: &[u8], offset: usize) -> bool {
    let mut begin = offset;
    while begin < bytes.len() {
        let end = ((begin / SECTOR_BYTES + 1) * SECTOR_BYTES).min(bytes.len());
        let sector = &bytes[begin..end];
        if sector.len() >= MIN_HOLE_BYTES && sector.iter().all(|byte| *byte == 0) {
            return true;
        }
        begin = end;
    }
    false
}

/// RocksDB's form of a CRC-32C.
fn masked_crc(data: &[u8]) -> u32 {
    let crc = !data.iter().fold(!0_u32, |crc, byte| {
        let index = (crc ^ u32::from(*byte)) & 0xff;
        (crc >> 8) ^ CRC_TABLE[usize::try_from(index).expect("an index below 256")]
    });
    crc.rotate_right(15).wrapping_add(CRC_MASK)
}

const CRC_TABLE: [u32; 256] = {
    const CASTAGNOLI: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ CASTAGNOLI } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Chain;
    use crate::{EventLog, Options, RocksLog};

    /// A log as RocksDB writes it: several small entries, one over more than two blocks, and `last_bytes`.
    async fn written(last_bytes: usize) -> Vec<u8> {
        let root = tempfile::tempdir().expect("a folder for the test");
        let log = RocksLog::open(root.path(), Options::default()).await.expect("the log opens");
        let mut chain = Chain::default();
        for padding in [1, 33_000, 200, 1, last_bytes] {
            log.append(None, chain.batch(&[padding]).into()).await.expect("appends");
        }
        log.close().await;
        let [file] = &logs(root.path()).expect("the folder is readable")[..] else { panic!("there is one log") };
        fs::read(file).expect("the log is readable")
    }

    /// The data of long entries is all the same to the check, so some samples of it do; headers and ends are not.
    fn telling(index: usize) -> bool {
        let in_block = index % BLOCK_BYTES;
        index.is_multiple_of(61) || !(1500..BLOCK_BYTES - 100).contains(&in_block)
    }

    /// Where the last entry begins.
    fn last_entry(bytes: &[u8]) -> usize {
        let Verdict::Torn { offset, entries: 4 } = judge(&bytes[..bytes.len() - 1]) else {
            panic!("one byte less tears the last entry")
        };
        offset
    }

    #[tokio::test]
    async fn a_log_cut_anywhere_ends_with_its_last_whole_entry() {
        let bytes = written(34_000).await;
        assert_eq!(judge(&bytes), Verdict::Whole { entries: 5 });
        let (mut whole, mut offset) = (0, 0);
        for cut in (0..bytes.len()).filter(|cut| telling(*cut)) {
            match judge(&bytes[..cut]) {
                Verdict::Whole { entries } => (whole, offset) = (entries, cut),
                // What is left of a block when no header fits in belongs to no entry.
                torn => assert_eq!(torn, Verdict::Torn { entries: whole, offset: offset.max(next_start(offset)) }),
            }
        }
        assert_eq!(whole, 4);
    }

    fn next_start(offset: usize) -> usize {
        let left_in_block = BLOCK_BYTES - offset % BLOCK_BYTES;
        if left_in_block < HEADER_BYTES { offset + left_in_block } else { offset }
    }

    #[tokio::test]
    async fn no_changed_bit_passes_for_a_torn_write() {
        for last_bytes in [1, 34_000] {
            let mut bytes = written(last_bytes).await;
            let last = last_entry(&bytes);
            for index in (0..bytes.len()).filter(|index| telling(*index)) {
                let bit = 1 << (index % 8);
                bytes[index] ^= bit;
                let verdict = judge(&bytes);
                bytes[index] ^= bit;
                let Verdict::Damaged { offset, followed } = verdict else { panic!("byte {index}: {verdict:?}") };
                assert!(offset <= index && followed == (offset < last), "byte {index}: {verdict:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_hole_is_a_torn_write_only_at_the_end() {
        let mut bytes = written(34_000).await;
        let last = last_entry(&bytes);
        for sector in 0..bytes.len() / SECTOR_BYTES {
            let mut holed = bytes.clone();
            holed[sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES].fill(0);
            let followed = sector * SECTOR_BYTES < last;
            match judge(&holed) {
                Verdict::Torn { offset, entries: 4 } => assert!(offset == last && !followed, "sector {sector}"),
                Verdict::Damaged { .. } => assert!(followed, "sector {sector}"),
                verdict => panic!("sector {sector}: {verdict:?}"),
            }
        }
        bytes[last..].fill(0);
        assert_eq!(judge(&bytes), Verdict::Torn { entries: 4, offset: last });
    }
}
