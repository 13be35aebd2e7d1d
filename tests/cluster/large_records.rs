//! Records that are larger than a message of the log: through the whole binary, on NATS servers with their usual limit.

use serde_json::{Value, json};

use crate::harness::{Cluster, Masters};
use crate::log_commands::{number, told};
use crate::recovery::SLEEPER;

/// An app with 3 MiB of labels, which its record says twice; a message has 1 MiB. Nothing of it runs: labels become environment
/// variables, and no kernel takes as many.
fn large(id: &str) -> Value {
    let labels: serde_json::Map<String, Value> =
        (0..48).map(|label| (format!("label-{label:02}"), json!("x".repeat(64 << 10)))).collect();
    json!({ "id": id, "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 0, "labels": labels })
}

fn labels_on(cluster: &Masters, master: usize, id: &str) -> Value {
    let answer = cluster.call(master, "GET", &format!("/v2/apps/{id}"), None).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["app"]["labels"].clone()
}

#[test]
fn an_app_larger_than_a_message_is_whole_on_every_master_and_in_every_copy() {
    let Some(mut cluster) = Masters::start(1, 3) else { return };
    let _agent = cluster.join("a1", "45440-45459");
    let servers = cluster.nats.log();
    let (first, app) = (cluster.leader(), large("large"));
    cluster.deploy(first, SLEEPER);
    let tasks = cluster.wait_for_running(first, "sleeper", 2);
    let before = told("info", &["--log", &servers]);
    cluster.deploy((first + 1) % 3, &app.to_string());
    let after = told("info", &["--log", &servers]);
    let messages = number(&after, "last_position") - number(&before, "last_position");
    let records = number(&after, "last_seq") - number(&before, "last_seq");
    assert!(messages >= records + 5, "{records} records are in {messages} messages");
    cluster.wait_until_all_agree();
    for master in 0..3 {
        assert_eq!(labels_on(&cluster, master, "large"), app["labels"]);
    }

    cluster.node(first).kill_9();
    let second = cluster.leader_other_than(first);
    cluster.until_changed(second, &large("after").to_string());
    cluster.start_again(first);
    let seen = cluster.wait_until_all_agree();
    for master in 0..3 {
        assert_eq!(labels_on(&cluster, master, "large"), app["labels"]);
        assert_eq!(labels_on(&cluster, master, "after"), app["labels"]);
        assert_eq!(cluster.running(master, "sleeper"), tasks, "the same tasks run");
    }
    let history = cluster.history(first);
    let seqs: Vec<u64> = history.0.iter().map(|record| number(record, "seq")).collect();
    assert!(seqs.len() as u64 >= number(&seen, "seq"));
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "no record is missing");

    (0..3).for_each(|master| cluster.node(master).kill_9());
    let on = |name: &'static str| ["--log", &servers, "--cluster", name];
    let original = told("verify", &on("default"));
    let (export, backup, folder) = (cluster.path("export"), cluster.path("backup"), cluster.path("folder"));
    told("export", &["--log", &servers, "--to", &export]);
    told("backup", &["--log", &servers, "--to", &backup]);
    told("import", &["--dir", &folder, "--from", &export]);
    let in_a_folder = told("verify", &["--dir", &folder]);
    assert_eq!((&in_a_folder["state_hash"], &in_a_folder["records"]), (&original["state_hash"], &original["records"]));
    assert!(number(&in_a_folder, "last_position") < number(&original, "last_position"), "there they need no parts");
    let (back, room) = (cluster.path("back"), ["--log-max-bytes", "256MB"]);
    told("export", &["--dir", &folder, "--to", &back]);
    told("import", &[&on("again")[..], &room, &["--from", &back]].concat());
    assert_eq!(told("verify", &on("again"))["state_hash"], original["state_hash"]);
    told("trim", &[&on("again")[..], &["--behind-newest"]].concat());
    assert_eq!(told("verify", &on("again"))["state_hash"], original["state_hash"]);
    told("restore", &[&on("restored")[..], &room, &["--from", &backup]].concat());
    let restored = told("verify", &on("restored"));
    assert_eq!(number(&restored, "last_seq"), number(&original, "last_seq") + 1_000);
}

#[test]
fn a_log_in_a_folder_takes_it_too() {
    let mut cluster = Cluster::master(&[]);
    cluster.deploy(&large("large").to_string());
    assert!(cluster.stop());
    told("verify", &["--dir", &cluster.path("master")]);
}
