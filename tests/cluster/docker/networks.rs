//! What reaches a container from outside, and what it reaches: ports and volumes.

use super::engine::{DockerCluster, TOOLS, is_wanted, provide_image};
use crate::harness::{Cluster, eventually, free_ports, request};

const SERVE: &str = "mkdir -p /www; echo I am $MESOS_TASK_ID > /www/index.html; exec httpd -f -h /www -p";

/// Asks every instance at its port on the host.
fn assert_each_instance_answers(cluster: &Cluster, app: &str, count: usize) {
    cluster.wait_for_running(app, count);
    for task in cluster.running_tasks(app) {
        let (id, port) = (task["id"].as_str().expect("an id"), &task["ports"][0]);
        let url = format!("http://127.0.0.1:{port}/index.html");
        let said = eventually(&format!("{id} answers"), || {
            request("GET", &url, None, None).ok().filter(|answer| answer.status == 200)
        });
        assert_eq!(said.text, format!("I am {id}\n"));
    }
}

#[test]
fn a_server_in_a_container_is_reached_over_the_bridge_and_on_the_host() {
    if !is_wanted() {
        return;
    }
    provide_image(TOOLS);
    let cluster = DockerCluster::start(&free_ports(4));
    cluster.deploy(&format!(
        r#"{{"id": "bridged", "cmd": "{SERVE} 80", "cpus": 0.1, "mem": 32, "instances": 2,
            "networks": [{{"mode": "container/bridge"}}],
            "container": {{"type": "DOCKER", "docker": {{"image": "{TOOLS}"}}, "portMappings": [{{"containerPort": 80}}]}}}}"#
    ));
    cluster.deploy(&format!(
        r#"{{"id": "on-host", "cmd": "{SERVE} $PORT0", "cpus": 0.1, "mem": 32, "instances": 2,
            "container": {{"type": "DOCKER", "docker": {{"image": "{TOOLS}"}}}}}}"#
    ));
    assert_each_instance_answers(&cluster, "bridged", 2);
    assert_each_instance_answers(&cluster, "on-host", 2);
}

#[test]
fn volumes_are_read_and_written_as_their_modes_say() {
    if !is_wanted() {
        return;
    }
    provide_image(TOOLS);
    let cluster = DockerCluster::start(&free_ports(1));
    let volumes = tempfile::tempdir().expect("a folder");
    let [given, taken] = ["given", "taken"].map(|name| volumes.path().join(name));
    for folder in [&given, &taken] {
        std::fs::create_dir(folder).expect("a folder");
    }
    std::fs::write(given.join("word"), "stow").expect("written");
    let command = "cat /given/word > /taken/word; echo no > /given/refused; echo done > /taken/done; exec sleep 1000";
    cluster.deploy(&format!(
        r#"{{"id": "volumes", "cmd": "{command}", "cpus": 0.1, "mem": 32,
            "networks": [{{"mode": "host"}}], "portDefinitions": [],
            "container": {{"type": "DOCKER", "docker": {{"image": "{TOOLS}"}}, "volumes": [
                {{"containerPath": "/given", "hostPath": "{}", "mode": "RO"}},
                {{"containerPath": "/taken", "hostPath": "{}", "mode": "RW"}}]}}}}"#,
        given.display(),
        taken.display()
    ));
    eventually("the container has done its work", || taken.join("done").exists().then_some(()));
    assert_eq!(std::fs::read_to_string(taken.join("word")).expect("it was written"), "stow");
    assert!(!given.join("refused").exists(), "what is for reading only was written to");
}
