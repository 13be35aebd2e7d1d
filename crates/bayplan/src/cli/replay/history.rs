//! `bayplan replay history`

use clap::Args;

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Tell the story of an app, a task, an agent or an offer: which command, by whom, led to what, and how long it took
///
/// Causes are followed across records: a launch names what was wanted and what it waited for, a kill the change that asked for it.
/// Reports of agents that were no news are told too. What may stand for several is refused with what it may mean.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay history /web --log history.log
  bayplan replay history web.instance-3f0c --log /var/lib/bayplan/master      the beginning of an id is enough
  bayplan replay history crane4 --log nats://127.0.0.1:4222                   an agent by its hostname, or as S3
  bayplan replay history O17 --log history.log                                an offer
  bayplan replay history /web --log history.log --from 08:00 --until 09:30")]
pub(crate) struct History {
    /// The id of an app, a task, an agent or an offer, or the beginning of one; or an agent's hostname
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// Begin with this record, or at this time
    #[arg(long, env = "BAYPLAN_HISTORY_FROM", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) from: Option<When>,

    /// End with this record, or at this time
    #[arg(long, env = "BAYPLAN_HISTORY_UNTIL", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) until: Option<When>,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
