//! The clocks and the chance that nodes are given.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::BoxFuture;
use model::Timestamp;

use crate::disk::Disk;
use crate::faults::Fault;
use crate::world::{Dice, World, sleep_ms};

/// By how many milliseconds a node's wall clock is ahead.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offset(Arc<AtomicI64>);

impl Offset {
    pub(crate) fn step(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn apply(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add_signed(self.0.load(Ordering::Relaxed)))
    }
}

/// Time and chance of a node.
#[derive(Clone)]
pub(crate) struct NodeClock {
    pub(crate) world: Arc<World>,
    pub(crate) dice: Dice,
    pub(crate) offset: Offset,
}

impl fmt::Debug for NodeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeClock").field("dice", &self.dice).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl NodeClock {
    fn wall(&self) -> Timestamp {
        self.offset.apply(self.world.true_time())
    }

    fn bytes(&self) -> [u8; 16] {
        let (high, low) = self.world.roll(self.dice, |rng| (rng.u64(..), rng.u64(..)));
        ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
    }
}

impl master::Environment for NodeClock {
    fn now(&self) -> Timestamp {
        self.wall()
    }

    fn random(&self) -> [u8; 16] {
        self.bytes()
    }
}

/// What an agent's process has: its node's clock, and its disk.
#[derive(Debug, Clone)]
pub(crate) struct AgentSide {
    pub(crate) clock: NodeClock,
    pub(crate) disk: Arc<Disk>,
}

impl agent::Environment for AgentSide {
    fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    fn random(&self) -> [u8; 16] {
        self.clock.bytes()
    }

    /// What is written is there at once, but not durable before the disk had its time.
    fn on_disk(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let (world, disk) = (Arc::clone(&self.clock.world), Arc::clone(&self.disk));
        Box::pin(async move {
            work();
            let ms = if world.strikes(Fault::SlowDisk, 20) {
                world.roll(Dice::Fault(Fault::SlowDisk), |rng| rng.u64(50..2_000))
            } else {
                1
            };
            sleep_ms(ms).await;
            disk.sync(&world);
        })
    }
}
