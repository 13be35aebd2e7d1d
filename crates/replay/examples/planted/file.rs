//! A log as `bayplan log export` writes it; docs/operate.md says how.

use model::SealedRecord;

/// One message for each record.
pub(crate) fn bytes(records: &[SealedRecord]) -> Vec<u8> {
    let mut bytes = b"bayplan-log 1\n".to_vec();
    for (index, record) in records.iter().enumerate() {
        frame(&mut bytes, b'M', index as u64 + 1, &record.bytes);
    }
    let hash = blake3::hash(&bytes);
    frame(&mut bytes, b'E', records.len() as u64, hash.as_bytes());
    bytes
}

fn frame(bytes: &mut Vec<u8>, kind: u8, number: u64, content: &[u8]) {
    bytes.push(kind);
    bytes.extend(number.to_be_bytes());
    bytes.extend((content.len() as u64).to_be_bytes());
    bytes.extend(content);
}
