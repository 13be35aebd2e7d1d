//! `bayplan app …`

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use model::AppId;

use super::parse_duration;
use super::past::PastArgs;

/// Deploy, look at and change apps: commands that the cluster keeps running in so many instances
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  bayplan app list\n  bayplan app scale hello 5 --wait")]
pub(crate) enum App {
    Deploy(Deploy),
    List(List),
    Show(Show),
    Scale(Scale),
    Restart(Restart),
    Destroy(Destroy),
}

/// Whether to see a change through.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Show the progress until it is done, or say what holds it back
    #[arg(long, env = "BAYPLAN_WAIT", value_parser = BoolishValueParser::new())]
    pub(crate) wait: bool,

    /// How long --wait waits, such as 90s or 10m; exit status 1 when that was not enough
    #[arg(long, env = "BAYPLAN_TIMEOUT", value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// How a change is carried out.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) waiting: Waiting,

    /// Take the place of a deployment that is under way
    #[arg(long, env = "BAYPLAN_FORCE", value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
}

/// Create an app, or change it to what the file says
///
/// The file holds an app's definition in Marathon's JSON, the modern form or that of 2014, or an array of
/// definitions, which are deployed together.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan app deploy examples/hello.json --wait
  echo '{\"id\": \"sleeper\", \"cmd\": \"sleep 500\", \"cpus\": 0.1, \"mem\": 32}' | bayplan app deploy -
  bayplan app deploy shop.json --force        do not wait for the deployment before this one")]
pub(crate) struct Deploy {
    /// A file with JSON; - is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// List all apps: how many instances run, and what is missing
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan app list\n  bayplan app list --json")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Show one app, its tasks, and what holds it back
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan app show hello\n  bayplan app show /shop/cart --json")]
pub(crate) struct Show {
    #[arg(value_name = "APP", value_parser = AppId::parse)]
    pub(crate) app: AppId,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Change how many instances run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan app scale hello 5 --wait
  bayplan app scale hello 0             stop it, but keep its definition")]
pub(crate) struct Scale {
    #[arg(value_name = "APP", value_parser = AppId::parse)]
    pub(crate) app: AppId,
    #[arg(value_name = "INSTANCES")]
    pub(crate) instances: u32,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// Replace every task of an app, one for one
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan app restart hello --wait")]
pub(crate) struct Restart {
    #[arg(value_name = "APP", value_parser = AppId::parse)]
    pub(crate) app: AppId,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// End an app's tasks and forget the app, whatever deployment holds it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan app destroy hello --wait")]
pub(crate) struct Destroy {
    #[arg(value_name = "APP", value_parser = AppId::parse)]
    pub(crate) app: AppId,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}
