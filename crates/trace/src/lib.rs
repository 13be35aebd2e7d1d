//! Placement traces: the nodes of a cluster, the pods that arrive one after the other, and what a policy makes of them. And
//! instances whose best packing is known, to hold the policies against it.
//!
//! A trace becomes events, as a log has them: nodes register as agents, pods are instances of apps, so what decides here is
//! what decides in a live cluster. Must not know how the figures are shown.

mod bin_centric;
mod cluster;
mod columns;
mod draw;
mod fullest;
mod packing;
mod planted;
mod read;
mod repack;
mod run;
mod scaled;

pub use bin_centric::{Choice, fill_in_turn};
pub use columns::Column;
pub use draw::{draw_arrivals, draw_ranks};
pub use fullest::fill_fullest;
pub use packing::{Packing, Size, largest_first, place_in_order};
pub use planted::{Amounts, Family, Grain, Planted};
pub use read::{Arrivals, Node, Pod, Ranks, Trace, TraceError, read_arrivals, read_nodes, read_pods, read_ranks};
pub use repack::repack;
pub use run::{Arrival, Point, Run, Step, run};
