//! NATS servers that have no room for the log, or have the log of somebody else.

use crate::harness::{Masters, Nats, SmallDisk, bayplan, eventually, request};

/// What apps are made of that fill a log.
const LARGE_BYTES: usize = 200_000;

fn large_app(number: usize) -> String {
    let text = "x".repeat(LARGE_BYTES);
    format!(
        r#"{{"id": "large-{number}", "cmd": "true", "instances": 0, "portDefinitions": [], "env": {{"TEXT": "{text}"}}}}"#
    )
}

fn small_app(id: &str) -> String {
    format!(r#"{{"id": "{id}", "cmd": "true", "instances": 0, "portDefinitions": []}}"#)
}

/// Creates large apps until one is not: how many there are, and what was said.
fn fill(cluster: &Masters, refused_with: u16) -> (usize, String) {
    for number in 0.. {
        let answer = cluster.call(0, "POST", "/v2/apps", Some(&large_app(number))).expect("it answers");
        if answer.status == refused_with {
            return (number, answer.text);
        }
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    unreachable!("no store is endless");
}

/// The first large apps, which were acknowledged.
fn has_large_apps(cluster: &Masters, count: usize) {
    for number in 0..count {
        let answer = cluster.call(0, "GET", &format!("/v2/apps/large-{number}"), None).expect("it answers");
        assert_eq!(answer.status, 200, "what was acknowledged is there: {}", answer.text);
    }
}

#[test]
fn a_full_stream_refuses_changes_and_takes_them_again_when_it_is_larger() {
    let Some(mut cluster) = Masters::start(1, 0) else { return };
    cluster.add(&["--log-max-bytes", "4MB", "--log-keep", "all"]);
    cluster.leader();
    let (count, said) = fill(&cluster, 503);
    assert!(count > 5 && said.contains("BAYPLAN_default") && said.contains("max_bytes"), "{count}: {said}");
    has_large_apps(&cluster, count);
    let health = request("GET", &format!("{}/health", cluster.operator_url(0)), None, None).expect("it answers");
    assert_eq!(health.status, 503, "{}", health.text);
    let info = cluster.nats.ask("$JS.API.STREAM.INFO.BAYPLAN_default", "");
    let mut config = info["config"].clone();
    config["max_bytes"] = 64_000_000.into();
    let updated = cluster.nats.ask("$JS.API.STREAM.UPDATE.BAYPLAN_default", &config.to_string());
    assert!(updated["error"].is_null(), "{updated}");
    cluster.until_changed(0, &small_app("afterwards"));
    has_large_apps(&cluster, count);
}

#[test]
fn a_full_disk_of_the_servers_refuses_changes_and_loses_nothing() {
    let Some(disk) = SmallDisk::new(32) else { return };
    let Some(nats) = Nats::start_in(disk.path()) else { return };
    let mut cluster = Masters::on(nats);
    cluster.add(&["--log-max-bytes", "24MB", "--log-keep", "all"]);
    cluster.leader();
    disk.fill(4);
    // Such a server does not refuse a message: it says nothing more about it.
    let (count, said) = fill(&cluster, 504);
    assert!(
        count > 0 && said.contains("a disk may be full") && said.contains("restart that server"),
        "{count}: {said}"
    );
    has_large_apps(&cluster, count);
    let refused = eventually("the next change is refused", || {
        let answer = cluster.call(0, "POST", "/v2/apps", Some(&small_app("refused"))).ok()?;
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.headers.contains_key("retry-after"), "{}", refused.text);
    disk.make_room();
    cluster.nats.kill_9(0);
    cluster.nats.start_again(0);
    cluster.until_changed(0, &small_app("afterwards"));
    has_large_apps(&cluster, count);
    let master = cluster.node(0);
    master.kill_9();
    cluster.start_again(0);
    cluster.leader();
    has_large_apps(&cluster, count);
}

#[test]
fn a_stream_of_another_cluster_is_refused_and_left_alone() {
    let Some(mut cluster) = Masters::start(1, 1) else { return };
    cluster.until_changed(0, &small_app("mine"));
    cluster.add(&["--cluster", "other"]);
    cluster.until_changed(1, &small_app("theirs"));
    // The master of the one comes to the log of the other, with all that it knows.
    let master = cluster.node(0);
    master.kill_9();
    let log = cluster.nats.log();
    let folder = cluster.path("m0");
    let arguments = ["master", "--dir", &folder, "--listen", "127.0.0.1:0", "--marathon-listen", "127.0.0.1:0"];
    let output = bayplan().args(arguments).args(["--log", &log, "--cluster", "other"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not the one that this master has followed"), "{said}");
    cluster.until_changed(1, &small_app("still"));
    let apps = cluster.call(1, "GET", "/v2/apps", None).expect("it answers").json();
    assert_eq!(apps["apps"].as_array().map(Vec::len), Some(2));
    cluster.start_again(0);
    eventually("its own log is led again", || {
        cluster.call(0, "GET", "/v2/apps/mine", None).ok().filter(|answer| answer.status == 200).map(drop)
    });
}

#[test]
fn a_stream_that_is_no_log_is_refused() {
    let Some(cluster) = Masters::start(1, 0) else { return };
    let foreign =
        r#"{"name": "BAYPLAN_default", "subjects": ["orders.>"], "storage": "file", "retention": "workqueue"}"#;
    let made = cluster.nats.ask("$JS.API.STREAM.CREATE.BAYPLAN_default", foreign);
    assert!(made["error"].is_null(), "{made}");
    let (log, folder) = (cluster.nats.log(), cluster.path("m"));
    let arguments = ["master", "--dir", &folder, "--listen", "127.0.0.1:0", "--marathon-listen", "127.0.0.1:0"];
    let output = bayplan().args(arguments).args(["--log", &log]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("BAYPLAN_default") && said.contains("subjects"), "{said}");
}
