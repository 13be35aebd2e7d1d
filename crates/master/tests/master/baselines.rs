//! A log that is trimmed behind baselines still gives every master the same state.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{EventLog, MemoryLog, Options, RocksLog};
use master::{Config, Handle, Retention, Running, StartError};
use model::Position;

use crate::support::{DEADLINE, create, until};

fn config(max_bytes: u64) -> Config {
    let check_interval = Duration::from_millis(10);
    let retention = Some(Retention { max_bytes: Some(max_bytes), max_age: None, check_interval });
    Config { retention, state_hash_interval: 3, ..Config::default() }
}

async fn start<L: EventLog>(log: &Arc<L>, config: Config) -> (Handle, Running) {
    master::start(Arc::clone(log), config).await.expect("the master starts")
}

/// Creates apps until the log was trimmed, and gives their number.
async fn work_until_trimmed<L: EventLog>(log: &L, handle: &Handle, begin: usize) -> usize {
    let first = log.bounds().await.expect("readable").first;
    for number in begin.. {
        create(handle, &format!("app-{number}")).await.expect("accepted");
        tokio::time::sleep(Duration::from_millis(1)).await;
        if log.bounds().await.expect("readable").first > first {
            return number + 1;
        }
    }
    begin
}

#[tokio::test]
async fn a_master_with_nothing_joins_from_a_baseline_and_the_tail() {
    let log = Arc::new(MemoryLog::default());
    let mut apps = 0;
    for _ in 0..3 {
        let (handle, running) = start(&log, config(20_000)).await;
        assert_eq!(handle.read().apps.len(), apps);
        let working = work_until_trimmed(log.as_ref(), &handle, apps);
        apps = tokio::time::timeout(DEADLINE, working).await.expect("in time");
        create(&handle, &format!("app-{apps}")).await.expect("accepted");
        apps += 1;
        until(&handle, "it has them", |state| state.apps.len() == apps).await;
        let told = (handle.read().seq, handle.read().hash());
        running.stop().await;
        let baselines = log.baselines().await.expect("they are listed");
        assert_eq!(baselines.len(), master::BASELINES_KEPT);
        assert!(log.bounds().await.expect("readable").first >= baselines[0].position);
        // Nobody who only looks changes anything.
        let loaded = master::load_baseline(log.as_ref(), &baselines[1]).await.expect("it is whole");
        assert_eq!(loaded.state.check(), vec![]);
        assert!(loaded.state.seq <= told.0);
    }
    let (handle, running) = start(&log, Config::default()).await;
    assert_eq!(handle.read().check(), vec![]);
    create(&handle, "last").await.expect("accepted");
    assert_eq!(handle.read().apps.len(), apps + 1);
    running.stop().await;
}

#[tokio::test]
async fn what_is_old_is_trimmed_too() {
    let log = Arc::new(MemoryLog::default());
    let retention = Retention {
        max_bytes: None,
        max_age: Some(Duration::from_millis(50)),
        check_interval: Duration::from_millis(10),
    };
    let (handle, running) = start(&log, Config { retention: Some(retention), ..Config::default() }).await;
    tokio::time::timeout(DEADLINE, work_until_trimmed(log.as_ref(), &handle, 0)).await.expect("in time");
    running.stop().await;
}

/// As when a backup was put back under the name of a log whose baselines were left.
#[tokio::test]
async fn baselines_of_another_log_are_passed_over() {
    let log = Arc::new(MemoryLog::default());
    let mut foreign = Vec::new();
    // Of the last one nobody can tell where it is from, once the log begins behind it; and it seems to be the newest.
    for (at, apps, later) in [("ahead", 1_000, 0), ("within", 20, 0), ("behind", 1, 100_000)] {
        let (handle, running) = start(&Arc::new(MemoryLog::default()), Config::default()).await;
        for number in 0..apps {
            create(&handle, &format!("{at}-{number}")).await.expect("accepted");
        }
        let (mut state, mut tip, position) = handle.copy();
        tip.seq.0 += later;
        state.seq = tip.seq;
        let mark = snapshot::Mark::of(&state, tip, position);
        foreign.push((tip.seq, position, snapshot::baseline::encode(&state, &mark)));
        running.stop().await;
    }
    for (seq, position, bytes) in foreign {
        log.put_baseline(seq, position, bytes.into()).await.expect("it is written");
    }
    let (handle, running) = start(&log, config(20_000)).await;
    let mut apps = 0;
    for _ in 0..4 {
        let working = work_until_trimmed(log.as_ref(), &handle, apps);
        apps = tokio::time::timeout(DEADLINE, working).await.expect("in time");
    }
    running.stop().await;
    let end = log.bounds().await.expect("readable").last;
    let baselines = log.baselines().await.expect("they are listed");
    let ahead = baselines.into_iter().find(|baseline| baseline.position > end).expect("it was left where it is");
    let refused = master::load_baseline(log.as_ref(), &ahead).await.expect_err("it is of another log");
    assert!(refused.to_string().contains("not of this one"), "{refused}");
    let (handle, running) = start(&log, Config::default()).await;
    assert!(handle.read().apps.len() >= apps, "what was trimmed is in a baseline of this log");
    assert_eq!(handle.read().check(), vec![]);
    running.stop().await;
}

async fn open(folder: &Path) -> Arc<RocksLog> {
    Arc::new(RocksLog::open(folder, Options::default()).await.expect("it opens"))
}

async fn close(log: Arc<RocksLog>, handle: Handle) {
    drop(handle);
    let waited = tokio::time::timeout(DEADLINE, async {
        let mut log = log;
        loop {
            match Arc::try_unwrap(log) {
                Ok(log) => return log.close().await,
                Err(shared) => log = shared,
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("in time");
}

#[tokio::test]
async fn a_damaged_baseline_leaves_the_one_before_it_and_without_any_the_start_says_so() {
    let root = tempfile::tempdir().expect("a folder for the test");
    let log = open(root.path()).await;
    let (handle, running) = start(&log, Config::default()).await;
    for number in 0..10 {
        create(&handle, &format!("app-{number}")).await.expect("accepted");
        if number % 4 == 3 {
            let (state, tip, position) = handle.copy();
            master::write_baseline(log.as_ref(), state, tip, position).await.expect("it is written");
        }
    }
    let seq = handle.read().seq;
    running.stop().await;
    let upto = master::trim_behind_baselines(log.as_ref()).await.expect("it trims").expect("there are two");
    assert!(upto > Position(1));
    close(log, handle).await;

    let mut files: Vec<_> = std::fs::read_dir(root.path().join("baselines"))
        .expect("it is readable")
        .map(|entry| entry.expect("it is readable").path())
        .collect();
    files.sort();
    for (rest, file) in [(1, &files[1]), (0, &files[0])] {
        let mut bytes = std::fs::read(file).expect("it is readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(file, bytes).expect("it is writable");
        let log = open(root.path()).await;
        let started = master::start(Arc::clone(&log), Config::default()).await;
        match started {
            Ok((handle, running)) => {
                assert_eq!(rest, 1);
                assert_eq!((handle.read().apps.len(), handle.read().seq), (10, seq.next()));
                running.stop().await;
                close(log, handle).await;
            }
            Err(StartError::NoBaseline { first, reason }) => {
                assert_eq!(rest, 0);
                assert!(first > Position(1) && reason.contains("damaged"), "{reason}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
