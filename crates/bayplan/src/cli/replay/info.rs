//! `bayplan replay info`

use clap::Args;

use crate::cli::past::ReplayLog;

/// Show from when to when a log goes, and of which records states are kept, so that moments behind them are soon there
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay info
  bayplan replay info --log history.log --json")]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
