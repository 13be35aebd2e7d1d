//! Time and chance: all that a master needs and neither its log nor anybody's request tells. Both come from outside, so
//! that a simulation can give its own.

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
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
        bytes
    }
}
