//! Whole clusters in one process, in virtual time, with every kind of trouble: the same seed gives the same history.
//!
//! The masters and the agents are the real ones: their loops, recovery, leadership, sessions, journals and outboxes run as
//! they do in production. Simulated are what they stand on: the log ([`eventlog::EventLog`]), the network, disks, clocks,
//! chance, and the tasks themselves. Each history runs on a tokio runtime of one thread whose clock is stopped and jumps to
//! the next moment in which something is to happen. Nothing here may reach the machine's clock or chance, a thread or a
//! file, or depend on the order of a hash table.
//!
//! - [`run`] runs one history of [`Settings`] and tells what it came to; [`record`] gives its log too.
//! - [`sweep()`] runs many seeds; [`shrink`] makes a failing history smaller.
//! - [`Busy`] makes a long log, without any of that, for measurements.
//! - `invariants` has what must hold, one file for each.

mod agents;
mod busy;
mod client;
mod clock;
mod disk;
mod faults;
mod history;
mod invariants;
mod log;
mod machine;
mod masters;
mod network;
mod plants;
mod settings;
mod shrinking;
mod sweeping;
mod trouble;
mod wire;
mod world;

pub use busy::{Busy, BusySettings};
pub use faults::{Coverage, Fault, Faults};
pub use history::{Report, record, run};
pub use plants::Plant;
pub use settings::{DEFAULT_COMMANDS, MAX_AGENTS, MAX_MASTERS, Settings};
pub use shrinking::shrink;
pub use sweeping::{Failure, Progress, Summary, Sweep, single, sweep};
pub use world::Violation;
