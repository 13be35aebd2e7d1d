//! The commands that ask a running cluster for something, through its operator port only.

mod app;
pub(crate) mod compare;
pub(crate) mod definition;
mod events;
mod explain;
mod leader;
pub(crate) mod log;
mod look;
mod looking_back;
pub(crate) mod placement;
pub(crate) mod replay;
mod task;
pub(crate) mod trial;

use model::AppId;
use protocol::operator::{APPS_PATH, AppList};

use crate::cli::cluster::AgentCommand;
use crate::cli::past::PastArgs;
use crate::cli::{ColorWhen, Command, Global};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;

pub(crate) use app::deploy;

/// What a command works with.
struct Session {
    client: Client,
    out: Output,
    color: ColorWhen,
    /// The log that is asked instead of a master.
    past: Option<PastLog>,
}

pub(crate) async fn run(command: Command, global: Global, past: PastArgs) -> Result<(), Failure> {
    if matches!(&command, Command::Events(events) if events.follow) && past.is_given() {
        return Err(Failure::Usage(
            "--follow: nothing follows a moment of the past; leave out --at and --log".to_owned(),
        ));
    }
    let mut session = looking_back::session(global, &past).await?;
    match command {
        Command::App(command) => app::run(&mut session, command).await,
        Command::Task(command) => task::run(&mut session, command).await,
        Command::Agent(agent) => match agent.command {
            Some(AgentCommand::List(_)) => look::agents(&mut session).await,
            None => Err(Failure::Usage("running an agent is no question to a cluster".to_owned())),
        },
        Command::Placement(command) => placement::run(&mut session, *command).await,
        Command::Events(events) => events::run(&mut session, events).await,
        Command::Explain(wish) => explain::task(&mut session, wish).await,
        Command::WhyNot(wish) => explain::why_not(&mut session, wish).await,
        Command::Status(_) => look::status(&mut session).await,
        Command::Leader(command) => leader::run(&mut session, command).await,
        Command::Dev(_)
        | Command::Master(_)
        | Command::Sim(_)
        | Command::Bench(_)
        | Command::Log(_)
        | Command::Replay(_) => Err(Failure::Usage("running a cluster is no question to a cluster".to_owned())),
    }
}

/// One app, with what the master's clock says.
pub(crate) async fn find_app(client: &Client, app: &AppId) -> Result<AppList, Failure> {
    let found: AppList = client.get(APPS_PATH, &[("id", app.to_string())]).await?;
    if found.apps.is_empty() {
        return Err(Failure::NotFound(format!("app '{app}' does not exist; `bayplan app list` shows those that do")));
    }
    Ok(found)
}
