//! The way of a message: how long it takes, and whether it arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::faults::Fault;
use crate::world::{Dice, Place, World, sleep_ms};

/// The message did not arrive, and nobody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

#[derive(Default)]
pub(crate) struct Network {
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Default)]
struct State {
    /// Ways that are closed, by how many partitions.
    closed: BTreeMap<(Place, Place), u32>,
    /// When the last message that was sent on a way arrives.
    arrivals: BTreeMap<(Place, Place), Instant>,
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self, ways: &BTreeSet<(Place, Place)>) {
        let mut state = self.state();
        for way in ways {
            *state.closed.entry(*way).or_default() += 1;
        }
    }

    pub(crate) fn open(&self, ways: &BTreeSet<(Place, Place)>) {
        let mut state = self.state();
        for way in ways {
            if let Some(count) = state.closed.get_mut(way) {
                *count -= 1;
                if *count == 0 {
                    state.closed.remove(way);
                }
            }
        }
        drop(state);
        self.opened.notify_waiters();
    }

    pub(crate) fn is_open(&self, from: Place, to: Place) -> bool {
        !self.state().closed.contains_key(&(from, to))
    }

    /// Waits while the way is closed.
    pub(crate) async fn until_open(&self, from: Place, to: Place) {
        loop {
            let opened = self.opened.notified();
            if self.is_open(from, to) {
                return;
            }
            opened.await;
        }
    }

    fn overtakes(&self, from: Place, to: Place, arrives_at: Instant) -> bool {
        let mut state = self.state();
        let last = state.arrivals.entry((from, to)).or_insert(arrives_at);
        let overtakes = arrives_at < *last;
        *last = arrives_at.max(*last);
        overtakes
    }
}

impl World {
    /// How long a message takes, in a network that works.
    pub(crate) fn latency(&self) -> Duration {
        let mut ms = self.roll(Dice::Network, |rng| rng.u64(0..=2));
        if self.may_strike(Fault::Reordering) {
            ms += self.roll(Dice::Fault(Fault::Reordering), |rng| if rng.u8(0..10) == 0 { rng.u64(2..60) } else { 0 });
        }
        if self.strikes(Fault::Delay, 8) {
            ms += self.roll(Dice::Fault(Fault::Delay), |rng| rng.u64(50..3_000));
        }
        Duration::from_millis(ms)
    }

    /// Carries a message that may overtake others.
    pub(crate) async fn travel(&self, from: Place, to: Place) -> Result<(), Lost> {
        if !self.network.is_open(from, to) || self.strikes(Fault::Loss, 5) {
            return Err(Lost);
        }
        let latency = self.latency();
        if self.network.overtakes(from, to, Instant::now() + latency) && self.may_strike(Fault::Reordering) {
            self.struck(Fault::Reordering);
        }
        tokio::time::sleep(latency).await;
        if self.network.is_open(from, to) { Ok(()) } else { Err(Lost) }
    }

    /// What somebody sees whose message, or the answer to it, was lost: sooner or later an error.
    pub(crate) async fn find_out_loss(&self) {
        let ms = self.roll(Dice::Network, |rng| if rng.bool() { rng.u64(1..20) } else { 60_000 });
        sleep_ms(ms).await;
    }
}
