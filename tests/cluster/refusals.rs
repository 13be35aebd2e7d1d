//! Bad input gets a clear error and changes nothing; what cannot run waits or fails with the reason.

use crate::harness::{Cluster, eventually};

#[test]
fn bad_definitions_are_refused_by_field_and_leave_no_trace() {
    let cluster = Cluster::dev("43000-43009", &[]);
    cluster
        .deploy(r#"{"id": "a", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "dependencies": ["/b"], "instances": 0}"#);
    let large = format!(r#"{{"id": "x", "cmd": "true", "env": {{"E": "{}"}}}}"#, "x".repeat(1 << 20));
    let refused = [
        ("{not json", 400, "Invalid JSON"),
        (large.as_str(), 422, "/env"),
        (r#"{"id": "x", "cmd": "true", "colour": "red"}"#, 422, "colour"),
        (r#"{"id": "x", "cmd": "true", "cpus": -1}"#, 422, "cpus"),
        (r#"{"id": "x y", "cmd": "true"}"#, 422, "id"),
        (r#"{"id": "x", "cmd": "true", "healthChecks": [{"protocol": "TCP"}]}"#, 422, "healthChecks"),
        (r#"{"id": "b", "cmd": "true", "dependencies": ["/a"]}"#, 422, "/a -> /b -> /a"),
    ];
    cluster.wait_for_agents(1);
    eventually("it is deployed", || cluster.get("/v2/deployments").as_array()?.is_empty().then_some(()));
    let before = (cluster.get("/v2/apps"), cluster.history().0);
    for (body, status, named) in refused {
        let (code, answer) = cluster.call("POST", "/v2/apps", Some(body));
        assert_eq!(code, status, "{body}: {answer}");
        assert!(answer.to_string().contains(named), "{body}: {answer}");
    }
    assert_eq!((cluster.get("/v2/apps"), cluster.history().0), before);
}

#[test]
fn a_crash_loop_is_slowed_down() {
    let cluster = Cluster::dev("43020-43029", &[]);
    cluster
        .deploy(r#"{"id": "crash", "cmd": "exit 3", "cpus": 0.1, "mem": 32, "backoffSeconds": 1, "backoffFactor": 2}"#);
    let delays = eventually("it was delayed three times", || {
        let history = cluster.history();
        let delays: Vec<u64> =
            history.of("launch_delayed").filter_map(|(_, event)| event["delay_ms"].as_u64()).collect();
        (delays.len() >= 3).then_some(delays)
    });
    assert_eq!(delays[..3], [1_000, 2_000, 4_000]);
}
