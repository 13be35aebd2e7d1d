//! Apps, as clients of Marathon see them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::cluster::Cluster;

const POST_2014: &str = r#"curl -X POST -H "Accept: application/json" -H "Content-Type: application/json" localhost:8080/v2/apps -d '{
  "container": {"image": "docker:///libmesos/ubuntu", "options": ["--privileged"]},
  "cpus": 0.5, "cmd": "sleep 500", "id": "docker-tester", "instances": 1, "mem": 300}'"#;
const GET_2014: &str = r#"curl -X GET -H "Content-Type: application/json" localhost:8080/v2/apps"#;
const PUT_2014: &str = r#"curl -X PUT -H "Content-Type: application/json" localhost:8080/v2/apps/docker-tester -d '{
  "container": {"image": "docker:///libmesos/ubuntu", "options": ["--privileged"]},
  "cpus": 0.5, "cmd": "sleep 500", "id": "docker-tester", "instances": 2, "mem": 300}'"#;

#[tokio::test]
async fn the_commands_of_2014_work_as_typed() {
    let cluster = Cluster::with_agents(&["one"]).await;
    let created = cluster.curl(POST_2014).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    assert_eq!(created.header("location"), Some("/v2/apps/docker-tester"));
    let app = created.json();
    assert_eq!(app["deployments"][0]["id"].as_str(), created.header("marathon-deployment-id"));
    assert_eq!(
        app["container"],
        json!({
            "type": "DOCKER",
            "docker": {"image": "libmesos/ubuntu", "privileged": true, "forcePullImage": false, "parameters": []},
            "volumes": [],
            "portMappings": [{
                "containerPort": 0, "hostPort": 0, "servicePort": 10000, "protocol": "tcp", "name": "default", "labels": {},
            }],
        })
    );
    assert_eq!((&app["tasksRunning"], &app["tasks"]), (&json!(0), &json!([])));

    cluster.settle().await;
    let before = cluster.curl(GET_2014).await.json()["apps"][0].clone();
    assert_eq!((&before["id"], &before["tasksRunning"]), (&json!("/docker-tester"), &json!(1)));
    let first_task = cluster.get("/v2/apps/docker-tester/tasks").await["tasks"][0]["id"].clone();

    let put = cluster.curl(PUT_2014).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    assert_eq!(put.json()["deploymentId"].as_str(), put.header("marathon-deployment-id"));
    cluster.settle().await;
    let after = cluster.get("/v2/apps/docker-tester").await["app"].clone();
    assert_eq!((&after["instances"], &after["tasksRunning"]), (&json!(2), &json!(2)));
    let tasks: Vec<Value> = after["tasks"].as_array().expect("tasks").iter().map(|task| task["id"].clone()).collect();
    assert!(tasks.contains(&first_task), "scaling replaces nothing");
    assert_eq!(after["versionInfo"]["lastConfigChangeAt"], before["versionInfo"]["lastConfigChangeAt"]);
    assert_ne!(after["version"], before["version"]);
}

#[tokio::test]
async fn an_answer_can_be_sent_back_and_changes_nothing() {
    let cluster = Cluster::with_agents(&["one"]).await;
    cluster.change("POST", "/v2/apps", json!({"id": "/shop/web", "cmd": "sleep 500", "labels": {"a": "b"}})).await;
    cluster.settle().await;
    let app = cluster.get("/v2/apps/shop/web").await["app"].clone();
    cluster.change("PUT", "/v2/apps//shop/web/", app.clone()).await;
    cluster.settle().await;
    let again = cluster.get("/v2/apps/shop/web").await["app"].clone();
    assert_eq!(again["tasks"], app["tasks"], "no task is replaced");
    let stale = cluster.call("PUT", "/v2/apps/shop/web", &app.to_string()).await;
    assert_eq!(stale.status, StatusCode::CONFLICT, "the version in the body is an older one now");
    assert!(stale.text().contains("was made from"), "{}", stale.text());
}

#[tokio::test]
async fn changes_start_what_others_depend_on_first_and_replace_tasks_of_older_definitions() {
    let cluster = Cluster::with_agents(&["one", "two"]).await;
    let apps = json!([
        {"id": "/blog/web", "cmd": "sleep 500", "cpus": 0.1, "dependencies": ["/blog/db"]},
        {"id": "/blog/db", "cmd": "sleep 500", "cpus": 0.1},
    ]);
    let change = cluster.change("PUT", "/v2/apps", apps).await;
    let deployment_id = change["deploymentId"].as_str().expect("an id").to_owned();
    assert!(!deployment_id.is_empty());
    cluster.settle().await;
    let tasks = cluster.get("/v2/tasks").await["tasks"].clone();
    let staged = |app: &str| {
        let tasks = tasks.as_array().expect("tasks");
        tasks.iter().find(|task| task["appId"] == app).expect("a task")["stagedAt"].as_str().expect("a time").to_owned()
    };
    assert!(staged("/blog/db") <= staged("/blog/web"));

    cluster.change("PUT", "/v2/apps/blog/db", json!({"env": {"A": "1"}})).await;
    cluster.settle().await;
    let after = cluster.get("/v2/apps/blog/db").await["app"].clone();
    assert_eq!(after["env"], json!({"A": "1"}));
    let old = tasks.as_array().expect("tasks").iter().any(|task| task["id"] == after["tasks"][0]["id"]);
    assert!(!old, "a changed environment replaces the task");

    let gone = cluster.change("DELETE", "/v2/apps/blog/web", json!({})).await;
    assert!(gone["version"].as_str().is_some_and(|version| version.ends_with('Z')));
    cluster.settle().await;
    assert_eq!(cluster.call("GET", "/v2/apps/blog/web", "").await.status, StatusCode::NOT_FOUND);
    let under = cluster.get("/v2/apps/blog/*").await;
    assert_eq!(under["*"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn lists_are_filtered_and_carry_what_is_embedded() {
    let cluster = Cluster::with_agents(&["one"]).await;
    let apps = json!([
        {"id": "/shop/web", "cmd": "serve WEB", "labels": {"tier": "web"}},
        {"id": "/shop/db", "args": ["store"], "labels": {"tier": "db"}},
        {"id": "/blog", "cmd": "serve blog"},
    ]);
    cluster.change("PUT", "/v2/apps", apps).await;
    cluster.settle().await;
    let cases = [
        ("", vec!["/blog", "/shop/db", "/shop/web"]),
        ("?id=SHOP", vec!["/shop/db", "/shop/web"]),
        ("?cmd=web", vec!["/shop/web"]),
        ("?label=tier", vec!["/shop/db", "/shop/web"]),
        ("?label=tier%3D%3Ddb&embed=apps.everything", vec!["/shop/db"]),
        ("?label=tier%20notin%20(db)&id=shop", vec!["/shop/web"]),
    ];
    for (query, expected) in cases {
        let list = cluster.get(&format!("/v2/apps{query}")).await;
        let ids: Vec<&str> =
            list["apps"].as_array().expect("apps").iter().filter_map(|app| app["id"].as_str()).collect();
        assert_eq!(ids, expected, "{query}");
        assert!(list["apps"][0].get("tasks").is_none(), "tasks are embedded on demand only");
    }
    let embedded = cluster.get("/v2/apps?embed=app.tasks&embed=apps.counts").await;
    assert_eq!(embedded["apps"][0]["tasks"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_deployment_that_cannot_go_on_says_why_and_locks_its_app() {
    let cluster = Cluster::with_agents(&["one"]).await;
    cluster.change("POST", "/v2/apps", json!({"id": "/big", "cmd": "x", "cpus": 3, "instances": 5})).await;
    let waits =
        || cluster.master.read().apps.values().any(|app| app.waiting.as_ref().is_some_and(|w| w.instances == 3));
    cluster.until("three instances wait", waits).await;
    let item = cluster.get("/v2/queue").await["queue"][0].clone();
    assert_eq!((&item["count"], &item["app"]["id"]), (&json!(3), &json!("/big")));
    assert_eq!(item["delay"], json!({"timeLeftSeconds": 0, "overdue": true}));
    let summary = &item["processedOffersSummary"];
    assert_eq!(summary["reason"], "no agent fits: 0 of 1 agents feasible: 1 InsufficientCpus");
    let funnel = json!([{"reason": "InsufficientCpus", "declined": 1, "processed": 1}]);
    assert_eq!(summary["rejectSummaryLaunchAttempt"], funnel);

    let deployments = cluster.get("/v2/deployments").await;
    let [deployment] = deployments.as_array().expect("an array").as_slice() else { panic!("{deployments}") };
    assert_eq!(deployment["affectedApps"], json!(["/big"]));
    assert_eq!(deployment["currentActions"], json!([{"action": "StartApplication", "app": "/big"}]));
    assert_eq!((&deployment["currentStep"], &deployment["totalSteps"]), (&json!(1), &json!(1)));

    let locked = cluster.call("PUT", "/v2/apps/big", r#"{"cmd": "y"}"#).await;
    assert_eq!(locked.status, StatusCode::CONFLICT);
    assert!(locked.text().contains("App is locked by one or more deployments."), "{}", locked.text());
    assert_eq!(locked.json()["deployments"], json!([{"id": deployment["id"]}]));
    cluster.change("PUT", "/v2/apps/big?force=True", json!({"cmd": "y"})).await;
    // To ask for less is the way out of such a deployment, so that needs no force.
    cluster.change("PUT", "/v2/apps/big", json!({"instances": 1})).await;
    cluster.settle().await;
    assert_eq!(cluster.get("/v2/queue").await, json!({"queue": []}));
}

#[tokio::test]
async fn says_what_it_is() {
    let cluster = Cluster::start().await;
    assert_eq!(cluster.call("GET", "/ping", "").await.text(), "pong");
    let info = cluster.curl("curl localhost:8080/v2/info").await.json();
    assert_eq!((&info["elected"], &info["leader"]), (&json!(true), &json!("master")));
    assert_eq!(info["http_config"]["http_port"], 8080);
    let root = cluster.call("GET", "/", "").await;
    assert_eq!((root.status, root.header("location")), (StatusCode::FOUND, Some("/help")));
}
