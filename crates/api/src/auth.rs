//! Who asks: somebody with the cluster's token, or, where none is needed, anybody who reaches the port.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Principal;

use crate::Error;
use crate::forward::FORWARDED_FOR;

/// Paths that load balancers ask, without a token.
const OPEN_PATHS: [&str; 2] = ["/health", "/ping"];

/// The cluster's token. Only its hash is kept.
#[derive(Clone)]
pub struct Token(blake3::Hash);

impl Token {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }

    /// Takes the same time for every text of the same length, because hashes are compared so.
    fn is(&self, text: &str) -> bool {
        blake3::hash(text.as_bytes()) == self.0
    }
}

/// Lets requests through that need no token or have it, and says who asks in an extension.
pub(crate) async fn authenticate(State(token): State<Option<Token>>, mut request: Request, next: Next) -> Response {
    let kind = match token {
        None => "anonymous",
        Some(token) => match given_token(request.headers()) {
            Some(given) if token.is(given) => "token",
            _ if OPEN_PATHS.contains(&request.uri().path()) => "anonymous",
            Some(_) => return Error::Unauthorized("the token is not this cluster's").into_response(),
            None => {
                let message = "a token is needed: send the header 'Authorization: Bearer TOKEN'";
                return Error::Unauthorized(message).into_response();
            }
        },
    };
    let principal = on_behalf(named(kind, request.extensions()), request.headers());
    request.extensions_mut().insert(principal);
    next.run(request).await
}

/// Who asks, as the log will say it. Without the guard's layers, somebody unknown.
#[must_use]
pub fn principal_of(extensions: &Extensions) -> Principal {
    extensions.get::<Principal>().cloned().unwrap_or_else(|| named("anonymous", extensions))
}

/// Who asks, for handlers.
pub(crate) struct Caller(pub(crate) Principal);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(principal_of(&parts.extensions)))
    }
}

fn named(kind: &str, extensions: &Extensions) -> Principal {
    match extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(address)) => Principal::new(format!("{kind}@{}", address.ip())),
        None => Principal::new(kind),
    }
}

/// Adds for whom a master that does not lead says that it asks. Anybody could say so; who really asked stands before it.
fn on_behalf(principal: Principal, headers: &HeaderMap) -> Principal {
    let claimed = headers.get(FORWARDED_FOR).and_then(|client| client.to_str().ok()?.parse::<IpAddr>().ok());
    match claimed {
        Some(client) => Principal::new(format!("{principal} for {client}")),
        None => principal,
    }
}

/// Of `Bearer TOKEN`, or of `token=TOKEN`, which clients of Marathon send.
fn given_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    if let Some(token) = value.strip_prefix("token=") {
        return Some(token.trim());
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn both_forms_of_the_header_carry_a_token() {
        let cases = [
            ("Bearer s3cret", Some("s3cret")),
            ("bearer  s3cret ", Some("s3cret")),
            ("token=s3cret", Some("s3cret")),
            ("Basic dTpw", None),
            ("s3cret", None),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(given_token(&headers), expected, "{value}");
        }
        assert_eq!(given_token(&HeaderMap::new()), None);
    }

    #[test]
    fn only_the_same_token_is_the_token() {
        let token = Token::new("s3cret");
        assert!(token.is("s3cret"));
        assert!(!token.is("s3cret ") && !token.is("") && !token.is("S3cret"));
    }
}
