//! Everything that an agent does at the same time: work that ends with it, wherever it is at that moment.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Spawns what ends when the guard of its agent is dropped.
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

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<Option<()>> {
        // Boxed, since it is moved several times on its way, and some of it is large.
        tokio::spawn(self.ended.clone().run_until_cancelled_owned(Box::pin(work)))
    }
}
