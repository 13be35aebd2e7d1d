//! The threads of what nobody may hold up: the master's loop, its publisher, and the log.
//!
//! HTTP has others. To write JSON for thousands of clients keeps those busy for milliseconds at a time; on the same threads, the
//! log's answer to an append would wait behind it.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// The loop decides the next batch while the publisher makes the last one visible. The log's client needs little.
const COUNT: usize = 2;
/// What holds a thread for longer is left to the end of the process.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Ends what still runs on its threads when it is dropped, and waits for that.
pub(super) struct Threads {
    /// None when it ends.
    runtime: Option<Runtime>,
}

impl Threads {
    pub(super) fn start() -> Result<Self, Failure> {
        let built = Builder::new_multi_thread().worker_threads(COUNT).thread_name("loop").enable_all().build();
        let runtime = built.map_err(|error| Failure::failed(format!("cannot start the master's threads: {error}")))?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs something there, and everything that it spawns.
    pub(super) async fn run<F>(&self, work: F) -> Result<F::Output, Failure>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let runtime = self.runtime.as_ref().expect("only a drop takes it");
        let ended = runtime.spawn(work).await;
        ended.map_err(|panic| Failure::failed(format!("the master's start has failed: {panic}")))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // A process that exits while one of them works in RocksDB may be aborted, and its exit status would say nothing. A thread
        // that runs async functions may not end a runtime itself.
        let ending = std::thread::spawn(move || runtime.shutdown_timeout(END_PATIENCE));
        let _ended = ending.join();
    }
}
