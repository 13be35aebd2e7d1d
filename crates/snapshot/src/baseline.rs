//! A baseline in one piece: the format's number, a BLAKE3 hash of all that follows, the mark, and all rows, in blocks.
//!
//! In MessagePack: an unsigned integer, a `bin` of 32 bytes, a map, and until the end any number of `bin`, each of them
//! rows one after the other as `schemas/record.schema.json` has them in `restored`.

use model::Hash;
use rmp_serde::Deserializer;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer as _, Serialize, Serializer};
use state::State;

use crate::codec::{FORMAT, damaged};
use crate::rebuild::{Block, Blocks, Packer, rebuild};
use crate::{Loaded, Mark, SnapshotError};

/// The bytes of a state, the same for the same state and mark.
#[must_use]
pub fn encode(state: &State, mark: &Mark) -> Vec<u8> {
    let mut body = crate::codec::mark_bytes(mark);
    let mut write = |block: Block| {
        rmp_serde::encode::write(&mut body, &Bin(&block)).expect("bytes are plain data");
    };
    let mut packer = Packer::default();
    for row in state.rows() {
        packer.add(&row).into_iter().for_each(&mut write);
    }
    packer.finish().into_iter().for_each(&mut write);
    let mut bytes = rmp_serde::to_vec(&FORMAT).expect("a number is plain data");
    rmp_serde::encode::write(&mut bytes, &hash_of(&body)).expect("a hash is plain data");
    bytes.extend_from_slice(&body);
    bytes
}

/// The state of a baseline, which is believed only when the bytes are whole and it has the hash that the mark names. One
/// that an older version of the fold made has another hash, and is believed by its bytes.
pub fn decode(bytes: &[u8]) -> Result<Loaded, SnapshotError> {
    let mut rest = bytes;
    let mark = begin(&mut rest)?;
    rebuild(mark, |blocks| read_blocks(rest, blocks))
}

/// Which state it is, without building it.
pub fn mark(mut bytes: &[u8]) -> Result<Mark, SnapshotError> {
    begin(&mut bytes)
}

fn hash_of(body: &[u8]) -> Hash {
    Hash(*blake3::hash(body).as_bytes())
}

fn begin(rest: &mut &[u8]) -> Result<Mark, SnapshotError> {
    let found = u32::deserialize(&mut Deserializer::new(&mut *rest)).map_err(|error| damaged("its format", &error))?;
    if found != FORMAT {
        return Err(SnapshotError::OtherFormat { found });
    }
    let written =
        Hash::deserialize(&mut Deserializer::new(&mut *rest)).map_err(|error| damaged("its checksum", &error))?;
    if hash_of(rest) != written {
        return Err(SnapshotError::Damaged { reason: "its checksum is not that of its bytes".to_owned() });
    }
    Mark::deserialize(&mut Deserializer::new(rest)).map_err(|error| damaged("its mark", &error))
}

fn read_blocks(mut rest: &[u8], blocks: &Blocks) -> Result<(), SnapshotError> {
    while let Some(block) = next_block(&mut rest)? {
        if !blocks.push(block) {
            return Ok(());
        }
    }
    Ok(())
}

fn next_block(rest: &mut &[u8]) -> Result<Option<Block>, SnapshotError> {
    if rest.is_empty() {
        return Ok(None);
    }
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = Block;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a block of rows")
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Block, E> {
            if bytes.is_empty() { Err(E::custom("an empty block")) } else { Ok(bytes.to_vec()) }
        }
    }
    let mut reader = Deserializer::new(rest);
    let block = reader.deserialize_bytes(Visitor);
    block.map(Some).map_err(|error| damaged("a block", &rmp_serde::decode::Error::custom(error)))
}

struct Bin<'a>(&'a [u8]);

impl Serialize for Bin<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
