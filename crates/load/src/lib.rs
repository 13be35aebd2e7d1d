//! A load on a cluster: simulated agents and frameworks in this process, which speak the real protocols to a real master.
//!
//! A load has two stages. First the frameworks decline all that they are offered, which shows how many offers the master
//! makes; then they launch tasks until enough of them run. What is measured is what a framework sees on its connections.
//!
//! This crate must not know how a master works: it knows an address, and perhaps a process whose CPU time is counted.

mod calls;
mod counters;
mod cpu;
mod fleet;
mod framework;
mod latency;
mod run;
mod wire;

pub use counters::MasterWork;
pub use cpu::CpuShares;
pub use fleet::{Fleet, REPORTS_AT_ONCE};
pub use latency::Latencies;
pub use run::{Effort, Load, Measured, Stage, run};

/// Why a load could not be put on a cluster, or taken to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("only {joined} of {agents} agents joined within {limit_s} s")]
    Agents { joined: usize, agents: usize, limit_s: u64 },
    #[error("a framework cannot subscribe: {reason}")]
    Subscribe { reason: String },
    #[error("a framework's subscription has ended: {reason}")]
    Ended { reason: String },
    #[error("a call was refused: {reason}")]
    Refused { reason: String },
    #[error("{running} of {tasks} tasks run, and nothing has changed for {limit_s} s")]
    Stuck { running: u64, tasks: u64, limit_s: u64 },
}
