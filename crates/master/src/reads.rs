//! The second fold: what everybody may see, made of durable records only.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use model::{SealedRecord, Seq};
use state::State;
use tokio::sync::watch;

pub(crate) struct Reads {
    state: RwLock<State>,
    seq: watch::Sender<Seq>,
    writable: Mutex<Result<(), String>>,
}

impl Reads {
    pub(crate) fn new(state: State) -> Self {
        let seq = watch::Sender::new(state.seq);
        Self { state: RwLock::new(state), seq, writable: Mutex::new(Ok(())) }
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes with every batch that is folded.
    pub(crate) fn seq(&self) -> watch::Receiver<Seq> {
        self.seq.subscribe()
    }

    /// Folds records that became durable, and compares hashes where the leader recorded one.
    pub(crate) fn apply(&self, records: &[SealedRecord]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for sealed in records {
            state.apply(&sealed.record);
            assert!(
                !state.differs_from(sealed.record.state_hash),
                "the fold of record {} differs from its leader's",
                sealed.record.seq
            );
        }
        let seq = state.seq;
        drop(state);
        self.seq.send_replace(seq);
    }

    pub(crate) fn set_writable(&self, writable: Result<(), String>) {
        *self.writable.lock().unwrap_or_else(PoisonError::into_inner) = writable;
    }

    pub(crate) fn writable(&self) -> Result<(), String> {
        self.writable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
