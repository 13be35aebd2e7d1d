//! Keeps a snapshot up to date on a thread of its own. Whoever feeds it never waits for the disk.
//!
//! What was not written yet waits as one set of changed rows, of which the newest form counts; so a slow disk makes the
//! snapshot older, not the queue longer than the cluster has rows, and the next start reads more of the log.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Position, Seq, Tip};
use state::Changes;

use crate::{Mark, Options, Snapshot, SnapshotError, checkpoints};

/// How long a disk is left alone that refused a write.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How far the snapshot is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last record that it was told of.
    pub told: Seq,
    /// The last record that it has.
    pub written: Seq,
    /// The position that belongs to `written`.
    pub position: Position,
    /// The newest checkpoint.
    pub checkpoint: Option<Seq>,
    /// Why the last write failed; None when it succeeded.
    pub trouble: Option<String>,
}

impl Progress {
    /// How many records it is behind.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.told.0.saturating_sub(self.written.0)
    }
}

/// Feeds a [`Snapshot`]. Dropping it writes what waits, unless the disk refuses it, and ends the thread.
pub struct Snapshotter {
    shared: Arc<Shared>,
    max_pending_rows: usize,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Option<(Changes, Mark)>,
    progress: Progress,
    stopping: bool,
    /// Too much waited. What was told since is not known any more, so nothing can be written.
    given_up: bool,
}

impl Shared {
    /// What a panic could leave half done is only ever replaced as a whole.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshotter {
    /// `written` says where the snapshot is now: None for an empty one, which has to be told all rows first.
    pub fn start(snapshot: Snapshot, written: Option<&Mark>, options: Options) -> Result<Self, SnapshotError> {
        let checkpoint = checkpoints::checkpoints(snapshot.folder())?.last().map(|checkpoint| checkpoint.seq);
        let shared = Arc::new(Shared::default());
        let (seq, position) = written.map(|mark| (mark.tip.seq, mark.position)).unwrap_or_default();
        shared.queue().progress = Progress { told: seq, written: seq, position, checkpoint, trouble: None };
        let writer = Writer { snapshot, written: written.cloned(), options, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|error| SnapshotError::unavailable(&error))?;
        Ok(Self { shared, max_pending_rows: options.max_pending_rows, thread: Some(thread) })
    }

    /// Tells what changed up to `tip`, which ends the message at `position`. Costs a merge of the rows and never waits for a
    /// disk. False when the snapshot was given up, so that nobody need collect changes any more.
    pub fn tell(&self, changes: Changes, tip: Tip, position: Position) -> bool {
        let mark = Mark::of_changes(&changes, tip, position);
        let mut queue = self.shared.queue();
        if queue.given_up {
            return false;
        }
        queue.progress.told = tip.seq;
        match &mut queue.waiting {
            Some((waiting, at)) => {
                waiting.absorb(changes);
                *at = mark;
            }
            waiting => *waiting = Some((changes, mark)),
        }
        let rows = queue.waiting.as_ref().map_or(0, |(waiting, _)| waiting.rows.len());
        if rows > self.max_pending_rows {
            tracing::warn!(rows, "the snapshot's disk takes nothing; the snapshot stays as it is until the next start");
            queue.waiting = None;
            queue.given_up = true;
        }
        let goes_on = !queue.given_up;
        drop(queue);
        self.shared.changed.notify_all();
        goes_on
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.queue().progress.clone()
    }

    /// Waits until everything that was told is written; false when `patience` ends before that.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let behind = |queue: &mut Queue| queue.progress.lag() > 0 && !queue.given_up;
        let queue = self.shared.queue();
        let waited = self.shared.changed.wait_timeout_while(queue, patience, behind);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.progress.lag() == 0
    }
}

impl Drop for Snapshotter {
    fn drop(&mut self) {
        self.shared.queue().stopping = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(
                "the snapshot's thread has failed; the next start makes the snapshot anew if it is damaged"
            );
        }
    }
}

/// What the thread has.
struct Writer {
    snapshot: Snapshot,
    /// What the snapshot has.
    written: Option<Mark>,
    options: Options,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(mut self) {
        while let Some((changes, mark)) = self.next() {
            match self.snapshot.write(&changes, &mark) {
                Ok(()) => {
                    let checkpoint = self.checkpoint_if_due(&mark);
                    self.written = Some(mark.clone());
                    let mut queue = self.shared.queue();
                    queue.progress.written = mark.tip.seq;
                    queue.progress.position = mark.position;
                    queue.progress.trouble = None;
                    queue.progress.checkpoint = checkpoint.or(queue.progress.checkpoint);
                    drop(queue);
                    self.shared.changed.notify_all();
                }
                Err(error) => {
                    if !self.put_back(changes, mark, &error) || !self.open_again() {
                        return;
                    }
                }
            }
        }
    }

    /// What waits, when there is something; None when the thread is to end.
    fn next(&self) -> Option<(Changes, Mark)> {
        let mut queue = self.shared.queue();
        loop {
            if let Some(next) = queue.waiting.take() {
                return Some(next);
            }
            if queue.stopping {
                return None;
            }
            queue = self.shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Keeps what the disk refused for the next try, with what came meanwhile. False when there is to be no next try.
    fn put_back(&self, mut changes: Changes, mut mark: Mark, error: &SnapshotError) -> bool {
        let mut queue = self.shared.queue();
        if queue.progress.trouble.replace(error.to_string()).is_none() {
            tracing::warn!(%error, "the snapshot cannot be written; it is tried again, and nothing else depends on it");
        }
        if queue.stopping || queue.given_up {
            return false;
        }
        if let Some((later, at)) = queue.waiting.take() {
            changes.absorb(later);
            mark = at;
        }
        queue.waiting = Some((changes, mark));
        let stays = |queue: &mut Queue| !queue.stopping;
        let waited = self.shared.changed.wait_timeout_while(queue, RETRY_AFTER, stays);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        true
    }

    /// A database that failed once may refuse everything from then on. False when it lacks what it had: then what waits
    /// does not follow it, and the next start has to begin where it is.
    fn open_again(&mut self) -> bool {
        match self.snapshot.reopen() {
            Ok(mark) if mark == self.written => true,
            // The disk still refuses.
            Err(SnapshotError::Unavailable { .. }) => true,
            lost => {
                let reason = lost.err().map_or("it is older than it was".to_owned(), |error| error.to_string());
                tracing::warn!(reason, "the snapshot stays as it is until the next start");
                let mut queue = self.shared.queue();
                queue.waiting = None;
                queue.given_up = true;
                false
            }
        }
    }

    fn checkpoint_if_due(&self, mark: &Mark) -> Option<Seq> {
        let Options { checkpoint_interval, checkpoints_kept, .. } = self.options;
        let last = self.shared.queue().progress.checkpoint.unwrap_or_default();
        if checkpoints_kept == 0 || mark.tip.seq.0 < last.0.saturating_add(checkpoint_interval) {
            return None;
        }
        match checkpoints::make(&self.snapshot, mark.tip.seq, checkpoints_kept) {
            Ok(()) => Some(mark.tip.seq),
            Err(error) => {
                tracing::warn!(%error, seq = %mark.tip.seq, "no checkpoint could be made");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use model::{ClusterId, Epoch, Header, Row};
    use state::RowKey;

    use super::*;
    use crate::Opened;

    fn told(number: u64, cluster: &str) -> (Changes, Mark) {
        let header = Header { cluster: Some(ClusterId::new(cluster)), ..Header::default() };
        let rows = [(RowKey::Header, Some(Row::Header(header))), (RowKey::Offer(model::OfferId(number)), None)];
        let changes = Changes { seq: Seq(number), rows: rows.into(), ..Changes::default() };
        let tip = Tip { seq: Seq(number), epoch: Epoch(1), ..Tip::default() };
        let mark = Mark::of_changes(&changes, tip, Position(number));
        (changes, mark)
    }

    #[test]
    fn what_the_disk_refused_is_written_with_what_came_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let Ok(Opened::Usable { snapshot, .. }) = Snapshot::open(folder.path()) else { panic!("it is new") };
        let shared = Arc::new(Shared::default());
        let mut writer = Writer { snapshot, written: None, options: Options::default(), shared: Arc::clone(&shared) };
        assert!(writer.open_again(), "it is as empty as it was");
        shared.queue().waiting = Some(told(2, "new"));
        let (changes, mark) = told(1, "old");
        let full = SnapshotError::Unavailable { reason: "the disk is full".to_owned() };
        let began_at = Instant::now();
        assert!(writer.put_back(changes, mark, &full));
        assert!(began_at.elapsed() >= RETRY_AFTER, "the disk is left alone for a while");
        let (changes, mark) = shared.queue().waiting.take().expect("it waits again");
        assert_eq!((changes.rows.len(), &mark), (3, &told(2, "new").1));
        assert!(changes.rows[&RowKey::Header].as_ref() == told(2, "new").0.rows[&RowKey::Header].as_ref());
        assert_eq!(shared.queue().progress.trouble.as_deref(), Some(full.to_string().as_str()));
        writer.snapshot.write(&changes, &mark).expect("it is written");
        assert!(!writer.open_again(), "it is not what it should be");
        assert!(shared.queue().given_up);
        (writer.written, shared.queue().given_up) = (Some(mark.clone()), false);
        assert!(writer.open_again(), "it has what was written");
        shared.queue().stopping = true;
        assert!(!writer.put_back(changes, mark, &full), "at the end there is no next try");
    }
}
