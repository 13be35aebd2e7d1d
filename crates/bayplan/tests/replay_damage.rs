//! What commands that look back say to a log that cannot be read to its end: the one that is part of the source, cut.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LOG: &str = "examples/replay/harbour.log";
/// Records 1 to 129 are whole then.
const CUT_BYTES: usize = 70_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn harbour() -> Vec<u8> {
    std::fs::read(root().join(LOG)).expect("it is part of the source")
}

struct Damaged {
    _folder: tempfile::TempDir,
    file: String,
}

impl Damaged {
    fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cut.log");
        std::fs::write(&file, bytes).expect("written");
        Self { file: file.display().to_string(), _folder: folder }
    }

    fn cut() -> Self {
        Self::of(&harbour()[..CUT_BYTES])
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bayplan"));
        command.current_dir(root()).args(arguments).args(["--log", &self.file, "--no-cache"]);
        command.output().expect("the binary runs")
    }

    #[track_caller]
    fn assert_says(&self, arguments: &[&str], status: i32, parts: &[&str]) -> String {
        let output = self.run(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?} does not say '{part}': {said}");
        }
        said
    }
}

/// Both streams.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn a_file_of_a_newer_format_is_told_from_what_is_no_log() {
    let of = |header: &[u8]| {
        let whole = harbour();
        let frames = whole.strip_prefix(b"bayplan-log 1\n").expect("its header");
        Damaged::of(&[header, frames].concat())
    };
    let newer = "was written by a newer bayplan: it has format 2, but this version reads 1";
    let (two, twelve) = (of(b"bayplan-log 2\n"), of(b"bayplan-log 12\n"));
    two.assert_says(&["status"], 1, &[newer]);
    two.assert_says(&["replay", "verify"], 1, &[newer]);
    twelve.assert_says(&["status"], 1, &["it has format 12"]);
    for nothing in [&b"bayplan-log two\n"[..], b"bayplan-log 0\n", b"bayplan-log 2", b"bayplan"] {
        of(nothing).assert_says(&["status"], 1, &["is no file of `bayplan log export`"]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("master").display().to_string();
    for take in [["import", "--dir", &dir, "--from"], ["restore", "--dir", &dir, "--from"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bayplan"));
        let output = command.arg("log").args(take).arg(&two.file).output().expect("the binary runs");
        assert!(output.status.code() == Some(1) && said(&output).contains(newer), "{take:?}: {}", said(&output));
    }
}
