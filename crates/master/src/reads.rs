//! The second fold: what everybody may see, made of durable records only.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use model::{SealedRecord, Timestamp};
use state::State;

use crate::handle::Health;

pub(crate) struct Reads {
    state: RwLock<State>,
    leader: String,
    started_at: Timestamp,
    writable: Mutex<Result<(), String>>,
}

impl Reads {
    pub(crate) fn new(state: State, leader: String, started_at: Timestamp) -> Self {
        Self { state: RwLock::new(state), leader, started_at, writable: Mutex::new(Ok(())) }
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folds records that became durable, and compares hashes where the leader recorded one.
    pub(crate) fn apply(&self, records: &[SealedRecord]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for sealed in records {
            state.apply(&sealed.record);
            if let Some(recorded) = sealed.record.state_hash {
                assert_eq!(
                    state.hash(),
                    recorded,
                    "the fold of record {} differs from its leader's",
                    sealed.record.seq
                );
            }
        }
    }

    pub(crate) fn set_writable(&self, writable: Result<(), String>) {
        *self.writable.lock().unwrap_or_else(PoisonError::into_inner) = writable;
    }

    pub(crate) fn health(&self) -> Health {
        let writable = self.writable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Health { writable, leader: self.leader.clone(), started_at: self.started_at }
    }
}
