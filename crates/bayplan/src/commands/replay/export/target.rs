//! Where a slice is written: a log, JSON lines, or a database.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use eventlog::Message;
use model::{Position, SealedRecord, Tip};
use snapshot::{Mark, baseline};
use state::State;

use super::about::About;
use super::database::Database;
use crate::cli::replay::SliceFormat;
use crate::commands::log::file::Writer;

/// A message of the new log holds no further record after this many bytes.
const MESSAGE_BYTES: usize = 64 << 10;
/// Written here, JSON lines go to stdout.
pub(super) const STDOUT: &str = "-";

pub(super) enum Target {
    Log { writer: Box<Writer>, next: Position, batch: Vec<SealedRecord>, bytes: usize },
    Lines(Box<dyn Write + Send>),
    Database(Database),
}

impl Target {
    pub(super) fn create(format: SliceFormat, path: &Path) -> anyhow::Result<Self> {
        Ok(match format {
            SliceFormat::Log => {
                Self::Log { writer: Box::new(Writer::create(path)?), next: Position(1), batch: Vec::new(), bytes: 0 }
            }
            SliceFormat::Jsonl if path.as_os_str() == STDOUT => Self::Lines(Box::new(BufWriter::new(io::stdout()))),
            SliceFormat::Jsonl => Self::Lines(Box::new(BufWriter::new(new_file(path)?))),
            SliceFormat::Sqlite => {
                drop(new_file(path)?);
                Self::Database(Database::create(path)?)
            }
        })
    }

    /// What was before the first record, and the record with which that ends.
    pub(super) fn begin(&mut self, state: &State, last: &SealedRecord) -> anyhow::Result<()> {
        match self {
            Self::Log { writer, next, .. } => {
                let record = &last.record;
                let tip = Tip { seq: record.seq, epoch: record.epoch, hash: last.hash };
                writer.baseline(*next, &baseline::encode(state, &Mark::of(state, tip, *next)))?;
                // As in every log, the message that the baseline names is there.
                writer.message(&Message { position: *next, content: vec![last.clone()].into() })?;
                *next = next.next();
                Ok(())
            }
            Self::Lines(_) => Ok(()),
            Self::Database(database) => database.state(state),
        }
    }

    pub(super) fn record(&mut self, sealed: &SealedRecord) -> anyhow::Result<()> {
        match self {
            Self::Log { batch, bytes, .. } => {
                *bytes += sealed.bytes.len();
                batch.push(sealed.clone());
                if *bytes >= MESSAGE_BYTES { self.end_message() } else { Ok(()) }
            }
            Self::Lines(out) => {
                let line = serde_json::to_vec(&*sealed.record)?;
                out.write_all(&line).and_then(|()| out.write_all(b"\n")).context("cannot write the lines")
            }
            Self::Database(database) => database.record(&sealed.record),
        }
    }

    fn end_message(&mut self) -> anyhow::Result<()> {
        if let Self::Log { writer, next, batch, bytes } = self
            && !batch.is_empty()
        {
            writer.message(&Message { position: *next, content: std::mem::take(batch).into() })?;
            (*next, *bytes) = (next.next(), 0);
        }
        Ok(())
    }

    pub(super) fn finish(mut self, about: &About) -> anyhow::Result<()> {
        self.end_message()?;
        match self {
            Self::Log { writer, .. } => writer.finish().map(drop),
            Self::Lines(mut out) => out.flush().context("cannot write the lines"),
            Self::Database(database) => database.finish(about),
        }
    }
}

/// For this user only, as the log may hold secrets.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("cannot make {}", path.display()))
}
