//! The examples of `/help` work as they are.

use axum::http::{Request, StatusCode};

use crate::cluster::Cluster;

#[tokio::test]
async fn every_example_works() {
    let cluster = Cluster::with_agents(&["one", "two", "three"]).await;
    let help = cluster.curl("curl localhost:8080/help").await.text();
    let mut commands: Vec<String> = Vec::new();
    for line in help.lines() {
        match commands.last_mut() {
            _ if line.starts_with("curl ") => commands.push(line.to_owned()),
            // A command goes on for as long as it has an open quote.
            Some(command) if command.matches('\'').count() % 2 == 1 => {
                command.push('\n');
                command.push_str(line);
            }
            _ => {}
        }
    }
    assert!(commands.len() > 15, "{help}");
    for command in &commands {
        let answer = cluster.curl(command).await;
        assert!(answer.status.is_success(), "{command}\n{} {}", answer.status, answer.text());
        cluster.settle().await;
    }
}

#[tokio::test]
async fn browsers_get_a_page() {
    let cluster = Cluster::start().await;
    let request = Request::get("/help").header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let answer = cluster.send(request.body(axum::body::Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let page = answer.text();
    assert!(page.contains("docker:///libmesos/ubuntu") && page.contains("<code>healthChecks</code>"));
    assert!(!page.contains("src=") && !page.contains("http://"), "the page needs nothing else");
}
