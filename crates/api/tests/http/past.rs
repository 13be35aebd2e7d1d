//! The same questions, about a moment of the past.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use model::Seq;
use protocol::operator::{AppList, ClusterStatus};
use serde_json::json;

use crate::cluster::{Answer, Cluster, answer_of};
use crate::frameworks::router;

async fn ask(router: &Router, method: Method, path: &str, at: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("bayplan-at", at).body(Body::empty());
    answer_of(router.clone(), request.expect("a request")).await
}

async fn told(router: &Router, path: &str, at: &str) -> Answer {
    let answer = ask(router, Method::GET, path, at).await;
    assert_eq!(answer.status, StatusCode::OK, "{path} at {at}: {}", answer.text());
    answer
}

async fn refused(router: &Router, method: Method, path: &str, at: &str) -> (StatusCode, String) {
    let answer = ask(router, method, path, at).await;
    (answer.status, answer.text())
}

async fn deploy(cluster: &Cluster, name: &str) -> Seq {
    let app = json!({"id": name, "cmd": "sleep 1000", "cpus": 0.1, "mem": 16, "instances": 1});
    cluster.change("POST", "/v2/apps", app).await;
    cluster.settle().await;
    cluster.master.read().seq
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_as_after_a_record_or_at_a_time() {
    let cluster = Cluster::with_agents(&["a"]).await;
    let router = api::past::at(router(&cluster), cluster.master.clone());
    let seq = deploy(&cluster, "web").await;
    let at = cluster.master.read().at;
    let explained = cluster.master.read().tasks.keys().next().cloned().expect("a task");
    // Another record has another time from here on.
    cluster.until("the clock goes on", || cluster.master.now() > at).await;
    deploy(&cluster, "more").await;
    cluster.change("DELETE", "/v2/apps/web?force=true", json!(null)).await;
    cluster.until("the app is gone", || cluster.master.read().apps.len() == 1).await;

    let by_seq = told(&router, "/api/v1/apps", &seq.to_string()).await;
    assert_eq!(by_seq.header("bayplan-seq"), Some(seq.to_string().as_str()));
    let time = by_seq.header("bayplan-time").expect("its time").to_owned();
    let apps: AppList = serde_json::from_slice(&by_seq.body).expect("apps");
    assert_eq!(apps.apps.iter().map(|app| app.id.as_str()).collect::<Vec<_>>(), ["/web"]);
    assert_eq!(apps.now, at, "ages are those of that moment");
    let by_time = told(&router, "/api/v1/apps", &time).await;
    assert_eq!((by_time.header("bayplan-seq"), &by_time.body), (by_seq.header("bayplan-seq"), &by_seq.body));
    let marathon = told(&router, "/v2/apps", &time).await.json();
    assert_eq!(marathon["apps"].as_array().map(Vec::len), Some(1), "{marathon}");
    let status: ClusterStatus = serde_json::from_slice(&told(&router, "/api/v1/status", &time).await.body).expect("it");
    assert_eq!((status.seq, status.unwritable, status.answered_by), (seq, None, None));
    let events = told(&router, "/api/v1/events?from=1&follow=true", &seq.to_string()).await;
    assert_eq!(events.text().lines().count() as u64, seq.0, "they end there");
    told(&router, &format!("/api/v1/tasks/{explained}/explanation"), &time).await;
    told(&router, "/api/v1/placement/why-not?what=web&agent=a", &time).await;
    let (status, _) = refused(&router, Method::GET, "/api/v1/placement/why-not?what=more&agent=a", &time).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nobody knew it then");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_present_has_is_refused() {
    let cluster = Cluster::with_agents(&["a"]).await;
    let router = api::past::at(router(&cluster), cluster.master.clone());
    deploy(&cluster, "web").await;
    for (method, path, at, expected, part) in [
        (Method::DELETE, "/v2/apps/web", "3", StatusCode::BAD_REQUEST, "the past cannot be changed"),
        (Method::GET, "/metrics", "3", StatusCode::NOT_FOUND, ""),
        (Method::GET, "/api/v1/apps", "99999", StatusCode::NOT_FOUND, "the log ends with record"),
        (Method::GET, "/api/v1/apps", "1970-01-01T00:00:00Z", StatusCode::NOT_FOUND, "is of a later time"),
        (Method::GET, "/api/v1/apps", "yesterday", StatusCode::BAD_REQUEST, "a record's number"),
    ] {
        let (status, text) = refused(&router, method, path, at).await;
        assert!(status == expected && text.contains(part), "{path} at {at}: {status} {text}");
    }
}
