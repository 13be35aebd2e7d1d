//! What every request passes before its handler: tracing, a limit for bodies, and the doors.
//!
//! Whoever may start a container owns the machine, so a web page that somebody looks at must not be able to:
//! - a browser says where a request comes from, and a change that comes from another site is refused;
//! - without a token, only names of this machine are answered to, so that no foreign name can be made to point here.

use std::any::Any;
use std::net::IpAddr;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::Level;

use crate::auth::{Token, authenticate};
use crate::error::Error;
use crate::metrics::measured;

/// A body larger than this is refused, unless its route sets a limit of its own.
pub const BODY_LIMIT_BYTES: usize = 4 << 20;

/// Wraps all routes of a port. With a token, every request needs it; without one, the port must be on loopback.
pub fn guard(router: Router, token: Option<Token>) -> Router {
    let has_token = token.is_some();
    let mut guarded = router
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(from_fn_with_state(token, authenticate))
        .layer(CsrfLayer::new().with_rejection_response(refuse_foreign_page));
    if !has_token {
        guarded = guarded.layer(from_fn(refuse_foreign_name));
    }
    guarded = guarded.layer(from_fn(measured));
    // A 503 is an answer, and a panic is logged with its words: neither is news of its own.
    let trace = TraceLayer::new_for_http().make_span_with(span).on_failure(DefaultOnFailure::new().level(Level::DEBUG));
    guarded.layer(CatchPanicLayer::custom(answer_panic)).layer(trace)
}

/// The query is left out: nobody should put a secret there, but somebody will.
fn span(request: &Request) -> tracing::Span {
    tracing::info_span!("http", method = %request.method(), path = request.uri().path())
}

fn refuse_foreign_page(_: ProtectionError) -> Response {
    Error::Forbidden("a page of another site may not make changes here").into_response()
}

async fn refuse_foreign_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    let host = host.or_else(|| request.uri().host());
    if host.is_none_or(is_own_name) {
        return next.run(request).await;
    }
    let message = "this cluster has no token, so it answers to localhost and to addresses only, not to other names";
    Error::Forbidden(message).into_response()
}

/// Addresses, `localhost`, and names without a dot, which no stranger can have.
fn is_own_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    name.parse::<IpAddr>().is_ok()
        || name.to_ascii_lowercase().ends_with(".localhost")
        || (!name.is_empty() && !name.contains('.'))
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn answer_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or("without a message"), "a handler failed");
    let body = protocol::operator::ErrorBody {
        message: "the request could not be answered because of a mistake in the server; its log says more".to_owned(),
        details: None,
        deployments: Vec::new(),
    };
    (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_strangers_cannot_have_are_own() {
        for own in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "10.0.0.3", "web.localhost", "master1:5050"] {
            assert!(is_own_name(own), "{own}");
        }
        for foreign in ["evil.example:8080", "localhost.evil.example", "", "evil.example."] {
            assert!(!is_own_name(foreign), "{foreign}");
        }
    }
}
