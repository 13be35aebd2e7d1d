//! What an agent stands on: a clock, chance, a disk, the way to its masters, and what runs its tasks. All of it comes
//! from outside, so that a simulation can give its own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use model::{AgentDescription, Timestamp};

use crate::containerizer::Containerizer;
use crate::journal::JournalFile;
use crate::ledger::Kind;
use crate::link::Transport;
use crate::sabotage::Sabotage;
use crate::sandbox::Sandboxes;

/// Where an agent gets time and chance from, and the way in which it waits for its disk. Spans of time are measured by
/// tokio's clock.
pub trait Environment: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    fn random(&self) -> [u8; 16];

    /// Does work that may wait for a disk; returns when it is done. Dropped before that, it may be done or not.
    fn on_disk(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}

/// The machine's clock, the kernel's random bytes, and threads that may wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
        bytes
    }

    fn on_disk(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Err(error) = tokio::task::spawn_blocking(work).await {
                std::panic::resume_unwind(error.into_panic());
            }
        })
    }
}

/// Everything that [`crate::run_on`] needs.
pub struct Machine {
    /// Names the agent's folder in messages.
    pub folder: PathBuf,
    pub environment: Arc<dyn Environment>,
    pub journal: Box<dyn JournalFile>,
    /// Tried in turn.
    pub masters: Vec<String>,
    pub transport: Arc<dyn Transport>,
    /// Containerizers are added as they are found.
    pub description: AgentDescription,
    pub containerizers: BTreeMap<Kind, Arc<dyn Containerizer>>,
    pub sandboxes: Sandboxes,
    pub sabotage: Sabotage,
}
