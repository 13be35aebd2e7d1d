//! `bayplan task …`

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use model::AppId;

use super::past::PastArgs;

/// Look at tasks, read their output, end them
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  bayplan task list --app hello\n  bayplan task logs hello.3f0c -f")]
pub(crate) enum Task {
    List(List),
    Show(Show),
    Logs(Logs),
    Kill(Kill),
}

/// List tasks: where they run, on which ports, since when
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan task list
  bayplan task list --app hello --all        with those that ended, and how")]
pub(crate) struct List {
    /// Only the tasks of this app
    #[arg(long, env = "BAYPLAN_APP", value_name = "APP", value_parser = AppId::parse)]
    pub(crate) app: Option<AppId>,

    /// Also the tasks that ended, as long as they are remembered
    #[arg(long, env = "BAYPLAN_ALL", value_parser = BoolishValueParser::new())]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Show a task: what runs where since when, and how it ended
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan task show hello.instance-3f0c
  bayplan --at 02:27 --log history.log task show hello.instance-3f0c     as it was at that time")]
pub(crate) struct Show {
    /// A task's id, or the beginning of it
    #[arg(value_name = "TASK")]
    pub(crate) task: String,

    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Print what a task wrote
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan task logs hello.3f0c               the beginning of an id is enough when it is the only one that runs
  bayplan task logs hello                    its only task, or the one that ended last when none runs
  bayplan task logs hello.3f0c --stderr -f   go on until the task ends, or Ctrl-C")]
pub(crate) struct Logs {
    /// A task's id, or the beginning of it
    #[arg(value_name = "TASK")]
    pub(crate) task: String,

    /// Go on printing what is added
    #[arg(short, long, env = "BAYPLAN_FOLLOW", value_parser = BoolishValueParser::new())]
    pub(crate) follow: bool,

    /// What it wrote to stderr instead of stdout
    #[arg(long, env = "BAYPLAN_STDERR", value_parser = BoolishValueParser::new())]
    pub(crate) stderr: bool,
}

/// End tasks; the cluster replaces them, unless the app is scaled down with them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan task kill hello.3f0c
  bayplan task kill hello.3f0c hello.a881 --scale     and run two fewer from now on")]
pub(crate) struct Kill {
    /// Ids of tasks, or the beginnings of them
    #[arg(value_name = "TASK", required = true)]
    pub(crate) tasks: Vec<String>,

    /// Lower the app's number of instances by those that are ended
    #[arg(long, env = "BAYPLAN_SCALE", value_parser = BoolishValueParser::new())]
    pub(crate) scale: bool,

    /// Take the place of a deployment that is under way
    #[arg(long, env = "BAYPLAN_FORCE", value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
}
