//! What the benchmarks share: measuring in rounds, tables in Markdown, the machine's description, and clusters drawn
//! from a seed. It knows the pure crates only; what is measured is each benchmark's own.
//!
//! There is no benchmark library below this: the figures here are ratios between things that are measured in turns, with
//! set-up that must not count, as tables to be pasted into the README. Those are a few lines each, and none of the
//! libraries gives them.

mod draws;
mod machine;
mod rounds;
mod table;

pub mod cluster;

pub use draws::Draws;
pub use machine::{file_system, start};
pub use rounds::{Rate, cpu_time, percentile, rate, rate_of, ratio};
pub use table::{Table, number};
