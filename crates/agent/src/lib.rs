//! The agent: makes what runs on one machine match what the log wants there.
//!
//! It keeps a stream to the master, reconciles each desired list with what runs, starts and stops tasks through
//! containerizers, and reports what becomes of them until the master has acknowledged it. It never sees the
//! cluster's state, and decides nothing that the log should: not where a task goes, nor whether it is replaced.
//!
//! The way of a desired list: [`link`] reads it, [`node`] (the loop) asks [`reconcile`] what it makes necessary,
//! writes that down through [`journal`], and has a [`runner`] for each task carry it out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::AgentDescription;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod config;
pub mod containerizer;
mod environment;
mod error;
mod folder;
mod http;
mod journal;
mod ledger;
mod link;
mod machine;
mod measuring;
mod metrics;
mod node;
mod outbox;
mod proc;
mod reconcile;
mod resources;
mod runner;
mod sabotage;
mod sandbox;
mod status;
mod supervisor;
mod tasks;

pub use config::{Config, Containerizers, DEFAULT_LISTEN, DockerEngine, Shutdown};
pub use containerizer::fake::FakeContainerizer;
pub use error::AgentError;
pub use journal::JournalFile;
pub use ledger::Kind;
pub use link::{Events, Http, Lost, Transport};
pub use machine::{Environment, Machine, System};
pub use metrics::describe_metrics;
pub use resources::{parse_attributes, parse_resources};
pub use sabotage::Sabotage;
pub use sandbox::Sandboxes;
pub use supervisor::supervise_main;

use containerizer::docker::DockerContainerizer;
use containerizer::process::ProcessContainerizer;
use containerizer::{Containerizer, cgroup};
use folder::{WorkFolder, task_name};
use journal::{FolderFile, Journal};
use ledger::Ledger;
use link::Link;
use node::{MAX_INPUTS, Node, Volatile};
use tasks::Tasks;

/// How long the first subscription waits until every containerizer has answered, so that a Docker engine is
/// among what the agent offers from the first moment.
const CONTAINERIZERS_LIMIT: Duration = Duration::from_secs(3);

/// Runs an agent until `shutdown` says how to stop, or until it cannot go on.
pub async fn run(config: Config, shutdown: impl Future<Output = Shutdown>) -> Result<(), AgentError> {
    config.check()?;
    let folder = WorkFolder::open(&config.work_dir)?;
    let environment: Arc<dyn Environment> = Arc::new(System);
    let file = Box::new(FolderFile::new(folder.journal()));
    let (journal, ledger) = Journal::open(file, folder.root(), environment.as_ref())?;
    let failed = |source| AgentError::Listen { listen: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let listening = listener.local_addr().map_err(failed)?;
    let description = config.description(listening)?;
    let sandboxes = Arc::new(open_sandboxes(&folder, &ledger)?);
    tracing::info!(folder = %folder.root().display(), %listening, resources = %description.resources, "agent started");
    let router = http::router(Arc::clone(&sandboxes), config.token.clone(), config.routes.clone());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await });
    let containerizers = containerizers(&config, &folder, &ledger);
    let mut measuring = JoinSet::new();
    measuring.spawn(measuring::measure(containerizers.clone(), folder.root().to_owned()));
    let agent = Agent {
        folder: folder.root().to_owned(),
        environment,
        containerizers,
        journal,
        ledger,
        transport: Arc::new(Http::new(config.token)),
        masters: config.masters,
        description,
        sandboxes,
        sabotage: Sabotage::default(),
    };
    let stopped = agent.run(shutdown).await;
    drop(folder);
    stopped
}

/// As [`run`], on parts that are given. The agent serves nothing by itself. When the future is dropped, the agent ends
/// where it is, as it would in a crash.
pub async fn run_on(machine: Machine, shutdown: impl Future<Output = Shutdown>) -> Result<(), AgentError> {
    let Machine { folder, environment, journal, masters, transport, description, containerizers, sandboxes, sabotage } =
        machine;
    let (journal, ledger) = Journal::open(journal, &folder, environment.as_ref())?;
    let sandboxes = Arc::new(sandboxes);
    let agent = Agent {
        folder,
        environment,
        journal,
        ledger,
        masters,
        transport,
        description,
        containerizers,
        sandboxes,
        sabotage,
    };
    agent.run(shutdown).await
}

/// A [`Machine`] whose journal was read.
struct Agent {
    folder: PathBuf,
    environment: Arc<dyn Environment>,
    journal: Journal,
    ledger: Ledger,
    masters: Vec<String>,
    transport: Arc<dyn Transport>,
    description: AgentDescription,
    containerizers: BTreeMap<Kind, Arc<dyn Containerizer>>,
    sandboxes: Arc<Sandboxes>,
    sabotage: Sabotage,
}

impl Agent {
    async fn run(self, shutdown: impl Future<Output = Shutdown>) -> Result<(), AgentError> {
        let (tasks, _ended_when_dropped) = Tasks::new();
        let (inputs_sender, inputs) = mpsc::channel(MAX_INPUTS);
        let (reports, batches) = mpsc::channel(1);
        let (identity, identity_seen) = watch::channel(self.ledger.identity.clone());
        let (description, described) = watch::channel(self.description);
        let link = Link {
            environment: Arc::clone(&self.environment),
            transport: self.transport,
            tasks: tasks.clone(),
            masters: self.masters,
            identity: identity_seen,
            description: described.clone(),
            connected: watch::Sender::new(None),
            inputs: inputs_sender.clone(),
        };
        let disconnected = CancellationToken::new();
        for connection in [
            Box::pin(link.clone().deliver(batches)) as BoxFuture<'static, ()>,
            Box::pin(subscribe_when_ready(link, described, self.containerizers.len())),
        ] {
            let disconnected = disconnected.clone();
            tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = disconnected.cancelled() => {}
                    () = connection => {}
                }
            });
        }
        let node = Node {
            folder: self.folder,
            environment: self.environment,
            tasks,
            journal: Arc::new(Mutex::new(self.journal)),
            ledger: self.ledger,
            sandboxes: self.sandboxes,
            containerizers: self.containerizers,
            identity,
            description,
            inputs: inputs_sender,
            reports,
            sabotage: self.sabotage,
            state: Volatile::default(),
        };
        node.run(inputs, shutdown, || disconnected.cancel()).await
    }
}

async fn subscribe_when_ready(link: Link, mut described: watch::Receiver<AgentDescription>, wanted: usize) {
    let all = described.wait_for(|description| description.containerizers.len() == wanted);
    // Those that answer later are offered later.
    let _ = tokio::time::timeout(CONTAINERIZERS_LIMIT, all).await;
    link.stay_subscribed().await;
}

fn open_sandboxes(folder: &WorkFolder, ledger: &Ledger) -> Result<Sandboxes, AgentError> {
    let live: std::collections::BTreeSet<String> = ledger.tasks.keys().map(task_name).collect();
    Sandboxes::open(folder.sandboxes(), |name| live.contains(name))
        .map_err(|source| AgentError::Folder { folder: folder.root().to_owned(), source })
}

fn containerizers(config: &Config, folder: &WorkFolder, ledger: &Ledger) -> BTreeMap<Kind, Arc<dyn Containerizer>> {
    let mut all: BTreeMap<Kind, Arc<dyn Containerizer>> = BTreeMap::new();
    match &config.containerizers {
        Containerizers::Fake(fake) => {
            for kind in [Kind::Process, Kind::Docker] {
                all.insert(kind, Arc::<FakeContainerizer>::clone(fake));
            }
        }
        Containerizers::Real { docker } => {
            let groups = cgroup::find(config.cgroup_parent.as_deref());
            match &groups {
                Some(groups) => tracing::info!("{}", groups.describe()),
                None => tracing::warn!(
                    "no cgroup can be written: cpu and memory limits are not applied to plain processes (run the \
                     agent as root, or delegate a cgroup to its user)"
                ),
            }
            let process = ProcessContainerizer::new(folder.runs(), config.supervisor.clone(), groups);
            all.insert(Kind::Process, Arc::new(process));
            if *docker != DockerEngine::Off {
                let docker = DockerContainerizer::new(docker.clone(), ledger.folder.clone());
                all.insert(Kind::Docker, Arc::new(docker));
            }
        }
    }
    all
}
