//! The plug is pulled: the cluster, its tasks and their supervising processes are gone at once. After the restart the
//! wanted instances run again, as new tasks, and the old ones are told to be lost.

use std::collections::BTreeSet;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::docker::engine::{self, DockerCluster, TOOLS};
use crate::harness::{Cluster, eventually, free_ports, is_alive, kill_everything_of, processes_of, skip};
use crate::recovery::SLEEPER;

fn assert_replaced(cluster: &Cluster, app: &str, old: &BTreeSet<String>, reason: &str) {
    let new = cluster.wait_for_others(app, old.len(), old);
    for task in old {
        let end = cluster.wait_for_end(task);
        assert_eq!((&end["state"], &end["reason"]), (&"LOST".into(), &"ended_unobserved".into()), "{end}");
        assert!(end["message"].as_str().is_some_and(|message| message.contains(reason)), "{end}");
    }
    assert_eq!(cluster.history().launched(app).len(), old.len() + new.len(), "nothing else was started");
}

#[test]
fn processes_that_are_gone_are_replaced() {
    let mut cluster = Cluster::dev("44040-44059", &[]);
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    kill_everything_of(cluster.root());
    cluster.start();
    assert_replaced(&cluster, "sleeper", &before, "its supervising process was killed");
}

/// Process ids begin anew after a boot, so whatever has one of the old ids then must not be taken for a task. What the
/// kernel calls the new boot is made up here, in a mount namespace of the cluster's own.
#[test]
fn processes_of_another_boot_are_replaced() {
    let mut cluster = Cluster::dev("44150-44169", &[]);
    let boot = cluster.path("boot_id");
    std::fs::write(&boot, "11111111-2222-3333-4444-555555555555\n").expect("written");
    let rename = "mount --bind $0 /proc/sys/kernel/random/boot_id && exec \"$@\"";
    let in_next_boot = ["unshare", "--mount", "sh", "-c", rename, &boot];
    let permitted = Command::new(in_next_boot[0]).args(&in_next_boot[1..]).arg("true").output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        skip("cannot pretend another boot of the machine; run it as root");
        return;
    }
    cluster.deploy(SLEEPER);
    let before = cluster.wait_for_running("sleeper", 2);
    let survivors: Vec<Pid> = before.iter().map(|task| cluster.pid_of(task)).collect();
    cluster.node().kill_9();
    cluster.start_by(&in_next_boot);
    assert_replaced(&cluster, "sleeper", &before, "the machine was restarted");
    assert!(survivors.iter().all(|pid| is_alive(*pid)), "what only has the id of a task is left alone");
    survivors.iter().for_each(|pid| kill(*pid, Signal::SIGKILL).expect("it is alive"));
    // The cluster, and the new tasks with their supervising processes.
    eventually("only what belongs there is left", || (processes_of(cluster.root()).len() == 5).then_some(()));
}

#[test]
fn containers_that_are_gone_are_replaced() {
    if !engine::is_wanted() {
        return;
    }
    engine::provide_image(TOOLS);
    let mut cluster = DockerCluster::start(&free_ports(4));
    cluster.deploy(SLEEPER);
    cluster.deploy(&format!(
        r#"{{"id": "contained", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "networks": [{{"mode": "host"}}],
            "container": {{"type": "DOCKER", "docker": {{"image": "{TOOLS}"}}}}}}"#
    ));
    let (processes, containers) = (cluster.wait_for_running("sleeper", 2), cluster.wait_for_running("contained", 1));
    kill_everything_of(cluster.root());
    engine::remove_containers_of(&cluster);
    cluster.start();
    assert_replaced(&cluster, "sleeper", &processes, "its supervising process was killed");
    assert_replaced(&cluster, "contained", &containers, "there is no container of it any more");
}
