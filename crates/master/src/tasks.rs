//! Everything that a master does at the same time: tasks that end with it, wherever they are at that moment.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Spawns tasks that end when the guard of their master is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    ended: CancellationToken,
}

impl Tasks {
    pub(crate) fn new() -> (Self, DropGuard) {
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        (Self { ended }, guard)
    }

    /// None when it was ended from outside.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        // Boxed, since it is moved several times on its way, and some of it is large.
        tokio::spawn(self.ended.clone().run_until_cancelled_owned(Box::pin(work)))
    }
}
