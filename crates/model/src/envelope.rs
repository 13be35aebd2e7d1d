//! How the log keeps what it keeps: a MessagePack array of three, the format's number, a CRC-32 of the body, and the body
//! as `bin`.
//!
//! The format says what the body is. A reader that does not know a format refuses it by its number, and reads no body.

use serde::{Deserialize, Serialize};

use crate::Seq;

/// The format of a whole record. It was 1 before GPUs were told apart, constraints had all of Marathon's operators, and
/// profiles were in the log: bodies of that format read as they are, but a version of that time would misread newer ones.
pub const FORMAT: u8 = 3;
/// The format of a part of a record. Versions that know whole records only refuse it as newer than they are.
pub const PART_FORMAT: u8 = 2;
/// The newest format that this code reads.
pub const NEWEST_FORMAT: u8 = FORMAT;
/// What an envelope takes beside its body: the array, the format, the checksum, and the length of the body.
pub(crate) const ENVELOPE_BYTES: usize = 1 + 2 + 5 + 5;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("record is cut off or is not MessagePack: {0}")]
    Malformed(String),
    /// What keeps the log cannot give the record.
    #[error("it cannot be read where it is kept: {0}")]
    Storage(String),
    #[error("record has format {found}, but this version reads up to {NEWEST_FORMAT}: use a newer bayplan")]
    NewerFormat { found: u8 },
    #[error("record is damaged: its checksum is {computed:08x}, but it was written with {stored:08x}")]
    Checksum { stored: u32, computed: u32 },
    /// A message holds whole records, or one part of a record and nothing else.
    #[error("a part of a record stands where it may not: beside others in a message, or instead of a whole record")]
    Misplaced,
    #[error("the parts of record {seq} do not make it up: {reason}")]
    Unfit { seq: Seq, reason: String },
}

/// An envelope that was opened.
pub(crate) struct Opened {
    pub(crate) format: u8,
    pub(crate) body: Vec<u8>,
    /// How many bytes it took.
    pub(crate) taken: usize,
}

pub(crate) fn seal(format: u8, body: &[u8]) -> Vec<u8> {
    let envelope = Envelope { format, checksum: crc32fast::hash(body), body: Bytes(body) };
    let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + body.len());
    rmp_serde::encode::write(&mut bytes, &envelope).expect("an envelope is plain data");
    bytes
}

/// Opens the first envelope of `bytes`.
pub(crate) fn open(bytes: &[u8]) -> Result<Opened, CodecError> {
    let mut rest = bytes;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    let (format, stored, body) =
        <(u8, u32, OwnedBytes)>::deserialize(&mut reader).map_err(|error| CodecError::Malformed(error.to_string()))?;
    drop(reader);
    let taken = bytes.len() - rest.len();
    if format > NEWEST_FORMAT {
        return Err(CodecError::NewerFormat { found: format });
    }
    let computed = crc32fast::hash(&body.0);
    if computed != stored {
        return Err(CodecError::Checksum { stored, computed });
    }
    Ok(Opened { format, body: body.0, taken })
}

#[derive(Serialize)]
struct Envelope<'a> {
    format: u8,
    checksum: u32,
    body: Bytes<'a>,
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Bytes of any number: `bin` in MessagePack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedBytes(pub(crate) Vec<u8>);

impl Serialize for OwnedBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for OwnedBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = OwnedBytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

impl schemars::JsonSchema for OwnedBytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "Bytes: bin in MessagePack." })
    }
}
