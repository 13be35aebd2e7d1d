//! Appending to the log and reading it back: RocksDB beside what the disk can do, and beside memory.
//!
//! One append is under way at a time, as in the master's loop, and each is on the disk when it returns. Records are
//! made and sealed beforehand.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bayplan_benches::{Rate, Table, cluster, number, ratio};
use eventlog::{Entry, EventLog, MemoryLog, Options, RocksLog, committed};
use model::{
    AgentId, AppVersion, ClusterId, Command, CommandId, CommandKind, Event, Explanation, FrameworkId, LaunchedTask,
    OfferBatch, OfferId, OfferOutcome, PortRanges, Position, Principal, Record, Resources, Scalar, SealedRecord,
    StatusUpdate, TaskId, TaskState, TaskStatus, Timestamp, Tip, UpdateId, Workload,
};
use tokio::runtime::Runtime;

/// Records in an append, and how many appends a round has.
const BATCHES: [(usize, usize); 4] = [(1, 400), (10, 400), (100, 200), (1_000, 40)];
const RECORDS: usize = 40_000;
const ROUNDS: usize = 5;
const READ_FOR: Duration = Duration::from_millis(300);

type Batch = Arc<[SealedRecord]>;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    bayplan_benches::start("log", folder.path());
    let runtime = Runtime::new().expect("a runtime");
    let records = records();
    let (launch, update) = (records[1].bytes.len(), records[2].bytes.len());
    println!("Records are launches ({launch} bytes) and status updates ({update} bytes), one each in turn.\n");

    let mut appends = Table::new(
        0,
        [
            "records per append",
            "bytes per append",
            "RocksDB (records/s)",
            "RocksDB (ms per append)",
            "growing file (records/s)",
            "RocksDB / growing file",
            "written file (records/s)",
            "RocksDB / written file",
            "memory (records/s)",
        ],
    );
    let mut reads = Table::new(
        0,
        ["records per message", "as written (records/s)", "after reopening (records/s)", "after reopening (MB/s)"],
    );
    let mut widest: f64 = 0.0;
    for (size, count) in BATCHES {
        let batches: Vec<Batch> = records.chunks(size).take(count).map(Arc::from).collect();
        eprintln!("{count} appends of {size} records, {ROUNDS} rounds");
        let measured = runtime.block_on(measure(folder.path(), &batches));
        widest = widest.max(measured.rocks.spread());
        let bytes: usize = batches.iter().map(|batch| eventlog::message_bytes(batch)).sum();
        appends.row([
            size.to_string(),
            number(bytes as f64 / batches.len() as f64),
            number(measured.rocks.median()),
            number(1_000.0 * size as f64 / measured.rocks.median()),
            number(measured.growing.median()),
            format!("{:.2}", measured.of_growing),
            number(measured.written.median()),
            format!("{:.2}", measured.of_written),
            number(measured.memory.median()),
        ]);
        let bytes_per_record = bytes as f64 / (batches.len() * size) as f64;
        reads.row([
            size.to_string(),
            number(measured.read.median()),
            number(measured.read_reopened.median()),
            number(measured.read_reopened.median() * bytes_per_record / 1e6),
        ]);
    }
    println!("### Appending, durable, one append at a time\n\n{appends}");
    println!(
        "Medians of {ROUNDS} rounds, all in turns; RocksDB's rounds lay within {:.0} % at worst.\n",
        widest * 100.0
    );
    println!("### Reading back through `committed`\n\n{reads}");
}

struct Measured {
    rocks: Rate,
    growing: Rate,
    of_growing: f64,
    written: Rate,
    of_written: f64,
    memory: Rate,
    read: Rate,
    read_reopened: Rate,
}

async fn measure(folder: &Path, batches: &[Batch]) -> Measured {
    let (mut rocks, mut growing, mut written, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for round in 0..ROUNDS {
        let path = folder.join(format!("log-{}-{round}", batches[0].len()));
        let log = RocksLog::open(&path, Options::default()).await.expect("the log opens");
        rocks.push(append_all(&log, batches).await);
        let bytes: Vec<Vec<u8>> = batches.iter().map(joined).collect();
        growing.push(write_to_file(&folder.join("plain"), &bytes, batches, Before::Empty));
        written.push(write_to_file(&folder.join("plain"), &bytes, batches, Before::Zeros));
        memory.push(append_all(&MemoryLog::default(), batches).await);
        if round + 1 < ROUNDS {
            log.close().await;
            std::fs::remove_dir_all(&path).expect("the log is removed");
        } else {
            last = Some((path, log));
        }
    }
    let (path, log) = last.expect("there was a round");
    let read = read_all(&log).await;
    log.close().await;
    let log = RocksLog::open(&path, Options::default()).await.expect("the log opens again");
    let read_reopened = read_all(&log).await;
    log.close().await;
    std::fs::remove_dir_all(&path).expect("the log is removed");
    Measured {
        of_growing: ratio(&rocks, &growing),
        of_written: ratio(&rocks, &written),
        rocks: Rate::of_rounds(rocks),
        growing: Rate::of_rounds(growing),
        written: Rate::of_rounds(written),
        memory: Rate::of_rounds(memory),
        read,
        read_reopened,
    }
}

/// Records per second.
async fn append_all(log: &impl EventLog, batches: &[Batch]) -> f64 {
    let began_at = Instant::now();
    for (index, batch) in batches.iter().enumerate() {
        let after = Position(index as u64);
        log.append(Some(after), Arc::clone(batch).into()).await.expect("appended");
    }
    let records: usize = batches.iter().map(|batch| batch.len()).sum();
    records as f64 / began_at.elapsed().as_secs_f64()
}

fn joined(batch: &Batch) -> Vec<u8> {
    batch.iter().flat_map(|sealed| sealed.bytes.iter().copied()).collect()
}

/// What is in the file before it is written to.
#[derive(Debug, Clone, Copy)]
enum Before {
    Empty,
    /// As many zeros as there will be bytes, so that each sync writes data and nothing else.
    Zeros,
}

/// The same bytes with `write` and `fdatasync`: what the disk can do.
fn write_to_file(path: &Path, bytes: &[Vec<u8>], batches: &[Batch], before: Before) -> f64 {
    let mut file = File::create(path).expect("a file");
    if matches!(before, Before::Zeros) {
        bytes.iter().for_each(|bytes| file.write_all(&vec![0; bytes.len()]).expect("written"));
        file.sync_all().expect("synced");
        file.rewind().expect("a file has a beginning");
    }
    let began_at = Instant::now();
    for bytes in bytes {
        file.write_all(bytes).expect("written");
        file.sync_data().expect("synced");
    }
    let took = began_at.elapsed();
    std::fs::remove_file(path).expect("removed");
    let records: usize = batches.iter().map(|batch| batch.len()).sum();
    records as f64 / took.as_secs_f64()
}

async fn read_all(log: &impl EventLog) -> Rate {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (began_at, mut count) = (Instant::now(), 0_usize);
        while began_at.elapsed() < READ_FOR {
            let mut entries = committed(log.read(Position(1)), Tip::default());
            while let Some(entry) = entries.next().await {
                assert!(matches!(entry, Ok(Entry::Accepted { .. })), "the whole log counts");
                count += 1;
            }
        }
        rounds.push(count as f64 / began_at.elapsed().as_secs_f64());
    }
    Rate::of_rounds(rounds)
}

/// A chain of records as a cluster makes them: the start of an epoch, then launches and status updates in turn.
fn records() -> Vec<SealedRecord> {
    let mut tip = Tip::default();
    let mut records: Vec<SealedRecord> = Vec::with_capacity(RECORDS);
    for number in 0..RECORDS as u64 {
        let (kind, events) = match number {
            0 => start(),
            _ if number % 2 == 1 => launch(number),
            _ => running(number - 1),
        };
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let at = Timestamp(1_800_000_000_000 + number);
        let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let cause = Command { id: CommandId(id), at, seed, principal: Principal::new("agent:S12"), kind };
        let epoch = if number == 0 { tip.epoch.next() } else { tip.epoch };
        let record = Record { seq: tip.seq.next(), epoch, previous: tip.hash, cause, events, state_hash: None }.seal();
        tip = tip.accept(&record).expect("the record follows");
        records.push(record);
    }
    records
}

fn start() -> (CommandKind, Vec<Event>) {
    let cluster = ClusterId::new("bench");
    let leader = "bench".to_owned();
    let event =
        Event::EpochStarted { cluster: cluster.clone(), leader: leader.clone(), addresses: None, state_version: 1 };
    (CommandKind::StartEpoch { cluster, leader, addresses: None, placement_policy: None, profile: None }, vec![event])
}

fn task_id(number: u64) -> TaskId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    TaskId::new(format!("team-3_service-42.instance-{}._app.1", CommandId(id).derive(1)))
}

/// What an allocation tells that launches one task.
fn launch(number: u64) -> (CommandKind, Vec<Event>) {
    let (framework, offer, agent) = (FrameworkId::SERVICES, OfferId(number), AgentId((number % 1_000) as u32));
    let port = 31_000 + (number % 1_000) as u16;
    let ports = PortRanges::from_ports([port]);
    let resources = Resources { cpus: Scalar(500), mem: Scalar::from_whole(256), ports, ..Resources::default() };
    let offers = OfferBatch { offers: vec![offer], agents: vec![agent], resources: vec![resources.clone()] };
    let task = LaunchedTask {
        id: task_id(number),
        framework,
        offer,
        agent,
        workload: Workload::App {
            app: cluster::app_id("team-3/service-42"),
            version: AppVersion(Timestamp(1_800_000_000_000)),
        },
        resources,
        host_ports: vec![port],
        explanation: Some(Explanation {
            policy: "best-fit".to_owned(),
            score: Some(4_294_000_000),
            considered: 1_000,
            feasible: Some(1_000),
            filtered: Vec::new(),
        }),
    };
    let closed =
        Event::OffersClosed { framework, offers: vec![offer], outcome: OfferOutcome::Accepted, refused_until: None };
    let events = vec![Event::OffersMade { framework, offers }, closed, Event::TaskLaunched { task: Box::new(task) }];
    (CommandKind::Allocate, events)
}

/// The report that this task runs.
fn running(number: u64) -> (CommandKind, Vec<Event>) {
    let agent = AgentId((number % 1_000) as u32);
    let status = TaskStatus { state: TaskState::Running, reason: None, message: None, exit: None };
    let id = UpdateId::new(format!("f3a9c1d27b604e58-1-{number}"));
    let observed_at = Timestamp(1_800_000_000_000 + number);
    let update = StatusUpdate { id: id.clone(), task: task_id(number), observed_at, status: status.clone() };
    let event = Event::TaskStatusChanged { task: task_id(number), agent, update: Some(id), status };
    (CommandKind::UpdateStatus { agent, updates: vec![update] }, vec![event])
}
