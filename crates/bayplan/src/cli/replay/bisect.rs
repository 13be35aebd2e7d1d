//! `bayplan replay bisect` and `bayplan replay conditions`

use clap::Args;
use clap::builder::RangedU64ValueParser;
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
  bayplan replay bisect --log history.log --condition 'violations > 0' --check-every 256")]
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

    /// Ask only after every so many records, and when it holds, look for the first one since it was asked before. What holds only
    /// for a while in between may be missed; what takes long to ask, such as violations, is asked less
    #[arg(long, env = "BAYPLAN_BISECT_CHECK_EVERY", value_name = "N", default_value_t = 1)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) check_every: u64,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}

/// List what conditions may ask for
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan replay conditions\n  bayplan replay conditions --json")]
pub(crate) struct Conditions {}
