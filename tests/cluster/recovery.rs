//! A cluster of one process: whatever is killed, the tasks go on or are replaced, and nothing runs twice.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Cluster, eventually, is_alive};

/// Prints its process id and waits, so that a test can find the process.
pub(crate) const SLEEPER: &str =
    r#"{"id": "sleeper", "cmd": "echo $$; exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2}"#;

#[test]
fn a_killed_process_is_replaced_and_the_log_says_so() {
    let cluster = Cluster::dev("41000-41009", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let victim = before.first().expect("two run").clone();
    kill(cluster.pid_of(&victim), Signal::SIGKILL).expect("it runs");
    eventually("another takes its place", || {
        let now = cluster.running("sleeper");
        (now.len() == 2 && !now.contains(&victim)).then_some(())
    });
    let end = cluster.history().end_of(&victim).expect("it has ended");
    assert_eq!((&end["state"], &end["exit"]["signal"]), (&"FAILED".into(), &9.into()), "{end}");
    let told = cluster.told(&["events", "--from", "1"]);
    let is_its_end = |line: &str| line.contains(&victim) && line.contains("terminated by signal 9");
    assert!(told.lines().any(is_its_end), "{told}");
}

#[test]
fn a_cluster_that_is_killed_finds_its_tasks_again() {
    let mut cluster = Cluster::dev("41010-41019", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let pids: BTreeSet<i32> = before.iter().map(|task| cluster.pid_of(task).as_raw()).collect();
    cluster.node().kill_9();
    assert!(pids.iter().all(|pid| is_alive(Pid::from_raw(*pid))), "the tasks go on");
    let victim = *pids.first().expect("two run");
    cluster.start();
    assert_eq!(cluster.wait_for_running("sleeper", 2), before);
    assert!(is_alive(Pid::from_raw(victim)));
    let launched = cluster.history().launched("sleeper");
    assert_eq!(launched.len(), 2, "nothing was started twice: {launched:?}");
}

#[test]
fn a_task_that_ends_while_nobody_looks_is_reported_with_its_exit_status() {
    let mut cluster = Cluster::dev("41020-41029", &[]);
    let flag = cluster.path("end");
    let command = format!("while ! test -e {flag}; do sleep 0.05; done; exit 7");
    cluster.deploy(&format!(r#"{{"id": "seven", "cmd": "{command}", "cpus": 0.1, "mem": 32}}"#));
    let before = cluster.wait_for_running("seven", 1);
    cluster.node().kill_9();
    std::fs::write(&flag, "").expect("written");
    cluster.start();
    assert_eq!(cluster.wait_for_end(before.first().expect("one runs"))["exit"]["code"], 7);
}

#[test]
fn ctrl_c_stops_the_tasks_and_the_next_start_brings_the_app_back_as_new_tasks() {
    let mut cluster = Cluster::dev("41030-41039", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let pids: Vec<Pid> = before.iter().map(|task| cluster.pid_of(task)).collect();
    cluster.node().signal(Signal::SIGINT);
    assert!(cluster.node().ended().success());
    assert!(!pids.iter().any(|pid| is_alive(*pid)), "the tasks have ended before the cluster");
    cluster.start();
    cluster.wait_for_others("sleeper", 2, &before);
}
