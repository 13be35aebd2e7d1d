//! What decides where tasks go, changed while a cluster works: nothing is lost or doubled, and the log says what decided when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::harness::{Cluster, History, eventually, request};

/// How often the profile and the shadow are switched, unless the environment says otherwise.
const SWITCHES: usize = 10;
const PROFILES: [&str; 6] = ["best-fit", "spread", "packed", "random-of-2", "fgd", "first-fit"];
const APPS: [&str; 3] = ["web", "cart", "mail"];

fn switches() -> usize {
    std::env::var("BAYPLAN_TEST_SWITCHES").ok().map_or(SWITCHES, |text| text.parse().expect("a number"))
}

fn instances_of(round: usize, app: usize) -> usize {
    (round * 5 + app * 3) % 11 + 1
}

fn scale(cluster: &Cluster, app: &str, instances: usize) {
    let body = format!(r#"{{"instances": {instances}}}"#);
    let (status, answer) = cluster.call("PUT", &format!("/v2/apps/{app}?force=true"), Some(&body));
    assert_eq!(status, 200, "{answer}");
}

/// Every launch that placement decided was decided by the profile that was chosen last, as far as the log says; returns how many
/// launches there were by each.
fn decided_by(history: &History) -> BTreeMap<String, usize> {
    let mut active = String::new();
    let mut launches = BTreeMap::new();
    for record in &history.0 {
        for event in record["events"].as_array().expect("events") {
            if let Some(chosen) = event.get("placement_policy_chosen") {
                active = chosen["policy"].as_str().expect("a name").to_owned();
            }
            if let Some(launched) = event.get("task_launched") {
                let policy = launched["task"]["explanation"]["policy"].as_str().expect("it says what decided");
                assert_eq!(policy, active, "record {}", record["seq"]);
                *launches.entry(active.clone()).or_default() += 1;
            }
        }
    }
    launches
}

fn shadow(cluster: &Cluster) -> Value {
    serde_json::from_str(&cluster.told(&["--json", "placement", "shadow"])).expect("JSON")
}

#[test]
fn profile_and_shadow_are_switched_under_load_and_no_task_is_lost_or_doubled() {
    let cluster = Cluster::master(&[]);
    let _agents = [("p1", "46020-46039"), ("p2", "46040-46059"), ("p3", "46060-46079")]
        .map(|(name, ports)| cluster.join(name, ports, &[]));
    cluster.wait_for_agents(3);
    let file = cluster.path("packed.json");
    std::fs::write(&file, r#"{"name": "packed", "terms": [{"policy": "fgd", "weight": 3}, {"policy": "best-fit"}]}"#)
        .expect("written");
    assert!(cluster.told(&["placement", "define", &file]).contains("profile 'packed' is 3 fgd + best-fit"));
    for (index, app) in APPS.iter().enumerate() {
        let instances = instances_of(0, index);
        cluster.deploy(&format!(
            r#"{{"id": "{app}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 16, "instances": {instances}}}"#
        ));
    }
    let is_over = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut round = 0;
            while !is_over.load(Ordering::Relaxed) {
                round += 1;
                for (index, app) in APPS.iter().enumerate() {
                    scale(&cluster, app, instances_of(round, index));
                }
            }
            round
        });
        for switch in 1..=switches() {
            let [profile, shadow] = [switch, switch + 2].map(|number| PROFILES[number % PROFILES.len()]);
            cluster.told(&["placement", "use", profile]);
            cluster.told(&["placement", "shadow", shadow]);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        is_over.store(true, Ordering::Relaxed);
        load.join().expect("the load goes on")
    });
    for (index, app) in APPS.iter().enumerate() {
        cluster.wait_for_running(app, instances_of(rounds, index));
    }
    let history = cluster.history();
    let launches = decided_by(&history);
    assert!(launches.len() > 1, "several profiles decided something: {launches:?}");
    assert_eq!(history.of("shadow_chosen").count(), switches());
    for (index, app) in APPS.iter().enumerate() {
        let launched = history.launched(app);
        let distinct: BTreeSet<&String> = launched.iter().collect();
        assert_eq!(distinct.len(), launched.len(), "no task is launched twice");
        let running = cluster.running(app);
        assert_eq!(running.len(), instances_of(rounds, index));
        for task in &launched {
            assert_ne!(history.end_of(task).is_some(), running.contains(task), "{task} runs or has ended");
        }
    }
    let told = shadow(&cluster);
    assert_eq!(told["profile"], PROFILES[(switches() + 2) % PROFILES.len()]);
    assert_eq!(told["report"]["fault"], Value::Null, "{told}");
}

#[test]
fn a_shadow_of_another_profile_fills_a_cluster_of_its_own() {
    let cluster = Cluster::master(&["--placement", "spread"]);
    let _agents = [("s1", "46080-46099"), ("s2", "46100-46119")].map(|(name, ports)| cluster.join(name, ports, &[]));
    cluster.wait_for_agents(2);
    assert!(cluster.told(&["placement", "shadow"]).contains("nothing decides in the shadow"));
    cluster.told(&["placement", "shadow", "first-fit"]);
    cluster.deploy(r#"{"id": "web", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 16, "instances": 6}"#);
    cluster.wait_for_running("web", 6);
    let report = eventually("the shadow has seen it, and looked around", || {
        let report = shadow(&cluster)["report"].clone();
        (report["live"]["agents_in_use"] == 2 && report["shadow"]["agents_in_use"] == 1).then_some(report)
    });
    assert_eq!((&report["decisions"], &report["nowhere"], &report["without_room"]), (&6.into(), &0.into(), &0.into()));
    assert_eq!(report["live"]["cpus"], report["shadow"]["cpus"]);
    // What is none of its business does not make it begin anew.
    let file = cluster.path("other.json");
    std::fs::write(&file, r#"{"name": "other", "terms": [{"policy": "fgd"}, {"policy": "spread"}]}"#).expect("written");
    cluster.told(&["placement", "define", &file]);
    assert_eq!(shadow(&cluster)["report"]["decisions"], 6);
    let metrics = request("GET", &format!("{}/metrics", cluster.operator_url()), None, None).expect("an answer").text;
    for line in
        [r#"bayplan_packing_agents_in_use{cluster="live"} 2"#, r#"bayplan_packing_agents_in_use{cluster="shadow"} 1"#]
    {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(cluster.told(&["placement", "shadow"]).contains("first-fit decides in the shadow of spread"));
    cluster.told(&["placement", "shadow", "--off"]);
    assert_eq!(shadow(&cluster)["profile"], Value::Null);
}

#[test]
fn what_was_chosen_outlives_the_master_and_bad_choices_change_nothing() {
    let mut cluster = Cluster::dev("46120-46139", &[]);
    let file = cluster.path("two.json");
    std::fs::write(&file, r#"{"name": "two", "terms": [{"policy": "best-fit"}, {"policy": "spread"}]}"#)
        .expect("written");
    cluster.told(&["placement", "use", &file]);
    cluster.told(&["placement", "use", "first-fit", "--role", "batch"]);
    let before = cluster.history().0.len();
    for (arguments, code, said) in [
        (vec!["placement", "use", "tow"], 4, "is named 'tow'; there are: best-fit, "),
        (vec!["placement", "use", "fgd", "--app", "/nobody"], 4, "'/nobody' does not exist"),
        (vec!["placement", "remove", "two"], 5, "'two' is in use by the cluster"),
        (vec!["placement", "remove", "fgd"], 5, "is no profile that somebody defined"),
        (vec!["placement", "use", "no-such-file.json"], 2, "no-such-file.json: No such file"),
    ] {
        let output = cluster.cli(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    assert_eq!(cluster.history().0.len(), before, "nothing was changed");
    cluster.stop();
    cluster.start();
    for (app, role, decides) in [("any", "*", "two"), ("batch", "batch", "first-fit")] {
        cluster.deploy(&format!(
            r#"{{"id": "{app}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 16, "role": "{role}"}}"#
        ));
        let task = cluster.wait_for_running(app, 1).pop_first().expect("one runs");
        let history = cluster.history();
        let launched =
            history.of("task_launched").map(|(_, event)| &event["task"]).find(|launched| launched["id"] == task);
        assert_eq!(launched.expect("it was launched")["explanation"]["policy"], decides);
        let told = cluster.get(&format!("/v2/apps/{app}"))["app"]["role"].as_str().unwrap_or("*").to_owned();
        assert_eq!(told, role);
    }
}
