//! `bayplan replay stats`

use clap::Args;

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Count what a log is made of: records and events by kind, rates over time, launches, failures, who did how much, what took long
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay stats --log history.log
  bayplan replay stats --log /var/lib/bayplan/master --from 08:00 --until 09:00
  bayplan replay stats --log nats://127.0.0.1:4222 --top 5 --json")]
pub(crate) struct Stats {
    /// Begin with this record, or at this time
    #[arg(long, env = "BAYPLAN_STATS_FROM", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) from: Option<When>,

    /// End with this record, or at this time
    #[arg(long, env = "BAYPLAN_STATS_UNTIL", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) until: Option<When>,

    /// How many rows of each table are shown
    #[arg(long, env = "BAYPLAN_STATS_TOP", value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
