//! Many agents in one process. They are the real agents, on the real link; only their tasks and their disks are pretended.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent::{
    Environment, Events, FakeContainerizer, Http, JournalFile, Kind, Lost, Machine, Sabotage, Sandboxes, System,
    Transport,
};
use futures_util::future::BoxFuture;
use model::{AgentDescription, AttributeValue, Resources, Scalar, Timestamp};
use protocol::agent::{Acknowledgement, StatusReport, Subscribe};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many reports are under way at the same time, each on a connection of its own: thousands of agents in one process may have
/// something to say at the same moment, and would need a connection each.
pub const REPORTS_AT_ONCE: usize = 1_000;

/// Agents that are gone when this is dropped, without a word.
#[derive(Debug)]
pub struct Fleet {
    containerizers: Vec<Arc<FakeContainerizer>>,
    subscriptions: Arc<AtomicUsize>,
    _agents: JoinSet<()>,
}

impl Fleet {
    /// Starts agents that have the same resources each. Must be called on a runtime.
    #[must_use]
    pub fn join(masters: &[String], count: usize, resources: &Resources) -> Self {
        let subscriptions = Arc::new(AtomicUsize::new(0));
        // One pool of connections for all: a subscription keeps one for itself, reports share the others.
        let transport: Arc<dyn Transport> = Arc::new(Counting {
            http: Arc::new(Http::new(None)),
            subscriptions: Arc::clone(&subscriptions),
            reports: Arc::new(Semaphore::new(REPORTS_AT_ONCE)),
        });
        let (mut containerizers, mut agents) = (Vec::new(), JoinSet::new());
        for number in 0..count {
            let fake = Arc::new(FakeContainerizer::default());
            containerizers.push(Arc::clone(&fake));
            let machine = machine(number, masters, resources, fake, Arc::clone(&transport));
            agents.spawn(async move {
                if let Err(error) = agent::run_on(machine, pending()).await {
                    tracing::error!(number, %error, "a simulated agent has ended");
                }
            });
        }
        Self { containerizers, subscriptions, _agents: agents }
    }

    /// How many subscriptions masters have accepted so far; each agent needs one.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Relaxed)
    }

    /// How many tasks pretend to run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.containerizers.iter().map(|fake| fake.running()).sum()
    }
}

fn machine(
    number: usize,
    masters: &[String],
    resources: &Resources,
    fake: Arc<FakeContainerizer>,
    transport: Arc<dyn Transport>,
) -> Machine {
    let attributes = [("virtual".to_owned(), AttributeValue::Scalar(Scalar::from_whole(1)))].into();
    Machine {
        folder: PathBuf::from(format!("agent-{number}")),
        environment: Arc::new(Diskless),
        journal: Box::<MemoryJournal>::default(),
        masters: masters.to_vec(),
        transport,
        description: AgentDescription {
            hostname: format!("agent-{number}"),
            resources: resources.clone(),
            attributes,
            // Nobody asks a simulated agent for files.
            address: format!("127.0.0.1:{}", 1 + number % 1_000),
            containerizers: Vec::new(),
        },
        containerizers: BTreeMap::from([(Kind::Process, fake as _)]),
        sandboxes: Sandboxes::none(),
        sabotage: Sabotage::default(),
    }
}

/// The real way to a master, with a count of what was accepted.
#[derive(Debug)]
struct Counting {
    http: Arc<Http>,
    subscriptions: Arc<AtomicUsize>,
    reports: Arc<Semaphore>,
}

impl Transport for Counting {
    fn subscribe(&self, master: &str, subscribe: Subscribe) -> BoxFuture<'static, Result<Box<dyn Events>, Lost>> {
        let (subscribed, subscriptions) = (self.http.subscribe(master, subscribe), Arc::clone(&self.subscriptions));
        Box::pin(async move {
            let events = subscribed.await?;
            subscriptions.fetch_add(1, Ordering::Relaxed);
            Ok(events)
        })
    }

    fn report(&self, master: &str, report: StatusReport) -> BoxFuture<'static, Result<Acknowledgement, String>> {
        let (http, reports, master) = (Arc::clone(&self.http), Arc::clone(&self.reports), master.to_owned());
        Box::pin(async move {
            let _permit = reports.acquire().await.map_err(|closed| closed.to_string())?;
            http.report(&master, report).await
        })
    }
}

/// The real clock and chance, and a disk that nobody waits for: that of one machine cannot stand for thousands.
#[derive(Debug, Clone, Copy)]
struct Diskless;

impl Environment for Diskless {
    fn now(&self) -> Timestamp {
        System.now()
    }

    fn random(&self) -> [u8; 16] {
        System.random()
    }

    fn on_disk(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        Box::pin(async move { work() })
    }
}

#[derive(Debug, Default)]
struct MemoryJournal {
    bytes: Vec<u8>,
}

impl JournalFile for MemoryJournal {
    fn path(&self) -> &Path {
        Path::new("(in memory)")
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.bytes.clone())
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        self.bytes = content.to_vec();
        Ok(())
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.bytes.truncate(usize::try_from(at).map_err(io::Error::other)?);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
