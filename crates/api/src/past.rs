//! Questions about a moment of the past: a request that names one is answered by the same handlers, out of the state that the
//! log gives for it. What only the present has – changes, streams that go on, metrics, files of tasks – is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use master::{Handle, When};
use model::{Seq, Timestamp};
use protocol::marathon::{parse_timestamp, write_timestamp};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::Error;
use crate::forward::SEQ_HEADER;
use crate::operator::{self, AgentFiles, Operator};

/// On a request: the number of a record, or a time as Marathon writes it; the answer is as after that record, or after the last
/// one that is not later.
pub const AT_HEADER: HeaderName = HeaderName::from_static("bayplan-at");
/// On such an answer: the time of the record in [`SEQ_HEADER`].
pub const TIME_HEADER: HeaderName = HeaderName::from_static("bayplan-time");

/// Who asks for a moment often asks for more of it.
const REMEMBERED_FOR: Duration = Duration::from_secs(30);

/// Every question, answered by a handle of a moment of the past.
pub fn router(handle: Handle) -> Router {
    let (seq, at) = {
        let state = handle.read();
        (state.seq, state.at)
    };
    let asked = Operator {
        addresses: handle.read().header.leader_addresses.clone(),
        handle: handle.clone(),
        metrics: Arc::new(String::new),
        files: AgentFiles::new(reqwest::Client::new(), None),
        stopping: CancellationToken::new(),
    };
    let both = operator::questions().with_state(asked).merge(crate::marathon::router(handle));
    both.layer(from_fn_with_state((seq, at), say_when))
}

async fn say_when(State((seq, at)): State<(Seq, Timestamp)>, request: Request, next: Next) -> Response {
    if !is_question(request.method()) {
        return changeless().into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(SEQ_HEADER, HeaderValue::from(seq.0));
    if let Ok(at) = HeaderValue::from_str(&write_timestamp(at)) {
        headers.insert(TIME_HEADER, at);
    }
    response
}

fn is_question(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn changeless() -> Error {
    Error::BadRequest(format!("the past cannot be changed: leave out the header {AT_HEADER}"))
}

#[derive(Clone)]
struct LookingBack {
    handle: Handle,
    remembered: Arc<Mutex<Option<Moment>>>,
}

#[derive(Clone)]
struct Moment {
    when: When,
    router: Router,
}

/// Wraps the routes of a port, so that a request with [`AT_HEADER`] is answered for that moment.
pub fn at(routes: Router, handle: Handle) -> Router {
    let looking_back = LookingBack { handle, remembered: Arc::default() };
    routes.layer(from_fn_with_state(looking_back, answer))
}

async fn answer(State(looking_back): State<LookingBack>, request: Request, next: Next) -> Response {
    let Some(at) = request.headers().get(AT_HEADER) else { return next.run(request).await };
    if !is_question(request.method()) {
        return changeless().into_response();
    }
    let moment = match at.to_str().ok().and_then(parse) {
        Some(when) => looking_back.moment(when).await,
        None => {
            let example = "a record's number, or a time such as 2026-11-26T10:00:00Z";
            Err(Error::BadRequest(format!("the header {AT_HEADER} is not {example}")))
        }
    };
    match moment {
        Ok(moment) => {
            // What the present routes found in its path would be found once more.
            let (mut parts, body) = request.into_parts();
            parts.extensions.clear();
            moment.router.oneshot(Request::from_parts(parts, body)).await.into_response()
        }
        Err(error) => error.into_response(),
    }
}

fn parse(text: &str) -> Option<When> {
    let text = text.trim();
    let seq = text.parse().ok().map(|seq| When::Seq(Seq(seq)));
    seq.or_else(|| parse_timestamp(text).map(When::Time))
}

impl LookingBack {
    fn remembered(&self) -> MutexGuard<'_, Option<Moment>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn moment(&self, when: When) -> Result<Moment, Error> {
        let known = self.remembered().clone().filter(|moment| moment.when == when);
        if let Some(moment) = known {
            return Ok(moment);
        }
        let moment = Moment { when, router: router(self.handle.at(when).await?) };
        *self.remembered() = Some(moment.clone());
        let looking_back = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REMEMBERED_FOR).await;
            looking_back.remembered().take_if(|moment| moment.when == when);
        });
        Ok(moment)
    }
}
