//! Frameworks of other people, on Mesos' scheduler API: their tasks are real, and they share what there is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Cluster, Framework, Masters, eventually};

fn cpus(offer: &Value) -> f64 {
    offer["resources"][0]["scalar"]["value"].as_f64().expect("cpus")
}

fn listed(cluster: &Cluster) -> Value {
    let list: Value = serde_json::from_str(&cluster.told(&["task", "list", "--json"])).expect("JSON");
    list["tasks"].clone()
}

#[test]
fn a_framework_runs_a_process_and_finds_it_again_after_a_failover_and_a_restart() {
    let mut cluster = Cluster::dev("45000-45009", &[]);
    let mut framework = Framework::subscribe(&cluster.operator_url(), "one", None);
    let offer = framework.offers().remove(0);
    assert_eq!(cpus(&offer), 8.0);
    framework.launch(&offer, "sleeper", "echo I am $MESOS_TASK_ID; exec sleep 1000", 3600.0);
    framework.update("sleeper", "TASK_RUNNING");
    let tasks = listed(&cluster);
    let id = tasks[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!((tasks[0]["own_id"].as_str(), tasks[0]["app"].is_null()), (Some("sleeper"), true), "{tasks}");
    eventually("its output is there", || cluster.logs(&id).contains("I am sleeper").then_some(()));
    assert!(cluster.told(&["task", "list"]).contains("placed by framework F1"));
    assert_eq!(cluster.get("/v2/tasks")["tasks"], json!([]), "it is nothing of Marathon's");

    let mut second = Framework::subscribe(&cluster.operator_url(), "one", Some(&framework.id));
    assert_eq!(framework.expect("ERROR")["message"], "Framework failed over");
    assert!(framework.next().is_none());
    // The whole cluster ends and starts: its agent ends its tasks, and the framework is told so when it is back.
    assert!(cluster.stop());
    cluster.start();
    second = Framework::subscribe(&cluster.operator_url(), "one", Some(&second.id));
    // What is free again is offered as well, sooner or later.
    let told = std::iter::from_fn(|| second.next()).find(|event| event["type"] == "UPDATE").expect("an update");
    let ended = &told["update"]["status"];
    assert_eq!((&ended["task_id"]["value"], &ended["state"]), (&json!("sleeper"), &json!("TASK_KILLED")), "{ended}");
}

#[test]
fn a_framework_kills_declines_revives_and_is_torn_down_with_its_tasks() {
    let cluster = Cluster::dev("45100-45109", &[]);
    let mut framework = Framework::subscribe(&cluster.operator_url(), "one", None);
    let offer = framework.offers().remove(0);
    framework.launch(&offer, "first", "exec sleep 1000", 0.0);
    let rest = framework.offers().remove(0);
    assert_eq!(cpus(&rest), 7.0);
    framework.update("first", "TASK_RUNNING");
    framework.call("DECLINE", json!({"offer_ids": [rest["id"]], "filters": {"refuse_seconds": 3600}}));
    framework.call("KILL", json!({"task_id": {"value": "first"}}));
    framework.update("first", "TASK_KILLED");
    let whole = framework.offers().remove(0);
    assert_eq!(cpus(&whole), 8.0, "more than was refused");
    framework.call("DECLINE", json!({"offer_ids": [whole["id"]], "filters": {"refuse_seconds": 3600}}));
    framework.call("REVIVE", Value::Null);
    let offer = framework.offers().remove(0);
    framework.launch(&offer, "second", "exec sleep 1000", 3600.0);
    framework.update("second", "TASK_RUNNING");
    framework.call("TEARDOWN", Value::Null);
    assert!(framework.next().is_none());
    eventually("its task is gone", || listed(&cluster).as_array()?.is_empty().then_some(()));
}

#[test]
fn a_framework_asks_for_more_tasks_at_once_than_events_may_wait() {
    let cluster = Cluster::master(&[]);
    let mut framework = Framework::subscribe(&cluster.operator_url(), "many", None);
    let tasks: Vec<Value> = (0..5_000).map(|task| json!({"task_id": {"value": format!("t{task}")}})).collect();
    framework.call("RECONCILE", json!({ "tasks": tasks }));
    for task in 0..5_000 {
        let status = framework.expect("UPDATE")["status"].clone();
        assert_eq!((&status["task_id"]["value"], &status["state"]), (&json!(format!("t{task}")), &json!("TASK_LOST")));
    }
}

#[test]
fn two_frameworks_share_two_agents_and_get_back_what_one_keeps_for_too_long() {
    let cluster = Cluster::master(&["--offer-timeout", "2s"]);
    let _agents = [("a1", "45200-45209"), ("a2", "45210-45219")].map(|(name, ports)| cluster.join(name, ports, &[]));
    cluster.wait_for_agents(2);
    let mut hoarder = Framework::subscribe(&cluster.operator_url(), "hoarder", None);
    let offers = hoarder.offers();
    assert_eq!(offers.len(), 2, "it is alone");
    let mut other = Framework::subscribe(&cluster.operator_url(), "other", None);
    hoarder.expect("RESCIND");
    hoarder.expect("RESCIND");
    let fair = [hoarder.offers(), other.offers()].map(|offers| offers.len());
    assert_eq!(fair, [1, 1], "one agent for each");
    let history = cluster.history();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for (_, closed) in history.of("offers_closed") {
        *outcomes.entry(closed["outcome"].as_str().expect("an outcome").to_owned()).or_default() += 1;
    }
    assert!(outcomes.contains_key("expired"), "{outcomes:?}");
}

#[test]
fn a_framework_goes_on_with_the_next_leader_and_is_told_what_it_did_not_acknowledge() {
    let Some(mut cluster) = Masters::start(1, 3) else { return };
    let _agent = cluster.join("a1", "45300-45309");
    let leader = cluster.leader();
    // Sent on by a master that follows.
    let mut framework = Framework::subscribe(&cluster.operator_url((leader + 1) % 3), "one", None);
    let offer = framework.offers().remove(0);
    framework.launch(&offer, "sleeper", "exec sleep 1000", 3600.0);
    let told = framework.expect("UPDATE")["status"].clone();

    cluster.node(leader).kill_9();
    assert!(framework.next().is_none(), "the subscription ends with its master");
    let next = cluster.leader_other_than(leader);
    let follower = (0..3).find(|master| ![leader, next].contains(master)).expect("there are three");
    eventually("the other one knows, too, who leads", || {
        let told = cluster.call(follower, "GET", "/v2/leader", None).ok()?.json();
        cluster.marathon_url(next).ends_with(told["leader"].as_str()?).then_some(())
    });
    let mut framework = Framework::subscribe(&cluster.operator_url(follower), "one", Some(&framework.id));
    let again = framework.expect("UPDATE")["status"].clone();
    assert_eq!((&again["uuid"], &again["state"]), (&told["uuid"], &told["state"]), "the same update");
    framework.acknowledge(&again);
    if again["state"] != "TASK_RUNNING" {
        framework.update("sleeper", "TASK_RUNNING");
    }
    framework.call("KILL", json!({"task_id": {"value": "sleeper"}}));
    framework.update("sleeper", "TASK_KILLED");
    assert_eq!(cluster.history(next).of("task_launched").count(), 1, "nothing was started twice");
}
