//! Many instances: those that fit nowhere wait without being in anybody's way, those that fit all start and all end.

use std::collections::BTreeSet;

use crate::harness::{Cluster, eventually, processes_of};

#[test]
fn two_thousand_instances_wait_say_why_and_are_in_nobodys_way() {
    let cluster = Cluster::dev("44200-44219", &[]);
    cluster.deploy(r#"{"id": "many", "cmd": "exec sleep 1000", "cpus": 3, "mem": 32, "instances": 2000}"#);
    cluster.wait_for_running("many", 2);
    let status = eventually("the reason is told", || {
        let status = cluster.told(&["status"]);
        status.contains("1998").then_some(status)
    });
    assert!(status.contains("/many: 1998 instances wait") && status.contains("InsufficientCpus"), "{status}");
    let queue = cluster.get("/v2/queue");
    assert_eq!(queue["queue"][0]["count"], 1998);
    assert_eq!(queue["queue"][0]["processedOffersSummary"]["rejectSummaryLastOffers"][0]["reason"], "InsufficientCpus");

    // What fits is started all the same, and the first app can be changed.
    cluster.deploy(r#"{"id": "small", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 3}"#);
    cluster.wait_for_running("small", 3);
    cluster.told(&["app", "scale", "many", "0", "--force", "--wait"]);
    assert!(cluster.running("many").is_empty());
    assert!(cluster.get("/v2/queue")["queue"].as_array().is_some_and(Vec::is_empty));
    cluster.told(&["app", "destroy", "many", "--wait"]);
    assert_eq!(cluster.call("GET", "/v2/apps/many", None).0, 404);
    assert_eq!(cluster.history().launched("many").len(), 2);
    assert_eq!(cluster.running("small").len(), 3);
}

#[test]
fn three_hundred_processes_start_and_end_and_none_is_left() {
    let cluster = Cluster::dev("44300-44699", &[]);
    cluster.deploy(r#"{"id": "crowd", "cmd": "exec sleep 1000", "cpus": 0.01, "mem": 16, "instances": 300}"#);
    let tasks = cluster.wait_for_running("crowd", 300);
    let ports: BTreeSet<u64> =
        cluster.running_tasks("crowd").iter().filter_map(|task| task["ports"][0].as_u64()).collect();
    assert_eq!(ports.len(), 300, "no port is given twice");
    // A supervising process and a command for each, beside the cluster itself.
    assert_eq!(processes_of(cluster.root()).len(), 2 * 300 + 1);
    assert_eq!(cluster.history().launched("crowd").into_iter().collect::<BTreeSet<_>>(), tasks);
    cluster.destroy("crowd");
    eventually("only the cluster itself is left", || (processes_of(cluster.root()).len() == 1).then_some(()));
}
