//! What commands that look back say to wishes that cannot be met, or hardly: on the log that is part of the source.

use std::path::Path;
use std::process::{Command, Output};

const LOG: &str = "examples/replay/harbour.log";

fn bayplan(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bayplan"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    command.args(arguments).args(["--log", LOG, "--no-cache"]);
    command
}

/// Both streams.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[track_caller]
fn assert_says(arguments: &[&str], status: i32, parts: &[&str]) -> String {
    let output = bayplan(arguments).output().expect("the binary runs");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say '{part}': {said}");
    }
    said
}

#[test]
fn an_agent_that_nobody_describes_is_not_added() {
    let what_if = |agent| ["replay", "what-if", "--fork", "1", "--add-agent", agent];
    for agent in ["hostname:h9", "hostname:h9;cpus:8", "hostname:h9;mem:512;rack:r1"] {
        assert_says(&what_if(agent), 2, &["--add-agent h9", "no agent at the fork", "hostname:h9;cpus:8;mem:16384"]);
    }
    assert_says(&what_if("hostname:h9;cpus:8;mem:16384"), 0, &["h9"]);
}

#[test]
fn two_changes_of_one_agent_are_named() {
    let resized = |agent, resources| ["--resize-agent".to_owned(), format!("{agent}={resources}")];
    let removed = |agent: &str| ["--remove-agent".to_owned(), agent.to_owned()];
    let cases = [
        ([removed("S3"), resized("crane4", "cpus:1")], "by --remove-agent and --resize-agent"),
        ([resized("crane4", "cpus:8"), resized("S3", "mem:512")], "by --resize-agent twice"),
        ([removed("S3"), removed("S3")], "by --remove-agent twice"),
    ];
    for (changes, flags) in cases {
        let changes: Vec<&str> = changes.iter().flatten().map(String::as_str).collect();
        let arguments = [&["replay", "what-if", "--fork", "100"], changes.as_slice()].concat();
        assert_says(&arguments, 2, &["agent S3 (crane4)", flags, "one change"]);
    }
}
