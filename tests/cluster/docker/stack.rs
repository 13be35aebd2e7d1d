//! docker-compose.yml: that every Compose can read it, and that its cluster goes on when parts of it die.

use std::collections::BTreeSet;

use super::compose::{Stack, clone, compose, compose_file, forms_of_compose};
use super::engine::{TOOLS, docker, inspect, is_wanted, provide_image};
use crate::harness::{all_of, eventually};

const SERVICES: [&str; 12] = [
    "agent-1",
    "agent-2",
    "grafana",
    "master-1",
    "master-2",
    "master-3",
    "nats-1",
    "nats-2",
    "nats-3",
    "prometheus",
    "sample",
    "secrets",
];

fn stays(instances: usize) -> String {
    format!(
        r#"{{"id": "stays", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": {instances},
            "networks": [{{"mode": "host"}}], "portDefinitions": [],
            "container": {{"type": "DOCKER", "docker": {{"image": "{TOOLS}"}}}}}}"#
    )
}

#[test]
fn every_compose_reads_the_file_and_finds_all_services() {
    for form in forms_of_compose().unwrap_or_default() {
        let read = compose(form, &compose_file(), &["config", "--quiet"]);
        assert!(read.status.success() && read.stderr.is_empty(), "{form:?}: {}", all_of(&read));
        let listed = compose(form, &compose_file(), &["config", "--services"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert_eq!(listed.lines().collect::<BTreeSet<_>>(), BTreeSet::from(SERVICES), "{form:?}");
    }
}

#[test]
fn what_the_file_names_of_the_clone_is_there() {
    let file = std::fs::read_to_string(compose_file()).expect("the file is there");
    let words = file.split(|c: char| c.is_whitespace() || "\"=,:[]".contains(c));
    let named =
        words.filter(|word| ["/dashboards/", "/deploy/", "/examples/"].iter().any(|folder| word.starts_with(folder)));
    let named: BTreeSet<&str> = named.collect();
    assert!(named.len() > 3, "{named:?}");
    for path in named {
        assert!(clone().join(&path[1..]).exists(), "{path} is named in docker-compose.yml and is not there");
    }
}

#[test]
fn prometheus_of_the_stack_has_the_rules_and_jobs_of_the_other_one() {
    let [stack, other] = ["prometheus-compose.yml", "prometheus.yml"]
        .map(|name| std::fs::read_to_string(clone().join("dashboards").join(name)).expect("the file is there"));
    assert!(!rule_files(&stack).is_empty());
    assert_eq!(rule_files(&stack), rule_files(&other), "rule_files");
    assert_eq!(jobs(&stack), jobs(&other), "the names of jobs, also of those that are commented out");
}

fn rule_files(config: &str) -> Vec<&str> {
    let lines = config.lines().map(str::trim).skip_while(|line| *line != "rule_files:").skip(1);
    lines.map_while(|line| line.strip_prefix("- ")).collect()
}

fn jobs(config: &str) -> BTreeSet<&str> {
    config.lines().filter_map(|line| line.split_once("job_name:")).map(|(_, name)| name.trim()).collect()
}

#[test]
fn the_cluster_goes_on_without_its_leading_master_and_a_nats_server_and_takes_them_back() {
    if !is_wanted() {
        return;
    }
    provide_image(TOOLS);
    let Some(stack) = Stack::start() else { return };
    let web = is_there_to_be_seen(&stack);
    let leader = stack.leader();
    let deployed = stack.call(leader, "POST", "/v2/apps", Some(&stays(2))).expect("it answers");
    assert_eq!(deployed.status, 201, "{}", deployed.text);
    let two = stack.wait_for_running(leader, "stays", 2);

    let dead = [format!("master-{leader}"), format!("nats-{leader}")];
    let [master, nats] = dead.each_ref().map(|service| stack.container(service));
    docker(&["kill", &master, &nats]);
    let other = leader % 3 + 1;
    eventually("a change is made without them", || {
        let answer = stack.call(other, "PUT", "/v2/apps/stays", Some(&stays(3))).ok()?;
        // Unless it is not known whether it was made, and it was.
        (answer.status == 200 || answer.status == 409).then_some(())
    });
    let three = stack.wait_for_running(other, "stays", 3);
    assert!(two.iter().all(|task| three.contains(task)), "{two:?} go on: {three:?}");
    assert_eq!(stack.running(other, "sample/web"), web);
    assert_ne!(stack.leader(), leader);

    stack.up();
    eventually("the NATS server is back", || stack.nats_is_well(leader).then_some(()));
    eventually("the master is back", || (stack.role(leader).as_deref() == Some("following")).then_some(()));
    stack.wait_until_all_agree();
    assert_eq!(stack.running(leader, "stays"), three);

    comes_back_by_itself(&stack, leader, &three);
}

/// Somebody who starts it sees the sample apps, and all of it in Prometheus.
fn is_there_to_be_seen(stack: &Stack) -> Vec<String> {
    let sample = stack.container("sample");
    let said = || docker(&["logs", &sample]);
    let ended = eventually("the sample is deployed", || {
        let state = inspect(&sample)["State"].take();
        (state["Status"] == "exited").then_some(state)
    });
    assert_eq!(ended["ExitCode"], 0, "{}", said());
    assert!(said().contains("Grafana: http://"), "{}", said());
    stack.wait_for_running(1, "sample/visitor", 1);
    if stack.has_prometheus() {
        eventually("Prometheus reaches all masters and agents", || {
            (stack.measured("count(up == 1)") == Some(5.0)).then_some(())
        });
        assert_eq!(stack.measured("sum(bayplan_leading)"), Some(1.0));
        let rules = stack.prometheus("rules").expect("it answers");
        assert!(rules["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "{rules}");
    }
    stack.wait_for_running(1, "sample/web", 2)
}

/// What ends without anybody's asking is started again by the engine.
fn comes_back_by_itself(stack: &Stack, master: usize, tasks: &[String]) {
    for service in [format!("master-{master}"), "agent-1".to_owned()] {
        let container = stack.container(&service);
        // Of what runs in a container, its first process, or the one that passes on what it is told.
        stack.told(&service, &["sh", "-c", "kill -TERM 1"]);
        eventually(&format!("{service} is started again"), || {
            let now = inspect(&container);
            (now["RestartCount"] == 1 && now["State"]["Health"]["Status"] == "healthy").then_some(())
        });
    }
    stack.wait_until_all_agree();
    assert_eq!(stack.running(master, "stays"), tasks, "containers of tasks go on without their agent");
}
