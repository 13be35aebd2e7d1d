//! Why tasks are where they are, and what stands between an app and an agent, as the operator API tells it.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use protocol::explain::{ExplanationView, LackView, Resource, WhyNotView};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime;

use crate::cluster::{Answer, Cluster, answer_of};
use crate::frameworks::router;

async fn get(router: &Router, path: &str) -> Answer {
    answer_of(router.clone(), Request::get(path).body(Body::empty()).expect("a request")).await
}

async fn told<T: DeserializeOwned>(router: &Router, path: &str) -> T {
    let answer = get(router, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("a view")
}

async fn refused(router: &Router, path: &str) -> (StatusCode, String) {
    let answer = get(router, path).await;
    (answer.status, answer.json()["message"].as_str().expect("a message").to_owned())
}

fn first_task(cluster: &Cluster) -> String {
    cluster.master.read().tasks.keys().next().expect("a task").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_is_explained_from_the_log_also_when_the_task_is_forgotten() {
    let cluster = Cluster::with_agents(&["a", "b", "c"]).await;
    let router = router(&cluster);
    let app = json!({"id": "web", "cmd": "sleep 1000", "cpus": 1, "mem": 64, "instances": 2});
    cluster.change("POST", "/v2/apps", app).await;
    cluster.settle().await;
    let task = first_task(&cluster);
    let explanation: ExplanationView = told(&router, &format!("/api/v1/tasks/{task}/explanation")).await;
    assert_eq!((explanation.task.as_str(), explanation.otherwise.as_deref()), (task.as_str(), None));
    let account = &explanation.account;
    assert_eq!((account.agents, account.feasible, account.candidates.len()), (3, 3, 3));
    assert_eq!(account.candidates[0].agent, explanation.agent);
    assert_eq!(explanation.recorded.score, Some(i64::from(account.candidates[0].score)));
    assert_eq!(account.terms.len(), account.candidates[0].terms.len());
    // The record is that of the launch.
    let state = cluster.master.read().clone();
    assert_eq!(explanation.at, state.tasks.get(&explanation.task).expect("known").launched_at);
    cluster.change("DELETE", "/v2/apps/web?force=true", json!(null)).await;
    cluster.until("the app is gone", || cluster.master.read().apps.is_empty()).await;
    let again: ExplanationView = told(&router, &format!("/api/v1/tasks/{task}/explanation")).await;
    assert_eq!(again, explanation);
    let unknown =
        [("nobody", "'nobody' is no task's id"), ("web.instance-0._app.1", "launches task 'web.instance-0._app.1'")];
    for (task, part) in unknown {
        let (status, message) = refused(&router, &format!("/api/v1/tasks/{task}/explanation")).await;
        assert!(status == StatusCode::NOT_FOUND && message.contains(part), "{status} {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_an_app_off_an_agent_is_told_of_the_present_state() {
    let cluster = Cluster::with_agents(&["a", "b"]).await;
    let router = router(&cluster);
    let app = json!({"id": "web", "cmd": "sleep 1000", "cpus": 3, "mem": 64, "instances": 1});
    cluster.change("POST", "/v2/apps", app).await;
    cluster.settle().await;
    let task = first_task(&cluster);
    let free: WhyNotView = told(&router, &format!("/api/v1/placement/why-not?what={task}&agent=a")).await;
    assert_eq!((free.lacks.len(), free.fit, free.task.map(|task| task.to_string())), (0, 1, Some(task)));
    assert!(free.rank.is_some());
    let many: WhyNotView = told(&router, "/api/v1/placement/why-not?what=/web&agent=b&count=4").await;
    assert_eq!((many.count, many.changes.len(), many.beyond.len()), (4, 1, 0));
    assert!(many.fit < 4 && many.changes[0].resource == Resource::Cpus);
    let large = json!({"id": "large", "cmd": "sleep 1000", "cpus": 9.5, "mem": 64, "instances": 0});
    cluster.change("POST", "/v2/apps", large).await;
    let lacking: WhyNotView = told(&router, "/api/v1/placement/why-not?what=large&agent=b").await;
    let [LackView::Amount { resource: Resource::Cpus, wanted, .. }] = &lacking.lacks[..] else {
        panic!("{:?}", lacking.lacks)
    };
    assert!((wanted - 9.5).abs() < f64::EPSILON);
    for (query, expected, part) in [
        ("what=cart&agent=a", StatusCode::NOT_FOUND, "'cart' is neither an app nor a task"),
        ("what=web&agent=z", StatusCode::NOT_FOUND, "no agent has the id or hostname 'z'"),
        ("what=web&agent=a&count=0", StatusCode::BAD_REQUEST, "count must be 1 to 10000"),
        ("what=web", StatusCode::BAD_REQUEST, "agent"),
    ] {
        let (status, message) = refused(&router, &format!("/api/v1/placement/why-not?{query}")).await;
        assert_eq!(status, expected, "{query}: {message}");
        assert!(message.contains(part), "{query}: {message}");
    }
}

/// Whoever comes while others are worked on is told to come again; nobody waits in a queue that nothing bounds.
#[test]
fn more_questions_than_are_worked_on_at_once_are_refused_and_say_so() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let cluster = Cluster::with_agents(&["a"]).await;
        let router = router(&cluster);
        let app = json!({"id": "web", "cmd": "sleep 1000", "cpus": 0.1, "mem": 1, "instances": 1});
        cluster.change("POST", "/v2/apps", app).await;
        cluster.settle().await;
        // No question is answered while the only thread for such work waits.
        let (release, released) = std::sync::mpsc::channel::<()>();
        let waiting = tokio::task::spawn_blocking(move || released.recv());
        let path = "/api/v1/placement/why-not?what=web&agent=a";
        let mut answers: FuturesUnordered<_> = (0..3).map(|_| get(&router, path)).collect();
        let refused = answers.next().await.expect("one of three");
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text());
        assert_eq!(refused.header("retry-after"), Some("5"));
        assert!(refused.text().contains("works on 2 such questions already"), "{}", refused.text());
        drop(release);
        assert!(waiting.await.expect("it ends").is_err(), "nothing was sent");
        while let Some(answer) = answers.next().await {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        }
    });
}
