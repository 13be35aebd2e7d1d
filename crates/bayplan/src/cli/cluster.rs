//! `bayplan dev`, `bayplan master`, `bayplan agent`: commands that run a part of a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use agent::DockerEngine;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use master::HEARTBEATS_MISSED;

use super::log::LogArgs;
use super::log::{Keep, parse_keep};
use super::past::PastArgs;
use super::{parse_duration, parse_duration_within};
use crate::failure::Failure;

const DEV_HELP: &str = "\
Examples:
  bayplan dev                                     an empty cluster, or the one that was here before
  bayplan dev --deploy examples/hello.json        with an app to look at
  bayplan dev --dir /tmp/second --listen 127.0.0.1:6050 --marathon-listen 127.0.0.1:9080 \\
      --agent-listen 127.0.0.1:6051 --resources 'ports:[33000-33999]'

What is in the folder stays: the next start brings the same apps back, as new tasks. Without --dir the folder is
$XDG_DATA_HOME/bayplan/dev or ~/.local/share/bayplan/dev, and ./.bayplan/dev for a user who has no home.
Ctrl-C ends the tasks and the cluster; a second Ctrl-C does not wait for the tasks.";

/// Run a whole cluster on this machine: log, master and one agent in one process
#[derive(Debug, Args)]
#[command(after_help = DEV_HELP)]
pub(crate) struct Dev {
    /// The folder for the log and for the agent's tasks
    #[arg(long, env = "BAYPLAN_DIR", value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,

    /// Deploy the app (or apps) of this JSON file, unless they are there already
    #[arg(long, env = "BAYPLAN_DEPLOY", value_name = "FILE")]
    pub(crate) deploy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) listen: MasterListen,

    /// Where the agent answers
    #[arg(long, env = "BAYPLAN_AGENT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:5051")]
    pub(crate) agent_listen: SocketAddr,

    #[command(flatten)]
    pub(crate) master: MasterSettings,

    #[command(flatten)]
    pub(crate) machine: Machine,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

const MASTER_HELP: &str = "\
Examples:
  bayplan master --dir /var/lib/bayplan/master
  bayplan master --listen 0.0.0.0:5050 --marathon-listen 0.0.0.0:8080 --token-file /etc/bayplan/token
  bayplan master --log nats://n1:4222,nats://n2:4222,nats://n3:4222 --log-replicas 3 --strict-durability \
      --log-monitoring http://n1:8222,http://n2:8222,http://n3:8222 \
      --listen 10.0.0.1:5050 --marathon-listen 10.0.0.1:8080 --token-file /etc/bayplan/token

Masters that share a log on NATS servers take turns: one leads, the others follow it, answer questions, pass changes on,
and take over when it dies. `bayplan leader` shows which does what.

On any address but loopback a token is needed, because whoever may start a task owns the machine:
  (umask 077; head -c 32 /dev/urandom | base64 > token)
Without --dir the folder is $XDG_DATA_HOME/bayplan/master or ~/.local/share/bayplan/master.";

/// Run a master
#[derive(Debug, Args)]
#[command(after_help = MASTER_HELP)]
pub(crate) struct Master {
    /// The folder for the log
    #[arg(long, env = "BAYPLAN_DIR", value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) listen: MasterListen,

    #[command(flatten)]
    pub(crate) settings: MasterSettings,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Where a master answers.
#[derive(Debug, Args)]
pub(crate) struct MasterListen {
    /// Where the operator API answers, with Marathon's routes, agents and metrics
    #[arg(long, env = "BAYPLAN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:5050")]
    pub(crate) listen: SocketAddr,

    /// Where Marathon's API answers
    #[arg(long, env = "BAYPLAN_MARATHON_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) marathon_listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct MasterSettings {
    /// What decides where tasks go (see `bayplan placement list`), or a file with a profile; without it, as the log has it
    #[arg(long, env = "BAYPLAN_PLACEMENT", value_name = "PROFILE")]
    pub(crate) placement: Option<String>,

    /// How long an agent may be silent before its tasks are given up and replaced elsewhere; more than three --heartbeat
    #[arg(long, env = "BAYPLAN_AGENT_TIMEOUT", value_name = "TIME", default_value = "75s", value_parser = parse_wait)]
    pub(crate) agent_timeout: Duration,

    /// How long a framework may keep an offer before it is taken back
    #[arg(long, env = "BAYPLAN_OFFER_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = parse_wait)]
    pub(crate) offer_timeout: Duration,

    /// How often the master and its agents hear from each other at least
    #[arg(long, env = "BAYPLAN_HEARTBEAT", value_name = "TIME", default_value = "5s", value_parser = parse_heartbeat)]
    pub(crate) heartbeat: Duration,

    /// The name or address by which agents, clients and other masters reach this master; without it, where it listens, or
    /// its machine's name when that is everywhere
    #[arg(long, env = "BAYPLAN_ADVERTISE", value_name = "HOST", value_parser = parse_host)]
    pub(crate) advertise: Option<String>,

    /// Trim the log behind baselines when it is larger, such as 2GB; 'all' keeps everything. Without it, all of a log in a
    /// folder, and half of --log-max-bytes on NATS servers
    #[arg(long, env = "BAYPLAN_LOG_KEEP", value_name = "SIZE", value_parser = parse_keep)]
    pub(crate) log_keep: Option<Keep>,

    /// Trim the log behind baselines when its oldest record is older, such as 720h
    #[arg(long, env = "BAYPLAN_LOG_KEEP_FOR", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) log_keep_for: Option<Duration>,

    /// How this master calls itself in the log; without it, its machine's name and its port
    #[arg(long, env = "BAYPLAN_LEADER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) leader: Option<String>,
}

impl MasterSettings {
    /// What one option says of another.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let least = self.heartbeat * HEARTBEATS_MISSED;
        if self.agent_timeout > least {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "--agent-timeout {:?}: an agent is away after {HEARTBEATS_MISSED} missed heartbeats; use more than {least:?}, or a \
             shorter --heartbeat",
            self.agent_timeout
        )))
    }
}

const LEAST_WAIT: Duration = Duration::from_millis(100);

fn parse_wait(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, LEAST_WAIT, Duration::MAX)
}

fn parse_heartbeat(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, LEAST_WAIT, Duration::from_secs(600))
}

fn parse_host(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("is no name or address of a machine".to_owned())
    }
}

const AGENT_HELP: &str = "\
Examples:
  bayplan agent --master http://10.0.0.1:5050 --listen 10.0.0.7:5051 --token-file /etc/bayplan/token
  bayplan agent --work-dir /tmp/a2 --listen 127.0.0.1:5052 --hostname a2 \\
      --resources 'cpus:2;mem:1024;ports:[32000-32499]' --attributes 'rack:r1' \\
      --region eu-west --zone eu-west-a
  bayplan agent list

Tasks go on when the agent ends; the next agent in the same folder finds them. An agent that is to leave for good
is ended, and its tasks move when the master's --agent-timeout is over.
Without --work-dir the folder is $XDG_DATA_HOME/bayplan/agent or ~/.local/share/bayplan/agent.";

/// Run an agent, which starts tasks on its machine; or list the agents
#[derive(Debug, Args)]
#[command(after_help = AGENT_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Agent {
    #[command(subcommand)]
    pub(crate) command: Option<AgentCommand>,

    #[command(flatten)]
    pub(crate) run: AgentRun,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    List(AgentList),
}

/// List the agents, with what they have and what is used of it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bayplan agent list\n  bayplan agent list --json")]
pub(crate) struct AgentList {
    #[command(flatten)]
    pub(crate) past: PastArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AgentRun {
    /// The folder for what it knows, and for its tasks' sandboxes; one agent each
    #[arg(long, env = "BAYPLAN_WORK_DIR", value_name = "FOLDER")]
    pub(crate) work_dir: Option<PathBuf>,

    /// Where the agent answers, for its tasks' output
    #[arg(long, env = "BAYPLAN_AGENT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:5051")]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// What an agent says of its machine.
#[derive(Debug, Args)]
pub(crate) struct Machine {
    /// What it offers, such as 'cpus:2;mem:1024;disk:4096;ports:[31000-32000]'; what is not named is found out
    #[arg(long, env = "BAYPLAN_RESOURCES", value_name = "RESOURCES")]
    pub(crate) resources: Option<String>,

    /// The name that tasks and clients reach it by; without it, the machine's own
    #[arg(long, env = "BAYPLAN_HOSTNAME", value_name = "NAME")]
    pub(crate) hostname: Option<String>,

    /// What constraints can ask for, such as 'rack:r1;zone:z2'
    #[arg(long, env = "BAYPLAN_ATTRIBUTES", value_name = "ATTRIBUTES")]
    pub(crate) attributes: Option<String>,

    /// The region it is in, such as 'eu-west': the field '@region' of constraints
    #[arg(long, env = "BAYPLAN_REGION", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) region: Option<String>,

    /// The zone of the region, such as 'eu-west-a': the field '@zone' of constraints
    #[arg(long, env = "BAYPLAN_ZONE", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) zone: Option<String>,

    /// The Docker engine: auto (DOCKER_HOST, or the usual socket when there is one), off, or its address
    #[arg(long, env = "BAYPLAN_DOCKER", value_name = "ENGINE", default_value = "auto", value_parser = parse_docker)]
    pub(crate) docker: DockerEngine,

    /// The name of the cgroup that tasks' groups are made in
    #[arg(long, env = "BAYPLAN_CGROUP_PARENT", value_name = "NAME")]
    pub(crate) cgroup_parent: Option<String>,
}

fn parse_docker(text: &str) -> Result<DockerEngine, String> {
    match text {
        "auto" => Ok(DockerEngine::Local),
        "off" => Ok(DockerEngine::Off),
        address if address.contains("://") => Ok(DockerEngine::At(address.to_owned())),
        _ => Err("is none of auto, off, and an address such as unix:///var/run/docker.sock".to_owned()),
    }
}
