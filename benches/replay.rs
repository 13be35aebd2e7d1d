//! Looking back: how soon a moment of a recorded hour is there, and how fast a log is folded where no state of it is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bayplan_benches::{Draws, Table, number, percentile};
use eventlog::{EventLog, Options, RocksLog, committed};
use master::{Cursor, Kept, nearest};
use model::{Position, Seq, Tip};
use sim::{Busy, BusySettings};
use snapshot::{Opened, Snapshot, Snapshotter};
use state::State;

const LOOKS: usize = 100;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// What was recorded.
struct Recorded {
    log: Arc<RocksLog>,
    kept: Kept,
    records: u64,
    events: u64,
    bytes: u64,
    end: State,
    tip: Tip,
}

fn main() {
    let root = tempfile::tempdir().expect("a folder");
    bayplan_benches::start("replay", root.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let recorded = record(root.path()).await;
        let Recorded { records, events, bytes, .. } = &recorded;
        println!(
            "A recorded hour of 1,000 agents: {events} events in {records} records, {} MB; at its end there are {} tasks.\n",
            bytes >> 20,
            recorded.end.tasks.len()
        );
        println!("### Folding it from its beginning\n\n{}", folding(&recorded).await);
        println!("### Opening it at {LOOKS} random moments\n\n{}", opening(&recorded).await);
    });
}

/// A log with the checkpoints that a master makes by itself.
async fn record(root: &std::path::Path) -> Recorded {
    let log = RocksLog::open(root.join("log"), Options { min_free_bytes: 0, ..Options::default() }).await;
    let log = Arc::new(log.expect("the log opens"));
    let Ok(Opened::Usable { snapshot, .. }) = Snapshot::open(&root.join("snapshot")) else { panic!("it is new") };
    let options = snapshot::Options { checkpoints_kept: 64, ..snapshot::Options::default() };
    let snapshotter = Snapshotter::start(snapshot, None, options).expect("its thread starts");
    let mut busy = Busy::new(BusySettings::default());
    let mut copy = State::default();
    copy.track_changes(true);
    let (mut position, mut bytes) = (Position(0), 0);
    loop {
        let records = busy.next_message();
        if records.is_empty() {
            break;
        }
        records.iter().for_each(|sealed| copy.apply(&sealed.record));
        bytes += eventlog::message_bytes(&records) as u64;
        position = log.append(Some(position), records.into()).await.expect("it is appended");
        assert!(snapshotter.tell(copy.take_changes(), busy.tip(), position));
        // The disk here may be slower than time made up.
        if position.0.is_multiple_of(256) {
            assert!(snapshotter.flush(PATIENCE), "the snapshot follows");
        }
    }
    drop(snapshotter);
    let kept = Kept { snapshot: Some(root.join("snapshot")), cache: None };
    let (end, tip) = (busy.state().clone(), busy.tip());
    Recorded { log, kept, records: tip.seq.0, events: busy.events(), bytes, end, tip }
}

/// Reading and decoding alone, and with the fold, in turns.
async fn folding(recorded: &Recorded) -> Table {
    let (mut read, mut decoded, mut folded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began_at = Instant::now();
        let mut messages = recorded.log.read(Position(1));
        let mut records = 0;
        while let Some(message) = messages.next().await {
            records += message.expect("it is readable").content.records().len();
        }
        assert_eq!(records as u64, recorded.records);
        read.push(began_at.elapsed());

        let began_at = Instant::now();
        let mut entries = committed(recorded.log.read(Position(1)).read_ahead(), Tip::default());
        while let Some(entry) = entries.next().await {
            entry.expect("it is readable");
        }
        assert_eq!(entries.tip(), recorded.tip);
        decoded.push(began_at.elapsed());

        let began_at = Instant::now();
        let mut cursor = nothing(recorded);
        cursor.advance_to_end(|_| std::ops::ControlFlow::Continue(())).await.expect("it is folded");
        folded.push(began_at.elapsed());
        assert_eq!(cursor.tip(), recorded.tip);
        assert_eq!(cursor.into_state().hash(), recorded.end.hash(), "the fold gives the state that was there");
    }
    let mut table = Table::new(1, ["what", "took (s)", "events/s", "records/s", "share of reading alone"]);
    let read = percentile(&mut read, 0.5);
    let mut row = |what: &str, took: f64| {
        table.row([
            what.to_owned(),
            number(took / 1e3),
            number(recorded.events as f64 / took * 1e3),
            number(recorded.records as f64 / took * 1e3),
            number(read / took),
        ]);
    };
    row("read and decode", read);
    row("the same, and see which records count", percentile(&mut decoded, 0.5));
    row("the same, and fold them", percentile(&mut folded, 0.5));
    table
}

fn nothing(recorded: &Recorded) -> Cursor {
    let messages = recorded.log.read(Position(1)).read_ahead();
    Cursor::of(State::default(), Tip::default(), Position(0), messages)
}

async fn opening(recorded: &Recorded) -> Table {
    let mut draws = Draws::new(1);
    let (mut took, mut longest, mut folded) = (Vec::new(), (Duration::ZERO, Seq(0)), Vec::new());
    for _ in 0..LOOKS {
        let seq = Seq(1 + draws.draw() % recorded.records);
        let began_at = Instant::now();
        let mut cursor = nearest(recorded.log.as_ref(), seq, &recorded.kept).await.expect("there is a state");
        let begun = cursor.state().seq;
        cursor.advance(seq, |_| std::ops::ControlFlow::Continue(())).await.expect("it is folded");
        let state = cursor.into_state();
        took.push(began_at.elapsed());
        folded.push(seq.0 - begun.0);
        longest = longest.max((began_at.elapsed(), seq));
        assert_eq!(state.seq, seq);
    }
    let mut table = Table::new(0, ["p50 (ms)", "p99 (ms)", "longest (ms)", "of record", "records folded, mean"]);
    let mean = folded.iter().sum::<u64>() / folded.len() as u64;
    table.row([
        number(percentile(&mut took, 0.5)),
        number(percentile(&mut took, 0.99)),
        number(longest.0.as_secs_f64() * 1e3),
        longest.1.to_string(),
        mean.to_string(),
    ]);
    table
}
