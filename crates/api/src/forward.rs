//! What a master that does not lead does with requests: it answers questions itself, passes changes on to the leader, and
//! sends agents and frameworks there, because they stay.
//!
//! A change that went through here is seen here: its answer is given when this master has folded its record too.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONNECTION, HOST, LOCATION, ORIGIN, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use master::{Handle, KnownLeader, Role};
use model::Seq;
use protocol::agent::{STATUS_PATH as AGENT_STATUS_PATH, SUBSCRIBE_PATH};
use protocol::mesos::SCHEDULER_PATH;

use crate::Error;

/// The last record that an answer was made from.
pub const SEQ_HEADER: HeaderName = HeaderName::from_static("bayplan-seq");
/// What the answering master does: `leading` or `following`.
pub const ROLE_HEADER: HeaderName = HeaderName::from_static("bayplan-role");
/// On a request that was passed on: who sent it first.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("bayplan-forwarded-for");

/// How long an answer waits for this master to catch up with the leader.
const CATCH_UP: Duration = Duration::from_secs(2);
/// Routes whose clients follow a redirect and stay where it leads.
const REDIRECTED: [&str; 3] = [SUBSCRIBE_PATH, AGENT_STATUS_PATH, SCHEDULER_PATH];

/// Which of the leader's two ports a router stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Operator,
    Marathon,
}

#[derive(Clone)]
struct Forwarding {
    handle: Handle,
    http: reqwest::Client,
    door: Door,
}

/// Wraps the routes of a port, so that they do the right thing while this master does not lead.
pub fn forward(router: Router, handle: Handle, http: reqwest::Client, door: Door) -> Router {
    router.layer(from_fn_with_state(Arc::new(Forwarding { handle, http, door }), answer))
}

async fn answer(State(forwarding): State<Arc<Forwarding>>, request: Request, next: Next) -> Response {
    let role = forwarding.handle.role();
    let is_question = is_question(&request);
    // What an answer is made from is at least as new as this.
    let before = is_question.then(|| forwarding.handle.read().seq);
    let mut response = match &role {
        Role::Leading => next.run(request).await,
        Role::Following { .. } if is_question => next.run(request).await,
        Role::Following { leader } => {
            let passed_on = forwarding.pass_on(request, leader.as_ref()).await;
            passed_on.unwrap_or_else(IntoResponse::into_response)
        }
    };
    let seq = before.unwrap_or_else(|| forwarding.handle.read().seq);
    let headers = response.headers_mut();
    // Of a change, the leader has said where it is in the log, and this master may not be there yet.
    headers.entry(SEQ_HEADER).or_insert(HeaderValue::from(seq.0));
    let role = if role == Role::Leading { "leading" } else { "following" };
    headers.entry(ROLE_HEADER).or_insert(HeaderValue::from_static(role));
    response
}

fn is_question(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

impl Forwarding {
    async fn pass_on(&self, request: Request, leader: Option<&KnownLeader>) -> Result<Response, Error> {
        let wait = |message: String| Error::Unavailable { message, retry_after_s: 1 };
        let Some(leader) = leader else {
            return Err(wait("no master leads at the moment; try again in a moment".to_owned()));
        };
        let Some(addresses) = &leader.addresses else {
            return Err(wait(format!("{} leads, but nobody knows where it answers", leader.name)));
        };
        let address = match self.door {
            Door::Operator => &addresses.operator,
            Door::Marathon => &addresses.marathon,
        };
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        if REDIRECTED.contains(&request.uri().path()) {
            return Ok(redirect(&format!("//{address}{target}")));
        }
        if request.headers().contains_key(FORWARDED_FOR) {
            return Err(wait(format!("{} led a moment ago and was taken for the leader; try again", self.name())));
        }
        let url = format!("http://{address}{target}");
        let response = self.send(request, &url).await.map_err(|error| {
            if error.is_connect() {
                wait(format!("{leader} leads and cannot be reached: {}", crate::innermost(&error)))
            } else {
                let why = crate::innermost(&error);
                Error::GatewayTimeout(format!(
                    "{leader} leads and broke off ({why}), so it is not known whether the change was made; look before you \
                     send it again"
                ))
            }
        })?;
        let seq = response.headers().get(SEQ_HEADER).and_then(|seq| seq.to_str().ok()?.parse().ok());
        if let Some(seq) = seq.filter(|_| response.status().is_success()) {
            self.handle.wait_for(Seq(seq), CATCH_UP).await;
        }
        Ok(response)
    }

    fn name(&self) -> String {
        self.handle.health().name
    }

    async fn send(&self, request: Request, url: &str) -> Result<Response, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let client = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        let client = client.map_or_else(|| "unknown".to_owned(), |ConnectInfo(address)| address.ip().to_string());
        let mut headers = end_to_end(&parts.headers);
        headers.insert(FORWARDED_FOR, HeaderValue::from_str(&client).expect("an address is plain text"));
        let body = reqwest::Body::wrap_stream(body.into_data_stream());
        let answer = self.http.request(parts.method, url).headers(headers).body(body).send().await?;
        let (status, headers) = (answer.status(), end_to_end(answer.headers()));
        Ok((status, headers, Body::from_stream(answer.bytes_stream())).into_response())
    }
}

/// What is meant for whoever is at the other end. Where a page comes from was looked at here already.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let ours = [CONNECTION, TRANSFER_ENCODING, UPGRADE, HOST, ORIGIN];
    let is_kept = |name: &HeaderName| !ours.contains(name) && !name.as_str().starts_with("sec-fetch-");
    headers.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn redirect(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, HeaderValue::from(1))]).into_response(),
    }
}
