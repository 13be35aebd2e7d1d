//! `bayplan bench`

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

use super::log::{LogPlace, parse_place, parse_replicas};
use super::parse_duration;

/// Measure how much a cluster can do on this machine
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  bayplan bench offers                                 offers and launches per second, with the log in a folder
  bayplan bench offers --log nats://127.0.0.1:4222     the same with the log on NATS servers
  bayplan bench history --to busy.log                  an hour of a large cluster, to try `bayplan replay` on")]
pub(crate) enum Bench {
    Offers(Offers),
    History(History),
}

/// Make the log of a busy cluster, in a file as `bayplan log export` writes it
///
/// There is no cluster: what agents and users would send is decided in virtual time. Apps are scaled, changed and restarted, tasks
/// run, end and fail, agents lose their connection. The same numbers give the same file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan bench history --to busy.log                                   1,000 agents, 20,000 instances, over a million events
  bayplan bench history --to small.log --agents 10 --instances 100 --events 20000
  bayplan replay verify --log busy.log")]
pub(crate) struct History {
    /// The file, which must not exist yet
    #[arg(long, env = "BAYPLAN_TO", value_name = "FILE")]
    pub(crate) to: PathBuf,

    /// How many agents there are
    #[arg(long, env = "BAYPLAN_BENCH_HISTORY_AGENTS", value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    pub(crate) agents: u32,

    /// How many instances of all apps are wanted
    #[arg(long, env = "BAYPLAN_BENCH_HISTORY_INSTANCES", value_name = "N", default_value_t = 20_000)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    pub(crate) instances: u32,

    /// About how many events there are
    #[arg(long, env = "BAYPLAN_BENCH_HISTORY_EVENTS", value_name = "N", default_value_t = 1_100_000)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1_000..=1_000_000_000))]
    pub(crate) events: u64,

    /// The time from its first record to its last
    #[arg(long, env = "BAYPLAN_BENCH_HISTORY_SPAN", value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    pub(crate) span: Duration,

    /// Another number gives another history
    #[arg(long, env = "BAYPLAN_BENCH_HISTORY_SEED", value_name = "SEED", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Offers and launches per second, from durable offer to running task, as frameworks see them
///
/// Starts a master of its own with a new log, joins simulated agents, and subscribes frameworks, all over the real protocols on
/// loopback. First the frameworks decline everything; then they launch tasks until all of them run. Agents and frameworks are
/// in this process, the master is in another; all share this machine's processors, and the table says who had them. It
/// repeats this for each number of frameworks. Everything is removed at the end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan bench offers                                       1 to 1,000 frameworks, 10,000 agents, 100,000 tasks
  bayplan bench offers --frameworks 10 --agents 500 --tasks 5000 --decline-for 3s
  bayplan bench offers --log nats://127.0.0.1:4222 --json    for machines, with the log on NATS servers")]
pub(crate) struct Offers {
    /// How many simulated agents join
    #[arg(long, env = "BAYPLAN_BENCH_AGENTS", value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub(crate) agents: usize,

    /// How many frameworks subscribe; one run for each number
    #[arg(
        long,
        env = "BAYPLAN_BENCH_FRAMEWORKS",
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "1,10,100,1000"
    )]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub(crate) frameworks: Vec<usize>,

    /// For how long everything is declined
    #[arg(long, env = "BAYPLAN_BENCH_DECLINE_FOR", value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(crate) decline_for: Duration,

    /// How many tasks are launched
    #[arg(long, env = "BAYPLAN_BENCH_TASKS", value_name = "N", default_value_t = 100_000)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000_000))]
    pub(crate) tasks: u64,

    /// How many of them with one ACCEPT
    #[arg(long, env = "BAYPLAN_BENCH_TASKS_PER_ACCEPT", value_name = "N", default_value_t = 10)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000))]
    pub(crate) tasks_per_accept: u64,

    /// Where the log is: folder, or NATS servers, separated by commas. There it gets a stream of its own, which is deleted
    /// again
    #[arg(long, env = "BAYPLAN_BENCH_LOG", value_name = "LOG", default_value = "folder", value_parser = parse_place)]
    pub(crate) log: LogPlace,

    /// How many NATS servers keep a copy of the stream: 1, 3 or 5
    #[arg(long, env = "BAYPLAN_BENCH_LOG_REPLICAS", value_name = "N", default_value = "1", value_parser = parse_replicas)]
    pub(crate) log_replicas: usize,

    /// In which folder the master's own is made: its disk is measured, too. The system's temporary folder otherwise
    #[arg(long, env = "BAYPLAN_BENCH_DIR", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
