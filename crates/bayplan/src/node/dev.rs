//! A whole cluster in one process.
//!
//! Its parts talk over the same sockets as on several machines; only their life is common: they end together, in an
//! order that keeps the master from launching replacements for tasks that end because the cluster does.

use std::path::Path;
use std::time::Duration;

use ::agent::{AgentError, Config, Shutdown};
use protocol::operator::{AGENTS_PATH, AgentList};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::listen::{self, Wanted};
use super::master::{self, Doors, Settings, Working};
use super::{agent, deploy, folder, signals};
use crate::cli::cluster::Dev;
use crate::cli::log::LogArgs;
use crate::cli::{ColorWhen, Global};
use crate::client::{Client, MasterUrl};
use crate::commands::definition::Definitions;
use crate::failure::Failure;
use crate::output::{Output, note};
use crate::render;
use crate::render::ready::Ready;
use crate::token::Token;

const FORCED: &str = "Ended at once. Tasks that have not ended keep running; the next start finds them.";
/// How often it is looked whether the agent is there.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The agent's task, and the way to tell it how to end.
struct AgentPart {
    running: JoinHandle<Result<(), AgentError>>,
    shutdown: oneshot::Sender<Shutdown>,
}

/// Why the cluster ends.
enum End {
    Asked,
    MasterFailed(String),
    AgentFailed(Failure),
    NotWelcome(Failure),
}

pub(super) async fn run(args: Dev, global: Global) -> Result<(), Failure> {
    let Dev { dir, deploy, listen, agent_listen, master: settings, machine, log } = args;
    settings.check()?;
    let (color, json) = (global.color, global.json);
    let token = global.token_file.as_deref().map(Token::read).transpose()?;
    let definitions = deploy.as_deref().map(Definitions::read).transpose()?;
    let agent_door = Wanted { flag: "--agent-listen", address: agent_listen };
    let [operator_door, marathon_door] = master::wanted(&listen);
    listen::check_protected(&[operator_door, marathon_door, agent_door], token.as_ref())?;
    let stop = signals::watch(color, FORCED)?;
    let doors = Doors::open(&listen).await?;
    // The agent opens its port itself; to look first costs nothing and gives the same message for all three.
    drop(listen::bind(agent_door).await?);
    let folder = folder::create(&folder::choose(dir, "dev"), "--dir")?;
    let stopping = CancellationToken::new();
    let settings =
        Settings { folder: &folder, master: &settings, log: &log, token: token.clone(), stopping: stopping.clone() };
    let mut working = tokio::select! {
        working = Working::start(doors, settings) => working?,
        () = stop.cancelled() => {
            note(color, "Stopped before the cluster was up.");
            return Ok(());
        }
    };
    ::agent::describe_metrics();
    let operator = format!("http://{}", listen::reachable(working.operator));
    let config = Config::new(vec![operator.clone()], folder::create(&folder.join("agent"), "--dir")?);
    let config = Config { listen: agent_listen, ..agent::configure(config, machine, token.clone()) };
    let mut agent = AgentPart::start(config);
    let client = Client::new(vec![MasterUrl::parse(&operator).map_err(Failure::failed)?], token)?;
    let marathon = format!("http://{}", listen::reachable(working.marathon));
    let mut out = Output::new(color, json);
    let welcome = welcome(&client, definitions.as_ref(), &mut out, color, [operator, marathon], (&folder, &log));
    let end = tokio::select! {
        () = stop.cancelled() => End::Asked,
        reason = working.failed() => End::MasterFailed(reason),
        ended = &mut agent.running => End::AgentFailed(ended_early(ended)),
        failure = welcome => End::NotWelcome(failure),
    };
    finish(end, working, agent, &stopping, color).await
}

/// Says where to look once there is something to look at. Comes back only when that fails.
async fn welcome(
    client: &Client,
    definitions: Option<&Definitions>,
    out: &mut Output,
    color: ColorWhen,
    [operator, marathon]: [String; 2],
    (folder, log): (&Path, &LogArgs),
) -> Failure {
    let told = async {
        let agent = connected_agent(client).await?;
        let (apps, other_apps) = deploy::bring_up(client, definitions, color).await?;
        let ready = Ready {
            version: env!("CARGO_PKG_VERSION"),
            operator,
            marathon,
            agent: format!("http://{agent}"),
            folder: folder.display().to_string(),
            log: log.stream(),
            program: program(),
            apps,
            other_apps,
        };
        if out.is_json() { out.line(&ready) } else { out.text(&render::ready::ready(&ready)) }
    };
    match told.await {
        // A closed stdout is no reason to end a cluster.
        Ok(()) | Err(Failure::OutputClosed) => std::future::pending().await,
        Err(failure) => failure,
    }
}

/// The address of the agent, once it is there.
async fn connected_agent(client: &Client) -> Result<String, Failure> {
    loop {
        let list: AgentList = client.get(AGENTS_PATH, &[]).await?;
        if let Some(agent) = list.agents.iter().find(|agent| agent.connection == model::Connection::Connected) {
            return Ok(agent.address.clone());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// How this program is called, when its name alone does not find it.
fn program() -> Option<String> {
    let this = std::env::current_exe().and_then(|path| path.canonicalize()).ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("bayplan")).find(|file| file.is_file());
    let found = found.and_then(|file| file.canonicalize().ok());
    (found.as_ref() != Some(&this)).then(|| this.display().to_string())
}

impl AgentPart {
    fn start(config: Config) -> Self {
        let (shutdown, told) = oneshot::channel();
        // A sender that is gone means that this process breaks down: the tasks must not suffer from that.
        let told = async { told.await.unwrap_or(Shutdown::Leave) };
        Self { running: tokio::spawn(::agent::run(config, told)), shutdown }
    }

    async fn stop(self, how: Shutdown) -> Result<(), Failure> {
        // When the agent has ended by itself, there is nobody left to tell.
        let _ended = self.shutdown.send(how);
        match self.running.await {
            Ok(ended) => ended.map_err(agent::failure),
            Err(panic) => Err(Failure::failed(format!("the agent broke down: {panic}"))),
        }
    }
}

fn ended_early(ended: Result<Result<(), AgentError>, tokio::task::JoinError>) -> Failure {
    match ended {
        Ok(Ok(())) => Failure::failed("the agent ended by itself"),
        Ok(Err(error)) => agent::failure(error),
        Err(panic) => Failure::failed(format!("the agent broke down: {panic}")),
    }
}

/// First the agent: it leaves the master before it ends the tasks, so that nothing is decided about them. Their ends are
/// kept by the agent, and told at the next start.
async fn finish(
    end: End,
    working: Working,
    agent: AgentPart,
    stopping: &CancellationToken,
    color: ColorWhen,
) -> Result<(), Failure> {
    match end {
        End::Asked | End::NotWelcome(_) => {
            let tasks: u32 = working.handle.read().active_by_state().values().sum();
            let tasks =
                if tasks == 0 { String::new() } else { format!(" and {}", render::count(tasks.into(), "task")) };
            note(color, &format!("Ending the cluster{tasks}; Ctrl-C again does not wait."));
            let stopped = agent.stop(Shutdown::StopTasks).await;
            stopping.cancel();
            working.stop().await;
            match end {
                End::NotWelcome(failure) => Err(failure),
                _ => stopped,
            }
        }
        End::MasterFailed(reason) => {
            stopping.cancel();
            agent.stop(Shutdown::Leave).await?;
            Err(master::gave_up(&reason))
        }
        End::AgentFailed(failure) => {
            stopping.cancel();
            working.stop().await;
            Err(failure)
        }
    }
}
