//! Snapshots of real histories: written, read back, damaged, and seen at every earlier moment.

mod history;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use history::History;
use model::{Position, Seq, Tip};
use snapshot::{
    Checkpoint, Loaded, Mark, Opened, Options, Snapshot, SnapshotError, Snapshotter, baseline, checkpoints,
};
use state::State;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// What was in a folder; what proved to be of no use was put aside.
struct Found {
    snapshot: Snapshot,
    loaded: Option<Box<Loaded>>,
    put_aside: Option<SnapshotError>,
}

fn open(folder: &Path) -> Found {
    match Snapshot::open(folder).expect("it opens") {
        Opened::Usable { snapshot, loaded } => Found { snapshot, loaded, put_aside: None },
        Opened::Useless(useless) => {
            let why = useless.why.clone();
            let snapshot = useless.put_aside().expect("there is room");
            Found { snapshot, loaded: None, put_aside: Some(why) }
        }
    }
}

fn mark(history: &History) -> Mark {
    Mark::of(&history.world.state, history.tip, Position(history.tip.seq.0))
}

/// Writes a history of some length, in steps.
fn written(folder: &Path, steps: u32) -> History {
    let opened = open(folder);
    assert!(opened.loaded.is_none() && opened.put_aside.is_none(), "it is new");
    let mut history = History::new();
    history.world.state.track_changes(true);
    opened.snapshot.write(&history.world.state.all_changes(), &mark(&history)).expect("it is written");
    for step in 0..steps {
        history.step(step);
        opened.snapshot.write(&history.world.state.take_changes(), &mark(&history)).expect("it is written");
    }
    history
}

fn assert_is(loaded: &Loaded, state: &State, tip: Tip) {
    assert_eq!(loaded.state.hash(), state.hash());
    assert_eq!(loaded.state.check(), vec![]);
    assert_eq!(loaded.state.unsettled_apps(), state.unsettled_apps());
    assert_eq!(loaded.mark, Mark::of(state, tip, Position(tip.seq.0)));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is writable");
    for entry in fs::read_dir(from).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("the file is readable");
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    let root = folder();
    let history = written(root.path(), 40);
    assert!(history.destroyed_apps() > 0, "rows have gone too");
    for _ in 0..2 {
        let opened = open(root.path());
        assert_eq!(opened.put_aside, None);
        assert_is(&opened.loaded.expect("it has a state"), &history.world.state, history.tip);
    }
}

/// As after a kill at that moment: nothing is closed, and only what was handed to the system is there.
#[test]
fn the_files_of_any_moment_are_a_state_that_was() {
    let root = folder();
    let opened = open(root.path());
    let mut history = History::new();
    history.world.state.track_changes(true);
    opened.snapshot.write(&history.world.state.all_changes(), &mark(&history)).expect("it is written");
    for step in 0..30 {
        history.step(step);
        opened.snapshot.write(&history.world.state.take_changes(), &mark(&history)).expect("it is written");
        if step % 10 == 9 {
            let copied = folder();
            copy(&root.path().join("current"), &copied.path().join("current"));
            let again = open(copied.path());
            assert_eq!(again.put_aside, None);
            assert_is(&again.loaded.expect("it has a state"), &history.world.state, history.tip);
        }
    }
}

/// The largest file of each kind, which is where the rows are.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        if path.file_name().is_some_and(|name| name != "LOCK" && name != "LOG") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn a_damaged_file_gives_an_older_state_or_is_put_aside() {
    let root = folder();
    let history = written(root.path(), 12);
    // Twice, so that there are tables beside the write-ahead log.
    drop(open(root.path()));
    let (mut put_aside, mut tried) = (0, 0);
    for file in files(&root.path().join("current")) {
        let bytes = fs::read(&file).expect("the file is readable");
        for part in 0..4 {
            let index = bytes.len() * (2 * part + 1) / 8;
            if index >= bytes.len() {
                continue;
            }
            let damaged = folder();
            copy(&root.path().join("current"), &damaged.path().join("current"));
            let mut changed = bytes.clone();
            changed[index] ^= 0x55;
            let name = file.file_name().expect("files have names");
            fs::write(damaged.path().join("current").join(name), changed).expect("the file is writable");
            let opened = open(damaged.path());
            tried += 1;
            match (&opened.loaded, &opened.put_aside) {
                (None, Some(error)) => {
                    assert!(error.is_useless(), "{error}");
                    assert!(damaged.path().join("unusable/current").is_dir());
                    opened.snapshot.write(&history.world.state.all_changes(), &mark(&history)).expect("it is new");
                    put_aside += 1;
                }
                // Damage at the end of the write-ahead log is as if that had not been written; the mark tells.
                (loaded, None) => {
                    let seq = loaded.as_ref().map_or(Seq(0), |loaded| loaded.mark.tip.seq);
                    let was = history.replayed(seq);
                    assert_eq!(loaded.as_ref().map(|loaded| loaded.state.hash()), (seq > Seq(0)).then(|| was.hash()));
                }
                (Some(_), Some(_)) => panic!("what was put aside is not read"),
            }
        }
    }
    assert!(put_aside >= 4, "{put_aside} of {tried}");
}

#[test]
fn a_lost_file_puts_it_aside() {
    let root = folder();
    written(root.path(), 12);
    drop(open(root.path()));
    let tables = files(&root.path().join("current"));
    let table = tables.iter().find(|file| file.extension().is_some_and(|extension| extension == "sst"));
    fs::remove_file(table.expect("there is a table")).expect("it can be removed");
    let opened = open(root.path());
    assert!(opened.loaded.is_none());
    assert!(matches!(opened.put_aside, Some(SnapshotError::Damaged { .. })), "{:?}", opened.put_aside);
}

#[test]
fn a_snapshot_of_another_version_of_the_fold_is_put_aside() {
    let root = folder();
    let history = written(root.path(), 3);
    let opened = open(root.path());
    let older = Mark { state_version: state::VERSION - 1, ..mark(&history) };
    opened.snapshot.write(&history.world.state.all_changes(), &older).expect("it is written");
    drop(opened);
    let Opened::Useless(useless) = Snapshot::open(root.path()).expect("it opens") else { panic!("it is of use") };
    assert_eq!(useless.mark, Some(older), "which state it is of can be told all the same");
    drop(useless);
    let opened = open(root.path());
    assert!(opened.loaded.is_none());
    assert_eq!(opened.put_aside, Some(SnapshotError::OtherVersion { found: state::VERSION - 1 }));
}

#[test]
fn one_process_holds_it() {
    let root = folder();
    let history = written(root.path(), 3);
    let held = open(root.path());
    let refused = Snapshot::open(root.path()).err().expect("it is held");
    let SnapshotError::InUse { holder, .. } = &refused else { panic!("{refused}") };
    assert_eq!(holder.as_deref(), Some(std::process::id().to_string().as_str()));
    assert!(!refused.is_useless());
    drop(held);
    let opened = open(root.path());
    assert_is(&opened.loaded.expect("nothing was touched"), &history.world.state, history.tip);
}

#[test]
fn what_belongs_to_another_log_is_renewed() {
    let root = folder();
    written(root.path(), 3);
    let opened = open(root.path());
    let renewed = opened.snapshot.renew().expect("it is put aside");
    let other = History::new();
    renewed.write(&other.world.state.all_changes(), &mark(&other)).expect("it is written");
    drop(renewed);
    let opened = open(root.path());
    assert_is(&opened.loaded.expect("it has a state"), &other.world.state, other.tip);
}

#[test]
fn a_snapshotter_writes_what_it_is_told_and_makes_checkpoints() {
    let root = folder();
    let options = Options { checkpoint_interval: 20, checkpoints_kept: 3, ..Options::default() };
    let mut history = History::new();
    let opened = open(root.path());
    let snapshotter = Snapshotter::start(opened.snapshot, None, options).expect("its thread starts");
    history.world.state.track_changes(true);
    assert!(snapshotter.tell(history.world.state.all_changes(), history.tip, Position(history.tip.seq.0)));
    for step in 0..120 {
        history.step(step);
        assert!(snapshotter.tell(history.world.state.take_changes(), history.tip, Position(history.tip.seq.0)));
        if step % 8 == 0 {
            assert!(snapshotter.flush(PATIENCE));
            let progress = snapshotter.progress();
            assert_eq!((progress.lag(), progress.written, progress.trouble), (0, history.tip.seq, None));
            assert_eq!(progress.position, Position(history.tip.seq.0));
        }
    }
    drop(snapshotter);

    let made = checkpoints(root.path()).expect("they are listed");
    assert_eq!(made.len(), 3);
    assert!(made.windows(2).all(|pair| pair[0].seq.0 + 20 <= pair[1].seq.0), "{made:?}");
    for checkpoint in &made {
        let loaded = checkpoint.load().expect("it is whole");
        assert_eq!(loaded.state.hash(), history.replayed(checkpoint.seq).hash());
    }
    let at = |seq: u64| Checkpoint::at_or_before(root.path(), Seq(seq)).expect("they are listed");
    assert_eq!(at(made[1].seq.0 + 3).as_ref(), Some(&made[1]));
    assert_eq!(at(made[1].seq.0).as_ref(), Some(&made[1]));
    assert_eq!(at(made[0].seq.0 - 1), None);

    let opened = open(root.path());
    let loaded = opened.loaded.expect("it has a state");
    assert_is(&loaded, &history.world.state, history.tip);
    let again = Snapshotter::start(opened.snapshot, Some(&loaded.mark), options).expect("its thread starts");
    assert_eq!(again.progress().checkpoint, Some(made[2].seq));
    assert_eq!((again.progress().lag(), again.progress().written), (0, history.tip.seq));
}

#[test]
fn too_much_that_waits_gives_the_snapshot_up_and_leaves_it_whole() {
    let root = folder();
    let mut history = written(root.path(), 3);
    let opened = open(root.path());
    let loaded = opened.loaded.expect("it has a state");
    let options = Options { max_pending_rows: 2, ..Options::default() };
    let snapshotter = Snapshotter::start(opened.snapshot, Some(&loaded.mark), options).expect("its thread starts");
    history.world.state.track_changes(true);
    (100..104).for_each(|step| history.step(step));
    let changes = history.world.state.take_changes();
    assert!(changes.rows.len() > 2);
    assert!(!snapshotter.tell(changes, history.tip, Position(history.tip.seq.0)));
    assert!(!snapshotter.tell(history.world.state.take_changes(), history.tip, Position(history.tip.seq.0)));
    assert!(!snapshotter.flush(Duration::from_millis(10)) && snapshotter.progress().lag() > 0);
    drop(snapshotter);
    let opened = open(root.path());
    assert_is(&opened.loaded.expect("it is as it was"), &loaded.state, loaded.mark.tip);
}

#[test]
fn a_baseline_is_the_state_in_one_piece() {
    let mut history = History::new();
    (0..40).for_each(|step| history.step(step));
    let mark = mark(&history);
    let bytes = baseline::encode(&history.world.state, &mark);
    assert_eq!(baseline::encode(&history.world.state.clone(), &mark), bytes);
    assert_eq!(baseline::mark(&bytes).as_ref(), Ok(&mark));
    assert_is(&baseline::decode(&bytes).expect("it is whole"), &history.world.state, history.tip);
    for index in (0..bytes.len()).filter(|index| *index < 400 || index % 97 == 0) {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x10;
        assert!(baseline::decode(&damaged).is_err(), "byte {index}");
    }
    for cut in [0, 1, 40, bytes.len() / 2, bytes.len() - 1] {
        assert!(baseline::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let older = Mark { state_version: state::VERSION - 1, state_hash: model::Hash([7; 32]), ..mark.clone() };
    let upgraded = baseline::decode(&baseline::encode(&history.world.state, &older)).expect("its bytes are whole");
    assert_is(&upgraded, &history.world.state, history.tip);
    let newer = [&rmp(snapshot::FORMAT + 1), &bytes[1..]].concat();
    assert!(
        matches!(baseline::decode(&newer), Err(SnapshotError::OtherFormat { found }) if found == snapshot::FORMAT + 1)
    );
}

/// A small number in MessagePack.
fn rmp(number: u32) -> Vec<u8> {
    vec![u8::try_from(number).expect("below 128")]
}
