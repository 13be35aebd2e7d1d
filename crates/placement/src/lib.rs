//! Placement: which agent takes a task, and why.
//!
//! The crate keeps a picture of the cluster of its own, column by column, by replaying the log's events; it never sees
//! the state. The live master, a replay, the simulator and the benchmarks use the same code. It knows no clock, no
//! random source and no IO: the same events, request and seed give the same answer everywhere.
//!
//! | what | signature |
//! | --- | --- |
//! | the picture | `View::new()`, `view.apply(&Event)`, `view.check() -> Vec<String>` |
//! | for tools | `view.nodes()`, `view.node(AgentId) -> Option<Node>`, `view.free_ports(AgentId)`, `view.instances(&AppId)` |
//! | what is asked for | `Request::of_app(&AppSpec)`, `request.counting_since(AppVersion)` |
//! | many placements of one command | `Scratch::new(&view)`, `scratch.place(&dyn Policy, seed, &Request) -> Outcome` |
//! | one placement | `place(&view, &dyn Policy, seed, &Request) -> Outcome` |
//! | the answer | `Outcome::Placed(Placed { agent, host_ports, explanation })`, `Outcome::Nowhere(Explanation)` |
//! | policies | `by_name(&str) -> Option<Arc<dyn Policy>>`, `POLICIES: &[(name, description)]`, the trait [`Policy`] |
//! | constraints | `validate_constraint(&Constraint) -> Result<(), ConstraintError>` |
//!
//! # How a decision is made
//! Agents are scanned in blocks of [`LANES`] rows. In each block the filters run over plain columns, in the order of
//! [`model::Filter`]; then the policy scores what is left; the best score wins. Equal scores go to the first agent in
//! the order of ids, counted round from an agent that the seed chooses (seed 0 chooses the lowest). Nothing is
//! allocated per agent, and the placements of a [`Scratch`] are laid over the view by copying the blocks they touch.

mod account;
mod blend;
mod block;
mod cache;
mod check;
mod choice;
mod columns;
mod constraint;
mod demand;
mod fields;
mod fragmentation;
mod gpus;
mod hints;
mod lacking;
mod ledger;
mod levels;
mod mixing;
mod needs;
mod order;
mod places;
mod policies;
mod policy;
mod ports;
mod profile;
mod recent;
mod request;
mod runs;
mod scan;
mod scratch;
mod shapes;
mod slots;
mod tally;
mod typical;
mod view;
mod wanted;

pub use account::{Account, AccountTerm, AgentAccount, Standing, TermScore};
pub use blend::{Blend, Decider, Faulty, Term};
pub use columns::{Dimension, LANES, Node};
pub use constraint::{ConstraintError, IsNamed, PATTERN_SIZE_LIMIT, named_texts, validate_constraint};
pub use demand::{Demand, Shape};
pub use fragmentation::Fragmentation;
pub use gpus::MAX_GPUS;
pub use lacking::{Lack, Wishes};
pub use order::Order;
pub use policies::{
    BestFit, BestFitGpu, DotProduct, Fgd, FirstFit, GpuPacking, L2NormGreedy, POLICIES, Scarcity, WorstFit, by_name,
};
pub use policy::{Assessment, Batch, Context, DECISION_WORK, Fault, Policy, Ranking, Score, Verdict};
pub use profile::{
    DEFAULT_PROFILE, MAX_SAMPLE, MAX_TERMS, MAX_WEIGHT, PROFILES, ProfileError, ReadyProfile, is_reserved,
    validate_name, validate_profile,
};
pub use request::{PortWanted, Request};
pub use scratch::{Outcome, Placed, Scratch, place};
pub use slots::Slots;
pub use typical::{Stand, Typical, TypicalTask};
pub use view::View;
