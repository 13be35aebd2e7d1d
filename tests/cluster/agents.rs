//! Several agents on one machine, a master that is killed, and an agent that leaves for good.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Cluster, eventually, processes_of};

fn per_host(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut hosts = BTreeMap::new();
    for task in cluster.running_tasks("web") {
        *hosts.entry(task["host"].as_str().expect("a host").to_owned()).or_default() += 1;
    }
    hosts
}

#[test]
fn nine_instances_spread_three_by_three_and_move_when_an_agent_leaves() {
    let cluster = Cluster::master(&["--placement", "spread", "--agent-timeout", "6s", "--heartbeat", "1s"]);
    let mut agents = [("a1", "42000-42099"), ("a2", "42100-42199"), ("a3", "42200-42299")]
        .map(|(name, ports)| cluster.join(name, ports, &[]));
    cluster.wait_for_agents(3);
    cluster.deploy(r#"{"id": "web", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 9}"#);
    cluster.wait_for_running("web", 9);
    assert_eq!(per_host(&cluster).into_values().collect::<Vec<_>>(), [3, 3, 3]);
    // More heartbeats than may be missed: agents that are there are not taken to be away.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(cluster.history().of("agent_disconnected").count(), 0);
    agents[1].kill_9();
    let hosts = eventually("its tasks moved", || {
        let hosts = per_host(&cluster);
        (hosts.values().sum::<usize>() == 9 && !hosts.contains_key("a2")).then_some(hosts)
    });
    assert_eq!(hosts.len(), 2);
    // The agent comes back as a new one, and ends the tasks that have others in their places.
    let folder = cluster.path("a2");
    let processes = || processes_of(Path::new(&folder)).len();
    assert_eq!(processes(), 6, "three tasks and their supervising processes go on");
    agents[1].start_again();
    eventually("nothing is left of them", || (processes() == 1).then_some(()));
    assert_eq!(per_host(&cluster), hosts);
    assert_eq!(cluster.history().of("agent_registered").count(), 4);
}
