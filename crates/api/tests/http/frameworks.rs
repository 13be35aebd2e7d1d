//! Mesos' scheduler API: what a framework that speaks JSON sees of it.

use std::time::Duration;

use api::operator::{AgentFiles, Operator};
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use protocol::mesos::{RecordIo, SCHEDULER_PATH};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::cluster::{Answer, Cluster, answer_of};

const JSON: &str = "application/json";
/// How long an event may take that has to come.
const SOON: Duration = Duration::from_secs(20);

pub(crate) fn router(cluster: &Cluster) -> Router {
    let files = AgentFiles::new(reqwest::Client::new(), None);
    let (handle, stopping) = (cluster.master.clone(), CancellationToken::new());
    let operator = Operator { handle, addresses: None, metrics: std::sync::Arc::new(String::new), files, stopping };
    api::guard(api::operator::router(operator), None)
}

/// A framework that is subscribed.
struct Framework {
    router: Router,
    id: String,
    stream_id: String,
    body: BodyDataStream,
    messages: RecordIo,
}

impl Framework {
    async fn subscribe(router: &Router, name: &str, id: Option<&str>) -> Self {
        let mut info = json!({"user": "", "name": name, "failover_timeout": 3600.0});
        let mut call = json!({"type": "SUBSCRIBE"});
        if let Some(id) = id {
            info["id"] = json!({"value": id});
            call["framework_id"] = json!({"value": id});
        }
        call["subscribe"] = json!({"framework_info": info});
        let response = router.clone().oneshot(post().body(Body::from(call.to_string())).expect("a request")).await;
        let response = response.expect("a router answers always");
        assert_eq!(response.status(), StatusCode::OK);
        let stream_id = response.headers().get("mesos-stream-id").map(|id| id.to_str().expect("text").to_owned());
        let body = response.into_body().into_data_stream();
        let (messages, router) = (RecordIo::default(), router.clone());
        let mut framework =
            Self { router, id: String::new(), stream_id: stream_id.unwrap_or_default(), body, messages };
        let first = framework.next().await.expect("an event");
        if first["type"] == "SUBSCRIBED" {
            framework.id = text(&first["subscribed"]["framework_id"]);
        } else {
            assert_eq!((&first["type"], framework.stream_id.as_str()), (&json!("ERROR"), ""), "{first}");
        }
        framework
    }

    /// The next event that is no heartbeat; None at the end of the subscription.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.messages.take().expect("well formed") {
                let event: Value = serde_json::from_slice(message).expect("JSON");
                if event["type"] != "HEARTBEAT" {
                    return Some(event);
                }
                continue;
            }
            let part = tokio::time::timeout(SOON, self.body.next()).await.expect("an event in time")?;
            self.messages.push(&part.expect("a body"));
        }
    }

    /// The next event, which must be of this type; its content.
    async fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().await.expect("an event");
        assert_eq!(event["type"], kind, "{event}");
        event[kind.to_lowercase()].clone()
    }

    async fn offers(&mut self) -> Vec<Value> {
        self.expect("OFFERS").await["offers"].as_array().expect("a list").clone()
    }

    async fn call(&self, kind: &str, content: Value) -> Answer {
        let mut call = json!({"type": kind, "framework_id": {"value": self.id}});
        call[kind.to_lowercase()] = content;
        let request = post().header("Mesos-Stream-Id", &self.stream_id);
        answer_of(self.router.clone(), request.body(Body::from(call.to_string())).expect("a request")).await
    }

    async fn accepted(&self, kind: &str, content: Value) {
        let answer = self.call(kind, content).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::ACCEPTED, ""));
    }

    async fn launch(&self, offer: &Value, task: &str, refuse_seconds: f64) {
        let task = json!({
            "name": task,
            "task_id": {"value": task},
            "agent_id": offer["agent_id"],
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}},
                          {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}}],
            "command": {"value": "sleep 1000"},
        });
        let accept = json!({
            "offer_ids": [offer["id"]],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
            "filters": {"refuse_seconds": refuse_seconds},
        });
        self.accepted("ACCEPT", accept).await;
    }

    /// The next update of a task, which must say this state; acknowledges it.
    async fn update(&mut self, task: &str, state: &str) -> Value {
        let status = self.expect("UPDATE").await["status"].clone();
        assert_eq!((text(&status["task_id"]).as_str(), &status["state"]), (task, &json!(state)), "{status}");
        if status["uuid"].is_string() {
            let receipt = json!({"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]});
            self.accepted("ACKNOWLEDGE", receipt).await;
        }
        status
    }
}

fn post() -> axum::http::request::Builder {
    let request = Request::builder().method("POST").uri(SCHEDULER_PATH);
    request.header("Content-Type", JSON).header("Accept", JSON).header("Host", "localhost:5050")
}

fn text(id: &Value) -> String {
    id["value"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_framework_is_offered_launches_is_told_and_ends_its_task() {
    let cluster = Cluster::with_agents(&["a"]).await;
    let mut framework = Framework::subscribe(&router(&cluster), "one", None).await;
    let offer = framework.offers().await.remove(0);
    assert_eq!((offer["hostname"].as_str(), offer["resources"][0]["scalar"]["value"].as_f64()), (Some("a"), Some(8.0)));
    framework.launch(&offer, "t1", 0.0).await;
    let rest = framework.offers().await.remove(0);
    assert_eq!(rest["resources"][0]["scalar"]["value"], 7.0);
    framework.update("t1", "TASK_RUNNING").await;

    framework.launch(&offer, "t2", 0.0).await;
    let refused = framework.update("t2", "TASK_LOST").await;
    assert_eq!((&refused["reason"], &refused["source"]), (&json!("REASON_INVALID_OFFERS"), &json!("SOURCE_MASTER")));
    framework.launch(&rest, "t1", 3600.0).await;
    assert_eq!(framework.update("t1", "TASK_ERROR").await["reason"], "REASON_TASK_INVALID");

    framework.accepted("KILL", json!({"task_id": {"value": "t1"}})).await;
    framework.update("t1", "TASK_KILLED").await;
    // All of the agent is more than what was refused.
    let whole = framework.offers().await.remove(0);
    assert_eq!(whole["resources"][0]["scalar"]["value"], 8.0);
    framework.accepted("KILL", json!({"task_id": {"value": "nobody"}})).await;
    assert_eq!(framework.update("nobody", "TASK_LOST").await["reason"], "REASON_RECONCILIATION");
    let refused = json!({"offer_ids": [whole["id"]], "filters": {"refuse_seconds": 3600}});
    framework.accepted("DECLINE", refused).await;
    framework.accepted("REVIVE", Value::Null).await;
    assert_eq!(framework.offers().await.len(), 1);
    framework.accepted("TEARDOWN", Value::Null).await;
    // Its last offer is taken back first.
    framework.expect("RESCIND").await;
    assert_eq!(framework.next().await, None);
    cluster.until("it is gone", || cluster.master.read().frameworks.is_empty()).await;
    let again = Framework::subscribe(&router(&cluster), "one", Some(&framework.id)).await;
    assert_eq!(again.id, "", "it is told that it was removed");
}

#[tokio::test]
async fn a_second_process_takes_over_and_is_told_what_was_not_acknowledged() {
    let cluster = Cluster::with_agents(&["a"]).await;
    let router = router(&cluster);
    let mut first = Framework::subscribe(&router, "one", None).await;
    let offer = first.offers().await.remove(0);
    first.launch(&offer, "t1", 3600.0).await;
    let told = first.expect("UPDATE").await;
    let mut second = Framework::subscribe(&router, "one", Some(&first.id)).await;
    assert_eq!(
        (&second.id, first.expect("ERROR").await["message"].as_str()),
        (&first.id, Some("Framework failed over"))
    );
    assert_eq!(first.next().await, None);
    assert_eq!(second.expect("UPDATE").await, told, "with the same uuid");
    second.accepted("RECONCILE", json!({})).await;
    let status = second.update("t1", "TASK_RUNNING").await;
    assert_eq!((&status["uuid"], &status["reason"]), (&Value::Null, &json!("REASON_RECONCILIATION")));

    let late = first.call("REVIVE", Value::Null).await;
    assert_eq!((late.status, late.text().contains("another process")), (StatusCode::BAD_REQUEST, true));
    let id = second.id.clone();
    drop(second);
    cluster
        .until("its end is in the log", || cluster.master.read().frameworks.values().all(|row| !row.is_subscribed()))
        .await;
    let away = first.call("REVIVE", Value::Null).await;
    assert_eq!(away.status, StatusCode::FORBIDDEN, "{}", away.text());
    let mut third = Framework::subscribe(&router, "one", Some(&id)).await;
    third.update("t1", "TASK_RUNNING").await;
    cluster
        .until("the receipt is in the log", || {
            let state = cluster.master.read();
            state.tasks.values().all(|task| task.unacknowledged.is_empty())
        })
        .await;
}

#[tokio::test]
async fn calls_that_cannot_be_looked_at_are_refused_in_mesos_order() {
    let cluster = Cluster::start().await;
    let router = router(&cluster);
    let framework = Framework::subscribe(&router, "one", None).await;
    let revive = json!({"type": "REVIVE", "framework_id": {"value": framework.id}}).to_string();
    let unknown = json!({"type": "REVIVE", "framework_id": {"value": "c-0009"}}).to_string();
    let subscribe =
        json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "", "name": "n"}}}).to_string();
    let request = json!({"type": "REQUEST", "framework_id": {"value": framework.id}}).to_string();
    let (stream, protobuf) = (framework.stream_id.as_str(), "application/x-protobuf");
    let cases = [
        ("GET", Some(JSON), JSON, Some(stream), &revive, 405, ""),
        ("POST", None, JSON, Some(stream), &revive, 400, "Content-Type is missing"),
        ("POST", Some(JSON), JSON, Some(stream), &"{".to_owned(), 400, "not JSON of a call"),
        ("POST", Some(protobuf), JSON, Some(stream), &revive, 415, "send application/json"),
        ("POST", Some(JSON), protobuf, Some(stream), &revive, 406, "accept application/json"),
        ("POST", Some(JSON), JSON, Some(stream), &subscribe, 400, "carries no header"),
        ("POST", Some(JSON), JSON, Some(stream), &unknown, 400, "is unknown"),
        ("POST", Some(JSON), JSON, None, &revive, 400, "needs the header"),
        ("POST", Some(JSON), JSON, Some("other"), &revive, 400, "is not that of"),
        ("POST", Some(JSON), JSON, Some(stream), &request, 501, "REQUEST is not built"),
        ("POST", Some("application/json; charset=utf-8"), "*/*", Some(stream), &revive, 202, ""),
    ];
    for (method, content_type, accept, stream_id, body, status, said) in cases {
        let mut request = Request::builder().method(method).uri(SCHEDULER_PATH).header("Accept", accept);
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        if let Some(stream_id) = stream_id {
            request = request.header("Mesos-Stream-Id", stream_id);
        }
        let answer = answer_of(router.clone(), request.body(Body::from(body.clone())).expect("a request")).await;
        assert_eq!(answer.status, status, "{method} {content_type:?} {accept} {body}: {}", answer.text());
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    let version = Request::builder().uri("/version").body(Body::empty()).expect("a request");
    let version = answer_of(router, version).await.json();
    assert!(version["version"].as_str().expect("text").split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
}
