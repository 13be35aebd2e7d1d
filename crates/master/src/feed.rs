//! Tells the snapshot what the second fold changes. Nobody waits for it, and nothing depends on it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Position, Tip};
use snapshot::{Mark, Progress, Snapshot, Snapshotter};
use state::{Changes, State};

/// A snapshot that was opened, and is not fed yet.
pub(crate) struct Kept {
    pub(crate) snapshot: Snapshot,
    /// What it has; None when it is empty.
    pub(crate) written: Option<Mark>,
    pub(crate) options: snapshot::Options,
}

pub(crate) struct Feed {
    /// None when it was closed or given up.
    snapshotter: Mutex<Option<Snapshotter>>,
}

impl Feed {
    /// Begins with what changed in `state` since the snapshot was loaded, or with all of it. None when no thread can be had.
    pub(crate) fn start(kept: Kept, state: &mut State, tip: Tip, position: Position) -> Option<Self> {
        let Kept { snapshot, written, options } = kept;
        let changes = if written.is_some() { state.take_changes() } else { state.all_changes() };
        state.track_changes(false);
        match Snapshotter::start(snapshot, written.as_ref(), options) {
            Ok(snapshotter) => {
                let feed = Self { snapshotter: Mutex::new(Some(snapshotter)) };
                feed.tell(changes, tip, position);
                Some(feed)
            }
            Err(error) => {
                tracing::warn!(%error, "no snapshot is kept; the next start folds more of the log");
                None
            }
        }
    }

    fn snapshotter(&self) -> MutexGuard<'_, Option<Snapshotter>> {
        self.snapshotter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wants_more(&self) -> bool {
        self.snapshotter().is_some()
    }

    pub(crate) fn tell(&self, changes: Changes, tip: Tip, position: Position) {
        let mut snapshotter = self.snapshotter();
        if snapshotter.as_ref().is_some_and(|snapshotter| !snapshotter.tell(changes, tip, position)) {
            *snapshotter = None;
        }
    }

    pub(crate) fn progress(&self) -> Option<Progress> {
        self.snapshotter().as_ref().map(Snapshotter::progress)
    }

    /// Writes what waits, and lets the folder go.
    pub(crate) fn close(&self) {
        let snapshotter = self.snapshotter().take();
        drop(snapshotter);
    }
}
