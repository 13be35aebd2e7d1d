//! Tasks, listed and killed.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::cluster::Cluster;

async fn running(cluster: &Cluster, app: &str) -> Vec<String> {
    let list = cluster.get(&format!("/v2/apps{app}/tasks")).await;
    let tasks = list["tasks"].as_array().expect("tasks").iter();
    let mut ids: Vec<String> = tasks.map(|task| task["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

async fn three_on_two() -> Cluster {
    let cluster = Cluster::with_agents(&["one", "two"]).await;
    let app = json!({"id": "/shop/web", "cmd": "x", "cpus": 0.1, "instances": 2, "constraints": [["hostname", "UNIQUE"]],
        "portDefinitions": [{"port": 0}, {"port": 9000}]});
    cluster.change("POST", "/v2/apps", app).await;
    cluster.change("POST", "/v2/apps", json!({"id": "/job", "cmd": "x", "cpus": 0.1, "ports": []})).await;
    cluster.settle().await;
    cluster
}

#[tokio::test]
async fn tasks_say_where_they_run() {
    let cluster = three_on_two().await;
    let tasks = cluster.get("/v2/tasks?status=running").await["tasks"].clone();
    assert_eq!(tasks.as_array().map(Vec::len), Some(3));
    let of_app = cluster.get("/v2/apps/shop/web/tasks").await["tasks"][0].clone();
    assert_eq!(of_app["appId"], "/shop/web");
    assert_eq!(of_app["servicePorts"], json!([10000, 9000]));
    assert_eq!((&of_app["state"], of_app["ports"].as_array().map(Vec::len)), (&json!("TASK_RUNNING"), Some(2)));
    assert!(of_app["startedAt"].is_string() && of_app["slaveId"].as_str().is_some_and(|id| id.starts_with('S')));
    assert_eq!(cluster.get("/v2/tasks?status[]=staging").await, json!({"tasks": []}));

    let text = cluster.curl(r#"curl -H "Accept: text/plain" localhost:8080/v2/tasks"#).await;
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    let text = text.text();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.trim_end().split('\t').collect()).collect();
    assert_eq!(lines[0][..2], ["job", " "]);
    assert_eq!((lines[1][0], lines[1][1], lines[1].len()), ("shop_web", "10000", 4));
    assert_eq!((lines[2][1], lines.len()), ("9000", 3));
    assert!(lines[1][2].starts_with("one:31") || lines[1][2].starts_with("two:31"), "{text}");
}

#[tokio::test]
async fn killed_tasks_are_replaced_or_scaled_away() {
    let cluster = three_on_two().await;
    let before = running(&cluster, "/shop/web").await;
    let killed = cluster.change("DELETE", "/v2/apps/shop/web/tasks?host=one", json!({})).await;
    let killed: Vec<&Value> = killed["tasks"].as_array().expect("tasks").iter().collect();
    assert_eq!((killed.len(), &killed[0]["host"]), (1, &json!("one")));
    cluster.settle().await;
    let after = running(&cluster, "/shop/web").await;
    assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 1, "{before:?} {after:?}");

    let one = &after[0];
    let killed = cluster.change("DELETE", &format!("/v2/apps/shop/web/tasks/{one}"), json!({})).await;
    assert_eq!(killed["task"]["id"], json!(one));
    cluster.settle().await;

    let one = running(&cluster, "/shop/web").await.remove(0);
    let path = format!("/v2/apps/shop/web/tasks/{one}?scale=true");
    let changed = cluster.change("DELETE", &path, json!({})).await;
    assert!(changed["deploymentId"].is_string() && changed["version"].is_string(), "{changed}");
    cluster.settle().await;
    assert_eq!(cluster.get("/v2/apps/shop/web").await["app"]["instances"], 1);
    let left = running(&cluster, "/shop/web").await;
    assert!(left.len() == 1 && left[0] != one);

    let ids = json!({"ids": [left[0], running(&cluster, "/job").await[0], "job.never-was"]});
    let killed = cluster.change("POST", "/v2/tasks/delete", ids).await;
    assert_eq!(killed["tasks"].as_array().map(Vec::len), Some(2), "what is not there is passed over");
    cluster.settle().await;
    assert_ne!(running(&cluster, "/shop/web").await, left);
}

#[tokio::test]
async fn what_cannot_be_killed_is_said() {
    let cluster = three_on_two().await;
    let one = running(&cluster, "/shop/web").await.remove(0);
    let cases = [
        ("/v2/apps/none/tasks".to_owned(), StatusCode::NOT_FOUND, "App '/none' does not exist"),
        (format!("/v2/apps/job/tasks/{one}"), StatusCode::NOT_FOUND, "App '/job' has no task"),
        ("/v2/apps/job/tasks?scale=true&wipe=TRUE".to_owned(), StatusCode::BAD_REQUEST, "exclude each other"),
        ("/v2/apps/job/tasks?wipe=true".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, "is not built yet"),
        ("/v2/apps/job/tasks?scale=maybe".to_owned(), StatusCode::BAD_REQUEST, "scale must be true or false"),
    ];
    for (path, status, says) in cases {
        let answer = cluster.call("DELETE", &path, "").await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(says), "{path}: {}", answer.text());
    }
    assert_eq!(running(&cluster, "/shop/web").await.len(), 2);
}

/// An app may have an id that looks like a task of another one.
#[tokio::test]
async fn an_app_whose_id_looks_like_a_task_can_be_destroyed() {
    let cluster = Cluster::with_agents(&["one"]).await;
    cluster.change("POST", "/v2/apps", json!({"id": "/a/tasks/b", "cmd": "x"})).await;
    cluster.settle().await;
    assert_eq!(cluster.get("/v2/apps/a/tasks/b").await["app"]["id"], "/a/tasks/b");
    cluster.change("DELETE", "/v2/apps/a/tasks/b", json!({})).await;
    cluster.settle().await;
    assert_eq!(cluster.get("/v2/apps").await, json!({"apps": []}));
}
