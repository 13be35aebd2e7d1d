//! The master's loop over a real log: commands per second that are durable when they are answered.
//!
//! Submitters stand for clients and agents: each sends its next command when the one before it was answered. HTTP and
//! agents are not part of it.

mod submitting;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bayplan_benches::{Table, cluster, number, percentile};
use bytes::Bytes;
use eventlog::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Messages, Notices, Options, ReadError, RocksLog,
    TrimError,
};
use master::{Config, Handle, Running};
use model::{CommandKind, Position, Principal, Seq, TaskState};
use tokio::runtime::Runtime;

use submitting::submit_all;

/// How many wait for an answer at the same time, and how many commands they submit together.
const SUBMITTERS: [(usize, u32); 4] = [(1, 400), (16, 2_000), (64, 4_000), (256, 4_000)];
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    bayplan_benches::start("commit", folder.path());
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        println!("### Commands, durable when answered\n\n{}", commands(folder.path()).await);
        println!("### Launches, durable, on agents that nobody plays\n\n{}", launches(folder.path()).await);
    });
}

#[derive(Debug, Clone, Copy)]
enum What {
    CreateApp,
    ReportRunning,
}

async fn commands(folder: &Path) -> Table {
    let mut table = Table::new(
        1,
        [
            "command",
            "submitters",
            "commands",
            "commands/s",
            "half answered within (ms)",
            "99 % answered within (ms)",
            "records per append",
        ],
    );
    for (name, what) in [("create an app", What::CreateApp), ("report that a task runs", What::ReportRunning)] {
        for (submitters, count) in SUBMITTERS {
            eprintln!("{name}: {submitters} submitters");
            let bench = Bench::start(&folder.join(format!("{what:?}-{submitters}")), 10).await;
            let kinds = bench.prepare(what, count).await;
            let (records_before, appends_before) = bench.log.counts();
            let began_at = Instant::now();
            let mut latencies = submit_all(&bench.handle, kinds, submitters).await;
            let took = began_at.elapsed();
            let (records, appends) = bench.log.counts();
            table.row([
                name.to_owned(),
                submitters.to_string(),
                count.to_string(),
                number(f64::from(count) / took.as_secs_f64()),
                number(percentile(&mut latencies, 0.5)),
                number(percentile(&mut latencies, 0.99)),
                number((records - records_before) as f64 / (appends - appends_before) as f64),
            ]);
            bench.running.stop().await;
        }
    }
    table
}

/// From the command that wants the instances until the last launch is durable, with no agent that would start them.
async fn launches(folder: &Path) -> Table {
    let mut table = Table::new(1, ["apps x instances", "agents", "seconds", "launches/s", "records per append"]);
    for (apps, instances, agents) in [(1, 5_000, 10), (1, 5_000, 1_000), (500, 10, 1_000)] {
        let name = format!("{apps} x {instances}");
        eprintln!("launches: {name} on {agents} agents");
        let bench = Bench::start(&folder.join(format!("launches-{apps}-{agents}")), agents).await;
        let (records_before, appends_before) = bench.log.counts();
        let began_at = Instant::now();
        bench.launch(apps, instances).await;
        let took = began_at.elapsed().as_secs_f64();
        let (records, appends) = bench.log.counts();
        table.row([
            name,
            agents.to_string(),
            number(took),
            number(f64::from(apps * instances) / took),
            number((records - records_before) as f64 / (appends - appends_before) as f64),
        ]);
        bench.running.stop().await;
    }
    table
}

/// A master over a log in a folder of its own.
struct Bench {
    log: Arc<CountedLog>,
    handle: Handle,
    running: Running,
}

impl Bench {
    async fn start(folder: &Path, agents: u32) -> Self {
        let log = RocksLog::open(folder, Options::default()).await.expect("the log opens");
        let log = Arc::new(CountedLog { log, records: AtomicU64::new(0), appends: AtomicU64::new(0) });
        // Nobody will hear of these agents, and that must not matter here.
        let config = Config { heartbeat_interval: Duration::from_secs(3_600), ..Config::default() };
        let (handle, running) = master::start(Arc::clone(&log), config).await.expect("the master starts");
        let kinds = (0..agents).map(|number| CommandKind::RegisterAgent { description: cluster::large_agent(number) });
        submit_all(&handle, kinds.collect(), 256).await;
        Self { log, handle, running }
    }

    async fn prepare(&self, what: What, count: u32) -> Vec<CommandKind> {
        match what {
            What::CreateApp => cluster::apps(count, 0).into_iter().map(|app| CommandKind::CreateApp { app }).collect(),
            What::ReportRunning => {
                self.launch(1, count).await;
                let state = self.handle.read();
                let tasks =
                    state.tasks.values().map(|task| (task.agent, cluster::update(&task.id, TaskState::Running)));
                tasks.map(|(agent, update)| CommandKind::UpdateStatus { agent, updates: vec![update] }).collect()
            }
        }
    }

    async fn launch(&self, apps: u32, instances: u32) {
        let small = |number| cluster::small_app(&format!("app-{number}"), instances);
        let kind = CommandKind::PutApps { apps: (0..apps).map(small).collect(), force: false };
        self.handle.submit(Principal::new("bench"), kind).await.expect("accepted");
        let wanted = (apps * instances) as usize;
        let all = async {
            while self.handle.read().tasks.len() < wanted {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(DEADLINE, all).await.expect("all are launched in time");
    }
}

/// A log that counts what is appended to it.
struct CountedLog {
    log: RocksLog,
    records: AtomicU64,
    appends: AtomicU64,
}

impl CountedLog {
    fn counts(&self) -> (u64, u64) {
        (self.records.load(Ordering::Relaxed), self.appends.load(Ordering::Relaxed))
    }
}

impl EventLog for CountedLog {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        self.records.fetch_add(content.records().len() as u64, Ordering::Relaxed);
        self.appends.fetch_add(1, Ordering::Relaxed);
        self.log.append(after, content).await
    }

    fn max_message_bytes(&self) -> usize {
        self.log.max_message_bytes()
    }

    fn read(&self, from: Position) -> Messages {
        self.log.read(from)
    }

    fn tail(&self, from: Position) -> Messages {
        self.log.tail(from)
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        self.log.bounds().await
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        self.log.trim(upto).await
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        self.log.put_baseline(seq, position, bytes).await
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        self.log.baselines().await
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        self.log.read_baseline(baseline).await
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        self.log.remove_baseline(baseline).await
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        self.log.size_bytes().await
    }

    async fn notify(&self, notice: Bytes) {
        self.log.notify(notice).await;
    }

    fn notices(&self) -> Notices {
        self.log.notices()
    }
}
