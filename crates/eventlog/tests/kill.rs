//! A process that is killed in the middle of its appends: everything it was told to be durable is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use eventlog::conformance::Chain;
use eventlog::{Entry, EventLog, OpenError, Options, RocksLog, committed};
use model::{Position, Tip};

const FOLDER_VARIABLE: &str = "EVENTLOG_TEST_APPEND_TO";
const ACKNOWLEDGED: &str = "acknowledged ";

/// Appends for ever, when the other test runs it in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_until_killed() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let log = RocksLog::open(folder, options()).await.expect("the log opens");
    let (mut last, tip) = read_back(&log).await;
    let mut chain = Chain { tip };
    loop {
        let batch = chain.batch(&[usize::try_from(last.0 % 7).expect("small") * 3000, 10]);
        last = log.append(Some(last), batch.into()).await.expect("appends");
        // Not println, which the test harness captures.
        writeln!(std::io::stdout(), "{ACKNOWLEDGED}{last}").expect("the parent reads");
    }
}

fn options() -> Options {
    Options { write_buffer_bytes: 256 << 10, ..Options::default() }
}

/// The end of the log, after checking that every record follows the one before it.
async fn read_back(log: &RocksLog) -> (Position, Tip) {
    let mut records = committed(log.read(Position(1)), Tip::default());
    let mut last = Position(0);
    while let Some(entry) = records.next().await {
        match entry.expect("the log is whole") {
            Entry::Accepted { position, .. } => last = position,
            other => panic!("it does not count: {other:?}"),
        }
    }
    assert_eq!(log.bounds().await.map(|bounds| bounds.last), Ok(last));
    (last, records.tip())
}

fn start_appender(folder: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("the test knows itself"))
        .args(["appends_until_killed", "--exact", "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts itself");
    let output = child.stdout.take().expect("its output is piped");
    (child, BufReader::new(output))
}

/// The next position that the child was told to be durable; None when the child is gone.
fn next_acknowledged(output: &mut impl BufRead) -> Option<Position> {
    let mut line = String::new();
    while output.read_line(&mut line).expect("the child writes text") > 0 {
        if let Some(position) = line.split_once(ACKNOWLEDGED).and_then(|(_, position)| position.trim().parse().ok()) {
            return Some(position);
        }
        line.clear();
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_nothing_that_was_acknowledged() {
    let root = tempfile::tempdir().expect("a folder for the test");
    let mut acknowledged = Position(0);
    for round in 1..=4 {
        let (mut child, mut output) = start_appender(root.path());
        for _ in 0..60 * round {
            acknowledged = next_acknowledged(&mut output).expect("the child appends");
        }
        match RocksLog::open(root.path(), options()).await {
            Err(OpenError::Locked { holder, .. }) => assert_eq!(holder, Some(format!("process {}", child.id()))),
            Err(error) => panic!("a held log is told as such, not as: {error}"),
            Ok(_) => panic!("two masters have one log"),
        }
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        while let Some(position) = next_acknowledged(&mut output) {
            acknowledged = position;
        }
        let log = RocksLog::open(root.path(), options()).await.expect("the log opens");
        let (last, _) = read_back(&log).await;
        // One append was under way at most; it may or may not have arrived.
        assert!(last == acknowledged || last == acknowledged.next(), "{last} after {acknowledged}");
        log.close().await;
    }
}

#[tokio::test]
async fn a_folder_is_held_once_within_a_process_too() {
    let root = tempfile::tempdir().expect("a folder for the test");
    let log = RocksLog::open(root.path(), options()).await.expect("the log opens");
    let Err(error) = RocksLog::open(root.path(), options()).await else { panic!("the log was opened twice") };
    let text = error.to_string();
    let (folder, process) = (root.path().display(), std::process::id());
    let wanted =
        format!("another bayplan (process {process}) holds the log in {folder}; stop it or choose another folder");
    assert_eq!(text, wanted);
    log.close().await;
    RocksLog::open(root.path(), options()).await.expect("the log opens").close().await;
}
