//! The doors: tokens, pages of other sites, names of other machines, bodies that are too large, handlers that fail.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use crate::cluster::{Answer, Cluster, answer_of};

async fn fails() -> &'static str {
    panic!("on purpose")
}

fn routes() -> Router {
    let who = |request: Request| async move { api::auth::principal_of(request.extensions()).to_string() };
    Router::new()
        .route("/who", get(who).post(who))
        .route("/health", get(|| async { "ok" }))
        .route("/body", post(|body: String| async move { body.len().to_string() }))
        .route("/panic", get(fails))
}

async fn ask(token: Option<&str>, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let guarded = api::guard(routes(), token.map(api::Token::new));
    answer_of(guarded, request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn with_a_token_everything_but_health_needs_it() {
    let token = Some("s3cret-and-long");
    let bare = ask(token, "GET", "/who", &[]).await;
    assert_eq!((bare.status, bare.header("www-authenticate")), (StatusCode::UNAUTHORIZED, Some("Bearer")));
    assert!(bare.json()["message"].as_str().is_some_and(|said| said.contains("Authorization: Bearer")));
    let wrong = ask(token, "GET", "/who", &[("authorization", "Bearer s3cret")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    for value in ["Bearer s3cret-and-long", "token=s3cret-and-long"] {
        let right = ask(token, "GET", "/who", &[("authorization", value), ("host", "cluster.example")]).await;
        assert_eq!((right.status, right.text().as_str()), (StatusCode::OK, "token"));
    }
    assert_eq!(ask(token, "GET", "/health", &[]).await.status, StatusCode::OK);
    assert_eq!(ask(token, "GET", "/nowhere", &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(None, "GET", "/who", &[]).await.text(), "anonymous");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_and_other_names_are_not_answered() {
    let evil = [("host", "localhost:8080"), ("origin", "http://evil.example")];
    let refused = ask(None, "POST", "/who", &evil).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.json()["message"].is_string());
    let own = [("host", "localhost:8080"), ("origin", "http://localhost:8080")];
    assert_eq!(ask(None, "POST", "/who", &own).await.status, StatusCode::OK);
    let rebound = ask(None, "GET", "/who", &[("host", "evil.example:8080")]).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN);
    assert_eq!(ask(None, "GET", "/who", &[("host", "[::1]:8080")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn large_bodies_and_failing_handlers_are_answered_in_json() {
    let cluster = Cluster::start().await;
    let large = cluster.call("POST", "/v2/apps", &"x".repeat(api::BODY_LIMIT_BYTES + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.json()["message"].is_string());
    let failed = ask(None, "GET", "/panic", &[]).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(failed.json()["message"].is_string() && !failed.text().contains("on purpose"));
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move || async move {
            begun.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let router = api::guard(Router::new().route("/slow", get(handler)), None);
    let server = tokio::spawn(api::serve(listener, router, async { stopped.await.unwrap_or_default() }));

    let mut client = TcpStream::connect(address).await.expect("connected");
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("written");
    begun.notified().await;
    stop.send(()).expect("the server listens");
    go_on.notify_one();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    server.await.expect("no panic").expect("ended well");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
