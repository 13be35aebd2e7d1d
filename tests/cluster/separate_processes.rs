//! A master and an agent as processes of their own, each of which may be killed while the other goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::harness::{Cluster, eventually, is_alive, skip};
use crate::recovery::SLEEPER;

/// The tasks that run and must not be touched.
struct Untouched {
    tasks: BTreeMap<String, Pid>,
    launches_before: usize,
}

impl Untouched {
    fn now(cluster: &Cluster) -> Self {
        let tasks = cluster.wait_for_running("sleeper", 2);
        Self {
            tasks: tasks.into_iter().map(|task| (task.clone(), cluster.pid_of(&task))).collect(),
            launches_before: cluster.history().launched("sleeper").len(),
        }
    }

    fn assert_alive(&self) {
        assert!(self.tasks.values().all(|pid| is_alive(*pid)), "the tasks go on");
    }

    /// The proof that everything is back is that the cluster can start one more task.
    fn assert_found_again(&self, cluster: &Cluster, more: &str) {
        cluster.deploy(&format!(r#"{{"id": "{more}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32}}"#));
        cluster.wait_for_running(more, 1);
        self.assert_alive();
        assert!(cluster.running("sleeper").iter().eq(self.tasks.keys()), "the same tasks run");
        assert_eq!(cluster.history().launched("sleeper").len(), self.launches_before, "nothing was started twice");
    }
}

#[test]
fn tasks_outlive_the_agent_and_the_master_and_are_found_again() {
    let mut cluster = Cluster::master(&[]);
    let mut agent = cluster.join("a1", "44000-44019", &[]);
    cluster.deploy(SLEEPER);
    let tasks = Untouched::now(&cluster);

    agent.kill_9();
    tasks.assert_alive();
    agent.start_again();
    tasks.assert_found_again(&cluster, "after-agent");

    let before = cluster.history();
    cluster.node().kill_9();
    tasks.assert_alive();
    cluster.start();
    tasks.assert_found_again(&cluster, "after-master");
    assert!(cluster.history().0.starts_with(&before.0), "what was in the log is in the log");

    agent.kill_9();
    cluster.node().kill_9();
    tasks.assert_alive();
    agent.start_again();
    cluster.start();
    tasks.assert_found_again(&cluster, "after-both");
    assert!(cluster.history().0.starts_with(&before.0), "what was in the log is in the log");
}

/// Ends with status 7 when a file appears.
fn deploy_waiting_for(cluster: &Cluster, flag: &str) -> String {
    let command = format!("echo $$; while ! test -e {flag}; do sleep 0.05; done; exit 7");
    cluster.deploy(&format!(r#"{{"id": "seven", "cmd": "{command}", "cpus": 0.1, "mem": 32}}"#));
    cluster.wait_for_running("seven", 1).pop_first().expect("one runs")
}

fn let_it_end(pid: Pid, flag: &str) {
    std::fs::write(flag, "").expect("written");
    eventually("the task ends", || (!is_alive(pid)).then_some(()));
    std::fs::remove_file(flag).expect("it was written");
}

#[test]
fn an_end_that_the_agent_or_the_master_missed_is_told_as_it_was() {
    let mut cluster = Cluster::master(&[]);
    let mut agent = cluster.join("a1", "44020-44039", &[]);
    let flag = cluster.path("end");
    let first = deploy_waiting_for(&cluster, &flag);
    let pid = cluster.pid_of(&first);
    agent.kill_9();
    let_it_end(pid, &flag);
    agent.start_again();
    let end = cluster.wait_for_end(&first);
    assert_eq!((&end["state"], &end["exit"]["code"]), (&"FAILED".into(), &7.into()), "{end}");

    let second = cluster.wait_for_others("seven", 1, &[first.clone()].into()).pop_first().expect("one runs");
    let pid = cluster.pid_of(&second);
    cluster.node().kill_9();
    let_it_end(pid, &flag);
    cluster.start();
    let end = cluster.wait_for_end(&second);
    assert_eq!((&end["state"], &end["exit"]["code"]), (&"FAILED".into(), &7.into()), "{end}");
    cluster.wait_for_others("seven", 1, &[first, second].into());
}

#[test]
fn what_was_answered_is_there_after_the_master_was_killed_in_the_middle_of_it() {
    let mut cluster = Cluster::master(&[]);
    let app = |name: &str| format!(r#"{{"id": "{name}", "cmd": "true", "cpus": 0.1, "mem": 32, "instances": 0}}"#);
    let killed = AtomicBool::new(false);
    let mut acknowledged = Vec::new();
    std::thread::scope(|scope| {
        let (caller, killed) = (&cluster, &killed);
        let writing = scope.spawn(move || {
            let mut answered = Vec::new();
            for number in 0.. {
                let name = format!("app-{number}");
                match caller.try_call("POST", "/v2/apps", Some(&app(&name))) {
                    Ok(answer) => {
                        assert_eq!(answer.status, 201, "{}", answer.text);
                        answered.push(name);
                    }
                    Err(_) if killed.load(Ordering::Acquire) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            answered
        });
        eventually("some apps are there", || {
            let apps = caller.get("/v2/apps");
            (apps["apps"].as_array().expect("apps").len() > 20).then_some(())
        });
        killed.store(true, Ordering::Release);
        caller.signal(Signal::SIGKILL);
        acknowledged = writing.join().expect("it wrote");
    });
    cluster.start();
    let apps = cluster.get("/v2/apps");
    let ids: Vec<&str> = apps["apps"].as_array().expect("apps").iter().filter_map(|app| app["id"].as_str()).collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|name| !ids.contains(&format!("/{name}").as_str())).collect();
    assert!(acknowledged.len() > 20 && lost.is_empty(), "{lost:?} of {}", acknowledged.len());
    assert!(ids.len() <= acknowledged.len() + 1, "at most the one that was not answered is there besides");
}

/// What the kernel says of a process, such as `PPid`.
fn status_of(pid: i32, field: &str) -> Option<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map(|value| value.trim().parse().expect("a number"))
}

#[test]
fn a_task_may_use_huge_pages_and_what_supervises_it_takes_none() {
    let cluster = Cluster::dev("44180-44189", &[]);
    cluster.deploy(r#"{"id": "s", "cmd": "echo $$; exec sleep 1000", "cpus": 0.1, "mem": 32}"#);
    let task = cluster.wait_for_running("s", 1).pop_first().expect("one runs");
    let pid = cluster.pid_of(&task).as_raw();
    let Some(before) = status_of(std::process::id().cast_signed(), "THP_enabled") else {
        return skip("this kernel does not say who may use huge pages");
    };
    assert_eq!(status_of(pid, "THP_enabled"), Some(before), "the task has what everybody has");
    let supervisor = status_of(pid, "PPid").expect("every process has one");
    assert_eq!(status_of(i32::try_from(supervisor).expect("an id"), "THP_enabled"), Some(0));
}
