//! A cluster whose disk is full: a small tmpfs of its own. Needs the right to mount, and says loudly when it has none.

use nix::sys::signal::{Signal, kill};

use crate::harness::{Cluster, SmallDisk, all_of, bayplan, eventually, request};

/// The log wants 64 MB to be free.
const DISK_MB: u64 = 160;
const TOO_LITTLE_MB: u64 = 32;
/// Less, because a start gives back what was taken in advance for the write-ahead logs of the log and of the snapshot.
const TOO_LITTLE_TO_START_MB: u64 = 6;

fn app(name: &str) -> String {
    format!(r#"{{"id": "{name}", "cmd": "echo $$; exec sleep 1000", "cpus": 0.1, "mem": 32}}"#)
}

/// Refused with the reason and with the time after which to come back; nothing is changed, and everything can be read.
fn assert_refuses(cluster: &Cluster, name: &str) {
    let before = cluster.get("/v2/apps");
    let answer = cluster.try_call("POST", "/v2/apps", Some(&app(name))).expect("an answer");
    assert_eq!(answer.status, 503, "{}", answer.text);
    let retry_after: u64 = answer.headers["retry-after"].parse().expect("a number of seconds");
    assert!(retry_after >= 1);
    let message = answer.json()["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("MB left") && message.contains("64 MB are needed"), "{message}");
    assert_eq!(cluster.get("/v2/apps"), before);
    assert_eq!(cluster.call("GET", &format!("/v2/apps/{name}"), None).0, 404);
    let status = cluster.told(&["status"]);
    assert!(status.contains("takes no changes") && status.contains("64 MB are needed"), "{status}");
    assert!(!is_well(cluster));
}

/// What a load balancer asks.
fn is_well(cluster: &Cluster) -> bool {
    let answer = request("GET", &format!("{}/health", cluster.operator_url()), None, None).expect("an answer");
    answer.status == 200
}

#[test]
fn a_full_disk_refuses_changes_answers_reads_and_loses_nothing() {
    let Some(disk) = SmallDisk::new(DISK_MB) else { return };
    let mut cluster = Cluster::dev_in(disk.path(), "44060-44079", &[]);
    cluster.deploy(&app("before"));
    let running = cluster.wait_for_running("before", 1);
    let task = running.first().expect("one runs");
    for spare_mb in [TOO_LITTLE_MB, 0] {
        disk.fill(spare_mb);
        assert_refuses(&cluster, "refused");
        assert_eq!(cluster.running("before"), running, "what runs goes on");
    }
    // Nobody has to try a change to find out that there is room again.
    disk.make_room();
    eventually("it is well again", || is_well(&cluster).then_some(()));
    assert!(!cluster.told(&["status"]).contains("takes no changes"));
    cluster.deploy(&app("between"));
    cluster.wait_for_running("between", 1);

    // A task ends while that cannot be written down.
    disk.fill(0);
    assert_refuses(&cluster, "refused");
    kill(cluster.pid_of(task), Signal::SIGKILL).expect("it runs");
    disk.make_room();
    let end = cluster.wait_for_end(task);
    assert_eq!(end["exit"]["signal"], 9, "an end is told late rather than never: {end}");
    let replaced = cluster.wait_for_others("before", 1, &running);

    let history = cluster.history();
    cluster.node().kill_9();
    cluster.start();
    assert!(cluster.history().0.starts_with(&history.0), "what was acknowledged is there");
    assert_eq!(cluster.wait_for_running("before", 1), replaced);
    assert_eq!(cluster.call("GET", "/v2/apps/refused", None).0, 404);
}

#[test]
fn a_cluster_that_cannot_start_on_a_full_disk_says_so_and_starts_when_there_is_room() {
    let Some(disk) = SmallDisk::new(DISK_MB) else { return };
    let mut cluster = Cluster::dev_in(disk.path(), "44080-44099", &[]);
    cluster.deploy(&app("before"));
    let running = cluster.wait_for_running("before", 1);
    cluster.node().kill_9();
    disk.fill(TOO_LITTLE_TO_START_MB);
    let output = bayplan()
        .args(["master", "--dir", &cluster.path("dev"), "--listen", "127.0.0.1:0", "--marathon-listen", "127.0.0.1:0"])
        .output()
        .expect("the binary runs");
    let said = all_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("64 MB are needed"), "{said}");
    disk.make_room();
    cluster.start();
    assert_eq!(cluster.wait_for_running("before", 1), running);
}
