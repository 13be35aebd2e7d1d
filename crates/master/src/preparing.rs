//! Has modules compiled beside the loop: that can take a second or two each, and nobody may wait for the loop so long.
//!
//! A module that is to be added is compiled before its command goes to the loop; those in the log are, as far as they may
//! decide, in a thread of their own while the log is followed. Must not know what a module is used for.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use model::{Event, Module, ModuleBytes, SealedRecord};
use scheduler::{MAX_MODULES, Policies, Rejection};
use state::State;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// How many modules may wait for the thread. Those beyond are compiled when somebody needs them.
const QUEUE: usize = 2 * MAX_MODULES;
/// How many modules that are to be added are compiled at the same time.
const AT_ONCE: usize = 1;

pub(crate) struct Preparing {
    policies: Policies,
    /// None where nothing can be compiled.
    queue: Option<SyncSender<Arc<Module>>>,
    /// How many are in the queue or in work.
    unready: Arc<watch::Sender<usize>>,
    permits: Semaphore,
}

impl Preparing {
    pub(crate) fn new(policies: Policies) -> Self {
        let unready = Arc::new(watch::Sender::new(0));
        let queue = if policies.has_modules() { start(&policies, &unready) } else { None };
        Self { policies, queue, unready, permits: Semaphore::new(AT_ONCE) }
    }

    /// Begins with the modules of a state.
    pub(crate) fn begin(&self, state: &State) {
        state.modules.values().filter(|module| module.disabled.is_none()).for_each(|module| self.prepare(module));
    }

    /// Goes on with those of records that became durable.
    pub(crate) fn tell(&self, records: &[SealedRecord]) {
        for event in records.iter().flat_map(|sealed| &sealed.record.events) {
            if let Event::ModuleAdded { module } = event {
                self.prepare(module);
            }
        }
    }

    fn prepare(&self, module: &Arc<Module>) {
        let Some(queue) = &self.queue else { return };
        self.unready.send_modify(|unready| *unready += 1);
        if queue.try_send(Arc::clone(module)).is_err() {
            self.unready.send_modify(|unready| *unready -= 1);
        }
    }

    /// Waits until all that are known are ready, but no longer than `patience`.
    pub(crate) async fn ready(&self, patience: Duration) {
        let mut unready = self.unready.subscribe();
        if timeout(patience, unready.wait_for(|unready| *unready == 0)).await.is_err() {
            tracing::warn!("placement modules are not compiled yet; those that are needed are compiled by the loop");
        }
    }

    /// Compiles a module that is to be added, so that it is at hand when the loop looks at it; or says what is wrong with it.
    pub(crate) async fn check(&self, name: &Arc<str>, bytes: &ModuleBytes) -> Result<(), Rejection> {
        let refused = |reason: String| Rejection::InvalidModule { name: name.to_string(), reason };
        // Nobody closes it.
        let _permit = self.permits.acquire().await;
        let (policies, own_name, bytes) = (self.policies.clone(), Arc::clone(name), bytes.clone());
        let checked = tokio::task::spawn_blocking(move || policies.check_module(&own_name, &bytes));
        checked.await.unwrap_or_else(|failed| Err(refused(format!("compiling it failed: {failed}"))))
    }
}

fn start(policies: &Policies, unready: &Arc<watch::Sender<usize>>) -> Option<SyncSender<Arc<Module>>> {
    let (sender, modules) = sync_channel::<Arc<Module>>(QUEUE);
    let (policies, unready) = (policies.clone(), Arc::clone(unready));
    let work = move || {
        for module in modules {
            if let Err(why) = policies.prepare(&module) {
                tracing::warn!(module = %module.name, why, "a placement module of the log cannot decide here");
            }
            unready.send_modify(|unready| *unready -= 1);
        }
    };
    match std::thread::Builder::new().name("modules".to_owned()).spawn(work) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "no thread can be had to compile placement modules; the loop does it");
            None
        }
    }
}
