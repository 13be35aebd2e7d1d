//! The database of a log as RocksDB has it: opened, and which keys there are. A message's key is its position.

use std::path::Path;

use model::{CodecError, Position};
use rocksdb::{DB, ErrorKind, IteratorMode};

use super::Options;
use super::refusal::Refusal;
use super::wal;
use crate::{Bounds, ReadError};

#[derive(Clone, Copy)]
pub(super) enum Access {
    Write,
    Read,
}

/// Opens the database in a folder that this process holds the lock of.
pub(super) fn open_database(folder: &Path, options: &Options, access: Access) -> Result<(DB, Bounds), Refusal> {
    wal::mend(folder)?;
    let database = match access {
        Access::Write => DB::open(&options.database(), folder),
        Access::Read => DB::open_for_read_only(&options.database(), folder, false),
    }?;
    let bounds = bounds_of(&database)?;
    Ok((database, bounds))
}

pub(super) fn bounds_of(database: &DB) -> Result<Bounds, rocksdb::Error> {
    let position = |mode| {
        let entry = database.iterator(mode).next().transpose()?;
        Ok(entry.and_then(|(key, _)| key[..].try_into().ok()).map(|key| Position(u64::from_be_bytes(key))))
    };
    Ok(match (position(IteratorMode::Start)?, position(IteratorMode::End)?) {
        (Some(first), Some(last)) => Bounds { first, last },
        _ => Bounds::EMPTY,
    })
}

pub(super) fn key(position: Position) -> [u8; 8] {
    position.0.to_be_bytes()
}

pub(super) fn cannot_read(position: Position, error: &rocksdb::Error) -> ReadError {
    match error.kind() {
        ErrorKind::Corruption => {
            let error = CodecError::Storage(error.to_string());
            ReadError::damaged(position, error)
        }
        _ => ReadError::Unavailable { reason: error.to_string() },
    }
}
