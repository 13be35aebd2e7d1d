//! Placement traces: the nodes of a cluster, the pods that arrive one after the other, and what a policy makes of them.
//!
//! A trace becomes events, as a log has them: nodes register as agents, pods are instances of apps, so what decides here is
//! what decides in a live cluster. Must not know how the figures are shown.

mod cluster;
mod columns;
mod draw;
mod read;
mod run;

pub use columns::Column;
pub use draw::{draw_arrivals, draw_ranks};
pub use read::{Arrivals, Node, Pod, Ranks, Trace, TraceError, read_arrivals, read_nodes, read_pods, read_ranks};
pub use run::{Arrival, Point, Run, Step, run};
