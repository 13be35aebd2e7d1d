//! The ledger's facts on the disk: a file that only grows, one line for each batch of facts.
//!
//! A line is a CRC-32 and the facts as JSON. A batch is durable as a whole when [`Journal::append`] returns, with
//! one `fdatasync`. What a crash tore can therefore only be the last line, which is dropped; damage before it
//! means that the disk lied, and the agent refuses to guess.

mod file;

use std::io;
use std::path::Path;

use crate::AgentError;
use crate::ledger::{Fact, Ledger};
use crate::machine::Environment;

pub(crate) use file::FolderFile;
pub use file::JournalFile;

/// The file is written anew when it has grown above this and to a multiple of what it began with.
const COMPACT_ABOVE_BYTES: u64 = 4 << 20;
const COMPACT_FACTOR: u64 = 4;

#[derive(Debug)]
pub(crate) struct Journal {
    file: Box<dyn JournalFile>,
    /// Of the part that is known to be whole.
    len: u64,
    compacted_len: u64,
}

impl Journal {
    /// Reads the journal, drops a torn end, and writes it anew without what is not needed any more. `folder` is for
    /// messages.
    pub(crate) fn open(
        mut file: Box<dyn JournalFile>,
        folder: &Path,
        environment: &dyn Environment,
    ) -> Result<(Self, Ledger), AgentError> {
        let failed = |source: io::Error| AgentError::Folder { folder: folder.to_owned(), source };
        let content = file.read().map_err(failed)?;
        let mut ledger = fold(&content).map_err(|(line, reason)| AgentError::DamagedJournal {
            path: file.path().to_owned(),
            folder: folder.to_owned(),
            line,
            reason,
        })?;
        if ledger.folder.is_empty() {
            // So that no two work folders on any machine have the same name.
            ledger.folder = format!("{:032x}", u128::from_be_bytes(environment.random()));
        }
        ledger.starts += 1;
        let mut journal = Self { file, len: 0, compacted_len: 0 };
        journal.compact(&ledger).map_err(failed)?;
        Ok((journal, ledger))
    }

    /// Makes a batch of facts durable. After an error nothing of it counts, and the next append begins at the
    /// same place.
    pub(crate) fn append(&mut self, facts: &[Fact]) -> io::Result<()> {
        let line = line_of(facts)?;
        self.file.append(self.len, &line)?;
        self.len += line.len() as u64;
        Ok(())
    }

    /// Whether most of the file is of no use any more.
    pub(crate) fn is_large(&self) -> bool {
        self.len > COMPACT_ABOVE_BYTES.max(self.compacted_len * COMPACT_FACTOR)
    }

    /// Writes the file anew; `ledger` is the fold of everything that was appended.
    pub(crate) fn compact(&mut self, ledger: &Ledger) -> io::Result<()> {
        let line = line_of(&ledger.facts())?;
        self.file.replace(&line)?;
        self.len = line.len() as u64;
        self.compacted_len = self.len;
        Ok(())
    }
}

fn line_of(facts: &[Fact]) -> io::Result<Vec<u8>> {
    Ok(line_with(&serde_json::to_string(facts)?).into_bytes())
}

fn line_with(json: &str) -> String {
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
}

/// The error is the number of the damaged line and what is wrong with it.
fn fold(content: &[u8]) -> Result<Ledger, (usize, String)> {
    let mut ledger = Ledger::default();
    let mut lines = content.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match facts_of(line) {
            Ok(facts) => facts.iter().for_each(|fact| ledger.apply(fact)),
            Err(Unreadable::Torn(reason)) if lines.peek().is_none() => {
                tracing::warn!(line = index + 1, reason, "dropping the torn end of the journal");
            }
            Err(Unreadable::Torn(reason)) => return Err((index + 1, reason.to_owned())),
            Err(Unreadable::Unknown(reason)) => return Err((index + 1, reason)),
        }
    }
    Ok(ledger)
}

enum Unreadable {
    /// Not what was written.
    Torn(&'static str),
    /// What was written, but not understood.
    Unknown(String),
}

fn facts_of(line: &[u8]) -> Result<Vec<Fact>, Unreadable> {
    let text = std::str::from_utf8(line).map_err(|_| Unreadable::Torn("not text"))?;
    let text = text.strip_suffix('\n').ok_or(Unreadable::Torn("cut off"))?;
    let (sum, json) = text.split_once(' ').ok_or(Unreadable::Torn("no checksum"))?;
    if u32::from_str_radix(sum, 16) != Ok(crc32fast::hash(json.as_bytes())) {
        return Err(Unreadable::Torn("wrong checksum"));
    }
    serde_json::from_str(json).map_err(|error| Unreadable::Unknown(format!("written by another version: {error}")))
}

#[cfg(test)]
mod tests {
    use model::{AgentId, ClusterId, Epoch, Seq, StatusUpdate, TaskId, TaskState, TaskStatus, Timestamp, UpdateId};
    use protocol::agent::{AgentIdentity, Mark};

    use super::*;
    use crate::folder::WorkFolder;
    use crate::ledger::{Kind, Stop, StopCause};
    use crate::machine::System;

    fn open(folder: &WorkFolder) -> Result<(Journal, Ledger), AgentError> {
        Journal::open(Box::new(FolderFile::new(folder.journal())), folder.root(), &System)
    }

    fn facts() -> Vec<Fact> {
        let identity = AgentIdentity { cluster: ClusterId::new("c"), agent: AgentId(3) };
        let intended = |task| Fact::Intended { task: TaskId::new(task), containerizer: Kind::Docker, kill_grace_ms: 9 };
        let stop = Stop { cause: StopCause::Unwanted, grace_ms: 5 };
        let status = TaskStatus { state: TaskState::Failed, reason: None, message: None, exit: None };
        let update = StatusUpdate { id: UpdateId::new("u"), task: TaskId::new("b"), observed_at: Timestamp(1), status };
        vec![
            Fact::Identified { identity },
            intended("a"),
            intended("b"),
            intended("c"),
            Fact::StopAsked { task: TaskId::new("a"), stop },
            Fact::Ended { update },
            Fact::Acknowledged { tasks: vec![TaskId::new("c")], mark: Mark { epoch: Epoch(1), seq: Seq(7) } },
        ]
    }

    #[test]
    fn what_was_appended_is_folded_again_and_survives_compaction() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = WorkFolder::open(root.path()).expect("a work folder");
        let (mut journal, mut live) = open(&folder).expect("a new journal");
        for fact in facts() {
            journal.append(std::slice::from_ref(&fact)).expect("appended");
            live.apply(&fact);
        }
        assert_eq!(live.tasks.len(), 2);
        for starts in 2..4 {
            let (_, read) = open(&folder).expect("read again");
            live.starts = starts;
            assert_eq!(read, live);
        }
    }

    #[test]
    fn a_deleted_journal_is_noticed() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = WorkFolder::open(root.path()).expect("a work folder");
        let (mut journal, _) = open(&folder).expect("a new journal");
        std::fs::remove_file(folder.journal()).expect("removed");
        let error = journal.append(&facts()).expect_err("nothing durable can come of it");
        assert!(error.to_string().contains("was deleted"), "{error}");
    }

    #[test]
    fn a_torn_end_is_dropped_and_damage_before_it_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = WorkFolder::open(root.path()).expect("a work folder");
        let (mut journal, before) = open(&folder).expect("a new journal");
        let whole = std::fs::read(folder.journal()).expect("the first line");
        journal.append(&facts()).expect("appended");
        let both = std::fs::read(folder.journal()).expect("two lines");

        for cut in [whole.len() + 1, whole.len() + 12, both.len() - 1] {
            assert_eq!(fold(&both[..cut]).map(|ledger| ledger.tasks.len()), Ok(0), "cut at {cut}");
        }
        let newer = format!("{}{}", String::from_utf8_lossy(&whole), line_with("[{\"from_the_future\":1}]"));
        assert!(fold(newer.as_bytes()).is_err_and(|(line, _)| line == 2), "not understood is not torn");
        let mut damaged = both.clone();
        damaged[20] ^= 1;
        std::fs::write(folder.journal(), damaged).expect("written");
        let refused = open(&folder).map(|_| ());
        let text = refused.expect_err("damage is not torn").to_string();
        assert!(text.contains("line 1 (wrong checksum)") && text.contains("move the folder"), "{text}");

        std::fs::write(folder.journal(), &both[..both.len() - 3]).expect("written");
        let (mut journal, after) = open(&folder).expect("a torn end is tolerated");
        assert_eq!(after.folder, before.folder);
        journal.append(&facts()).expect("appended");
        assert_eq!(open(&folder).expect("whole again").1.tasks.len(), 2);
    }
}
