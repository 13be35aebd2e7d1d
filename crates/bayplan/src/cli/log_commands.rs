//! `bayplan log …`: looking after a log where it is kept, without a master.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};

use super::log::{LogPlace, parse_place, parse_replicas, parse_stream_size};

/// Look after the cluster's log: what is in it, whether it is sound, copies of it
///
/// These commands open the log itself. One in a folder is open to one process, so its master has to be stopped; one on NATS
/// servers may be in use.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  bayplan log info --dir /var/lib/bayplan/master
  bayplan log verify --log nats://10.0.0.1:4222
  bayplan log backup --dir /var/lib/bayplan/master --to cluster.backup
  bayplan log restore --log nats://10.0.0.1:4222 --from cluster.backup")]
pub(crate) enum Log {
    Info(Info),
    Verify(Verify),
    Export(Export),
    Import(Import),
    Trim(Trim),
    Backup(Backup),
    Restore(Restore),
}

/// Where the log is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The master's folder, with a log in it; without it, that of `bayplan master`
    #[arg(long, env = "BAYPLAN_DIR", value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,

    /// Where the log is: folder, or NATS servers, separated by commas: nats://host:4222,nats://other:4222
    #[arg(long, env = "BAYPLAN_LOG", value_name = "LOG", default_value = "folder", value_parser = parse_place)]
    pub(crate) log: LogPlace,

    /// The cluster's name on the NATS servers: its stream is BAYPLAN_<NAME>
    #[arg(long, env = "BAYPLAN_CLUSTER", value_name = "NAME", default_value = "default")]
    pub(crate) cluster: String,
}

/// Where a log is to be, which is made if it is not there.
#[derive(Debug, Args)]
pub(crate) struct NewPlace {
    #[command(flatten)]
    pub(crate) place: Place,

    /// How many NATS servers keep a copy of the stream, when it is made: 1, 3 or 5
    #[arg(long, env = "BAYPLAN_LOG_REPLICAS", value_name = "N", default_value = "1", value_parser = parse_replicas)]
    pub(crate) log_replicas: usize,

    /// How large the stream may get, when it is made: bytes, or as 512MB or 16GB
    #[arg(long, env = "BAYPLAN_LOG_MAX_BYTES", value_name = "SIZE", default_value = "4GB", value_parser = parse_stream_size)]
    pub(crate) log_max_bytes: u64,

    /// Remove the baselines of a log that was there before under this name; without it, nothing is written where there are any
    #[arg(long, env = "BAYPLAN_REMOVE_BASELINES", value_parser = BoolishValueParser::new())]
    pub(crate) remove_baselines: bool,
}

/// Show where a log begins and ends, how large it is, which cluster it is of, and its baselines
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan log info\n  bayplan log info --log nats://127.0.0.1:4222 --json")]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Fold the whole log and check all of it: checksums, the chain, state hashes, invariants, baselines
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan log verify
  bayplan log verify --log nats://127.0.0.1:4222 --cluster shop

Nothing is changed. The first record that is not sound is named, and the exit status is 1.")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Copy all that a log has into a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan log export --to history.log
  bayplan log export --log nats://127.0.0.1:4222 --to history.log

The file has the messages as they are, and a baseline where the beginning was trimmed; docs/operate.md says how.")]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The file, which must not exist yet
    #[arg(long, env = "BAYPLAN_TO", value_name = "FILE")]
    pub(crate) to: PathBuf,
}

/// Fill an empty log from a file of `export` or `backup`, as it is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan log import --dir /tmp/look --from history.log
  bayplan log import --log nats://127.0.0.1:4222 --from history.log      to move from a folder to NATS servers

The file is checked before anything is written. To put a cluster back after a loss use `restore`, because agents ignore a log
that is older than what they have seen.")]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: NewPlace,

    /// The file
    #[arg(long, env = "BAYPLAN_FROM_FILE", value_name = "FILE")]
    pub(crate) from: PathBuf,
}

/// Write a baseline of the log's end, read it back, and trim what is older than the newest two
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan log trim
  bayplan log trim --behind-newest     free as much as possible now

Masters do this by themselves when they are started with --log-keep or --log-keep-for. What is trimmed is gone: `bayplan events`
shows nothing from before it.")]
pub(crate) struct Trim {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Trim up to the newest baseline, not the one before it, so that there is only that one to start from
    #[arg(long, env = "BAYPLAN_BEHIND_NEWEST")]
    pub(crate) behind_newest: bool,
}

/// Copy the state, and what is needed to go on from it, into a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan log backup --to cluster.backup
  bayplan log backup --log nats://127.0.0.1:4222 --to \"cluster-$(date +%F).backup\"

  bayplan log backup --upto 41233 --to cluster.backup      of a log that is damaged at position 41234

The file holds a baseline and the end of the log, but no history; `export` copies that too.")]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The last position that is looked at, when what is behind it is damaged or shall not count
    #[arg(long, env = "BAYPLAN_UPTO", value_name = "POSITION")]
    pub(crate) upto: Option<u64>,

    /// The file, which must not exist yet
    #[arg(long, env = "BAYPLAN_TO", value_name = "FILE")]
    pub(crate) to: PathBuf,
}

/// Put a cluster back from a file of `backup` or `export`, into an empty log
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan log restore --dir /var/lib/bayplan/master --from cluster.backup
  bayplan log restore --log nats://127.0.0.1:4222 --from cluster.backup

The file is checked before anything is written. Then epochs pass, so that agents which have seen a later log take this one for
newer. Agents end the tasks that were started after the backup was made.")]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) place: NewPlace,

    /// The file
    #[arg(long, env = "BAYPLAN_FROM_FILE", value_name = "FILE")]
    pub(crate) from: PathBuf,

    /// How many epochs pass: more than masters have begun since the backup was made
    #[arg(long, env = "BAYPLAN_PASS_EPOCHS", value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) pass_epochs: u64,
}
