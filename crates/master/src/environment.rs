//! Time and chance: all that a master needs and neither its log nor anybody's request tells. Both come from outside, so
//! that a simulation can give its own.

use std::cell::RefCell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// Where a master gets time and chance from. Spans of time are measured by tokio's clock.
pub trait Environment: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    fn random(&self) -> [u8; 16];
}

/// The machine's clock and the kernel's random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self) -> [u8; 16] {
        POOL.with_borrow_mut(Pool::take)
    }
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { blocks: [[0; 16]; POOL_BLOCKS], left: 0 }) };
}

const POOL_BLOCKS: usize = 64;

/// Random bytes that were asked for together: every command needs some, and to ask costs more than to decide.
struct Pool {
    blocks: [[u8; 16]; POOL_BLOCKS],
    left: usize,
}

impl Pool {
    fn take(&mut self) -> [u8; 16] {
        if self.left == 0 {
            getrandom::fill(self.blocks.as_flattened_mut()).expect("the kernel gives random bytes");
            self.left = POOL_BLOCKS;
        }
        self.left -= 1;
        std::mem::take(&mut self.blocks[self.left])
    }
}
