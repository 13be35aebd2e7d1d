//! A start from a snapshot is the same as one from the whole log, and whatever is wrong with a snapshot costs only time.

use std::path::Path;
use std::sync::Arc;

use eventlog::EventLog;
use master::{Config, Handle, Running, SnapshotConfig, Standby};
use model::{Hash, Position, Seq};
use snapshot::{Mark, Opened, Snapshot};
use tempfile::TempDir;

use crate::support::{self, Log, create, log, until};

fn config(folder: &Path) -> Config {
    let options = snapshot::Options { checkpoint_interval: 10, ..snapshot::Options::default() };
    let snapshot = Some(SnapshotConfig { folder: folder.to_owned(), options });
    Config { snapshot, state_hash_interval: 3, ..Config::default() }
}

async fn start(log: &Log, folder: &Path) -> (Handle, Running) {
    master::start(Arc::new(log.clone()), config(folder)).await.expect("the master starts")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

async fn until_written(handle: &Handle) {
    until(handle, "the snapshot has it all", |state| {
        handle.snapshot().is_some_and(|progress| progress.lag() == 0 && progress.written == state.seq)
    })
    .await;
}

/// What a master has under way ends a moment after it was dropped.
fn loaded(folder: &Path) -> snapshot::Loaded {
    match snapshot::Snapshot::open(folder).expect("it was let go") {
        Opened::Usable { loaded, .. } => *loaded.expect("it is not empty"),
        Opened::Useless(useless) => panic!("it is whole: {}", useless.why),
    }
}

async fn until_let_go(folder: &Path) {
    let waited = tokio::time::timeout(support::DEADLINE, async {
        while snapshot::Snapshot::open(folder).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("in time");
}

/// Removes what a start from the snapshot does not need.
async fn trim_behind_snapshot(log: &Log, handle: &Handle) -> Position {
    let position = handle.snapshot().expect("it is kept").position;
    log.trim(Position(position.0 - 1)).await.expect("trims");
    position
}

/// Folds the whole log.
async fn replayed(log: &Log) -> (Seq, Hash) {
    let (handle, running) = support::start(log).await;
    let told = (handle.read().seq, handle.read().hash());
    running.stop().await;
    told
}

#[tokio::test]
async fn a_start_needs_the_snapshot_and_what_is_behind_it_only() {
    let (log, folder) = (log(), folder());
    let (handle, running) = start(&log, folder.path()).await;
    for number in 0..40 {
        create(&handle, &format!("app-{number}")).await.expect("accepted");
    }
    until_written(&handle).await;
    let at = trim_behind_snapshot(&log, &handle).await;
    assert!(at > Position(40));
    let mut seq = handle.read().seq;
    assert!(!snapshot::checkpoints(folder.path()).expect("they are listed").is_empty());
    // As in a crash.
    drop((running, handle));
    until_let_go(folder.path()).await;

    for round in 1..=3 {
        let (handle, running) = start(&log, folder.path()).await;
        assert!(handle.read().seq > seq, "each start is a record more");
        assert_eq!(handle.read().check(), vec![]);
        create(&handle, &format!("more-{round}")).await.expect("accepted");
        assert_eq!(handle.read().apps.len() as u64, 40 + round);
        running.stop().await;
        seq = handle.read().seq;
        let loaded = loaded(folder.path());
        assert_eq!((loaded.state.seq, loaded.state.hash()), (handle.read().seq, handle.read().hash()));
    }
}

#[tokio::test]
async fn a_snapshot_that_is_behind_catches_up() {
    let (log, folder) = (log(), folder());
    let (handle, running) = start(&log, folder.path()).await;
    create(&handle, "a").await.expect("accepted");
    running.stop().await;
    // Meanwhile somebody leads who keeps no snapshot.
    let (other, running) = support::start(&log).await;
    for name in ["b", "c", "d"] {
        create(&other, name).await.expect("accepted");
    }
    running.stop().await;
    let (handle, running) = start(&log, folder.path()).await;
    assert_eq!(handle.read().apps.len(), 4);
    until_written(&handle).await;
    running.stop().await;
    let loaded = loaded(folder.path());
    assert_eq!(loaded.state.hash(), handle.read().hash());
    let (seq, _) = replayed(&log).await;
    assert_eq!(seq, loaded.state.seq.next());
}

#[tokio::test]
async fn a_log_that_lacks_what_the_snapshot_has_is_not_led() {
    let (ours, folder) = (log(), folder());
    let (handle, running) = start(&ours, folder.path()).await;
    for name in ["a", "b", "c"] {
        create(&handle, name).await.expect("accepted");
    }
    until_written(&handle).await;
    running.stop().await;
    // One is shorter than the snapshot, the other one longer. That its rows are of no use changes nothing.
    for (apps, version) in [(1, state::VERSION), (9, state::VERSION), (1, state::VERSION - 1), (9, state::VERSION - 1)]
    {
        if let Ok(Opened::Usable { snapshot, loaded: Some(loaded) }) = Snapshot::open(folder.path()) {
            let mark = Mark { state_version: version, ..loaded.mark };
            snapshot.write(&loaded.state.all_changes(), &mark).expect("it is written");
        }
        let other = log();
        let (handle, running) = support::start(&other).await;
        for number in 0..apps {
            create(&handle, &format!("other-{number}")).await.expect("accepted");
        }
        running.stop().await;
        let end = other.bounds().await;
        let refused = master::start(Arc::new(other.clone()), config(folder.path())).await.err();
        let refused = refused.expect("it does not start").to_string();
        assert!(refused.contains("is not the one that this master has followed"), "{refused}");
        assert_eq!(other.bounds().await, end, "nothing was written");
    }
    let (handle, running) = start(&ours, folder.path()).await;
    assert_eq!(handle.read().apps.len(), 3, "the right log is led as before");
    running.stop().await;
    // An operator says that the other one is right.
    std::fs::remove_dir_all(folder.path()).expect("removed");
    let other = log();
    let (_, running) = start(&other, folder.path()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_made_anew() {
    let (log, folder) = (log(), folder());
    let (handle, running) = start(&log, folder.path()).await;
    for name in ["a", "b", "c"] {
        create(&handle, name).await.expect("accepted");
    }
    running.stop().await;
    std::fs::write(folder.path().join("current/CURRENT"), "nonsense").expect("it is writable");
    for _ in 0..2 {
        let (handle, running) = start(&log, folder.path()).await;
        assert_eq!(handle.read().apps.len(), 3);
        running.stop().await;
    }
    assert_eq!(loaded(folder.path()).state.apps.len(), 3);
}

#[tokio::test]
async fn a_snapshot_that_another_process_holds_is_left_alone() {
    let (log, folder) = (log(), folder());
    let held = snapshot::Snapshot::open(folder.path()).expect("it opens");
    let refused = master::start(Arc::new(log.clone()), config(folder.path())).await.err().expect("it does not start");
    assert!(refused.to_string().contains("holds the snapshot in"), "{refused}");
    assert!(log.bounds().await.expect("readable").is_empty(), "nothing was written");
    drop(held);
    start(&log, folder.path()).await.1.stop().await;
}

#[tokio::test]
async fn a_follower_keeps_one_too_and_leads_from_it() {
    let (log, folder) = (log(), folder());
    let (leader, leading) = support::join(&log, "m1").await;
    support::until_role(&leader, |role| *role == master::Role::Leading).await;
    let standby = Some(Standby { heartbeat: std::time::Duration::from_millis(20), ..Standby::default() });
    let follow = || Config { leader: "m2".to_owned(), standby: standby.clone(), ..config(folder.path()) };
    let (follower, following) = master::start(Arc::new(log.clone()), follow()).await.expect("it starts");
    for number in 0..20 {
        create(&leader, &format!("app-{number}")).await.expect("accepted");
    }
    until(&follower, "it has them all", |state| state.apps.len() == 20).await;
    until_written(&follower).await;
    following.stop().await;
    trim_behind(&log, folder.path()).await;
    create(&leader, "one-more").await.expect("accepted");
    leading.stop().await;
    let (follower, following) = master::start(Arc::new(log.clone()), follow()).await.expect("it starts");
    support::until_role(&follower, |role| *role == master::Role::Leading).await;
    assert_eq!(follower.read().apps.len(), 21);
    assert_eq!(follower.read().check(), vec![]);
    create(&follower, "its-own").await.expect("accepted");
    following.stop().await;
}

async fn trim_behind(log: &Log, folder: &Path) {
    let loaded = loaded(folder);
    log.trim(Position(loaded.mark.position.0 - 1)).await.expect("trims");
}
