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

/// The one of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whether a part of a benchmark is to be measured: all of them, or those that are named.
#[must_use]
pub fn is_wanted(part: &str) -> bool {
    // cargo adds `--bench`.
    let mut parts = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    parts.peek().is_none() || parts.any(|wanted| wanted == part)
}
