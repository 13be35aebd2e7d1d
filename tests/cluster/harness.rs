//! Starts, kills and asks a cluster of real processes.

mod cluster;
mod framework;
mod history;
mod http;
mod masters;
mod nats;
mod node;
mod ports;
mod processes;
mod small_disk;
mod wire;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) use cluster::Cluster;
pub(crate) use framework::Framework;
pub(crate) use history::History;
pub(crate) use http::{Answer, request};
pub(crate) use masters::Masters;
pub(crate) use nats::{Nats, nats_server};
pub(crate) use node::Node;
pub(crate) use ports::{free_port, free_ports};
pub(crate) use processes::{is_alive, kill_everything_of, processes_of};
pub(crate) use small_disk::SmallDisk;
pub(crate) use wire::Wire;

/// Longer than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in a folder of the target folder");
    let binary = folder.join("bayplan");
    assert!(binary.exists(), "{} is not built: run `cargo build -p bayplan`, or `make test`", binary.display());
    binary
}

/// The binary under test, without the settings of whoever runs the tests.
pub(crate) fn bayplan() -> Command {
    bayplan_by(&[])
}

/// The same, started by a program with arguments that becomes what follows them.
pub(crate) fn bayplan_by(program: &[&str]) -> Command {
    let mut command = match program {
        [] => Command::new(binary()),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BAYPLAN_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// Looks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "it did not come about that {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Says that a test does not run, and why, past the test runner, which shows nothing of a test that passes.
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("##### SKIPPED: {}: {why} #####\n", thread.name().unwrap_or_default());
    // When stderr is closed there is nobody to tell.
    let _closed = std::io::stderr().write_all(line.as_bytes());
}

/// What a program printed, on both of its outputs.
pub(crate) fn all_of(output: &std::process::Output) -> String {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{stdout}{stderr}")
}
