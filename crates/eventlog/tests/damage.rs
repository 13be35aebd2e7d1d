//! Files of a log that were cut or changed: what was being written is dropped, what was acknowledged is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eventlog::conformance::{Chain, collect, expected};
use eventlog::{EventLog, OpenError, Options, ReadError, RocksLog};
use model::{CodecError, Position, SealedRecord};
use tempfile::TempDir;

struct Written {
    root: TempDir,
    batches: Vec<Arc<[SealedRecord]>>,
}

impl Written {
    /// A closed log with some messages that are still in the write-ahead log.
    async fn new(paddings: &[usize], options: Options) -> Self {
        let root = tempfile::tempdir().expect("a folder for the test");
        let log = RocksLog::open(root.path(), options).await.expect("the log opens");
        let mut chain = Chain::default();
        let batches: Vec<_> = paddings.iter().map(|padding| chain.batch(&[*padding])).collect();
        for batch in &batches {
            log.append(None, Arc::clone(batch).into()).await.expect("appends");
        }
        log.close().await;
        Self { root, batches }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    async fn open(&self) -> Result<RocksLog, OpenError> {
        RocksLog::open(self.path(), Options::default()).await
    }

    /// The largest file of a kind: `log` is the write-ahead log, `sst` a table.
    fn file(&self, extension: &str) -> PathBuf {
        let entries = fs::read_dir(self.path()).expect("the folder is readable");
        let paths = entries.map(|entry| entry.expect("the folder is readable").path());
        let files = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
        files.max_by_key(|path| fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0)).expect("there is one")
    }

    /// The log opens, holds this many messages, and goes on.
    async fn assert_holds_and_goes_on(&self, messages: usize) {
        let log = self.open().await.expect("the log opens");
        assert_eq!(collect(log.read(Position(1))).await, Ok(expected(1, &self.batches[..messages])));
        let mut all = self.batches[..messages].to_vec();
        all.push(Chain::default().batch(&[77]));
        let after = Position(messages as u64);
        assert_eq!(log.append(Some(after), Arc::clone(&all[messages]).into()).await, Ok(after.next()));
        log.close().await;
        let log = self.open().await.expect("the log opens again");
        assert_eq!(collect(log.read(Position(1))).await, Ok(expected(1, &all)));
        log.close().await;
    }
}

/// What a machine leaves that stops during a write.
#[tokio::test]
async fn a_torn_write_is_dropped() {
    let tear: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.truncate(bytes.len() - 40_000),
        |bytes| {
            let end = bytes.len();
            bytes[end - 20_000..].fill(0);
        },
        |bytes| {
            let sector = (bytes.len() - 30_000) / 512;
            bytes[sector * 512..(sector + 1) * 512].fill(0);
        },
    ];
    for tear in tear {
        let written = Written::new(&[1, 500, 40_000, 5, 50_000], Options::default()).await;
        let file = written.file("log");
        let mut bytes = fs::read(&file).expect("the log is readable");
        tear(&mut bytes);
        fs::write(&file, &bytes).expect("the log is writable");
        written.assert_holds_and_goes_on(4).await;
    }
}

#[tokio::test]
async fn changed_bytes_are_refused_and_nothing_is_touched() {
    let written = Written::new(&[1, 500, 40_000, 5, 700], Options::default()).await;
    let file = written.file("log");
    let good = fs::read(&file).expect("the log is readable");
    // RocksDB alone would take the first for the end of the log, and drop what is behind it: it makes a length too long.
    // The last one is in the last message, which is whole and therefore may have been acknowledged.
    let length_of_the_last_but_one = good.len() - 1300;
    for index in [5, 300, 20_000, length_of_the_last_but_one, good.len() - 100] {
        let mut bytes = good.clone();
        bytes[index] ^= 0x40;
        fs::write(&file, &bytes).expect("the log is writable");
        match written.open().await {
            Err(OpenError::Damaged { reason, .. }) => assert!(reason.contains("write-ahead log"), "{reason}"),
            Err(error) => panic!("byte {index}: damage is told as such, not as: {error}"),
            Ok(_) => panic!("byte {index}: the log opened"),
        }
        assert_eq!(fs::read(&file).expect("the log is readable"), bytes, "byte {index}");
    }
    fs::write(&file, &good).expect("the log is writable");
    written.assert_holds_and_goes_on(5).await;
}

/// What has left the write-ahead log is found when it is read.
#[tokio::test]
async fn a_changed_table_is_an_error_that_names_the_position() {
    let small_buffer = Options { write_buffer_bytes: 1 << 20, ..Options::default() };
    let written = Written::new(&[100_000; 40], small_buffer).await;
    let file = written.file("sst");
    let mut bytes = fs::read(&file).expect("the table is readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).expect("the table is writable");
    let log = written.open().await.expect("opening does not read everything");
    let mut messages = log.read(Position(1));
    let mut read = Vec::new();
    let error = loop {
        match messages.next().await.expect("the read does not end as if nothing were wrong") {
            Ok(message) => read.push(message),
            Err(error) => break error,
        }
    };
    let Some(ReadError::Damaged { position, .. }) = Some(&error) else { panic!("unexpected: {error}") };
    assert_eq!(read, expected(1, &written.batches[..position.0 as usize - 1]), "all before the damage was read");
    assert!(messages.next().await.is_none());
    log.close().await;
}

/// Damage that RocksDB cannot know of, because its own checksums are right.
#[tokio::test]
async fn records_are_checked_apart_from_the_database() {
    let written = Written::new(&[10; 6], Options::default()).await;
    {
        let database = rocksdb::DB::open_default(written.path()).expect("the database opens");
        let mut value = database.get(4_u64.to_be_bytes()).expect("readable").expect("there is a message");
        let end = value.len() - 1;
        value[end] ^= 1;
        database.put(4_u64.to_be_bytes(), value).expect("writable");
        database.delete(2_u64.to_be_bytes()).expect("writable");
    }
    let log = written.open().await.expect("the log opens");
    let read = collect(log.read(Position(3))).await;
    assert!(
        matches!(
            read,
            Err(ReadError::Damaged { position: Position(4), index: 0, error: CodecError::Checksum { .. }, .. })
        ),
        "{read:?}"
    );
    let lost = ReadError::Missing { position: Position(2) };
    assert_eq!(collect(log.read(Position(1))).await, Err(lost.clone()));
    assert_eq!(collect(log.read(Position(2))).await, Err(lost));
    assert_eq!(collect(log.read(Position(5))).await, Ok(expected(5, &written.batches[4..])));
    log.close().await;
}
