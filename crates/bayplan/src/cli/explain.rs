//! `bayplan explain` and `bayplan why-not`

use clap::Args;
use clap::builder::{BoolishValueParser, RangedU64ValueParser};

use super::past::PastArgs;

/// Explain why a task is where it is: what became of every agent when it was placed
///
/// The log is folded up to the decision, which is made again by the code that decides: filters with their counts, the scores of
/// all candidates term by term, how a tie was broken, and who came second. When this version of the code would decide
/// otherwise, that is said.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan explain hello.instance-3f0c                       the beginning of an id is enough
  bayplan explain hello.instance-3f0c --all --json
  bayplan explain TASK --log /var/lib/bayplan/master        without asking the master, which may run or not
  bayplan explain TASK --log nats://127.0.0.1:4222 --cluster shop
  bayplan explain TASK --log history.log                    a file of `bayplan log export`")]
pub(crate) struct Explain {
    /// The task's id, also of one that ended; or the beginning of one that is remembered
    #[arg(value_name = "TASK")]
    pub(crate) task: String,

    /// Show all candidates, not only the first ten
    #[arg(long, env = "BAYPLAN_EXPLAIN_ALL", value_parser = BoolishValueParser::new())]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Tell what keeps an instance off an agent, and the smallest change that would let it fit there
///
/// Asks about one more instance of an app, or about a task as if it were placed anew. Every filter is asked, not only the first
/// one that fails. Where it fits, its rank is told, and against whom it loses.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan why-not /shop/cart h3                             an agent by its hostname or its id, such as S3
  bayplan why-not /shop/cart S3 --count 20                  how many of 20 fit there, and what the rest lacks
  bayplan why-not hello.instance-3f0c S3                    why this task is not there
  bayplan why-not hello S3 --log history.log --at 4711      as it was after record 4711")]
pub(crate) struct WhyNot {
    /// The id of an app, or of a task, or the beginning of that
    #[arg(value_name = "APP_OR_TASK")]
    pub(crate) what: String,

    /// An agent's id or hostname
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,

    /// How many instances
    #[arg(long, env = "BAYPLAN_WHY_NOT_COUNT", value_name = "N", default_value_t = 1)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=u64::from(scheduler::COUNT_LIMIT)))]
    pub(crate) count: u32,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}
