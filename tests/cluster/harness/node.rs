//! A process of the cluster: a master, an agent, or both in one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{bayplan, bayplan_by, eventually};

/// How many lines of its log a failing test shows.
const SHOWN_LINES: usize = 40;

/// Dropping it kills it, but not its tasks.
pub(crate) struct Node {
    arguments: Vec<String>,
    /// What it prints is in here, and beside it, with `.log`, what it says on stderr.
    printed: PathBuf,
    child: Child,
}

impl Node {
    /// `printed` must not be there yet.
    pub(crate) fn start(printed: PathBuf, arguments: Vec<String>) -> Self {
        let child = spawn(&printed, bayplan().args(&arguments));
        Self { arguments, printed, child }
    }

    /// The same once more, after it has ended.
    pub(crate) fn start_again(&mut self) {
        self.start_again_by(&[]);
    }

    /// The same once more, by a program that becomes the one that follows.
    pub(crate) fn start_again_by(&mut self, program: &[&str]) {
        assert!(self.has_ended(), "it runs still");
        self.child = spawn(&self.printed, bayplan_by(program).args(&self.arguments));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("the process is there");
    }

    pub(crate) fn kill_9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("it is a child");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_some()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", || self.child.try_wait().expect("it is a child"))
    }

    /// Everything on its stdout, from all of its starts.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(&self.printed).unwrap_or_default()
    }

    /// Everything on its stderr, from all of its starts.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(log_of(&self.printed)).unwrap_or_default()
    }
}

fn log_of(printed: &Path) -> PathBuf {
    printed.with_extension("log")
}

fn spawn(printed: &Path, command: &mut Command) -> Child {
    let open = |path: &Path| File::options().append(true).create(true).open(path).expect("a file");
    let command = command.stdin(Stdio::null()).stdout(open(printed)).stderr(open(&log_of(printed)));
    command.spawn().expect("the program starts")
}

impl Drop for Node {
    fn drop(&mut self) {
        let ended_before = self.child.try_wait();
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if std::thread::panicking() {
            let log = self.logged();
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            let how = ended_before.ok().flatten().map_or_else(|| "ran".to_owned(), |status| status.to_string());
            eprintln!("--- {} ({how})\n{}", self.printed.display(), shown.join("\n"));
        }
    }
}
