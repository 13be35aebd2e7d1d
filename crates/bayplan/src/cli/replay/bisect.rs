//! `bayplan replay bisect` and `bayplan replay conditions`

use clap::Args;
use replay::Condition;

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Find the first record after which a condition holds, and what changed to make it hold
///
/// A condition is an event's or a command's kind, an id, or an expression over the state; `bayplan replay conditions` lists what it may
/// ask for. It is checked before anything is read. The exit status is 1 when it never holds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay bisect --log history.log --condition 'app(\"/web\").running < 2 && agents.connected == 3'
  bayplan replay bisect --log history.log --condition 'task(\"web.instance-3f0c\").state == \"TASK_FAILED\"'
  bayplan replay bisect --log history.log --condition 'instances_waiting > 0' --from 08:00
  bayplan replay bisect --log history.log --condition agent_disconnected
  bayplan replay bisect --log history.log --condition 'violations > 0'")]
pub(crate) struct Bisect {
    /// What has to hold
    #[arg(long, env = "BAYPLAN_CONDITION", value_name = "CONDITION", value_parser = Condition::parse)]
    pub(crate) condition: Condition,

    /// Look at what comes after this record, or after this time
    #[arg(long, env = "BAYPLAN_BISECT_FROM", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) from: Option<When>,

    /// End with this record, or at this time
    #[arg(long, env = "BAYPLAN_BISECT_UNTIL", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) until: Option<When>,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}

/// List what conditions may ask for
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan replay conditions\n  bayplan replay conditions --json")]
pub(crate) struct Conditions {}
