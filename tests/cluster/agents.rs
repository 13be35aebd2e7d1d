//! Several agents on one machine, a master that is killed, and an agent that leaves for good.

use std::collections::BTreeMap;

use crate::harness::{Cluster, eventually};

fn per_host(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut hosts = BTreeMap::new();
    let tasks = cluster.get("/v2/apps/web/tasks");
    for task in tasks["tasks"].as_array().expect("tasks").iter().filter(|task| task["state"] == "TASK_RUNNING") {
        *hosts.entry(task["host"].as_str().expect("a host").to_owned()).or_default() += 1;
    }
    hosts
}

#[test]
fn nine_instances_spread_three_by_three_and_move_when_an_agent_leaves() {
    let cluster = Cluster::master(&["--placement", "spread", "--agent-timeout", "3s", "--heartbeat", "500ms"]);
    let mut agents =
        [cluster.join("a1", "42000-42099"), cluster.join("a2", "42100-42199"), cluster.join("a3", "42200-42299")];
    eventually("three agents are there", || {
        let output = cluster.cli(&["--json", "agent", "list"]);
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        (listed.to_string().matches("\"hostname\"").count() == 3).then_some(())
    });
    cluster.deploy(r#"{"id": "web", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 9}"#);
    cluster.wait_for_running("web", 9);
    assert_eq!(per_host(&cluster).into_values().collect::<Vec<_>>(), [3, 3, 3]);
    // Six heartbeats, far more than may be missed: agents that are there are never taken to be away.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(!cluster.events().iter().any(|record| record.to_string().contains("agent_disconnected")));
    agents[1].kill_9();
    let hosts = eventually("its tasks moved", || {
        let hosts = per_host(&cluster);
        (hosts.values().sum::<usize>() == 9 && !hosts.contains_key("a2")).then_some(hosts)
    });
    assert_eq!(hosts.len(), 2);
    // So that no process is left behind: the agent comes back as a new one, and its old tasks are ended.
    agents[1] = cluster.join("a2", "42100-42199");
    let (status, _) = cluster.call("DELETE", "/v2/apps/web", None);
    assert_eq!(status, 200);
    eventually("everything is over", || cluster.get("/v2/deployments").as_array()?.is_empty().then_some(()));
}
