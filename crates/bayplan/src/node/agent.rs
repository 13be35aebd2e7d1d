//! An agent on its own.

use ::agent::{Config, Containerizers, Shutdown};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use protocol::operator::METRICS_PATH;

use super::listen::{self, Wanted};
use super::{folder, metrics, signals};
use crate::cli::Global;
use crate::cli::cluster::{AgentRun, Machine};
use crate::failure::Failure;
use crate::token::Token;

const FORCED: &str = "Ended at once. The tasks keep running; the next agent in the same folder finds them.";
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn run(args: AgentRun, global: Global) -> Result<(), Failure> {
    let token = global.token_file.as_deref().map(Token::read).transpose()?;
    let wanted = Wanted { flag: "--listen", address: args.listen };
    listen::check_protected(&[wanted], token.as_ref())?;
    if let (Some(remote), None) = (global.master.iter().find(|master| !master.is_loopback()), &token) {
        return Err(Failure::Usage(format!(
            "--master {remote} is on another machine, where masters demand a token: give its file with --token-file"
        )));
    }
    let stop = signals::watch(global.color, FORCED)?;
    let folder = folder::create(&folder::choose(args.work_dir, "agent"), "--work-dir")?;
    let masters: Vec<_> = global.master.iter().map(ToString::to_string).collect();
    if global.master.iter().any(|master| !master.is_loopback()) && args.listen.ip().is_loopback() {
        tracing::warn!(
            listen = %args.listen,
            "the master cannot reach this agent, so nobody can read its tasks' output; listen on another address with --listen"
        );
    }
    let mut config = configure(Config::new(masters, folder), args.machine, token);
    config.listen = args.listen;
    config.routes = metrics_route(metrics::install()?);
    ::agent::describe_metrics();
    let shutdown = async move {
        stop.cancelled().await;
        Shutdown::Leave
    };
    ::agent::run(config, shutdown).await.map_err(failure)
}

/// The default, with what the command line says of the machine.
pub(super) fn configure(defaults: Config, machine: Machine, token: Option<Token>) -> Config {
    Config {
        token: token.map(|token| token.reveal().to_owned()),
        hostname: machine.hostname,
        resources: machine.resources,
        attributes: machine.attributes,
        region: machine.region,
        zone: machine.zone,
        cgroup_parent: machine.cgroup_parent,
        containerizers: Containerizers::Real { docker: machine.docker },
        ..defaults
    }
}

/// A wrong setting is a matter of the command line.
pub(super) fn failure(error: ::agent::AgentError) -> Failure {
    match error {
        error @ (::agent::AgentError::Setting { .. } | ::agent::AgentError::Unprotected { .. }) => {
            Failure::Usage(error.to_string())
        }
        error => Failure::failed(error.to_string()),
    }
}

fn metrics_route(render: metrics::Render) -> Router {
    Router::new().route(METRICS_PATH, get(move || async move { ([(header::CONTENT_TYPE, METRICS_TYPE)], render()) }))
}
