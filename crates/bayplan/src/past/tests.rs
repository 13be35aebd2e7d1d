//! Moments of a master's folder: what they begin with, and that they are what folding all of the log gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eventlog::{EventLog, Options, RocksLog};
use model::{Hash, Position, SealedRecord, Seq};
use sim::{Busy, BusySettings};
use snapshot::{Checkpoint, Opened, Snapshot, Snapshotter};
use state::State;

use super::PastLog;
use crate::cli::past::{LogSource, ReplayLog};
use crate::node::master::{LOG_FOLDER, SNAPSHOT_FOLDER};

const PATIENCE: Duration = Duration::from_secs(30);
const CHECKPOINT_INTERVAL: u64 = 50;
const CHECKPOINTS: usize = 3;
/// So that there are not too many writes to wait for.
const TICKS_IN_A_MESSAGE: usize = 8;

/// The messages of a small cluster's log.
pub(crate) fn messages(seed: u64) -> Vec<Vec<SealedRecord>> {
    let settings = BusySettings {
        agents: 5,
        apps: 4,
        instances: 40,
        span_ms: 60_000,
        events: 1_500,
        state_hash_interval: 64,
        seed,
    };
    let mut busy = Busy::new(settings);
    let ticks = std::iter::from_fn(|| Some(busy.next_message()).filter(|records| !records.is_empty()));
    ticks.collect::<Vec<_>>().chunks(TICKS_IN_A_MESSAGE).map(<[_]>::concat).collect()
}

/// Goes on with a log in a folder as a master does, without its snapshot.
pub(crate) async fn write(folder: &Path, messages: impl IntoIterator<Item = Vec<SealedRecord>>) {
    let log = writable(folder).await;
    let mut position = log.bounds().await.expect("it is readable").last;
    for records in messages {
        position = log.append(Some(position), records.into()).await.expect("it is appended");
    }
}

pub(crate) async fn look(folder: &Path) -> PastLog {
    let log = LogSource::Path(folder.to_owned());
    let place = ReplayLog { log, cluster: "default".to_owned(), no_cache: true };
    PastLog::open(&place).await.expect("it opens")
}

async fn writable(folder: &Path) -> RocksLog {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    RocksLog::open(folder.join(LOG_FOLDER), options).await.expect("the log opens")
}

/// The checkpoints that a master would have made beside its snapshot, oldest first.
fn keep_checkpoints(folder: &Path, messages: &[Vec<SealedRecord>]) -> Vec<Checkpoint> {
    let folder = folder.join(SNAPSHOT_FOLDER);
    let Ok(Opened::Usable { snapshot, .. }) = Snapshot::open(&folder) else { panic!("it is new") };
    let options = snapshot::Options {
        checkpoint_interval: CHECKPOINT_INTERVAL,
        checkpoints_kept: CHECKPOINTS,
        ..snapshot::Options::default()
    };
    let snapshotter = Snapshotter::start(snapshot, None, options).expect("its thread starts");
    let (mut state, mut tip) = (State::default(), model::Tip::default());
    state.track_changes(true);
    for (position, records) in (1..).zip(messages) {
        for sealed in records {
            state.apply(&sealed.record);
            tip = tip.accept(sealed).expect("it follows");
        }
        assert!(snapshotter.tell(state.take_changes(), tip, Position(position)) && snapshotter.flush(PATIENCE));
    }
    drop(snapshotter);
    let made = snapshot::checkpoints(&folder).expect("they are listed");
    assert_eq!(made.len(), CHECKPOINTS);
    made
}

/// A folder with a log and checkpoints.
async fn recorded(seed: u64) -> (tempfile::TempDir, Vec<Checkpoint>) {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = messages(seed);
    let checkpoints = keep_checkpoints(folder.path(), &messages);
    write(folder.path(), messages).await;
    (folder, checkpoints)
}

/// Without any state that is kept.
async fn folded_from_the_start(log: &PastLog, seq: Seq) -> Hash {
    let mut cursor = log.beginning().await.expect("the log is whole");
    assert_eq!(cursor.state().seq, Seq(0));
    cursor.fold(|state| state.seq >= seq).await.expect("it is folded");
    cursor.into_state().hash()
}

/// The record of the state that a moment begins with, and the hash of the moment.
async fn opened(log: &PastLog, seq: Seq) -> (Seq, Hash) {
    let begun = log.near(seq).await.expect("there is a state").state().seq;
    let cursor = log.open_at(seq).await.expect("it is there");
    assert_eq!((cursor.state().seq, cursor.tip().seq), (seq, seq));
    (begun, cursor.into_state().hash())
}

fn damage(checkpoint: &Checkpoint) {
    let files = fs::read_dir(&checkpoint.path).expect("it is a folder").map(|entry| entry.expect("readable").path());
    let rows: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "sst" || kind == "log")).collect();
    for path in rows {
        let mut bytes = fs::read(&path).expect("it is there");
        let middle = bytes.len() / 2;
        bytes.iter_mut().skip(middle).take(64).for_each(|byte| *byte ^= 0x55);
        // The snapshot may share the file.
        fs::remove_file(&path).and_then(|()| fs::write(&path, bytes)).expect("written");
    }
}

#[tokio::test]
async fn a_moment_begins_with_the_nearest_checkpoint_and_is_what_folding_from_the_start_gives() {
    let (folder, checkpoints) = recorded(1).await;
    let log = look(folder.path()).await;
    let [oldest, middle, newest] = [0, 1, 2].map(|at: usize| checkpoints[at].seq);
    let last = log.bounds().await.expect("there are records").last;
    assert!(newest < last);
    let moments = [
        (Seq(1), Seq(0)),
        (Seq(oldest.0 - 1), Seq(0)),
        (oldest, oldest),
        (Seq(middle.0 - 1), oldest),
        (Seq(middle.0 + 7), middle),
        (newest, newest),
        (last, newest),
    ];
    for (seq, begins) in moments {
        assert_eq!(opened(&log, seq).await, (begins, folded_from_the_start(&log, seq).await), "record {seq}");
    }
}

#[tokio::test]
async fn behind_a_log_that_was_trimmed_without_a_baseline_a_checkpoint_is_enough() {
    let (folder, checkpoints) = recorded(1).await;
    let log = look(folder.path()).await;
    let last = log.bounds().await.expect("there are records").last;
    let (middle, newest) = (&checkpoints[1], checkpoints[2].seq);
    let moments = [middle.seq, Seq(middle.seq.0 + 1), Seq(newest.0 - 1), last];
    let mut whole = Vec::new();
    for seq in moments {
        whole.push(folded_from_the_start(&log, seq).await);
    }
    drop(log);
    let position = middle.load().expect("it is whole").mark.position;
    let log = writable(folder.path()).await;
    log.trim(Position(position.0 - 1)).await.expect("it trims");
    drop(log);

    let log = look(folder.path()).await;
    for (seq, whole) in moments.into_iter().zip(whole) {
        let begins = if seq < newest { middle.seq } else { newest };
        assert_eq!(opened(&log, seq).await, (begins, whole), "record {seq}");
    }
    for seq in [Seq(middle.seq.0 - 1), checkpoints[0].seq] {
        let refused = log.open_at(seq).await.err().expect("nothing leads there").to_string();
        assert!(refused.contains("no baseline"), "{refused}");
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_damaged_or_of_another_log_costs_time_and_nothing_else() {
    let (folder, checkpoints) = recorded(1).await;
    let last = look(folder.path()).await.bounds().await.expect("there are records").last;
    damage(&checkpoints[2]);
    let log = look(folder.path()).await;
    let whole = folded_from_the_start(&log, last).await;
    assert_eq!(opened(&log, last).await, (checkpoints[1].seq, whole), "the one before it");

    let (_other, foreign) = recorded(2).await;
    for (ours, foreign) in checkpoints.iter().zip(&foreign) {
        fs::remove_dir_all(&ours.path).expect("it can be removed");
        let name = foreign.path.file_name().expect("it has a name");
        fs::rename(&foreign.path, ours.path.with_file_name(name)).expect("it is put there");
    }
    assert_eq!(opened(&log, last).await, (Seq(0), whole), "none of the foreign ones");
}
