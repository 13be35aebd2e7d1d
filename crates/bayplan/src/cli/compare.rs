//! `bayplan placement compare`

use clap::Args;

use super::past::ReplayLog;

/// Let two profiles decide what a log asked for, each in a cluster of its own, and tell where they part
///
/// What is launched in the log is asked of both, with the same seeds; their own choices hold, and tasks end when they end in
/// the log. The first decision that differs is told with both accounts, and then what each came to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement compare best-fit fgd --log /var/lib/bayplan/master
  bayplan placement compare best-fit examples/profiles/packed.json --log history.log --json
  bayplan placement compare best-fit mine.wasm --log history.log
  bayplan placement compare spread mine --log nats://127.0.0.1:4222 --cluster shop")]
pub(crate) struct Compare {
    /// A policy, a profile or a module, as the log defines it; or a file with a profile (.json, or any with a slash) or a
    /// module (.wasm)
    #[arg(value_name = "A")]
    pub(crate) a: String,

    /// The other one
    #[arg(value_name = "B")]
    pub(crate) b: String,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
