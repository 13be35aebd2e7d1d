//! `bayplan log …` on the logs of real clusters: in a folder, and on NATS servers.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::{Cluster, Masters, Nats, all_of, bayplan};
use crate::recovery::SLEEPER;

fn log(command: &str, arguments: &[&str]) -> Output {
    bayplan().args(["log", command]).args(arguments).output().expect("the binary runs")
}

/// A command that must succeed, and what it tells machines.
pub(crate) fn told(command: &str, arguments: &[&str]) -> Value {
    let output = log(command, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "bayplan log {command} {}: {}", arguments.join(" "), all_of(&output));
    serde_json::from_slice(&output.stdout).expect("a document")
}

/// A command that must fail in this way.
fn refused(command: &str, arguments: &[&str], status: i32, reason: &str) {
    let output = log(command, arguments);
    let said = all_of(&output);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(said.contains(reason), "{said}");
}

pub(crate) fn number(document: &Value, field: &str) -> u64 {
    document[field].as_u64().unwrap_or_else(|| panic!("{field} is a number: {document}"))
}

#[test]
fn a_cluster_is_backed_up_lost_and_put_back_with_its_tasks() {
    let mut cluster = Cluster::master(&[]);
    let mut agent = cluster.join("a1", "45400-45419", &[]);
    cluster.deploy(SLEEPER);
    let tasks = cluster.wait_for_running("sleeper", 2);
    let (folder, backup, history) = (cluster.path("master"), cluster.path("backup"), cluster.path("history"));
    refused("backup", &["--dir", &folder, "--to", &backup], 1, "holds the log in");
    assert!(cluster.stop());
    let made = told("backup", &["--dir", &folder, "--to", &backup]);
    refused("backup", &["--dir", &folder, "--to", &backup], 2, "is there already");
    told("export", &["--dir", &folder, "--to", &history]);
    let sound = told("verify", &["--dir", &folder]);
    assert_eq!(number(&sound, "last_seq"), number(&made, "last_seq"));

    // The agent sees epochs that the backup knows nothing of.
    for _ in 0..3 {
        cluster.start();
        cluster.wait_for_agents(1);
        assert!(cluster.stop());
    }
    fs::remove_dir_all(&folder).expect("it can be lost");
    let restored = told("restore", &["--dir", &folder, "--from", &backup, "--pass-epochs", "10"]);
    assert_eq!(number(&restored, "epoch"), number(&made, "epoch") + 10);
    told("verify", &["--dir", &folder]);
    cluster.start();
    cluster.wait_for_agents(1);
    cluster.deploy(r#"{"id": "more", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32}"#);
    cluster.wait_for_running("more", 1);
    assert_eq!(cluster.running("sleeper"), tasks, "the same tasks run");
    agent.kill_9();
}

#[test]
fn what_is_copied_is_the_same_and_what_is_damaged_changes_nothing() {
    let mut cluster = Cluster::master(&[]);
    for number in 0..5 {
        cluster.deploy(&format!(r#"{{"id": "app-{number}", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32}}"#));
    }
    assert!(cluster.stop());
    let (folder, history, copy) = (cluster.path("master"), cluster.path("history"), cluster.path("copy"));
    told("export", &["--dir", &folder, "--to", &history]);
    let original = told("verify", &["--dir", &folder]);

    let whole = fs::read(&history).expect("it is there");
    let damaged_file = cluster.path("damaged");
    for (index, reason) in [(3, "is no file of"), (whole.len() / 2, "damaged"), (whole.len() - 1, "checksum")] {
        let mut damaged = whole.clone();
        damaged[index] ^= 1;
        fs::write(&damaged_file, damaged).expect("written");
        refused("import", &["--dir", &copy, "--from", &damaged_file], 1, reason);
    }
    fs::write(&damaged_file, &whole[..whole.len() - 60]).expect("written");
    refused("restore", &["--dir", &copy, "--from", &damaged_file], 1, "ends too early");
    assert!(!Path::new(&copy).exists(), "a damaged file made a folder");
    told("import", &["--dir", &copy, "--from", &history]);
    let copied = told("verify", &["--dir", &copy]);
    assert_eq!(copied["state_hash"], original["state_hash"]);
    refused("import", &["--dir", &copy, "--from", &history], 5, "not empty");

    for _ in 0..2 {
        told("trim", &["--dir", &copy, "--behind-newest"]);
        let trimmed = told("info", &["--dir", &copy]);
        assert_eq!(trimmed["first_position"], trimmed["last_position"]);
        assert_eq!(trimmed["baselines"].as_array().map(Vec::len), Some(1));
        assert_eq!(trimmed["last_seq"], original["last_seq"]);
    }
    assert_eq!(told("verify", &["--dir", &copy])["state_hash"], original["state_hash"]);
    let (short, again) = (cluster.path("short"), cluster.path("again"));
    told("export", &["--dir", &copy, "--to", &short]);
    told("import", &["--dir", &again, "--from", &short]);
    assert_eq!(told("verify", &["--dir", &again])["state_hash"], original["state_hash"]);
    refused("info", &["--dir", &cluster.path("nothing")], 4, "there is no log in");
}

#[test]
fn a_log_moves_to_nats_servers() {
    let Some(nats) = Nats::start(1) else { return };
    let mut cluster = Cluster::master(&[]);
    cluster.deploy(SLEEPER);
    assert!(cluster.stop());
    let (folder, history, backup) = (cluster.path("master"), cluster.path("history"), cluster.path("backup"));
    told("export", &["--dir", &folder, "--to", &history]);
    told("backup", &["--dir", &folder, "--to", &backup]);
    let original = told("verify", &["--dir", &folder]);
    let servers = nats.log();
    let on = |name: &'static str| ["--log", &servers, "--cluster", name];
    refused("info", &on("moved"), 4, "BAYPLAN_moved");
    told("import", &[&on("moved")[..], &["--log-max-bytes", "64MB", "--from", &history]].concat());
    let moved = told("verify", &on("moved"));
    assert_eq!((&moved["state_hash"], &moved["records"]), (&original["state_hash"], &original["records"]));
    told("restore", &[&on("restored")[..], &["--log-max-bytes", "64MB", "--from", &backup]].concat());
    let restored = told("info", &on("restored"));
    assert_eq!(restored["epoch"], number(&moved, "last_epoch") + 1_000);
    assert_eq!(restored["cluster"], told("info", &["--dir", &folder])["cluster"]);
    refused("verify", &["--log", "nats://127.0.0.1:1"], 3, "no NATS server");

    // The stream is lost, and what is left of it would be taken for the new one's.
    told("trim", &on("moved"));
    nats.publish("$JS.API.STREAM.DELETE.BAYPLAN_moved", "");
    let back = [&on("moved")[..], &["--log-max-bytes", "64MB", "--from", &backup]].concat();
    refused("restore", &back, 5, "--remove-baselines");
    told("restore", &[&back[..], &["--remove-baselines"]].concat());
    assert_eq!(told("info", &on("moved"))["baselines"].as_array().map(Vec::len), Some(1), "the one of the backup");
    told("verify", &on("moved"));
}

#[test]
fn a_master_with_an_empty_disk_joins_a_log_that_was_trimmed() {
    let Some(mut cluster) = Masters::start(1, 2) else { return };
    let _agent = cluster.join("a1", "45420-45439");
    cluster.deploy(0, SLEEPER);
    let tasks = cluster.wait_for_running(0, "sleeper", 2);
    let servers = cluster.nats.log();
    let trimmed = told("trim", &["--log", &servers, "--behind-newest"]);
    assert!(number(&trimmed, "trimmed_messages") > 0, "{trimmed}");
    cluster.add(&[]);
    assert_eq!(cluster.wait_for_running(2, "sleeper", 2), tasks);
    cluster.node(0).kill_9();
    cluster.leader_other_than(0);
    cluster.until_changed(2, r#"{"id": "more", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32}"#);
    cluster.wait_for_running(2, "more", 1);
    assert_eq!(cluster.running(2, "sleeper"), tasks, "the same tasks run");
    // Its snapshot is all that it needs, whatever else was trimmed.
    told("trim", &["--log", &servers, "--behind-newest"]);
    cluster.start_again(0);
    assert_eq!(cluster.wait_for_running(0, "sleeper", 2), tasks);
    told("verify", &["--log", &servers]);
}
