//! The `bayplan` binary: parses the command line, chooses the parts and connects them.
//!
//! Commands either run a part of a cluster (`node`) or ask a running one over HTTP (`commands`); the two share nothing
//! but the wire types. What a command prints is made by `render`.

mod bench;
mod cli;
mod client;
mod commands;
mod failure;
mod modules;
mod node;
mod output;
mod packing;
mod past;
mod profiles;
mod progress;
mod render;
mod simulate;
mod token;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::placement::Placement;
use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::output::{BAD, note, styled};

/// Records, rows and JSON are made of small values that come and go on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The agent's own subcommand, which is in no help.
const SUPERVISE: &str = "supervise";

fn main() -> ExitCode {
    // The agent starts this program once for every plain process; that one must have no other thread.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == SUPERVISE) {
        return agent::supervise_main(arguments);
    }
    let cli = Cli::parse();
    let color = cli.global.color;
    let ended = match &cli.command {
        Command::Sim(args) => simulate::run(args, &cli.global),
        Command::Placement(placement) => match &**placement {
            Placement::Simulate(args) if args.log.is_none() => packing::run(args, &cli.global),
            _ => run_async(cli),
        },
        _ => run_async(cli),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                note(color, &format!("{} {failure}", styled(BAD, "error:")));
            }
            failure.exit_code()
        }
    }
}

fn run_async(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new();
    runtime.map_err(|error| Failure::failed(format!("cannot start its threads: {error}")))?.block_on(run(cli))
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, past, command } = cli;
    let past = command.past().cloned().unwrap_or_default().or(past);
    if past.is_given() && command.past().is_none() {
        return Err(Failure::Usage(
            "--at and --log before a command (or BAYPLAN_AT and BAYPLAN_PAST_LOG) are for commands that only look: app list, app \
             show, task list, task show, agent list, status, events, leader, placement list, explain, why-not"
                .to_owned(),
        ));
    }
    match command {
        Command::Dev(args) => node::dev(*args, global).await,
        Command::Master(args) => node::master(*args, global).await,
        Command::Agent(args) if args.command.is_none() => node::agent(args.run, global).await,
        Command::Bench(command) => bench::run(*command, global).await,
        Command::Log(command) => commands::log::run(command, global).await,
        Command::Replay(command) => commands::replay::run(*command, global).await,
        command => commands::run(command, global, past).await,
    }
}
