//! The second fold: what everybody may see, made of durable records only.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use model::{Position, SealedRecord, Seq, Tip};
use scheduler::Policies;
use state::State;
use tokio::sync::watch;

use crate::feed::Feed;
use crate::preparing::Preparing;
use crate::shadowing::{ShadowReport, Shadowing};

pub(crate) struct Reads {
    state: RwLock<State>,
    /// Where the state ends in the log. Changes only with the state, under its lock.
    end: Mutex<(Tip, Position)>,
    seq: watch::Sender<Seq>,
    writable: Mutex<Result<(), String>>,
    /// Who is told what changes, if anybody is.
    feed: Option<Feed>,
    /// What a second profile would have decided.
    shadowing: Shadowing,
    /// Has modules compiled before they are to decide.
    preparing: Preparing,
}

impl Reads {
    /// Of a state that ends with `tip`, in the message at `position`. Without policies, nothing is decided beside it.
    pub(crate) fn new(
        mut state: State,
        tip: Tip,
        position: Position,
        feed: Option<Feed>,
        policies: Option<&Policies>,
    ) -> Self {
        state.track_changes(feed.is_some());
        let seq = watch::Sender::new(state.seq);
        let end = Mutex::new((tip, position));
        let shadowing = policies.map_or_else(Shadowing::off, |policies| Shadowing::new(policies.clone()));
        let preparing = Preparing::new(policies.cloned().unwrap_or_default());
        preparing.begin(&state);
        shadowing.tell(&[], &state);
        Self { state: RwLock::new(state), end, seq, writable: Mutex::new(Ok(())), feed, shadowing, preparing }
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes with every batch that is folded.
    pub(crate) fn seq(&self) -> watch::Receiver<Seq> {
        self.seq.subscribe()
    }

    /// Folds records that became durable, and compares hashes where the leader recorded one. They end with `tip`, in the
    /// message at `position`.
    pub(crate) fn apply(&self, records: &[SealedRecord], tip: Tip, position: Position) {
        if records.is_empty() {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for sealed in records {
            state.apply(&sealed.record);
            assert!(
                !state.differs_from(sealed.record.state_hash),
                "the fold of record {} differs from its leader's",
                sealed.record.seq
            );
        }
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = (tip, position);
        let seq = state.seq;
        self.preparing.tell(records);
        self.shadowing.tell(records, &state);
        let changes = match &self.feed {
            Some(feed) if feed.wants_more() => Some((feed, state.take_changes())),
            Some(_) => {
                state.track_changes(false);
                None
            }
            None => None,
        };
        drop(state);
        self.seq.send_replace(seq);
        if let Some((feed, changes)) = changes {
            feed.tell(changes, tip, position);
        }
    }

    /// A copy of the state, and where it ends in the log.
    pub(crate) fn copy(&self) -> (State, Tip, Position) {
        let state = self.state();
        let (tip, position) = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        (state.clone(), tip, position)
    }

    pub(crate) fn shadow(&self) -> Option<ShadowReport> {
        self.shadowing.report()
    }

    pub(crate) fn preparing(&self) -> &Preparing {
        &self.preparing
    }

    pub(crate) fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref()
    }

    pub(crate) fn set_writable(&self, writable: Result<(), String>) {
        *self.writable.lock().unwrap_or_else(PoisonError::into_inner) = writable;
    }

    pub(crate) fn writable(&self) -> Result<(), String> {
        self.writable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
