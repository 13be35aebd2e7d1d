//! The master: one loop that turns submitted commands into durable records, and everything that waits for them.
//!
//! - [`start`] folds the log, starts a leadership in it and runs the loop (`leader`).
//! - The loop decides and applies speculatively while one append is under way.
//! - What an append made durable goes to the `publisher`, which folds it a second time, for reads, answers those who
//!   submitted, and wakes the agents' sessions. Nothing becomes visible in any other way.
//! - [`Handle`] is how everybody else submits commands, reads the state and follows the records.
//!
//! The master knows no HTTP. It is the only place that gives commands their time, id and seed, which it has from an
//! [`Environment`].

mod batch;
mod config;
mod contact;
mod environment;
mod epochs;
mod explaining;
mod feed;
mod folding;
mod frameworks;
mod handle;
mod leader;
mod looking_back;
mod metered;
mod metrics;
mod minting;
mod node;
mod past;
mod peers;
mod preparing;
mod publisher;
mod pursuit;
mod reads;
mod recovery;
mod role;
mod sessions;
mod shadowing;
mod stream;
mod tasks;
mod trimming;

pub use config::{Config, HEARTBEATS_MISSED, Retention, Sabotage, SnapshotConfig, Standby};
pub use environment::{Environment, System};
pub use epochs::pass_epochs;
pub use explaining::{ExplainError, ExplainedTask, When, WhyNotNow, check_form};
pub use frameworks::{CallRefused, FrameworkStream};
pub use handle::{Committed, HandOverError, Handle, Health, SubmitError};
pub use metrics::describe_metrics;
pub use past::{Cursor, Kept, PastError, Records, first_at, launch_of, nearest, oldest, seq_at};
pub use peers::Peer;
pub use recovery::{Running, StartError, start};
pub use role::{KnownLeader, Role};
pub use scheduler::{Difference, Packing, Policies, Rejection, ShadowCounts};
pub use shadowing::ShadowReport;
pub use stream::{Follow, StreamError};
pub use trimming::{
    BASELINES_KEPT, TrimmingError, load_baseline, read_back_baseline, trim_behind_baselines, trimmable_behind,
    write_baseline,
};
