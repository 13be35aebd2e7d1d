//! Apps that need each other start in order.

use crate::harness::{Cluster, History, eventually};

fn app(id: &str, dependencies: &str) -> String {
    format!(
        r#"{{"id": "{id}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2,
            "dependencies": [{dependencies}]}}"#
    )
}

/// The number of the record that says of the last instance of an app that it runs.
fn all_ran_at(history: &History, app: &str) -> u64 {
    let launched = history.launched(app);
    let running = history.of("task_status_changed").filter(|(_, event)| event["status"]["state"] == "RUNNING");
    let of_app = running.filter(|(_, event)| launched.iter().any(|task| event["task"] == *task));
    of_app.map(|(seq, _)| seq).max().expect("it ran")
}

fn first_launched_at(history: &History, app: &str) -> u64 {
    let of_app =
        history.of("task_launched").filter(|(_, event)| event["task"]["workload"]["app"]["app"] == format!("/{app}"));
    of_app.map(|(seq, _)| seq).min().expect("it was launched")
}

fn assert_in_order(cluster: &Cluster, apps: &[&str]) {
    let history = cluster.history();
    for pair in apps.windows(2) {
        let (ran, launched) = (all_ran_at(&history, pair[0]), first_launched_at(&history, pair[1]));
        assert!(ran < launched, "{} ran at {ran}, {} was launched at {launched}", pair[0], pair[1]);
    }
}

#[test]
fn an_app_starts_when_all_that_it_depends_on_runs() {
    let cluster = Cluster::dev("44800-44819", &[]);
    // The last one first, so that it is not the order of the list that decides.
    let (web, cache, db) = (app("web", r#""/cache""#), app("cache", r#""/db""#), app("db", ""));
    let (status, answer) = cluster.call("PUT", "/v2/apps", Some(&format!("[{web}, {cache}, {db}]")));
    assert_eq!(status, 200, "{answer}");
    cluster.wait_for_running("web", 2);
    assert_in_order(&cluster, &["db", "cache", "web"]);
    assert_eq!(cluster.history().of("deployment_started").count(), 1, "one deployment, in steps");
}

#[test]
fn an_app_waits_for_a_dependency_that_is_not_there_yet_and_says_so() {
    let cluster = Cluster::dev("44820-44839", &[]);
    cluster.deploy(&app("web", r#""/db""#));
    let status = eventually("the reason is told", || {
        let status = cluster.told(&["status"]);
        status.contains("/web:").then_some(status)
    });
    assert!(status.contains("2 instances wait for /db"), "{status}");
    cluster.deploy(&app("db", ""));
    cluster.wait_for_running("web", 2);
    assert_in_order(&cluster, &["db", "web"]);
}

/// As the file in `examples/` says.
#[test]
fn the_example_shop_is_deployed_by_the_command_line() {
    let cluster = Cluster::dev("44840-44859", &[]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop.json");
    let said = cluster.told(&["app", "deploy", file, "--wait"]);
    assert!(said.contains("/shop/db: 1 instance running") && said.contains("/shop/web: 2 instances running"), "{said}");
    assert_in_order(&cluster, &["shop/db", "shop/web"]);
}
