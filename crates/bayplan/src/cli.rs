//! The command line's grammar: every command, flag, environment variable and help text.
//!
//! Nothing here does anything; `commands` talks to a cluster and `node` runs one.

pub(crate) mod app;
pub(crate) mod bench;
pub(crate) mod cluster;
pub(crate) mod compare;
mod duration;
pub(crate) mod explain;
pub(crate) mod log;
pub(crate) mod log_commands;
pub(crate) mod look;
pub(crate) mod past;
pub(crate) mod placement;
pub(crate) mod replay;
pub(crate) mod sim;
pub(crate) mod task;
pub(crate) mod when;

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::MasterUrl;

pub(crate) use duration::{parse_duration, parse_duration_within};

pub(crate) const DEFAULT_MASTER: &str = "http://127.0.0.1:5050";

const ABOUT: &str = "\
Runs and steers Bayplan, a cluster scheduler that keeps everything that happens in one ordered log.";

const AFTER_HELP: &str = "\
Examples:
  bayplan dev --deploy examples/hello.json   a whole cluster on this machine, with a first app
  bayplan status                             what it does, and what waits for what
  bayplan leader                             which master leads, and which follow
  bayplan app deploy my-app.json --wait      create or change an app, and see it through
  bayplan events --follow                    everything that happens, as it happens
  bayplan explain TASK                       why a task is where it is
  bayplan why-not my-app h3                  what keeps another instance off an agent
  bayplan --at 02:27 task list               as it was at that time; every command that only looks can do that

Exit status:
  0  done
  1  failed, or not reached in time
  2  the command line is wrong
  3  the cluster cannot be reached
  4  there is no such app, task or agent
  5  the cluster refused: the request is not valid, a deployment holds the app, or the token is wrong

Every flag can be set by an environment variable too; `bayplan <command> --help` names it.";

#[derive(Debug, Parser)]
#[command(name = "bayplan", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 110)]
#[command(propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) past: past::PastArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes, before or after its name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where a master answers its operator API; several, separated by commas, are tried in turn
    #[arg(long, global = true, env = "BAYPLAN_MASTER", value_name = "URL", value_delimiter = ',')]
    #[arg(default_value = DEFAULT_MASTER, value_parser = MasterUrl::parse)]
    pub(crate) master: Vec<MasterUrl>,

    /// A file with the cluster's token, which no other user may read; not needed while everything is on loopback
    #[arg(long, global = true, env = "BAYPLAN_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Print JSON for machines
    #[arg(long, global = true, env = "BAYPLAN_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,

    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, env = "BAYPLAN_COLOR", value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWhen,

    /// What to log to stderr: off, error, warn, info, debug, trace, or as RUST_LOG has it (master=debug,warn)
    #[arg(long, global = true, env = "BAYPLAN_LOG_LEVEL", value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(Box<cluster::Dev>),
    Master(Box<cluster::Master>),
    Agent(Box<cluster::Agent>),
    #[command(subcommand)]
    App(app::App),
    #[command(subcommand)]
    Task(task::Task),
    Events(look::Events),
    Status(look::Status),
    Leader(look::Leader),
    Explain(explain::Explain),
    WhyNot(explain::WhyNot),
    #[command(subcommand)]
    Placement(Box<placement::Placement>),
    Sim(Box<sim::Sim>),
    #[command(subcommand)]
    Bench(Box<bench::Bench>),
    #[command(subcommand)]
    Log(log_commands::Log),
    #[command(subcommand)]
    Replay(Box<replay::Replay>),
}

impl Command {
    /// What a command that only looks was told of a moment; None for all other commands.
    pub(crate) fn past(&self) -> Option<&past::PastArgs> {
        match self {
            Self::App(app::App::List(app::List { past })) | Self::App(app::App::Show(app::Show { past, .. })) => {
                Some(past)
            }
            Self::Task(task::Task::List(task::List { past, .. })) => Some(past),
            Self::Task(task::Task::Show(task::Show { past, .. })) => Some(past),
            Self::Agent(agent) => match &agent.command {
                Some(cluster::AgentCommand::List(list)) => Some(&list.past),
                None => None,
            },
            Self::Events(events) => Some(&events.past),
            Self::Status(status) => Some(&status.past),
            Self::Leader(leader) if leader.command.is_none() => Some(&leader.past),
            Self::Explain(explain) => Some(&explain.past),
            Self::WhyNot(why_not) => Some(&why_not.past),
            Self::Placement(placement) => placement.past(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    /// The two rules of the house: an example for every command, an environment variable for every flag.
    #[test]
    fn every_command_has_examples_and_every_flag_a_variable() {
        let mut root = Cli::command();
        root.build();
        let mut left = vec![&root];
        let mut seen = 0;
        while let Some(command) = left.pop() {
            left.extend(command.get_subcommands());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no examples", command.get_name());
            for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
                let flag = arg.get_long().expect("filtered");
                if !["help", "version"].contains(&flag) {
                    let variable = arg.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                    assert!(variable.starts_with("BAYPLAN_"), "--{flag} of {} has no variable", command.get_name());
                }
            }
            seen += 1;
        }
        assert!(seen > 15, "only {seen} commands were seen");
    }

    #[test]
    fn one_url_or_several_may_stand_before_or_after_the_command() {
        for line in ["bayplan --master http://a:1,b:2 agent list", "bayplan agent list --master http://a:1,b:2"] {
            let cli = Cli::try_parse_from(line.split(' ')).expect(line);
            let urls: Vec<_> = cli.global.master.iter().map(ToString::to_string).collect();
            assert_eq!(urls, ["http://a:1", "http://b:2"]);
        }
    }
}
