//! A master: its log, its loop, and the two ports it answers on.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::master::{Config, Handle, Running, SnapshotConfig, Standby};
use api::forward::{Door, forward};
use api::operator::{AgentFiles, Operator};
use axum::Router;
use eventlog::{EventLog, Options, RocksLog};
use model::{LeaderAddresses, Profile};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::listen::{self, Wanted};
use super::threads::Threads;
use super::{folder, metrics, signals, stream};
use crate::cli::Global;
use crate::cli::cluster::{Master, MasterListen, MasterSettings};
use crate::cli::log::LogArgs;
use crate::failure::Failure;
use crate::modules;
use crate::profiles::{is_file, read_profile};
use crate::token::Token;

const FORCED: &str = "Ended at once. Everything that was acknowledged is in the log.";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The log's part of a master's folder.
pub(crate) const LOG_FOLDER: &str = "log";
/// The folded state's part of it.
pub(crate) const SNAPSHOT_FOLDER: &str = "snapshot";

/// Listeners that are bound before anything else is touched: a port in use must not cost an epoch.
pub(super) struct Doors {
    operator: TcpListener,
    marathon: TcpListener,
}

/// What a master is started with.
pub(super) struct Settings<'a> {
    pub(super) folder: &'a Path,
    pub(super) master: &'a MasterSettings,
    pub(super) log: &'a LogArgs,
    pub(super) token: Option<Token>,
    /// Ends the streams.
    pub(super) stopping: CancellationToken,
}

/// A master at work.
pub(super) struct Working {
    pub(super) handle: Handle,
    running: Running,
    /// Ends after what runs on it.
    _threads: Threads,
    servers: JoinSet<()>,
    pub(super) operator: SocketAddr,
    pub(super) marathon: SocketAddr,
}

impl Doors {
    pub(super) async fn open(listen: &MasterListen) -> Result<Self, Failure> {
        let [operator, marathon] = wanted(listen);
        Ok(Self { operator: listen::bind(operator).await?, marathon: listen::bind(marathon).await? })
    }
}

/// Where a master is to listen, by flag.
pub(super) fn wanted(listen: &MasterListen) -> [Wanted; 2] {
    [
        Wanted { flag: "--listen", address: listen.listen },
        Wanted { flag: "--marathon-listen", address: listen.marathon_listen },
    ]
}

pub(super) async fn run(args: Master, global: Global) -> Result<(), Failure> {
    args.settings.check()?;
    let token = global.token_file.as_deref().map(Token::read).transpose()?;
    listen::check_protected(&wanted(&args.listen), token.as_ref())?;
    let stop = signals::watch(global.color, FORCED)?;
    let doors = Doors::open(&args.listen).await?;
    let folder = folder::create(&folder::choose(args.dir, "master"), "--dir")?;
    let settings = Settings { folder: &folder, master: &args.settings, log: &args.log, token, stopping: stop.clone() };
    let mut working = tokio::select! {
        working = Working::start(doors, settings) => working?,
        () = stop.cancelled() => {
            tracing::info!("stopped before the master was there");
            return Ok(());
        }
    };
    tracing::info!(
        operator = %working.operator, marathon = %working.marathon, folder = %folder.display(), "the master answers"
    );
    let failed = tokio::select! {
        () = stop.cancelled() => None,
        reason = working.failed() => Some(reason),
    };
    stop.cancel();
    match failed {
        None => {
            working.stop().await;
            Ok(())
        }
        Some(reason) => Err(gave_up(&reason)),
    }
}

pub(super) fn gave_up(reason: &str) -> Failure {
    Failure::failed(format!("the master gave up: {reason}"))
}

impl Working {
    /// Folds the log, and begins to lead or to follow, and to answer.
    pub(super) async fn start(doors: Doors, settings: Settings<'_>) -> Result<Self, Failure> {
        let threads = Threads::start()?;
        match settings.log.jetstream() {
            None => {
                let opening = RocksLog::open(settings.folder.join(LOG_FOLDER), Options::default());
                let log = threads.run(opening).await??;
                Self::start_on(threads, log, None, doors, settings).await
            }
            Some(options) => {
                let standby = Standby { campaign_after: settings.log.leader_timeout, ..Standby::default() };
                let log = threads.run(stream::open(options, settings.folder.join(SNAPSHOT_FOLDER))).await??;
                Self::start_on(threads, log, Some(standby), doors, settings).await
            }
        }
    }

    async fn start_on<L: EventLog>(
        threads: Threads,
        log: L,
        standby: Option<Standby>,
        doors: Doors,
        settings: Settings<'_>,
    ) -> Result<Self, Failure> {
        let Settings { folder, master: settings, log: log_args, token, stopping } = settings;
        let render = metrics::with_disk(metrics::install()?, folder);
        ::master::describe_metrics();
        api::describe_metrics();
        let operator = local_address(&doors.operator)?;
        let marathon = local_address(&doors.marathon)?;
        let reached_at = |address| advertised(settings.advertise.as_deref(), address);
        let addresses = Some(LeaderAddresses { operator: reached_at(operator), marathon: reached_at(marathon) });
        let leader = settings.leader.clone().unwrap_or_else(|| format!("{}:{}", machine_name(), operator.port()));
        let (placement_policy, profile) = placement(settings.placement.as_deref())?;
        let config = Config {
            leader,
            addresses: addresses.clone(),
            standby,
            placement_policy,
            profile,
            policies: modules::policies()?,
            heartbeat_interval: settings.heartbeat,
            agent_timeout: settings.agent_timeout,
            retention: log_args.retention(settings.log_keep, settings.log_keep_for),
            snapshot: Some(SnapshotConfig {
                folder: folder.join(SNAPSHOT_FOLDER),
                options: snapshot::Options::default(),
            }),
            offer_timeout: settings.offer_timeout,
            ..Config::default()
        };
        let started = threads.run(::master::start(Arc::new(log), config)).await?;
        let (handle, running) = started.map_err(|error| Failure::failed(error.to_string()))?;
        let http = http()?;
        let files = AgentFiles::new(http.clone(), token.as_ref().map(|token| token.reveal().to_owned()));
        let asked = Operator { handle: handle.clone(), addresses, metrics: render, files, stopping: stopping.clone() };
        // One router on both ports: it is what keeps partial updates from undoing each other.
        let routes = api::marathon::router(handle.clone());
        let both = api::operator::router(asked).merge(routes.clone());
        let both = api::past::at(both, handle.clone());
        let routes = api::past::at(routes, handle.clone());
        let both = forward(both, handle.clone(), http.clone(), Door::Operator);
        let routes = forward(routes, handle.clone(), http, Door::Marathon);
        let token = token.map(|token| api::Token::new(token.reveal()));
        let mut servers = JoinSet::new();
        servers.spawn(serve(doors.operator, api::guard(both, token.clone()), stopping.clone()));
        servers.spawn(serve(doors.marathon, api::guard(routes, token), stopping));
        Ok(Self { handle, running, _threads: threads, servers, operator, marathon })
    }

    /// Resolves when the master cannot go on.
    pub(super) async fn failed(&mut self) -> String {
        self.running.failed().await
    }

    /// Call it when `stopping` was cancelled, and not when the master has failed. No request is taken any more, what is in
    /// flight is finished.
    pub(super) async fn stop(mut self) {
        while self.servers.join_next().await.is_some() {}
        self.running.stop().await;
    }
}

async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    if let Err(error) = api::serve(listener, router, stopping.cancelled_owned()).await {
        tracing::error!(%error, "a port is not answered any more");
    }
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::failed(format!("a listener has no address: {error}")))
}

/// For asking agents for files, and the leader for changes.
fn http() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).build();
    client.map_err(|error| Failure::failed(format!("cannot set up HTTP: {error}")))
}

/// Where others reach a listener.
fn advertised(host: Option<&str>, listening: SocketAddr) -> String {
    match (host, listening.ip()) {
        (Some(host), _) if host.parse::<std::net::Ipv6Addr>().is_ok() => format!("[{host}]:{}", listening.port()),
        (Some(host), _) => format!("{host}:{}", listening.port()),
        (None, IpAddr::V4(ip)) if ip.is_unspecified() => format!("{}:{}", machine_name(), listening.port()),
        (None, IpAddr::V6(ip)) if ip.is_unspecified() => format!("{}:{}", machine_name(), listening.port()),
        (None, _) => listening.to_string(),
    }
}

fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

/// The name of what decides, and its meaning where a file has it.
fn placement(wish: Option<&str>) -> Result<(Option<String>, Option<Arc<Profile>>), Failure> {
    let Some(wish) = wish else { return Ok((None, None)) };
    if !is_file(wish) {
        return Ok((Some(wish.to_owned()), None));
    }
    let profile = read_profile(wish.as_ref())?;
    Ok((Some(profile.name.to_string()), Some(Arc::new(profile))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_is_reached_where_it_listens_or_where_it_says() {
        let at = |host, listening: &str| advertised(host, listening.parse().expect("an address"));
        assert_eq!(at(None, "10.0.0.1:5050"), "10.0.0.1:5050");
        assert_eq!(at(Some("m1.example"), "0.0.0.0:5050"), "m1.example:5050");
        assert_eq!(at(Some("::2"), "[::]:5050"), "[::2]:5050");
        assert_eq!(at(None, "0.0.0.0:5050"), format!("{}:5050", machine_name()));
    }
}
