//! An agent's disk: it keeps what was synced, and with the rest anything may happen when power is lost.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use protocol::agent::Mark;

use crate::faults::Fault;
use crate::plants::Plant;
use crate::world::{Dice, World};

#[derive(Debug, Default)]
pub(crate) struct Disk {
    journal: Mutex<Content>,
}

#[derive(Debug, Default, Clone)]
struct Content {
    bytes: Vec<u8>,
    /// How much of it is durable.
    synced: usize,
    /// Where the last append began.
    last_append: usize,
    /// What is there after a loss of power, while a replacement is not durable.
    before: Option<Vec<u8>>,
}

impl Disk {
    fn journal(&self) -> MutexGuard<'_, Content> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what was written durable, unless the disk was made a liar.
    pub(crate) fn sync(&self, world: &World) {
        let mut journal = self.journal();
        journal.before = None;
        journal.synced =
            if world.has_plant(Plant::LostJournalWrite) { journal.last_append } else { journal.bytes.len() };
    }

    /// What is there after the process, or the machine, has died in the middle of its work.
    pub(crate) fn crash(&self, world: &World) {
        let mut journal = self.journal();
        if let Some(before) = journal.before.take()
            && world.roll(Dice::Trouble, |rng| rng.bool())
        {
            journal.bytes = before;
        } else if journal.synced < journal.bytes.len() {
            let synced = journal.synced;
            let written = journal.bytes.len();
            let kept = world.roll(Dice::Trouble, |rng| match rng.u8(0..3) {
                0 => synced,
                1 => rng.usize(synced..=written),
                _ => written,
            });
            journal.bytes.truncate(kept);
        }
        journal.synced = journal.bytes.len();
    }

    pub(crate) fn lose_everything(&self) {
        *self.journal() = Content::default();
    }

    /// The newest mark that is durable, for those who look from outside: at least as new as the last one or two in the
    /// journal.
    pub(crate) fn mark(&self) -> Mark {
        let journal = self.journal();
        let durable = journal.before.as_deref().unwrap_or(&journal.bytes[..journal.synced]);
        marks(durable).take(2).max().unwrap_or_default()
    }
}

/// The marks in a journal, from the end on.
fn marks(journal: &[u8]) -> impl Iterator<Item = Mark> {
    const BEGINS: &[u8] = b"\"mark\":";
    let mut end = journal.len();
    std::iter::from_fn(move || {
        let at = (0..end.saturating_sub(BEGINS.len())).rev().find(|at| journal[*at..].starts_with(BEGINS))?;
        end = at;
        serde_json::Deserializer::from_slice(&journal[at + BEGINS.len()..]).into_iter::<Mark>().next()?.ok()
    })
}

/// The journal's file on a disk.
pub(crate) struct DiskFile {
    pub(crate) disk: Arc<Disk>,
    pub(crate) world: Weak<World>,
}

impl fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl agent::JournalFile for DiskFile {
    fn path(&self) -> &Path {
        Path::new("journal")
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.disk.journal().bytes.clone())
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        let mut journal = self.disk.journal();
        let before = journal.before.take().unwrap_or_else(|| journal.bytes.clone());
        *journal = Content {
            bytes: content.to_vec(),
            synced: content.len(),
            last_append: content.len(),
            before: Some(before),
        };
        Ok(())
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let world = self.world.upgrade().ok_or_else(|| io::Error::other("the history is over"))?;
        let mut journal = self.disk.journal();
        journal.bytes.truncate(at);
        journal.synced = journal.synced.min(at);
        if world.strikes(Fault::DiskError, 10) {
            let kept = world.roll(Dice::Fault(Fault::DiskError), |rng| rng.usize(0..bytes.len()));
            journal.bytes.extend_from_slice(&bytes[..kept]);
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the simulated disk"));
        }
        journal.last_append = at;
        journal.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
