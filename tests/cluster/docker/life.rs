//! How containers end, and how that is told.

use std::path::PathBuf;

use super::engine::{DockerCluster, TOOLS, container_of, docker, inspect, is_wanted, provide_image};
use crate::harness::{all_of, eventually, free_port, free_ports};

fn app(id: &str, command: &str) -> String {
    let container = format!(r#"{{"type": "DOCKER", "docker": {{"image": "{TOOLS}"}}}}"#);
    format!(
        r#"{{"id": "{id}", "cmd": "{command}", "cpus": 0.1, "mem": 32, "container": {container},
            "networks": [{{"mode": "host"}}], "portDefinitions": []}}"#
    )
}

#[test]
fn a_killed_container_is_replaced_and_the_log_says_how_it_ended() {
    if !is_wanted() {
        return;
    }
    provide_image(TOOLS);
    let cluster = DockerCluster::start(&free_ports(2));
    cluster.deploy(&app("killed", "echo I am $MESOS_TASK_ID; exec sleep 1000"));
    let before = cluster.wait_for_running("killed", 1);
    let task = before.first().expect("one runs");
    eventually("what it prints can be read", || (cluster.logs(task) == format!("I am {task}\n")).then_some(()));
    docker(&["kill", &container_of(task)]);
    cluster.wait_for_others("killed", 1, &before);
    let told = cluster.told(&["events", "--from", "1"]);
    let is_its_end = |line: &&str| line.contains(task.as_str()) && line.contains("TASK_FAILED") && line.contains("137");
    assert!(told.lines().any(|line| is_its_end(&line)), "{told}");
    assert_eq!(cluster.history().end_of(task).expect("it ended")["exit"]["code"], 137);
    assert_eq!(cluster.logs(task), format!("I am {task}\n"), "what it printed outlives it");
}

#[test]
fn a_container_goes_on_without_its_cluster_and_its_end_is_told_after_the_restart() {
    if !is_wanted() {
        return;
    }
    provide_image(TOOLS);
    let mut cluster = DockerCluster::start(&free_ports(2));
    let until_told = "until test -e /mnt/mesos/sandbox/end; do sleep 0.05; done; exit 7";
    cluster.deploy(&app("ends", until_told));
    cluster.deploy(&app("stays", "exec sleep 1000"));
    let before = cluster.wait_for_running("ends", 1);
    let (ending, stays) = (before.first().expect("one runs"), cluster.wait_for_running("stays", 1));
    let container = container_of(ending);
    let stays_in = container_of(stays.first().expect("one runs"));
    let sandbox = inspect(&container)["Config"]["Labels"]["bayplan.sandbox"].as_str().map(PathBuf::from);

    cluster.node().kill_9();
    std::fs::write(sandbox.expect("a sandbox").join("end"), "").expect("written");
    eventually("the container ends", || (inspect(&container)["State"]["Running"] == false).then_some(()));
    cluster.start();
    let end = cluster.wait_for_end(ending);
    assert_eq!((&end["state"], &end["exit"]["code"]), (&"FAILED".into(), &7.into()), "{end}");
    cluster.wait_for_others("ends", 1, &before);
    let now = cluster.wait_for_running("stays", 1);
    assert_eq!(now, stays, "{:?}", stays.iter().map(|task| cluster.history().end_of(task)).collect::<Vec<_>>());
    assert_eq!(container_of(stays.first().expect("one runs")), stays_in);
    assert_eq!(cluster.history().launched("stays").len(), 1, "nothing was started twice");
}

#[test]
fn an_image_that_does_not_exist_fails_in_the_engines_words_and_ever_more_slowly() {
    if !is_wanted() {
        return;
    }
    let cluster = DockerCluster::start(&free_ports(2));
    // A registry that is not there: refused at once, on any machine.
    let image = format!("127.0.0.1:{}/no/such:image", free_port());
    let definition = app("imageless", "true")
        .replace(TOOLS, &image)
        .replace(r#""cpus""#, r#""backoffSeconds": 0.2, "backoffFactor": 2, "cpus""#);
    let file = cluster.path("imageless.json");
    std::fs::write(&file, definition).expect("written");
    let output = cluster.cli(&["app", "deploy", &file, "--wait", "--timeout", "3s"]);
    let said = all_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not reached in 3s") && said.contains("connection refused"), "{said}");
    let delays = eventually("it was delayed three times", || {
        let history = cluster.history();
        let delays: Vec<u64> =
            history.of("launch_delayed").filter_map(|(_, event)| event["delay_ms"].as_u64()).collect();
        (delays.len() >= 3).then_some(delays)
    });
    assert_eq!(delays[..3], [200, 400, 800]);
    let history = cluster.history();
    let first = history.launched("imageless").remove(0);
    let end = history.end_of(&first).expect("it failed");
    assert_eq!((&end["state"], &end["reason"]), (&"FAILED".into(), &"image_pull_failed".into()), "{end}");
    assert!(end["message"].as_str().is_some_and(|words| words.contains("connection refused")), "{end}");
}
