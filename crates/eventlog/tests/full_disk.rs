//! A disk that is really full: a small tmpfs of its own. Needs the right to mount, and says loudly when it has none.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventlog::conformance::{Chain, collect, expected};
use eventlog::{AppendError, Bounds, EventLog, OpenError, Options, RocksLog};
use model::{Position, SealedRecord};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

const DISK_MB: u64 = 64;
const RETRY: Duration = Duration::from_millis(100);
const DEADLINE: Duration = Duration::from_secs(60);
const PADDING_BYTES: usize = 30_000;

/// A file system of its own, gone with the value.
struct Disk {
    root: TempDir,
}

impl Disk {
    /// None, with a word about it, where mounting is not permitted.
    fn new() -> Option<Self> {
        let root = tempfile::tempdir().expect("a folder for the test");
        let size = format!("size={DISK_MB}m");
        match mount(Some("tmpfs"), root.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str())) {
            Ok(()) => Some(Self { root }),
            Err(error) => {
                eprintln!("##### SKIPPED: cannot mount a small disk for this test ({error}); run it as root #####");
                None
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.root.path().join("log")
    }

    fn ballast(&self) -> PathBuf {
        self.root.path().join("ballast")
    }

    /// Takes all the space there is, but for `spare_bytes`.
    fn fill(&self, spare_bytes: u64) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).expect("the ballast opens");
        for block in [1 << 20, 4096, 1] {
            while ballast.write_all(&vec![7; block]).is_ok() {}
        }
        let taken_bytes = ballast.metadata().expect("the ballast is there").len();
        ballast.set_len(taken_bytes.saturating_sub(spare_bytes)).expect("files shrink on a full disk");
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        umount2(self.root.path(), MntFlags::MNT_DETACH).expect("the small disk unmounts");
    }
}

fn options() -> Options {
    Options { min_free_bytes: 0, write_buffer_bytes: 1 << 20, retry_interval: RETRY, ..Options::default() }
}

async fn open(folder: &Path) -> RocksLog {
    RocksLog::open(folder, options()).await.expect("the log opens")
}

/// What the log has acknowledged, with the writer's chain.
#[derive(Default)]
struct Written {
    chain: Chain,
    batches: Vec<Arc<[SealedRecord]>>,
}

impl Written {
    /// Appends one batch; what is not acknowledged is forgotten, as a master does.
    async fn append(&mut self, log: &RocksLog) -> Result<Position, AppendError> {
        let mut chain = self.chain;
        let batch = chain.batch(&[PADDING_BYTES]);
        let outcome = log.append(Some(Position(self.batches.len() as u64)), Arc::clone(&batch).into()).await;
        if outcome.is_ok() {
            self.chain = chain;
            self.batches.push(batch);
        }
        outcome
    }

    async fn append_until_full(&mut self, log: &RocksLog) {
        loop {
            match self.append(log).await {
                Ok(_) => {}
                Err(AppendError::Full { reason }) => {
                    assert!(reason.contains("No space left"), "{reason}");
                    return;
                }
                Err(error) => panic!("a full disk is told as such, not as: {error}"),
            }
        }
    }

    async fn append_until_it_succeeds(&mut self, log: &RocksLog) {
        let begun = Instant::now();
        while let Err(error) = self.append(log).await {
            assert!(matches!(error, AppendError::Full { .. }), "{error}");
            assert!(begun.elapsed() < DEADLINE, "the log does not recover: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn assert_all_there(&self, log: &RocksLog) {
        let last = Position(self.batches.len() as u64);
        assert_eq!(log.bounds().await, Ok(Bounds { first: Position(1), last }));
        assert!(
            collect(log.read(Position(1))).await == Ok(expected(1, &self.batches)),
            "the log is what was acknowledged"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_serves_reads_and_loses_nothing() {
    let Some(disk) = Disk::new() else { return };
    let log = open(&disk.log()).await;
    let mut written = Written::default();
    let mut tail = log.tail(Position(1));
    // Where exactly the disk ends decides what fails: the log's tail, a table, or RocksDB's own bookkeeping.
    for round in 0..6_u64 {
        for _ in 0..40 {
            written.append(&log).await.expect("there is space");
        }
        disk.fill(round * 61_441);
        written.append_until_full(&log).await;
        // Opening the database again may free some space of its own, so the disk is filled until it stays full, also
        // when the log has tried to recover.
        let mut full_since = Instant::now();
        while full_since.elapsed() < 3 * RETRY {
            match written.append(&log).await {
                Err(AppendError::Full { .. }) => {}
                Ok(_) => full_since = Instant::now(),
                Err(error) => panic!("a full disk is told as such, not as: {error}"),
            }
            written.assert_all_there(&log).await;
            disk.fill(0);
        }
        disk.free();
        written.append_until_it_succeeds(&log).await;
        written.assert_all_there(&log).await;
        log.trim(Position(0)).await.expect("trims");
    }
    for message in expected(1, &written.batches) {
        assert!(tail.next().await == Some(Ok(message)), "a reader that was there all the time noticed nothing");
    }
    drop(tail);
    log.close().await;
    let log = open(&disk.log()).await;
    written.assert_all_there(&log).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_closed_on_a_full_disk_opens_when_there_is_space() {
    let Some(disk) = Disk::new() else { return };
    let log = open(&disk.log()).await;
    let mut written = Written::default();
    written.append(&log).await.expect("there is space");
    disk.fill(0);
    written.append_until_full(&log).await;
    log.close().await;
    disk.fill(0);
    match RocksLog::open(disk.log(), options()).await {
        Err(OpenError::Full { folder, .. }) => assert_eq!(folder, disk.log()),
        Err(error) => panic!("a full disk is told as such, not as: {error}"),
        Ok(_) => panic!("opening needs space"),
    }
    disk.free();
    let log = open(&disk.log()).await;
    written.assert_all_there(&log).await;
    written.append(&log).await.expect("there is space");
    written.assert_all_there(&log).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_space_refuses_writes_before_anything_fails() {
    let Some(disk) = Disk::new() else { return };
    let options = Options { min_free_bytes: 8 << 20, write_buffer_bytes: 1 << 20, ..Options::default() };
    let log = RocksLog::open(disk.log(), options).await.expect("the log opens");
    let mut written = Written::default();
    written.append(&log).await.expect("there is space");
    disk.fill(4 << 20);
    match written.append(&log).await {
        Err(AppendError::Full { reason }) => assert!(reason.ends_with("8 MB are needed: free some space"), "{reason}"),
        outcome => panic!("expected a refusal, got {outcome:?}"),
    }
    written.assert_all_there(&log).await;
    disk.free();
    written.append(&log).await.expect("no pause is needed, because nothing had failed");
    written.assert_all_there(&log).await;
    log.close().await;
}
