//! The commands that people typed in 2014, as they typed them, by the real curl.

use std::process::Command;

use serde_json::{Value, json};

use super::engine::{DockerCluster, container_of, inspect, is_wanted, provide_image, tries_privileged};
use crate::harness::{Cluster, eventually, free_ports};

const IMAGE: &str = "libmesos/ubuntu";
const CREATE: &str = r#"
curl -X POST -H "Accept: application/json" -H "Content-Type: application/json" localhost:8080/v2/apps -d '{
  "container": {"image": "docker:///libmesos/ubuntu", "options": ["--privileged"]},
  "cpus": 0.5, "cmd": "sleep 500", "id": "docker-tester", "instances": 1, "mem": 300}'"#;
const LIST: &str = r#"
curl -X GET -H "Content-Type: application/json" localhost:8080/v2/apps"#;
const SCALE: &str = r#"
curl -X PUT -H "Content-Type: application/json" localhost:8080/v2/apps/docker-tester -d '{
  "container": {"image": "docker:///libmesos/ubuntu", "options": ["--privileged"]},
  "cpus": 0.5, "cmd": "sleep 500", "id": "docker-tester", "instances": 2, "mem": 300}'"#;
const WITH_PRIVILEGES: &str = r#", "options": ["--privileged"]"#;

/// What a command answers: the status code and the body. Only the port is another one than what is typed.
fn typed(cluster: &Cluster, command: &str) -> (u16, Value) {
    let settings = tempfile::tempdir().expect("a folder");
    let status_last = "silent\nshow-error\nnoproxy = \"*\"\nwrite-out = \"\\n%{http_code}\"\n";
    std::fs::write(settings.path().join(".curlrc"), status_last).expect("written");
    let command = command.replace("localhost:8080", &format!("localhost:{}", cluster.marathon_port()));
    let output = Command::new("bash").args(["-c", &command]).env("CURL_HOME", settings.path()).output();
    let output = output.expect("bash runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let (body, status) = said.rsplit_once('\n').unwrap_or_else(|| panic!("{command}: {said}"));
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{command}: {error}: {body}"));
    (status.parse().expect("a status code"), body)
}

/// The definition is answered in the modern form, and in no other.
fn assert_modern(app: &Value, is_privileged: bool) {
    let container = app["container"].as_object().expect("a container");
    assert_eq!(container["type"], "DOCKER", "{app}");
    assert_eq!(container["docker"]["image"], IMAGE);
    assert_eq!(container["docker"]["privileged"], is_privileged);
    assert_eq!(container["portMappings"].as_array().map(Vec::len), Some(1), "one published port");
    assert!(!container.contains_key("image") && !container.contains_key("options"), "{app}");
    assert_eq!(app["networks"], json!([{"mode": "container/bridge"}]));
    assert_eq!((&app["id"], &app["cmd"]), (&json!("/docker-tester"), &json!("sleep 500")));
    assert_eq!((&app["cpus"], &app["mem"]), (&json!(0.5), &json!(300)));
}

#[test]
fn the_commands_work_as_typed() {
    if !is_wanted() {
        return;
    }
    provide_image(IMAGE);
    let cluster = DockerCluster::start(&free_ports(4));
    let (status, created) = typed(&cluster, CREATE);
    assert_eq!(status, 201, "{created}");
    assert_modern(&created, true);
    let (status, listed) = typed(&cluster, LIST);
    assert_eq!(status, 200, "{listed}");
    assert_modern(&listed["apps"][0], true);
    // At once: the deployment of the first command is under way, or never ends where privileged containers are refused.
    let (status, changed) = typed(&cluster, SCALE);
    assert_eq!(status, 200, "{changed}");
    assert!(changed["deploymentId"].is_string() && changed["version"].is_string(), "{changed}");
    assert_eq!(cluster.get("/v2/apps/docker-tester")["app"]["instances"], 2);
    match tries_privileged(IMAGE) {
        Ok(()) => {
            for task in cluster.wait_for_running("docker-tester", 2) {
                assert_eq!(inspect(&container_of(&task))["HostConfig"]["Privileged"], true);
            }
        }
        Err(words) => is_refused_in_the_engines_words(&cluster, &words),
    }
}

/// Everywhere where somebody would look.
fn is_refused_in_the_engines_words(cluster: &Cluster, words: &str) {
    let failure = eventually("the failure is told", || {
        let app = cluster.get("/v2/apps/docker-tester")["app"].take();
        app["lastTaskFailure"].is_object().then(|| app["lastTaskFailure"].clone())
    });
    assert_eq!(failure["state"], "TASK_FAILED");
    assert_eq!(failure["message"], words);
    eventually("`bayplan status` says it", || cluster.told(&["status"]).contains(words).then_some(()));
    eventually("the queue says it", || {
        let queue = cluster.get("/v2/queue");
        let reason = queue["queue"][0]["processedOffersSummary"]["reason"].as_str()?;
        reason.contains(words).then_some(())
    });
    let events = cluster.told(&["events", "--from", "1"]);
    assert!(events.lines().any(|line| line.contains("TASK_FAILED") && line.contains(words)), "{events}");
    assert!(cluster.running("docker-tester").is_empty());
}

#[test]
fn without_the_option_they_run_with_what_was_asked_for() {
    if !is_wanted() {
        return;
    }
    provide_image(IMAGE);
    let cluster = DockerCluster::start(&free_ports(4));
    let (status, created) = typed(&cluster, &CREATE.replace(WITH_PRIVILEGES, ""));
    assert_eq!(status, 201, "{created}");
    assert_modern(&created, false);
    let first = cluster.wait_for_running("docker-tester", 1);
    let task = cluster.running_tasks("docker-tester").remove(0);
    assert_container(&inspect(&container_of(task["id"].as_str().expect("an id"))), &task, &created);

    let (status, changed) = typed(&cluster, &SCALE.replace(WITH_PRIVILEGES, ""));
    assert_eq!(status, 200, "{changed}");
    let both = cluster.wait_for_running("docker-tester", 2);
    assert!(both.is_superset(&first), "more of the same is no reason to end what runs");
}

/// What the engine has been asked for.
fn assert_container(container: &Value, task: &Value, app: &Value) {
    let host = &container["HostConfig"];
    assert_eq!((&host["Privileged"], &host["CpuShares"]), (&json!(false), &json!(512)));
    assert_eq!(host["Memory"], 300 * 1024 * 1024);
    let port = task["ports"][0].as_u64().expect("a port");
    let published = host["PortBindings"].as_object().expect("ports").values().next().expect("one of them");
    assert_eq!(published[0]["HostPort"], port.to_string());
    let sandbox =
        container["Mounts"].as_array().expect("mounts").iter().find(|mount| {
            mount["Destination"] == "/mnt/mesos/sandbox" && mount["RW"] == true && mount["Type"] == "bind"
        });
    assert!(sandbox.is_some(), "{}", container["Mounts"]);
    let env = container["Config"]["Env"].as_array().expect("variables");
    let id = task["id"].as_str().expect("an id");
    for variable in [
        "MESOS_SANDBOX=/mnt/mesos/sandbox".to_owned(),
        format!("MESOS_TASK_ID={id}"),
        format!("MARATHON_APP_ID={}", app["id"].as_str().expect("an id")),
        format!("HOST={}", task["host"].as_str().expect("a host")),
        format!("PORT={port}"),
        format!("PORT0={port}"),
        format!("PORTS={port}"),
    ] {
        assert!(env.contains(&json!(variable)), "{variable} in {env:?}");
    }
}
