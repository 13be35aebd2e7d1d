//! A log that is looked at where it is kept: while somebody writes to it, and where it is torn or damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eventlog::conformance::{Chain, collect, expected};
use eventlog::{AppendError, EventLog, Options, ReadError, RocksLog};
use model::{Position, SealedRecord};

async fn look(folder: &Path) -> RocksLog {
    RocksLog::look(folder, Options::default()).await.expect("it can be looked at")
}

/// Everything that is in a folder, byte by byte.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder is readable").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).expect("readable"))).collect()
}

async fn append(log: &RocksLog, chain: &mut Chain, all: &mut Vec<Arc<[SealedRecord]>>, padding: usize) {
    let batch = chain.batch(&[padding]);
    log.append(None, Arc::clone(&batch).into()).await.expect("appends");
    all.push(batch);
}

#[tokio::test]
async fn somebody_may_look_while_another_one_writes() {
    let root = tempfile::tempdir().expect("a folder for the test");
    let small_buffer = Options { write_buffer_bytes: 1 << 20, ..Options::default() };
    let writer = RocksLog::open(root.path(), small_buffer).await.expect("the log opens");
    let (mut chain, mut all) = (Chain::default(), Vec::new());
    for _ in 0..20 {
        append(&writer, &mut chain, &mut all, 100_000).await;
    }
    let looker = look(root.path()).await;
    assert_eq!(collect(looker.read(Position(1))).await, Ok(expected(1, &all)));
    let refused = looker.append(None, chain.batch(&[1]).into()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable { .. })), "{refused:?}");
    assert!(looker.remove_baseline(&eventlog::Baseline::of(model::Seq(1), Position(1), b"x")).await.is_err());

    // Memory becomes tables, write-ahead logs go, and the beginning is trimmed: what was there for the looker stays for it.
    let mut chain = Chain::default();
    let mut more = Vec::new();
    for _ in 0..40 {
        append(&writer, &mut chain, &mut more, 100_000).await;
    }
    writer.trim(Position(10)).await.expect("it is trimmed");
    assert_eq!(collect(looker.read(Position(15))).await, Ok(expected(15, &all[14..])));
    looker.look_again().await.expect("it can be looked at again");
    all.extend(more);
    assert_eq!(looker.bounds().await.expect("bounds"), writer.bounds().await.expect("bounds"));
    assert_eq!(collect(looker.read(Position(11))).await, Ok(expected(11, &all[10..])));
    looker.close().await;
    writer.close().await;
}

/// A closed log of five messages that are still in the write-ahead log, and that file.
async fn written() -> (tempfile::TempDir, PathBuf, Vec<Arc<[SealedRecord]>>) {
    let root = tempfile::tempdir().expect("a folder for the test");
    let log = RocksLog::open(root.path(), Options::default()).await.expect("the log opens");
    let (mut chain, mut all) = (Chain::default(), Vec::new());
    for padding in [1, 500, 40_000, 5, 700] {
        append(&log, &mut chain, &mut all, padding).await;
    }
    log.close().await;
    let wal = files(root.path()).into_iter().filter(|(path, _)| path.extension().is_some_and(|found| found == "log"));
    let (wal, _) = wal.max_by_key(|(_, bytes)| bytes.len()).expect("there is one");
    (root, wal, all)
}

#[tokio::test]
async fn a_torn_write_is_passed_over_and_stays_as_it_is() {
    let (root, wal, all) = written().await;
    let bytes = fs::read(&wal).expect("readable");
    fs::write(&wal, &bytes[..bytes.len() - 100]).expect("writable");
    let before = files(root.path());
    let log = look(root.path()).await;
    assert_eq!(collect(log.read(Position(1))).await, Ok(expected(1, &all[..4])));
    log.close().await;
    assert!(files(root.path()) == before, "looking changed the folder");
}

#[tokio::test]
async fn what_is_before_damage_can_be_read_and_then_it_is_told() {
    let (root, wal, all) = written().await;
    let mut bytes = fs::read(&wal).expect("readable");
    let in_the_third = 20_000;
    bytes[in_the_third] ^= 0x40;
    fs::write(&wal, &bytes).expect("writable");
    let before = files(root.path());
    let log = look(root.path()).await;
    let mut messages = log.read(Position(1));
    let mut read = Vec::new();
    let error = loop {
        match messages.next().await.expect("the read does not end as if nothing were wrong") {
            Ok(message) => read.push(message),
            Err(error) => break error,
        }
    };
    assert_eq!(read, expected(1, &all[..2]));
    assert!(matches!(error, ReadError::Damaged { position: Position(3), .. }), "{error}");
    log.close().await;
    assert!(files(root.path()) == before, "looking changed the folder");
}

/// A closed log whose first messages are in tables, and the newest of those.
async fn in_tables() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a folder for the test");
    let small_buffer = Options { write_buffer_bytes: 1 << 20, ..Options::default() };
    let log = RocksLog::open(root.path(), small_buffer.clone()).await.expect("the log opens");
    let (mut chain, mut all) = (Chain::default(), Vec::new());
    for _ in 0..40 {
        append(&log, &mut chain, &mut all, 100_000).await;
    }
    log.close().await;
    // What is in the write-ahead log becomes a table when the log is opened.
    RocksLog::open(root.path(), small_buffer).await.expect("the log opens").close().await;
    let tables = files(root.path()).into_keys().filter(|path| path.extension().is_some_and(|found| found == "sst"));
    let newest = tables.max().expect("there is a table");
    (root, newest)
}

/// What reading all of a log that is looked at ends with.
async fn first_trouble(folder: &Path) -> String {
    let log = match RocksLog::look(folder, Options::default()).await {
        Ok(log) => log,
        Err(error) => return error.to_string(),
    };
    let mut messages = log.read(Position(1));
    while let Some(message) = messages.next().await {
        if let Err(error) = message {
            return error.to_string();
        }
    }
    "nothing".to_owned()
}

#[tokio::test]
async fn a_table_that_is_missing_or_cut_is_named() {
    let (root, newest) = in_tables().await;
    assert_eq!(first_trouble(root.path()).await, "nothing");
    let name = newest.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let bytes = fs::read(&newest).expect("readable");
    fs::write(&newest, &bytes[..bytes.len() / 2]).expect("writable");
    let of_cut = first_trouble(root.path()).await;
    assert!(of_cut.contains(&name), "{of_cut}");
    assert!(of_cut.starts_with("position "), "where what can be read ends: {of_cut}");
    fs::remove_file(&newest).expect("removable");
    let of_missing = first_trouble(root.path()).await;
    assert!(of_missing.contains(&name), "{of_missing}");
    assert!(of_missing.contains(&root.path().display().to_string()), "{of_missing}");
}
