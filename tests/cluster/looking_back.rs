//! `--at` and `--log`: every command that only looks, for a moment of the past, of a running master, a folder and a file; and what
//! becomes of that where the log is damaged.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Cluster, all_of, bayplan};
use crate::log_commands::{number, told};
use crate::recovery::SLEEPER;

const MAGIC: &[u8] = b"bayplan-log 1\n";
const HEAD_BYTES: usize = 17;

/// With a folder for caches of the test's own.
fn bayplan_in(root: &tempfile::TempDir) -> Command {
    let mut command = bayplan();
    command.env("XDG_CACHE_HOME", root.path().join("cache"));
    command
}

fn run(root: &tempfile::TempDir, arguments: &[&str]) -> Output {
    bayplan_in(root).args(arguments).output().expect("the binary runs")
}

fn document(root: &tempfile::TempDir, arguments: &[&str]) -> Value {
    let output = run(root, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "bayplan {}: {}", arguments.join(" "), all_of(&output));
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn refused(root: &tempfile::TempDir, arguments: &[&str], status: i32, reason: &str) -> String {
    let output = run(root, arguments);
    let said = all_of(&output);
    assert_eq!(output.status.code(), Some(status), "bayplan {}: {said}", arguments.join(" "));
    assert!(said.contains(reason), "bayplan {}: {said}", arguments.join(" "));
    said
}

/// A recorded log in a file, and what was told of it.
fn recorded(root: &tempfile::TempDir, name: &str, seed: &str) -> (String, Value) {
    let file = root.path().join(name).display().to_string();
    let size = ["--agents", "10", "--instances", "200", "--events", "20000", "--span", "5m", "--seed", seed];
    let made = document(root, &[&["bench", "history", "--to", &file][..], &size].concat());
    (file, made)
}

#[test]
fn a_recorded_log_is_the_same_at_every_moment_wherever_it_is_kept() {
    let root = tempfile::tempdir().expect("a folder");
    let (file, made) = recorded(&root, "busy.log", "1");
    let (again, _) = recorded(&root, "again.log", "1");
    assert!(fs::read(&file).expect("there") == fs::read(&again).expect("there"), "the same numbers, the same log");
    let folder = root.path().join("master").display().to_string();
    told("import", &["--dir", &folder, "--from", &file]);
    let last = number(&made, "records");
    for place in [&file, &folder] {
        let sound = document(&root, &["replay", "verify", "--log", place, "--check-every", "500"]);
        assert_eq!((&sound["state_hash"], number(&sound, "last_seq")), (&made["state_hash"], last), "as it was live");
    }
    for seq in [1, last / 2, last - 1, last] {
        let at = seq.to_string();
        let looks: [&[&str]; 4] = [&["app", "list"], &["task", "list", "--all"], &["agent", "list"], &["status"]];
        for look in looks {
            let of = |more: &[&str]| document(&root, &[look, &["--at", &at], more].concat());
            let whole = of(&["--log", &file, "--no-cache"]);
            for more in [&["--log", &file][..], &["--log", &file], &["--log", &folder]] {
                assert!(of(more) == whole, "{look:?} at {at} with {more:?}");
            }
        }
    }
    let middle = document(&root, &["--at", &(last / 2).to_string(), "--log", &file, "status"]);
    let time = middle["at"].as_u64().expect("a time");
    let since = number(&document(&root, &["--log", &file, "status"]), "at") - time;
    let by_time = document(&root, &["--at", &format!("-{since}ms"), "--log", &file, "status"]);
    assert_eq!(by_time["at"], middle["at"]);
    assert!(number(&by_time, "seq") >= last / 2, "the last record of that time");
    for more in 1..=5 {
        let earlier = document(&root, &["--at", &format!("-{}ms", since + more), "--log", &file, "status"]);
        assert_eq!(number(&earlier, "now"), time - more, "ages count to the moment that was asked for");
    }
    let tasks = document(&root, &["--log", &file, "task", "list"]);
    let task = tasks["tasks"][0]["id"].as_str().expect("a task");
    let shown = document(&root, &["--log", &file, "task", "show", task]);
    assert_eq!(shown, tasks["tasks"][0]);
    let explained = document(&root, &["explain", task, "--log", &file]);
    assert_eq!(explained["task"], task);
    refused(&root, &["--at", "02:27", "--log", &file, "app", "destroy", "x"], 2, "commands that only look");
    refused(&root, &["--at", &(last + 1).to_string(), "--log", &file, "status"], 4, "there is no record");
    refused(&root, &["--at", "2020-01-01", "--log", &file, "status"], 4, "the log begins with record 1");
}

/// Where each message is in a file: begin and end of its bytes.
fn messages(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (MAGIC.len(), Vec::new());
    while bytes.get(at) == Some(&b'M') {
        let length = u64::from_be_bytes(bytes[at + 9..at + HEAD_BYTES].try_into().expect("8 bytes")) as usize;
        let begin = at + HEAD_BYTES;
        found.push((begin, begin + length));
        at = begin + length;
    }
    found
}

/// The damage is told with the number of the first record that cannot be read, and the one before it can be looked at.
fn found_and_passed_by(root: &tempfile::TempDir, what: &str, bytes: &[u8], reason: &str) {
    let file = root.path().join(what).display().to_string();
    fs::write(&file, bytes).expect("written");
    let said = refused(root, &["--log", &file, "status"], 1, reason);
    let hint = said.rsplit_once("--at ").expect("the way out").1.trim();
    let before: u64 = hint.parse().expect("a record's number");
    assert!(said.contains(&format!("record {}", before + 1)), "{said}");
    let status = document(root, &["--log", &file, "--at", hint, "status"]);
    assert_eq!(number(&status, "seq"), before);
    refused(root, &["--log", &file, "--at", &(before + 1).to_string(), "status"], 1, reason);
    refused(root, &["replay", "verify", "--log", &file], 1, &format!("record {}", before + 1));
}

#[test]
fn damage_is_told_with_the_record_and_what_is_before_it_stays_usable() {
    let root = tempfile::tempdir().expect("a folder");
    let (file, _) = recorded(&root, "busy.log", "1");
    let (other, _) = recorded(&root, "other.log", "2");
    let [whole, other] = [&file, &other].map(|file| fs::read(file).expect("there"));
    let frames = messages(&whole);
    let (begin, end) = frames[frames.len() / 2];

    found_and_passed_by(&root, "truncated", &whole[..end - 3], "it ends too early");
    let mut corrupt = whole.clone();
    corrupt[end - 10] ^= 1;
    found_and_passed_by(&root, "corrupt", &corrupt, "its checksum is");
    let mut newer = whole.clone();
    // An envelope is an array of three: the first is the format.
    newer[begin + 1] = 9;
    found_and_passed_by(&root, "newer", &newer, "record has format 9, but this version reads up to");
    let foreign_frames = messages(&other);
    let (foreign_begin, _) = foreign_frames[frames.len() / 2];
    let spliced = [&whole[..begin - HEAD_BYTES], &other[foreign_begin - HEAD_BYTES..]].concat();
    found_and_passed_by(&root, "foreign", &spliced, "does not follow");
    let no_log = root.path().join("no-log").display().to_string();
    fs::write(&no_log, b"something else").expect("written");
    refused(&root, &["--log", &no_log, "status"], 1, "is no file of `bayplan log export`");
}

#[test]
fn a_running_master_answers_for_the_past_as_its_folder_does() {
    let cluster = Cluster::master(&[]);
    let mut agent = cluster.join("a1", "46800-46819", &[]);
    cluster.wait_for_agents(1);
    let root = tempfile::tempdir().expect("a folder");
    let master = cluster.operator_url();
    let empty = number(&document(&root, &["--master", &master, "status"]), "seq").to_string();
    cluster.deploy(SLEEPER);
    cluster.wait_for_running("sleeper", 2);
    let seq = number(&document(&root, &["--master", &master, "status"]), "seq").to_string();
    let folder = cluster.path("master");
    let then: [&[&str]; 6] = [
        &["app", "list"],
        &["app", "show", "sleeper"],
        &["task", "list"],
        &["agent", "list"],
        &["placement", "list"],
        &["why-not", "sleeper", "a1"],
    ];
    for look in then {
        let of_master = document(&root, &[&["--master", &master, "--at", &seq], look].concat());
        let of_folder = document(&root, &[&["--log", &folder, "--at", &seq], look].concat());
        assert_eq!(of_master, of_folder, "{look:?}, while the master runs");
    }
    let [before, ago, after] = [
        document(&root, &["--master", &master, "status"]),
        document(&root, &["--master", &master, "--at", "-1ms", "status"]),
        document(&root, &["--master", &master, "status"]),
    ]
    .map(|status| number(&status, "now"));
    assert!(
        (before..=after).contains(&(ago + 1)),
        "{ago} is not one moment before the time between {before} and {after}"
    );
    let before = document(&root, &["--master", &master, "--at", &empty, "app", "list"]);
    assert_eq!(before["apps"].as_array().map(Vec::len), Some(0), "{before}");
    let said = all_of(&run(&root, &["--master", &master, "--at", &empty, "app", "list"]));
    assert!(said.contains(&format!("As after record {empty}, at ")), "{said}");
    let events = run(&root, &["--master", &master, "--at", &empty, "events", "--from", "1", "--json"]);
    assert_eq!(String::from_utf8_lossy(&events.stdout).lines().count().to_string(), empty);
    refused(&root, &["--master", &master, "--at", "2020-01-01", "status"], 4, "2020-01-01T00:00:00.000Z: ");
    refused(&root, &["--master", &master, "--at", &empty, "events", "--follow"], 2, "--follow");
    refused(&root, &["replay", "verify", "--log", &cluster.path("nothing")], 4, "is no folder of a master");
    agent.kill_9();
}
