//! The master that is measured: this program once more, with a log that is made for it and removed after it.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use eventlog::{JetStreamLog, JetStreamOptions};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::cli::bench::Offers;
use crate::cli::log::LogPlace;
use crate::failure::Failure;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOG_MAX_BYTES: u64 = 8 << 30;

pub(super) struct BenchMaster {
    child: Child,
    url: String,
    /// None when the log is in the folder.
    log: Option<JetStreamOptions>,
}

impl BenchMaster {
    pub(super) async fn start(args: &Offers, folder: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::failed(format!("the master cannot be started: {error}"));
        let (listen, marathon) = (free_address().map_err(failed)?, free_address().map_err(failed)?);
        let cluster = format!("bench-{}", std::process::id());
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(["--log-level", "warn", "master", "--leader", "bench", "--dir"]).arg(folder);
        command.args(["--listen", &listen, "--marathon-listen", &marathon, "--cluster", &cluster]);
        let log = match &args.log {
            LogPlace::Folder => None,
            LogPlace::Nats(servers) => {
                command.args(["--log", &servers.join(","), "--log-replicas", &args.log_replicas.to_string()]);
                command.args(["--log-max-bytes", &LOG_MAX_BYTES.to_string()]);
                let (servers, create) = (servers.clone(), false);
                Some(JetStreamOptions { servers, cluster, create, ..JetStreamOptions::default() })
            }
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().map_err(failed)?;
        let mut master = Self { child, url: format!("http://{listen}"), log };
        master.wait_until_it_leads().await?;
        Ok(master)
    }

    async fn wait_until_it_leads(&mut self) -> Result<(), Failure> {
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(|error| Failure::failed(format!("cannot set up HTTP: {error}")))?;
        let (began_at, health) = (Instant::now(), format!("{}/health", self.url));
        loop {
            if client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(Failure::failed(format!("the master has ended with {status}; what it said is above")));
            }
            if began_at.elapsed() > START_LIMIT {
                return Err(Failure::failed(format!("the master does not answer within {} s", START_LIMIT.as_secs())));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it, and removes its log from the servers. Its folder is the caller's.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let failed = |reason: String| Failure::failed(format!("the bench has left something behind: {reason}"));
        let killed = timeout(STOP_LIMIT, self.child.kill()).await;
        killed.map_err(|_| failed("the master does not end".to_owned()))??;
        let Some(options) = self.log else { return Ok(()) };
        let stream = format!("the stream of the cluster {} on the NATS servers", options.cluster);
        let log = JetStreamLog::open(options).await.map_err(|error| failed(format!("{stream}: {error}")))?;
        log.erase().await.map_err(|error| failed(format!("{stream}: {error}")))
    }
}

/// A free one at this moment.
fn free_address() -> std::io::Result<String> {
    TcpListener::bind("127.0.0.1:0")?.local_addr().map(|address| address.to_string())
}
