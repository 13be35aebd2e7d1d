//! `bayplan replay verify`

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::cli::past::ReplayLog;

/// Fold the whole log and check all of it: checksums, the chain, state hashes, invariants, baselines
///
/// Every invariant is checked after every so many records, and at the end. When one does not hold, the first record after which
/// that is so is looked for and named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay verify
  bayplan replay verify --log history.log --check-every 1
  bayplan replay verify --log nats://127.0.0.1:4222 --cluster shop --json

Nothing is changed. The first record that is not sound is named, and the exit status is 1.")]
pub(crate) struct Verify {
    /// After how many records all invariants are checked; 1 checks after each
    #[arg(long, env = "BAYPLAN_CHECK_EVERY", value_name = "N", default_value_t = 8_192)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) check_every: u64,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
