//! Counts requests, by route and not by path, so that nobody can make as many series as there are ids.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::marathon;

const REQUESTS: &str = "bayplan_http_requests_total";
const SECONDS: &str = "bayplan_http_request_seconds";

/// Where no route was found.
const NO_ROUTE: &str = "none";

/// Says what each metric means. Call it once, when the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(REQUESTS, "HTTP requests that were answered, by route, method and class of the status.");
    describe_histogram!(
        SECONDS,
        Unit::Seconds,
        "How long an answer took until it began, by route; a stream goes on after that."
    );
    // So that the first failure is an increase.
    for class in ["2xx", "4xx", "5xx"] {
        count(NO_ROUTE.to_owned(), "GET", class, 0);
    }
}

pub(crate) async fn measured(request: Request, next: Next) -> Response {
    let (began_at, route) = (Instant::now(), route_of(&request));
    let method = name_of(request.method());
    let response = next.run(request).await;
    histogram!(SECONDS, "route" => route.clone()).record(began_at.elapsed().as_secs_f64());
    count(route, method, class_of(response.status()), 1);
    response
}

fn count(route: String, method: &'static str, class: &'static str, more: u64) {
    counter!(REQUESTS, "route" => route, "method" => method, "class" => class).increment(more);
}

/// Of the patterns of the operator's port, or one of Marathon's, which are found in another way.
fn route_of(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        Some(matched) => matched.as_str().to_owned(),
        None => marathon::route_name(request.method(), request.uri().path()).unwrap_or(NO_ROUTE).to_owned(),
    }
}

/// Clients may make methods up.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn what_people_choose_is_in_no_label() {
        let route = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
            (route_of(&request), name_of(request.method()))
        };
        assert_eq!(route("GET", "/v2/apps//shop/cart"), ("/v2/apps/{app}".to_owned(), "GET"));
        assert_eq!(route("DELETE", "/v2/apps/a/tasks/t.1"), ("/v2/apps/{app}/tasks/{task}".to_owned(), "DELETE"));
        assert_eq!(route("GET", "/wp-login.php"), ("none".to_owned(), "GET"));
        assert_eq!(route("HACK", "/v2/apps"), ("none".to_owned(), "other"));
    }
}
