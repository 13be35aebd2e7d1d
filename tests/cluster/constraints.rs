//! Constraints, on three agents: where tasks land, and what is said of those that may land nowhere.

use crate::harness::{Cluster, Node, eventually};

fn start() -> (Cluster, [Node; 3]) {
    let cluster = Cluster::master(&["--placement", "spread"]);
    let agents = [
        cluster.join(
            "c1",
            "44700-44719",
            &["--attributes", "rack:r1;zone:west;level:1", "--region", "eu", "--zone", "eu-a"],
        ),
        cluster.join(
            "c2",
            "44720-44739",
            &["--attributes", "rack:r1;zone:east;level:0.8", "--region", "eu", "--zone", "eu-b"],
        ),
        cluster.join("c3", "44740-44759", &["--attributes", "rack:r2;zone:east", "--region", "us", "--zone", "us-a"]),
    ];
    cluster.wait_for_agents(3);
    (cluster, agents)
}

/// How many tasks of an app run on each of the agents.
fn per_host(cluster: &Cluster, app: &str) -> [usize; 3] {
    let tasks = cluster.running_tasks(app);
    ["c1", "c2", "c3"].map(|host| tasks.iter().filter(|task| task["host"] == host).count())
}

#[test]
fn tasks_land_where_their_constraints_let_them() {
    let (cluster, _agents) = start();
    // How many are wanted, and how many of them land on each of the three.
    let cases = [
        ("unique", r#"["hostname", "UNIQUE"]"#, 3, [1, 1, 1]),
        ("cluster-host", r#"["hostname", "CLUSTER", "c2"]"#, 3, [0, 3, 0]),
        ("like-host", r#"["hostname", "LIKE", "c[13]"]"#, 4, [2, 0, 2]),
        ("like-rack", r#"["rack", "LIKE", "r1"]"#, 4, [2, 2, 0]),
        ("cluster-rack", r#"["rack", "CLUSTER", "r2"]"#, 3, [0, 0, 3]),
        ("unlike-rack", r#"["rack", "UNLIKE", "r1"]"#, 2, [0, 0, 2]),
        ("unlike-level", r#"["level", "UNLIKE", "1"], ["hostname", "UNIQUE"]"#, 2, [0, 1, 1]),
        ("is-level", r#"["level", "IS", "0.80"]"#, 2, [0, 2, 0]),
        ("is-region", r#"["@region", "IS", "us"]"#, 2, [0, 0, 2]),
        ("max-per-host", r#"["@hostname", "MAX_PER", "2"]"#, 6, [2, 2, 2]),
        ("group-by-zone", r#"["@zone", "GROUP_BY", "3"]"#, 3, [1, 1, 1]),
        ("group-by-host", r#"["@region", "LIKE", "eu"], ["hostname", "GROUP_BY"]"#, 2, [1, 1, 0]),
        ("two-at-once", r#"["rack", "LIKE", "r1"], ["zone", "LIKE", "east"]"#, 2, [0, 2, 0]),
    ];
    for (id, constraints, instances, _) in cases {
        cluster.deploy(&format!(
            r#"{{"id": "{id}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": {instances},
                "constraints": [{constraints}]}}"#
        ));
    }
    for (id, _, instances, expected) in cases {
        cluster.wait_for_running(id, instances);
        assert_eq!(per_host(&cluster, id), expected, "{id}");
    }
    // All of them on one machine, whichever it is.
    cluster.deploy(
        r#"{"id": "together", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 4,
            "constraints": [["hostname", "CLUSTER"]]}"#,
    );
    cluster.wait_for_running("together", 4);
    let mut counts = per_host(&cluster, "together");
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 4]);
}

#[test]
fn an_instance_that_may_land_nowhere_waits_until_an_agent_joins_that_will_do() {
    let (cluster, _agents) = start();
    cluster.deploy(
        r#"{"id": "unique", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 4,
            "constraints": [["hostname", "UNIQUE"]]}"#,
    );
    cluster.wait_for_running("unique", 3);
    let reason = eventually("the reason is told", || {
        let status = cluster.told(&["status"]);
        status.lines().find(|line| line.contains("/unique: 1 instance waits")).map(str::to_owned)
    });
    assert!(reason.contains("3 UnfulfilledConstraint (hostname:UNIQUE)"), "{reason}");
    let _fourth = cluster.join("c4", "44760-44779", &[]);
    cluster.wait_for_running("unique", 4);
    assert_eq!(per_host(&cluster, "unique"), [1, 1, 1], "and the fourth is on the fourth");
}
