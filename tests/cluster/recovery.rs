//! Whatever is killed, the tasks go on or are replaced, and nothing runs twice.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Cluster, eventually};

/// Prints its process id and waits, so that a test can find the process.
const SLEEPER: &str = r#"{"id": "sleeper", "cmd": "echo $$; exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2}"#;

fn pid_of(cluster: &Cluster, task: &str) -> Pid {
    let pid = eventually("the task prints its process id", || cluster.logs(task).trim().parse().ok());
    Pid::from_raw(pid)
}

fn is_alive(pid: Pid) -> bool {
    kill(pid, None).is_ok()
}

/// How often each task was launched, and what the log says of how tasks ended.
fn launches(cluster: &Cluster) -> Vec<String> {
    let mut launched = Vec::new();
    for record in cluster.events() {
        for event in record["events"].as_array().expect("events") {
            if let Some(id) = event["task_launched"]["task"]["id"].as_str() {
                launched.push(id.to_owned());
            }
        }
    }
    launched
}

#[test]
fn a_killed_process_is_replaced_and_the_log_says_so() {
    let cluster = Cluster::dev("41000-41009", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let victim = before.first().expect("two run").clone();
    kill(pid_of(&cluster, &victim), Signal::SIGKILL).expect("it runs");
    eventually("another takes its place", || {
        let now = cluster.running("sleeper");
        (now.len() == 2 && !now.contains(&victim)).then_some(())
    });
    let told = cluster.events().iter().any(|record| {
        let events = record["events"].as_array().expect("events");
        events.iter().any(|event| {
            let changed = &event["task_status_changed"];
            changed["task"] == victim.as_str() && changed["status"]["state"] == "TASK_FAILED"
                || changed["task"] == victim.as_str() && changed["status"]["exit"]["signal"] == 9
        })
    });
    assert!(told, "the end by signal 9 is in the log");
}

#[test]
fn a_cluster_that_is_killed_finds_its_tasks_again() {
    let mut cluster = Cluster::dev("41010-41019", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let pids: BTreeSet<i32> = before.iter().map(|task| pid_of(&cluster, task).as_raw()).collect();
    cluster.node().kill_9();
    assert!(pids.iter().all(|pid| is_alive(Pid::from_raw(*pid))), "the tasks go on");
    let victim = *pids.first().expect("two run");
    cluster.start();
    assert_eq!(cluster.wait_for_running("sleeper", 2), before);
    assert!(is_alive(Pid::from_raw(victim)));
    let launched = launches(&cluster);
    assert_eq!(launched.len(), 2, "nothing was started twice: {launched:?}");
}

#[test]
fn a_task_that_ends_while_nobody_looks_is_reported_with_its_exit_status() {
    let mut cluster = Cluster::dev("41020-41029", &[]);
    let flag = cluster.folder.path().join("end");
    let command = format!("while ! test -e {}; do sleep 0.05; done; exit 7", flag.display());
    cluster.deploy(&format!(r#"{{"id": "seven", "cmd": "{command}", "cpus": 0.1, "mem": 32}}"#));
    let before = cluster.wait_for_running("seven", 1);
    let task = before.first().expect("one runs").clone();
    cluster.node().kill_9();
    std::fs::write(&flag, "").expect("written");
    cluster.start();
    eventually("its end is in the log", || {
        let records = cluster.events();
        let mut events = records.iter().flat_map(|record| record["events"].as_array().expect("events"));
        events
            .any(|event| {
                let changed = &event["task_status_changed"];
                changed["task"] == task.as_str() && changed["status"]["exit"]["code"] == 7
            })
            .then_some(())
    });
    std::fs::remove_file(&flag).expect("removed");
}

#[test]
fn ctrl_c_stops_the_tasks_and_the_next_start_brings_the_app_back_as_new_tasks() {
    let mut cluster = Cluster::dev("41030-41039", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let pids: Vec<Pid> = before.iter().map(|task| pid_of(&cluster, task)).collect();
    cluster.node().signal(Signal::SIGINT);
    assert!(cluster.node().ended_well());
    eventually("the tasks have ended", || (!pids.iter().any(|pid| is_alive(*pid))).then_some(()));
    cluster.start();
    let after = eventually("the app is back", || {
        let now = cluster.running("sleeper");
        (now.len() == 2 && now.is_disjoint(&before)).then_some(now)
    });
    assert_eq!(after.len(), 2);
}
