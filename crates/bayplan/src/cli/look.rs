//! Commands that only look: `bayplan status`, `bayplan events`, `bayplan leader`

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use model::Seq;

use super::past::PastArgs;

/// Show which master leads and which follow, or let another one lead
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan leader\n  bayplan leader --json\n  bayplan leader hand-over --to m2")]
pub(crate) struct Leader {
    #[command(subcommand)]
    pub(crate) command: Option<LeaderCommand>,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LeaderCommand {
    HandOver(HandOver),
}

/// Let another master lead; returns when it does
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan leader hand-over\n  bayplan leader hand-over --to m2")]
pub(crate) struct HandOver {
    /// The master that shall lead, by its name in `bayplan leader`; without it, whichever is quickest
    #[arg(long, env = "BAYPLAN_HAND_OVER_TO", value_name = "NAME")]
    pub(crate) to: Option<String>,
}

/// Show the cluster at a glance: leader, agents, resources, tasks, and which apps wait for what
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan status\n  bayplan status --json")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Print the log: every event with its record, its time and who caused it
///
/// With --json, one record per line, complete, as schemas/record.schema.json describes it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan events                        the newest records
  bayplan events --from 1               the whole history
  bayplan events --follow               go on as things happen, until Ctrl-C
  bayplan events --at 02:27 --last 20   what happened before that moment
  bayplan events --json --from 1 | grep task_launched")]
pub(crate) struct Events {
    /// Go on printing what is added
    #[arg(short, long, env = "BAYPLAN_FOLLOW", value_parser = BoolishValueParser::new())]
    pub(crate) follow: bool,

    /// Begin at the record with this number
    #[arg(long, env = "BAYPLAN_FROM", value_name = "N", conflicts_with = "last")]
    pub(crate) from: Option<Seq>,

    /// Begin so many records before the end
    #[arg(long, env = "BAYPLAN_LAST", value_name = "N", default_value_t = 50)]
    pub(crate) last: u64,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}
