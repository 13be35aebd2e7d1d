//! Talks to a master's operator port, where the operator API and Marathon's routes answer.
//!
//! It knows requests and refusals and turns them into a [`Failure`] that says the way out; it knows nothing of what
//! the answers are for.

mod lines;
mod url;

use std::time::{Duration, Instant};

use api::forward::SEQ_HEADER;
use api::past::{AT_HEADER, TIME_HEADER};
use axum::Router;
use axum::http::{HeaderName, Request, header};
use model::{AppId, Seq};
use protocol::operator::{ErrorBody, STATUS_PATH};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::failure::Failure;
use crate::token::Token;

pub(crate) use lines::Lines;
pub(crate) use url::MasterUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Streams carry a keep-alive more often than that.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a change waits for some master to lead, and how often it is sent meanwhile.
const LEADER_PATIENCE: Duration = Duration::from_secs(5);
const LEADER_LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long a question waits for its turn with a master that answers others first.
const TURN_PATIENCE: Duration = Duration::from_secs(60);
/// How much of an answer that is no JSON is shown.
const SHOWN_CHARACTERS: usize = 300;

pub(crate) struct Client {
    http: reqwest::Client,
    masters: Vec<MasterUrl>,
    token: Option<Token>,
    /// What answers in place of a master.
    instead: Option<Router>,
    /// The moment of the past that is asked about, as [`AT_HEADER`] has it.
    at: Option<String>,
}

/// Which master answered, and what.
type Answer = (MasterUrl, Response);

/// An answer that says to ask again.
enum NotYet {
    /// The master follows, and cannot pass the request on at the moment.
    WithoutLeader(Answer),
    /// The master has its hands full, and says when it may have them free.
    Later(Answer, Duration),
}

/// After how long a question may be asked again, if its answer says that.
fn later(call: &Call<'_>, response: &Response) -> Option<Duration> {
    let is_refused_question = call.method == Method::GET && response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let seconds = response.headers().get(header::RETRY_AFTER).filter(|_| is_refused_question)?;
    let wait = seconds.to_str().ok()?.parse().ok().map(Duration::from_secs)?;
    Some(wait.max(LEADER_LOOK_AGAIN))
}

fn is_without_leader(response: &Response) -> bool {
    let role = response.headers().get(api::forward::ROLE_HEADER);
    response.status() == StatusCode::SERVICE_UNAVAILABLE && role.is_some_and(|role| role == "following")
}

/// A request without its address.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<Body<'a>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    Json(&'a Value),
    Bytes(&'a [u8]),
}

impl<'a> Call<'a> {
    pub(crate) const fn get(path: &'a str, query: &'a [(&'a str, String)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }
}

impl Client {
    pub(crate) fn new(masters: Vec<MasterUrl>, token: Option<Token>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .no_proxy()
            .user_agent(concat!("bayplan/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::failed(format!("cannot set up HTTP: {}", causes(&error))))?;
        Ok(Self { http, masters, token, instead: None, at: None })
    }

    /// Asks about a log that this process has opened.
    pub(crate) fn over(routes: Router) -> Result<Self, Failure> {
        let nobody = MasterUrl::parse("http://log").map_err(Failure::failed)?;
        Ok(Self { instead: Some(routes), ..Self::new(vec![nobody], None)? })
    }

    /// Asks a running master about a moment of the past, from now on. Gives the record and the time that this means.
    pub(crate) async fn look_back(&mut self, at: String) -> Result<(Seq, String), Failure> {
        self.at = Some(at);
        let (master, response) = self.send(&Call::get(STATUS_PATH, &[]), None).await?;
        let told = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let seq = told(SEQ_HEADER).and_then(|seq| seq.parse().ok()).map(Seq);
        let Some((seq, time)) = seq.zip(told(TIME_HEADER)) else {
            return Err(Failure::failed(format!(
                "{master} does not answer for the past, it is older than this bayplan; open its log with --log"
            )));
        };
        Ok((seq, time))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        self.call(Call::get(path, query)).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn upload<T: DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<T, Failure> {
        self.call(Call { method: Method::PUT, path, query: &[], body: Some(Body::Bytes(bytes)) }).await
    }

    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Failure> {
        let (master, response) = self.send(&call, Some(ANSWER_TIMEOUT)).await?;
        let text = response.text().await.map_err(|error| broken(&master, &error))?;
        serde_json::from_str(&text).map_err(|error| {
            let shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
            Failure::failed(format!(
                "{master} answers {} {} with something else than expected ({error}): {shown}; \
                 is it a bayplan master of this version?",
                call.method, call.path
            ))
        })
    }

    /// An answer that goes on: lines of JSON.
    pub(crate) async fn lines(&self, path: &str, query: &[(&str, String)]) -> Result<Lines, Failure> {
        let (master, response) = self.send(&Call::get(path, query), None).await?;
        Ok(Lines::new(master, response))
    }

    /// Asks one master after the other until one can be reached. While masters answer that none of them leads, a change is
    /// sent again for a while: it was not made. A question is asked again when the master says that it has no time yet.
    async fn send(&self, call: &Call<'_>, timeout: Option<Duration>) -> Result<(MasterUrl, Response), Failure> {
        let began_at = Instant::now();
        let mut has_said = false;
        loop {
            let ((master, response), patience, wait) = match self.send_once(call, timeout).await? {
                Ok(answer) => return Ok(answer),
                Err(NotYet::WithoutLeader(answer)) => (answer, LEADER_PATIENCE, LEADER_LOOK_AGAIN),
                Err(NotYet::Later(answer, wait)) => (answer, TURN_PATIENCE, wait),
            };
            if began_at.elapsed() + wait > patience {
                return Err(refusal(&master, response).await);
            }
            if patience == TURN_PATIENCE && !std::mem::replace(&mut has_said, true) {
                let seconds = patience.as_secs();
                eprintln!("{master} has no time for it yet: it is asked again for up to {seconds} s");
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, call: &Call<'_>, timeout: Option<Duration>) -> Result<Result<Answer, NotYet>, Failure> {
        let (mut unreachable, mut without_leader) = (Vec::new(), None);
        for master in &self.masters {
            match self.ask(self.request(master, call, timeout)).await {
                Ok(response) if response.status().is_success() => return Ok(Ok((master.clone(), response))),
                Ok(response) if is_without_leader(&response) => without_leader = Some((master.clone(), response)),
                Ok(response) => match later(call, &response) {
                    Some(wait) => return Ok(Err(NotYet::Later((master.clone(), response), wait))),
                    None => return Err(refusal(master, response).await),
                },
                Err(error) if error.is_connect() => unreachable.push(format!("{master} ({})", innermost(&error))),
                Err(error) => return Err(broken(master, &error)),
            }
        }
        if let Some(answer) = without_leader {
            return Ok(Err(NotYet::WithoutLeader(answer)));
        }
        Err(Failure::Unreachable(format!(
            "cannot reach a master at {}; start one with `bayplan dev`, or say where it is with --master",
            unreachable.join(" or ")
        )))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        let Some(routes) = &self.instead else { return request.send().await };
        let request: Request<reqwest::Body> = request.build()?.try_into()?;
        let Ok(response) = routes.clone().oneshot(request.map(axum::body::Body::new)).await;
        Ok(response.map(|body| reqwest::Body::wrap_stream(body.into_data_stream())).into())
    }

    fn request(&self, master: &MasterUrl, call: &Call<'_>, timeout: Option<Duration>) -> RequestBuilder {
        let mut request = self.http.request(call.method.clone(), master.join(call.path)).query(call.query);
        request = match call.body {
            Some(Body::Json(body)) => request.json(body),
            Some(Body::Bytes(bytes)) => request.body(bytes.to_vec()),
            None => request,
        };
        if let Some(at) = &self.at {
            request = request.header(AT_HEADER, at);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(timeout) = timeout.filter(|_| self.at.is_none() && self.instead.is_none()) {
            request = request.timeout(timeout);
        }
        request
    }
}

/// Marathon's route of an app.
pub(crate) fn app_path(app: &AppId) -> String {
    format!("/v2/apps{app}")
}

async fn refusal(master: &MasterUrl, response: Response) -> Failure {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let said = match serde_json::from_str::<ErrorBody>(&text) {
        Ok(body) => explain(&body),
        Err(_) if text.trim().is_empty() => status.to_string(),
        Err(_) => text.trim().chars().take(SHOWN_CHARACTERS).collect(),
    };
    match status {
        StatusCode::NOT_FOUND => Failure::NotFound(said),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::Refused(format!("{master}: {said}; name the file with the cluster's token by --token-file"))
        }
        StatusCode::SERVICE_UNAVAILABLE => Failure::failed(format!("{said}; try again later")),
        status if status.is_client_error() => Failure::Refused(said),
        status => Failure::failed(format!("{master} answers {status}: {said}")),
    }
}

/// One line: the message, and each field with what is wrong about it.
fn explain(body: &ErrorBody) -> String {
    let details = match &body.details {
        Some(Value::Array(details)) => details.iter().map(explain_detail).collect::<Vec<_>>().join("; "),
        Some(Value::String(details)) => details.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    if !body.deployments.is_empty() {
        // Marathon's words name the parameter of a query.
        let ids: Vec<_> = body.deployments.iter().map(|deployment| deployment.id.as_str()).collect();
        return format!("deployment {} holds the app; wait for it, or take its place with --force", ids.join(", "));
    }
    match details.is_empty() {
        true => body.message.clone(),
        false => format!("{}: {details}", body.message.trim_end_matches('.')),
    }
}

fn explain_detail(detail: &Value) -> String {
    let path = detail.get("path").and_then(Value::as_str).unwrap_or_default();
    let errors = detail.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<_> = errors.iter().filter_map(Value::as_str).collect();
    match (path.trim_matches('/'), errors.is_empty()) {
        (_, true) => detail.to_string(),
        ("", false) => errors.join(", "),
        (path, false) => format!("{path} {}", errors.join(", ")),
    }
}

/// The connection broke after it was made.
fn broken(master: &MasterUrl, error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::Unreachable(format!(
            "{master} did not answer in time; whether a change was made shows in `bayplan events`"
        ));
    }
    Failure::Unreachable(format!("the connection to {master} broke: {}", innermost(error)))
}

fn causes(error: &dyn std::error::Error) -> String {
    let chain: Vec<_> = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    chain.join(": ")
}

/// The cause that says most: "Connection refused" rather than "error sending request".
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::routing::{get, put};

    use super::*;

    fn explained(body: &str) -> String {
        explain(&serde_json::from_str(body).expect("an error body"))
    }

    #[tokio::test]
    async fn a_question_waits_for_its_turn_and_a_change_does_not() {
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = move || {
            let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let status = if is_first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            async move { (status, [(header::RETRY_AFTER, "0")], "7") }
        };
        let busy = || async { (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")], "{}") };
        let routes = Router::new().route("/past", get(answer)).route("/change", put(busy));
        let client = Client::over(routes).expect("a client");
        assert_eq!(client.get::<u32>("/past", &[]).await.ok(), Some(7));
        let began_at = Instant::now();
        assert!(client.upload::<u32>("/change", b"x").await.is_err());
        assert!(began_at.elapsed() < TURN_PATIENCE);
    }

    #[test]
    fn a_refusal_becomes_one_line_that_names_the_field() {
        assert_eq!(
            explained(
                r#"{"message":"Object is not valid","details":[{"path":"/cpus","errors":["must not be negative"]},
                    {"path":"/","errors":["a","b"]}]}"#
            ),
            "Object is not valid: cpus must not be negative; a, b"
        );
        assert_eq!(explained(r#"{"message":"Invalid JSON","details":"line 1"}"#), "Invalid JSON: line 1");
        assert_eq!(
            explained(r#"{"message":"App is locked. Override with '?force=true'.","deployments":[{"id":"d1"}]}"#),
            "deployment d1 holds the app; wait for it, or take its place with --force"
        );
    }
}
