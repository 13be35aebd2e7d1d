//! What is refused, how, and that it changes nothing.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::cluster::{Cluster, break_log};

struct Refused {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    status: u16,
    answer: Value,
}

fn refused(method: &'static str, path: &'static str, body: &'static str, status: u16, answer: Value) -> Refused {
    Refused { method, path, body, status, answer }
}

fn invalid(path: &str, reason: &str) -> Value {
    json!({"message": "Object is not valid", "details": [{"path": path, "errors": [reason]}]})
}

fn message(message: &str) -> Value {
    json!({ "message": message })
}

fn table() -> Vec<Refused> {
    let space = "segment 'with space' may hold lowercase letters, digits, '.' and '-' only, and must begin and end with a \
                 letter or digit";
    vec![
        refused(
            "POST",
            "/v2/apps",
            "{\"id\": ",
            400,
            json!({"message": "Invalid JSON", "details": "EOF while parsing a value at line 1 column 7"}),
        ),
        refused(
            "POST",
            "/v2/apps",
            r#"{"id": "x", "cmd": "x", "colour": "red"}"#,
            422,
            invalid("/colour", "unknown field"),
        ),
        refused(
            "POST",
            "/v2/apps",
            r#"{"id": "x", "cmd": "x", "cpus": -1}"#,
            422,
            invalid("/cpus", "must not be negative"),
        ),
        refused("POST", "/v2/apps", r#"{"id": "with space", "cmd": "x"}"#, 422, invalid("/id", space)),
        refused(
            "POST",
            "/v2/apps",
            r#"{"id": "x", "cmd": "x", "healthChecks": [{"protocol": "HTTP"}]}"#,
            422,
            invalid("/healthChecks", "is not built yet: leave it out"),
        ),
        refused(
            "POST",
            "/v2/apps",
            r#"{"id": "x", "cmd": "x", "constraints": [["hostname", "LIKE", "a("]]}"#,
            422,
            invalid("/constraints(0)", "hostname: 'a(' is not a regular expression: unclosed group"),
        ),
        refused(
            "POST",
            "/v2/apps",
            r#"{"id": "x", "cmd": "x", "constraints": [["hostname", "UNIQUE"], ["@zone", "GROUP_BY", "-1"]]}"#,
            422,
            invalid(
                "/constraints(1)",
                "@zone: GROUP_BY needs a whole number from 1 to 2147483647, not '-1': how many values the field has at least, or \
                 no value when nobody knows",
            ),
        ),
        refused("POST", "/v2/apps", r#"{"id": "there", "cmd": "x"}"#, 409, message("App '/there' already exists")),
        refused(
            "POST",
            "/v2/apps",
            r#"{"id": "x", "cmd": "x", "dependencies": ["x"]}"#,
            422,
            invalid("/dependencies", "form a cycle: /x -> /x"),
        ),
        refused(
            "PUT",
            "/v2/apps",
            r#"[{"id": "a", "cmd": "x", "dependencies": ["b"]}, {"id": "b", "cmd": "x", "dependencies": ["c"]},
                {"id": "c", "cmd": "x", "dependencies": ["a"]}]"#,
            422,
            invalid("/dependencies", "form a cycle: /a -> /b -> /c -> /a"),
        ),
        refused(
            "PUT",
            "/v2/apps",
            r#"[{"id": "a", "cmd": "x"}, {"id": "b", "mem": -1, "cmd": "x"}]"#,
            422,
            invalid("(1)/mem", "must not be negative"),
        ),
        refused(
            "PUT",
            "/v2/apps",
            r#"[{"id": "a", "cmd": "x"}, {"id": "/a", "cmd": "y"}]"#,
            422,
            invalid("(1)/id", "'/a' is named by an earlier app too"),
        ),
        refused("PUT", "/v2/apps", "{}", 422, invalid("/", "must be an array of apps")),
        refused("PUT", "/v2/apps", "[]", 422, invalid("/", "must hold at least one app")),
        refused("PUT", "/v2/apps/with%20space", r#"{"cmd": "x"}"#, 422, invalid("/id", space)),
        refused(
            "PUT",
            "/v2/apps/there",
            r#"{"version": "2014-11-24T09:08:07.006Z"}"#,
            422,
            invalid("/version", "going back to a version is not built yet: send the definition itself"),
        ),
        refused("PATCH", "/v2/apps/none", r#"{"cmd": "x"}"#, 404, message("App '/none' does not exist")),
        refused("GET", "/v2/apps/none", "", 404, message("App '/none' does not exist")),
        refused("GET", "/v2/apps/with%20space", "", 404, message("App '/with space' does not exist")),
        refused("DELETE", "/v2/apps/none", "", 404, message("App '/none' does not exist")),
        refused("POST", "/v2/apps/none/restart", "", 404, message("App '/none' does not exist")),
        refused("POST", "/v2/tasks/delete", "{}", 422, invalid("/ids", "must be an array of the ids of tasks")),
        refused(
            "GET",
            "/v2/tasks?status=lost",
            "",
            400,
            message("the parameter status must be running or staging, not 'lost'"),
        ),
        refused(
            "GET",
            "/v2/apps?label=a%3Db",
            "",
            400,
            message("the parameter label: 'a' is followed by '=b': use ==, !=, in or notin"),
        ),
        refused("GET", "/v2/nothing", "", 404, message("there is no route GET /v2/nothing; see /help")),
        refused(
            "GET",
            "/v2/groups",
            "",
            404,
            message("GET /v2/groups is a route of Marathon's that is not built yet; see /help"),
        ),
        refused("PUT", "/v2/info", "", 405, message("PUT is not a method of /v2/info: use GET, HEAD")),
    ]
}

#[tokio::test]
async fn refusals_name_the_reason_and_change_nothing() {
    let cluster = Cluster::start().await;
    cluster.change("POST", "/v2/apps", json!({"id": "there", "cmd": "x", "instances": 0})).await;
    cluster.settle().await;
    let (seq, hash) = {
        let state = cluster.master.read();
        (state.seq, state.hash())
    };
    for Refused { method, path, body, status, answer } in table() {
        let got = cluster.call(method, path, body).await;
        assert_eq!((got.status.as_u16(), got.json()), (status, answer), "{method} {path} {body}");
    }
    let not_allowed = cluster.call("PUT", "/v2/info", "").await;
    assert_eq!(not_allowed.header("allow"), Some("GET, HEAD"));
    let state = cluster.master.read();
    assert_eq!((state.seq, state.hash()), (seq, hash));
}

#[tokio::test]
async fn a_full_disk_is_said_and_reads_go_on() {
    let cluster = Cluster::start().await;
    cluster.change("POST", "/v2/apps", json!({"id": "there", "cmd": "x", "instances": 0})).await;
    cluster.settle().await;
    break_log(&cluster.log, "no space left on device");
    let refused = cluster.call("POST", "/v2/apps", r#"{"id": "x", "cmd": "x"}"#).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|s| s > 0)));
    assert!(refused.text().contains("no space left on device"), "{}", refused.text());
    assert_eq!(cluster.get("/v2/apps").await["apps"].as_array().map(Vec::len), Some(1));
    cluster.log.heal();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !cluster.call("POST", "/v2/apps", r#"{"id": "x", "cmd": "x"}"#).await.status.is_success() {
        assert!(std::time::Instant::now() < deadline, "writes do not come back");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
