//! The link over HTTP: requests, and lines of JSON in an answer that does not end.

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use protocol::agent::{Acknowledgement, AgentEvent, STATUS_PATH, SUBSCRIBE_PATH, StatusReport, Subscribe};
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;

use super::{Events, Lost, Transport};
use crate::config::base_url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One line: a desired list of some tens of thousands of tasks.
const MAX_LINE_BYTES: usize = 256 << 20;
/// Of an answer that says why something was refused.
const MAX_WORDS: usize = 500;

/// The way to real masters.
pub struct Http {
    client: reqwest::Client,
    token: Option<String>,
}

/// The token is nobody's to see.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("has_token", &self.token.is_some()).finish_non_exhaustive()
    }
}

impl Http {
    /// With the cluster's token, if it has one.
    #[must_use]
    pub fn new(token: Option<String>) -> Self {
        // Redirects are followed by whoever chooses the next master. Only TLS settings can fail, and there are none.
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).no_proxy();
        Self { client: builder.build().expect("a plain HTTP client"), token }
    }

    fn post<T: serde::Serialize>(&self, master: &str, path: &str, body: &T) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", base_url(master))).json(body);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Transport for Http {
    fn subscribe(&self, master: &str, subscribe: Subscribe) -> BoxFuture<'static, Result<Box<dyn Events>, Lost>> {
        let request = self.post(master, SUBSCRIBE_PATH, &subscribe).send();
        Box::pin(async move {
            let response = request.await.map_err(|error| in_words(&error))?;
            if let Some(leader) = sent_on_to(&response) {
                return Err(Lost::SentOn(leader));
            }
            let response = accepted(response).await?;
            let lines = Lines { body: response.bytes_stream(), buffer: Vec::new(), searched: 0 };
            Ok(Box::new(lines) as Box<dyn Events>)
        })
    }

    fn report(&self, master: &str, report: StatusReport) -> BoxFuture<'static, Result<Acknowledgement, String>> {
        let request = self.post(master, STATUS_PATH, &report).send();
        Box::pin(async move {
            let response = accepted(request.await.map_err(|error| in_words(&error))?).await?;
            response.json().await.map_err(|error| in_words(&error))
        })
    }
}

impl<S, B> Events for Lines<S>
where
    S: futures_util::Stream<Item = Result<B, reqwest::Error>> + Unpin + Send,
    B: AsRef<[u8]>,
{
    fn next(&mut self) -> BoxFuture<'_, Result<AgentEvent, String>> {
        Box::pin(async {
            let line = self.next_line().await?;
            serde_json::from_slice(&line).map_err(|error| format!("not understood: {error}"))
        })
    }
}

/// Where the leader is, if the response says that it is somebody else.
fn sent_on_to(response: &reqwest::Response) -> Option<String> {
    if response.status() != StatusCode::TEMPORARY_REDIRECT {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let leader = response.url().join(location).ok()?;
    Some(format!("http://{}:{}", leader.host_str()?, leader.port_or_known_default()?))
}

/// The response if it is a success, else what it says.
async fn accepted(response: reqwest::Response) -> Result<reqwest::Response, String> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let words: String = response.text().await.unwrap_or_default().trim().chars().take(MAX_WORDS).collect();
    Err(format!("the master answers {status} {words}"))
}

/// An error with its causes, which reqwest leaves to the caller.
fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Cuts a body into lines.
struct Lines<S> {
    body: S,
    buffer: Vec<u8>,
    /// How much of the buffer is known to have no end of line.
    searched: usize,
}

impl<S, B> Lines<S>
where
    S: futures_util::Stream<Item = Result<B, reqwest::Error>> + Unpin,
    B: AsRef<[u8]>,
{
    /// May be dropped and called again.
    async fn next_line(&mut self) -> Result<Vec<u8>, String> {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| end + self.searched) {
                let rest = self.buffer.split_off(end + 1);
                self.searched = 0;
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(format!("a line is longer than {MAX_LINE_BYTES} bytes"));
            }
            match self.body.next().await {
                Some(Ok(more)) => self.buffer.extend_from_slice(more.as_ref()),
                Some(Err(error)) => return Err(in_words(&error)),
                None => return Err("the master closed the connection".to_owned()),
            }
        }
    }
}
