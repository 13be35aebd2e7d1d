//! The master on JetStream, against a plain client that does the same with the same bytes.
//!
//! HTTP and agents are not part of it. The parts are `loop`, `single`, `cpu` and `folding`; without a name all are measured.

mod raw;
mod server;
#[path = "../submitting.rs"]
mod submitting;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bayplan_benches::{Rate, Table, cluster, is_wanted, number, percentile, ratio};
use bytes::Bytes;
use eventlog::{Entry, EventLog, JetStreamLog, JetStreamOptions, committed};
use master::{Config, Handle, Role, Running, SnapshotConfig, Standby};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use model::{AgentId, CommandKind, Position, Principal, StatusUpdate, TaskState, Tip};
use tokio::runtime::Runtime;

use raw::Raw;
use server::{Server, Sync};
use submitting::submit_all;

const ROUNDS: usize = 5;
/// Events in one message, and messages in one round.
const EVENTS: usize = 100;
const MESSAGES: usize = 200;
/// Agents report what has happened to several tasks at once.
const EVENTS_PER_COMMAND: [usize; 3] = [1, 10, 100];
/// Enough for the next batch to be full while one is in flight.
const SUBMITTERS: usize = 4 * EVENTS;
const SINGLE_COMMANDS: usize = 1_000;
const AGENTS: u32 = 1_000;
const FOLDED_MESSAGES: usize = 2_000;
/// The server sets it aside for each log.
const LOG_MAX_BYTES: u64 = 1 << 30;
const LOOK_AGAIN: Duration = Duration::from_millis(1);

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    bayplan_benches::start("jetstream", folder.path());
    let recorder = PrometheusBuilder::new().install_recorder().expect("the only recorder");
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        if is_wanted("loop") {
            let Some(table) = throughput(folder.path()).await else { return };
            println!("### The loop against raw publishing, one message in flight\n\n{table}");
        }
        if is_wanted("single") {
            let Some(table) = single_commands(folder.path()).await else { return };
            println!("### One command at a time\n\n{table}");
        }
        if is_wanted("cpu") {
            let Some(server) = Server::start(folder.path(), "cpu", Sync::Default) else { return };
            let table = cpu(&server, folder.path(), &recorder).await;
            println!("### The loop's CPU, with the snapshotter and without\n\n{table}");
        }
        if is_wanted("folding") {
            let Some(server) = Server::start(folder.path(), "folding", Sync::Default) else { return };
            println!("### Folding the log from its beginning\n\n{}", folding(&server).await);
        }
    });
}

/// None where there is no server.
async fn throughput(folder: &Path) -> Option<Table> {
    let columns = [
        "server syncs",
        "events per command",
        "loop (events/s)",
        "raw (events/s)",
        "loop / raw",
        "events per message",
        "bytes per message",
    ];
    let mut table = Table::new(1, columns);
    for sync in [Sync::Default, Sync::Always] {
        let server = Server::start(folder, "loop", sync)?;
        for per_command in EVENTS_PER_COMMAND {
            eprintln!("loop against raw publishing, sync {}, {per_command} events per command", sync.name());
            table.row(compare(&server, sync, per_command).await);
        }
    }
    Some(table)
}

/// A master over a stream of its own.
struct Bench {
    log: Arc<JetStreamLog>,
    handle: Handle,
    running: Running,
}

impl Bench {
    async fn start(url: &str, cluster: &str, batch_limit: usize, snapshot: Option<SnapshotConfig>) -> Self {
        let log = Arc::new(open(url, cluster).await);
        // Nobody will hear of these agents, and that must not matter here.
        let heartbeat_interval = Duration::from_secs(3_600);
        let config = Config {
            heartbeat_interval,
            snapshot,
            standby: Some(Standby::default()),
            batch_limit,
            ..Config::default()
        };
        let (handle, running) = master::start(Arc::clone(&log), config).await.expect("the master starts");
        while handle.role() != Role::Leading {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let kinds = (0..AGENTS).map(|number| CommandKind::RegisterAgent { description: cluster::large_agent(number) });
        submit_all(&handle, kinds.collect(), SUBMITTERS).await;
        Self { log, handle, running }
    }

    /// Launches tasks, and gives the reports that they run: commands of so many events each.
    async fn reports(&self, count: usize, per_command: usize, app: &str) -> Vec<CommandKind> {
        let instances = u32::try_from(count).expect("not so many");
        let kind = CommandKind::PutApps { apps: vec![cluster::small_app(app, instances)], force: false };
        self.handle.submit(Principal::new("bench"), kind).await.expect("accepted");
        loop {
            let launched = self.launched();
            if launched.values().map(Vec::len).sum::<usize>() == count {
                let by_agent = launched.into_iter();
                return by_agent
                    .flat_map(|(agent, updates)| {
                        let commands = updates.chunks(per_command).map(<[_]>::to_vec).collect::<Vec<_>>();
                        commands.into_iter().map(move |updates| CommandKind::UpdateStatus { agent, updates })
                    })
                    .collect();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What the agents will say of the tasks that do not run yet.
    fn launched(&self) -> BTreeMap<AgentId, Vec<StatusUpdate>> {
        let state = self.handle.read();
        let mut launched: BTreeMap<AgentId, Vec<StatusUpdate>> = BTreeMap::new();
        for task in state.tasks.values().filter(|task| task.status.state != TaskState::Running) {
            launched.entry(task.agent).or_default().push(cluster::update(&task.id, TaskState::Running));
        }
        launched
    }

    /// The bytes of all messages behind a position.
    async fn payloads(&self, behind: Position, tip: Tip) -> Vec<Bytes> {
        let mut records = committed(self.log.read(behind.next()), tip);
        let (mut payloads, mut at) = (Vec::<Vec<u8>>::new(), behind);
        while let Some(entry) = records.next().await {
            let Entry::Accepted { position, record, .. } = entry.expect("it is whole") else { continue };
            if position > at {
                payloads.push(Vec::new());
                at = position;
            }
            payloads.last_mut().expect("one was begun").extend_from_slice(&record.bytes);
        }
        payloads.into_iter().map(Bytes::from).collect()
    }
}

async fn open(url: &str, cluster: &str) -> JetStreamLog {
    let (servers, cluster) = (vec![url.to_owned()], cluster.to_owned());
    let options = JetStreamOptions { servers, cluster, max_bytes: LOG_MAX_BYTES, ..Default::default() };
    JetStreamLog::open(options).await.expect("the log opens")
}

/// Both in turns, in the same run; the raw client publishes the very bytes that the loop committed just before.
async fn compare(server: &Server, sync: Sync, per_command: usize) -> [String; 7] {
    let name = per_command.to_string();
    let bench = Bench::start(&server.url, &name, EVENTS / per_command, None).await;
    let mut raw = Raw::open(&server.url, &name).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut messages, mut bytes) = (0, 0);
    for round in 0..ROUNDS {
        let reports = bench.reports(MESSAGES * EVENTS, per_command, &format!("round-{round}")).await;
        let (_, tip, position) = bench.handle.copy();
        let began_at = Instant::now();
        submit_all(&bench.handle, reports, SUBMITTERS / per_command).await;
        ours.push((MESSAGES * EVENTS) as f64 / began_at.elapsed().as_secs_f64());
        let payloads = bench.payloads(position, tip).await;
        let began_at = Instant::now();
        raw.publish(&payloads).await;
        theirs.push((MESSAGES * EVENTS) as f64 / began_at.elapsed().as_secs_f64());
        messages += payloads.len();
        bytes += payloads.iter().map(Bytes::len).sum::<usize>();
    }
    bench.running.stop().await;
    let events = (ROUNDS * MESSAGES * EVENTS) as f64;
    [
        sync.name().to_owned(),
        per_command.to_string(),
        number(Rate::of_rounds(ours.iter().copied()).median()),
        number(Rate::of_rounds(theirs.iter().copied()).median()),
        number(ratio(&ours, &theirs)),
        number(events / messages as f64),
        number(bytes as f64 / messages as f64),
    ]
}

async fn single_commands(folder: &Path) -> Option<Table> {
    let columns = ["server syncs", "one at a time", "half within (ms)", "99 % within (ms)", "worst (ms)"];
    let mut table = Table::new(2, columns);
    for sync in [Sync::Default, Sync::Always] {
        let server = Server::start(folder, "single", sync)?;
        let bench = Bench::start(&server.url, "single", EVENTS, None).await;
        let mut raw = Raw::open(&server.url, "single").await;
        let reports = bench.reports(SINGLE_COMMANDS, 1, "single").await;
        let (_, tip, position) = bench.handle.copy();
        let mut command = submit_all(&bench.handle, reports, 1).await;
        let payloads = bench.payloads(position, tip).await;
        let mut message = raw.publish(&payloads).await;
        bench.running.stop().await;
        for (what, latencies) in [("command", &mut command), ("the same bytes, raw", &mut message)] {
            table.row([
                sync.name().to_owned(),
                what.to_owned(),
                number(percentile(latencies, 0.5)),
                number(percentile(latencies, 0.99)),
                number(percentile(latencies, 1.0)),
            ]);
        }
    }
    Some(table)
}

/// The second fold writes to the disk beside the loop. What the loop computes for a record must not change by that.
async fn cpu(server: &Server, folder: &Path, recorder: &PrometheusHandle) -> Table {
    let mut table =
        Table::new(1, ["snapshotter", "loop (µs of CPU per event)", "publisher (µs of CPU per event)", "events/s"]);
    let mut benches = Vec::new();
    for (name, with) in [("without", false), ("with", true)] {
        let folder = folder.join(format!("snapshot-{name}"));
        let snapshot = with.then(|| SnapshotConfig { folder, options: snapshot::Options::default() });
        benches.push((
            name,
            Bench::start(&server.url, name, EVENTS, snapshot).await,
            [Vec::new(), Vec::new(), Vec::new()],
        ));
    }
    for round in 0..ROUNDS {
        for (_, bench, figures) in &mut benches {
            let reports = bench.reports(MESSAGES * EVENTS, 1, &format!("cpu-{round}")).await;
            let before = cpu_micros(recorder);
            let began_at = Instant::now();
            submit_all(&bench.handle, reports, SUBMITTERS).await;
            let took = began_at.elapsed().as_secs_f64();
            let events = (MESSAGES * EVENTS) as f64;
            let [loop_micros, publisher_micros] = cpu_micros(recorder);
            figures[0].push((loop_micros - before[0]) / events);
            figures[1].push((publisher_micros - before[1]) / events);
            figures[2].push(events / took);
        }
    }
    for (name, bench, figures) in benches {
        let medians = figures.map(|rounds| number(Rate::of_rounds(rounds).median()));
        table.row([name.to_owned()].into_iter().chain(medians));
        bench.running.stop().await;
    }
    table
}

/// What the loop and the publisher have computed so far. The masters of this process are told apart by who works.
fn cpu_micros(recorder: &PrometheusHandle) -> [f64; 2] {
    let text = recorder.render();
    ["loop", "publisher"].map(|part| {
        let name = format!("bayplan_cpu_microseconds_total{{part=\"{part}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.and_then(|value| value.parse().ok()).expect("the master counts it")
    })
}

/// A start that has nothing but the log, against a reader that does nothing with what it reads.
async fn folding(server: &Server) -> Table {
    let bench = Bench::start(&server.url, "folding", EVENTS, None).await;
    for app in 0..FOLDED_MESSAGES / MESSAGES {
        let reports = bench.reports(MESSAGES * EVENTS, 1, &format!("folded-{app}")).await;
        submit_all(&bench.handle, reports, SUBMITTERS).await;
    }
    let records = bench.handle.read().seq.0 as f64;
    bench.running.stop().await;
    let (mut folded, mut read) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let log = open(&server.url, "folding").await;
        let began_at = Instant::now();
        let mut messages = log.read(Position(1));
        while let Some(message) = messages.next().await {
            std::hint::black_box(message.expect("it is whole"));
        }
        read.push(records / began_at.elapsed().as_secs_f64());
        let log = Arc::new(log);
        let began_at = Instant::now();
        let config = Config { standby: Some(Standby::default()), ..Config::default() };
        let (_handle, running) = master::start(log, config).await.expect("it folds");
        folded.push(records / began_at.elapsed().as_secs_f64());
        running.stop().await;
    }
    let mut table = Table::new(0, ["records", "read and decoded (records/s)", "folded (records/s)", "folded / read"]);
    table.row([
        number(records),
        number(Rate::of_rounds(read.iter().copied()).median()),
        number(Rate::of_rounds(folded.iter().copied()).median()),
        number(ratio(&folded, &read)),
    ]);
    table
}
