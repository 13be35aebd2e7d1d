//! The log's servers: the messages, what is being synced, and what of it counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use eventlog::{AppendError, Bounds, Content, MemoryLog, Message};
use model::Position;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::faults::Fault;
use crate::plants::Plant;
use crate::world::{Dice, Place, World, sleep_ms};

/// How long the servers take to make an append durable.
const SYNC_MS: u64 = 1;
/// With `lost-log-write`: how many of the newest messages are in memory only.
const UNSYNCED_BY_LIARS: usize = 2;
/// A history whose log grows beyond this is running away.
const MAX_MESSAGES: usize = 200_000;

#[derive(Default)]
pub(crate) struct Servers {
    /// Only its baselines are used.
    pub(super) baselines: MemoryLog,
    held: Mutex<Held>,
    grown: Notify,
}

#[derive(Default)]
pub(super) struct Held {
    /// How many were trimmed.
    trimmed: u64,
    messages: VecDeque<Content>,
    /// How often power was lost.
    crashes: u64,
    /// How many reasons there are for which the servers cannot be used.
    outages: u32,
    /// How many reasons there are for which nothing can be written.
    full: u32,
    pub(super) listeners: BTreeMap<Place, mpsc::Sender<Bytes>>,
}

/// An append on its way.
pub(crate) struct Write {
    pub(super) after: Option<Position>,
    pub(super) content: Content,
    pub(super) told: Option<oneshot::Sender<Result<Position, AppendError>>>,
    pub(super) from: Place,
}

impl Write {
    pub(super) fn tell(self, outcome: Result<Position, AppendError>) {
        if let Some(told) = self.told {
            // The writer may have given up, or died.
            let _gone = told.send(outcome);
        }
    }

    /// The same once more, with nobody to wait for it.
    pub(super) fn again(&self) -> Self {
        Self { after: self.after, content: self.content.clone(), told: None, from: self.from }
    }
}

impl Held {
    fn last(&self) -> Position {
        Position(self.trimmed + self.messages.len() as u64)
    }
}

impl Servers {
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let held = self.held();
        Bounds { first: Position(held.trimmed + 1), last: held.last() }
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.held().messages.iter().map(|content| content.size_bytes() as u64).sum()
    }

    pub(crate) fn trim(&self, upto: Position) {
        let mut held = self.held();
        while Position(held.trimmed + 1) <= upto && held.messages.len() > 1 {
            held.messages.pop_front();
            held.trimmed += 1;
        }
    }

    pub(crate) fn is_available(&self) -> bool {
        self.held().outages == 0
    }

    pub(crate) fn begin_outage(&self) {
        self.held().outages += 1;
    }

    pub(crate) fn end_outage(&self) {
        self.held().outages -= 1;
        self.grown.notify_waiters();
    }

    pub(crate) fn fill_disk(&self) {
        self.held().full += 1;
    }

    pub(crate) fn free_disk(&self) {
        self.held().full -= 1;
    }

    pub(crate) fn crashes(&self) -> u64 {
        self.held().crashes
    }

    /// Power is lost. What was not synced is gone, and with servers that lie, so is more.
    pub(crate) fn crash(&self, world: &World) {
        let mut held = self.held();
        held.crashes += 1;
        if world.has_plant(Plant::LostLogWrite) {
            let lost = UNSYNCED_BY_LIARS.min(held.messages.len().saturating_sub(1));
            let kept = held.messages.len() - lost;
            held.messages.truncate(kept);
        }
    }

    /// Waits until there is a message at `position`, and the servers can be used.
    pub(crate) async fn until_there(&self, position: Position) {
        loop {
            let grown = self.grown.notified();
            tokio::pin!(grown);
            // Registered before the look, so that nothing is missed between the two.
            grown.as_mut().enable();
            if self.held().last() >= position && self.is_available() {
                return;
            }
            grown.await;
        }
    }

    /// Every message that is there.
    pub(crate) fn everything(&self) -> Vec<Content> {
        self.held().messages.iter().cloned().collect()
    }

    /// Some messages from `from` to `upto`; the error is the first one that is there.
    pub(crate) fn take(&self, from: Position, upto: Position, limit: usize) -> Result<Vec<Message>, Position> {
        let held = self.held();
        if from.0 <= held.trimmed {
            return Err(Position(held.trimmed + 1));
        }
        let skipped = usize::try_from(from.0 - held.trimmed - 1).unwrap_or(usize::MAX);
        let contents = held.messages.iter().skip(skipped).zip(from.0..=upto.0).take(limit);
        Ok(contents.map(|(content, at)| Message { position: Position(at), content: content.clone() }).collect())
    }
}

impl World {
    /// Writes what has arrived, if its compare-and-set allows it.
    pub(super) async fn write(&self, write: Write) -> (Write, Result<Position, AppendError>) {
        let crashes = self.servers.held().crashes;
        sleep_ms(SYNC_MS).await;
        let outcome = self.put(&write, crashes);
        // Something may be there whatever the writer is told.
        self.servers.grown.notify_waiters();
        (write, outcome)
    }

    fn put(&self, write: &Write, crashes: u64) -> Result<Position, AppendError> {
        let mut held = self.servers.held();
        let unknown = || AppendError::Unknown { reason: "the simulated log lost power".to_owned() };
        let has_crashed = held.crashes > crashes;
        if has_crashed && self.roll(Dice::Log, |rng| rng.bool()) {
            return Err(unknown());
        }
        if held.full > 0 {
            return Err(AppendError::Full { reason: "no space left on the simulated disk".to_owned() });
        }
        let last = held.last();
        let wrong = write.after.filter(|expected| *expected != last && !self.has_plant(Plant::FenceOff));
        if let Some(expected) = wrong.filter(|_| !self.loses_expectation(write)) {
            return Err(AppendError::WrongLastPosition { expected, actual: last });
        }
        held.messages.push_back(write.content.clone());
        let position = last.next();
        let has_run_away = held.messages.len() > MAX_MESSAGES;
        drop(held);
        if has_run_away {
            self.violate("bounded", format!("the log has more than {MAX_MESSAGES} messages"));
        }
        let first = write.content.first_seq().map_or(0, |seq| seq.0);
        self.note("written", &[position.0, first, write.content.records().len() as u64]);
        if matches!(write.content, Content::Part(_)) {
            self.struck(Fault::SmallMessages);
        }
        self.observe(|invariants| invariants.on_written(&write.content));
        if has_crashed {
            self.struck(Fault::LogCrash);
            return Err(unknown());
        }
        match wrong {
            // It is in another place than the one after what was expected; that one has somebody else's.
            Some(expected) => Err(AppendError::WrongLastPosition { expected, actual: position }),
            None => Ok(position),
        }
    }

    /// Whether an append that must not be written is written all the same: see the simulator's page for how that comes about.
    /// Its writer was deposed, so that nothing of it can ever count.
    fn loses_expectation(&self, write: &Write) -> bool {
        let epoch = match &write.content {
            Content::Records(records) => records.first().map(|sealed| sealed.record.epoch),
            Content::Part(part) => Some(part.part.epoch),
        };
        let current = self.observe(|invariants| Ok(invariants.truth.tip.epoch));
        let is_shared = self.settings.masters > 1;
        is_shared && epoch < current && self.strikes(Fault::LostExpectation, 500)
    }
}
