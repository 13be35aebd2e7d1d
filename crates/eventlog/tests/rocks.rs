//! The log in a folder passes the suite.

use std::path::PathBuf;

use eventlog::conformance::Place;
use eventlog::{Options, RocksLog};
use tempfile::TempDir;

struct Folder {
    root: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a folder for the test") }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("log")
    }
}

impl Place for Folder {
    type Log = RocksLog;

    async fn open(&self) -> RocksLog {
        RocksLog::open(self.path(), Options::default()).await.expect("the log opens")
    }

    async fn close(&self, log: RocksLog) {
        log.close().await;
    }
}

mod suite {
    eventlog::conformance_suite!(super::Folder::new());
}
