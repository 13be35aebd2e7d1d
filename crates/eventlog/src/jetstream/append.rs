//! Appending, always compare-and-set, and what is certain about the outcome.
//!
//! A message goes to the client only while a server is connected, but nobody can tell a message that was sent from one that
//! still waits in the client when the connection breaks. So after a time-out or a lost connection the outcome is unclear, and
//! is pursued by sending the same message again with the same expectation: of all copies the stream takes at most one,
//! because each of them demands the same last position. That also makes a copy that arrives late harmless.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::client::Request;
use async_nats::{HeaderMap, RequestErrorKind};
use bytes::Bytes;
use model::Position;
use tokio::time::timeout;

use super::api::{Ack, ApiError, EXPECTED_LAST_SEQUENCE, EXPECTED_STREAM, code};
use super::link::{Link, Pauses, Trouble, parse};
use super::options::MAX_RACES;
use super::read;
use crate::AppendError;

/// What one message that was sent once came to.
enum Sent {
    Acknowledged(Position),
    /// The stream does not end, or may soon no longer end, where it was expected.
    Conflict,
    /// It was not written and never will be.
    Refused(AppendError),
    Unclear(String),
}

pub(super) async fn append(
    link: &Arc<Link>,
    after: Option<Position>,
    message: Vec<u8>,
) -> Result<Position, AppendError> {
    let message = Bytes::from(message);
    let deadline = Instant::now() + link.options.append_timeout;
    if let Some(after) = after {
        return append_after(link, after, &message, deadline).await;
    }
    // The end is guessed, so that without `after` nothing can arrive twice or late either.
    let mut end = link.known();
    for _ in 0..MAX_RACES {
        match append_after(link, end, &message, deadline).await {
            Err(AppendError::WrongLastPosition { actual, .. }) => end = actual,
            outcome => return outcome,
        }
    }
    Err(AppendError::Unavailable { reason: format!("others were quicker {MAX_RACES} times") })
}

async fn append_after(
    link: &Arc<Link>,
    after: Position,
    message: &Bytes,
    deadline: Instant,
) -> Result<Position, AppendError> {
    let mut reason = match send(link, after, message, deadline).await {
        Sent::Acknowledged(position) => return Ok(position),
        Sent::Refused(error) => return Err(error),
        Sent::Conflict => return Err(conflict(link, after, deadline).await),
        Sent::Unclear(reason) => reason,
    };
    tracing::warn!(stream = link.stream, %after, reason, "the outcome of an append is unclear; pursuing it");
    let mut pauses = Pauses::default();
    while Instant::now() < deadline {
        pauses.pause(deadline).await;
        match send(link, after, message, deadline).await {
            Sent::Acknowledged(position) => return Ok(position),
            Sent::Conflict => match whose(link, after.next(), message, deadline).await {
                Some(Whose::Ours) => return Ok(after.next()),
                Some(Whose::Foreign) => {
                    let actual = link.known().max(after.next());
                    return Err(AppendError::WrongLastPosition { expected: after, actual });
                }
                None => {}
            },
            // The first copy may be there all the same.
            Sent::Refused(error) => reason = error.to_string(),
            Sent::Unclear(why) => reason = why,
        }
    }
    // A server whose disk is full, or was, neither takes a message nor refuses it.
    if link.info().await.is_ok() {
        reason.push_str(
            "; the servers answer other requests, so look into their logs: a disk may be full; free some space and \
             restart that server",
        );
    }
    Err(AppendError::Unknown { reason })
}

async fn send(link: &Link, after: Position, message: &Bytes, deadline: Instant) -> Sent {
    if !link.is_up() {
        return Sent::Refused(AppendError::Unavailable { reason: "no NATS server is connected".to_owned() });
    }
    let generation = link.generation();
    let mut headers = HeaderMap::new();
    headers.insert(EXPECTED_LAST_SEQUENCE, after.to_string());
    headers.insert(EXPECTED_STREAM, link.stream.as_str());
    let request = Request::new().headers(headers).payload(message.clone());
    let wait = link.options.ack_timeout.min(deadline.saturating_duration_since(Instant::now()));
    let sending = timeout(wait, link.client.send_request(link.subject.clone(), request));
    let answer = tokio::select! {
        answer = sending => answer,
        () = link.lost(generation) => return Sent::Unclear("the connection was lost before an answer came".to_owned()),
    };
    let error = match answer {
        Ok(Ok(answer)) => return judge(link, after, &answer.payload),
        Ok(Err(error)) => error,
        Err(_) => return Sent::Unclear(format!("no acknowledgement came within {} ms", wait.as_millis())),
    };
    match error.kind() {
        // The server that got the message knew nobody to give it to.
        RequestErrorKind::NoResponders => {
            let reason = format!("no server leads the stream {} now, or it is gone", link.stream);
            Sent::Refused(AppendError::Unavailable { reason })
        }
        // The client did not take the message.
        RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
            Sent::Refused(AppendError::Unavailable { reason: error.to_string() })
        }
        _ => Sent::Unclear(error.to_string()),
    }
}

fn judge(link: &Link, after: Position, answer: &[u8]) -> Sent {
    match parse::<Ack>(answer) {
        Ok(ack) if ack.stream == link.stream && ack.seq == after.0 + 1 => {
            link.learn(after.next());
            Sent::Acknowledged(after.next())
        }
        Ok(ack) => {
            let (stream, expected) = (&link.stream, after.next());
            Sent::Unclear(format!("{} took it as {}, not {stream} as {expected}", ack.stream, ack.seq))
        }
        Err(Trouble::NoAnswer(reason)) => Sent::Unclear(reason),
        Err(Trouble::Refused(error)) => refusal(&link.stream, &error),
    }
}

fn refusal(stream: &str, error: &ApiError) -> Sent {
    let mut reason = format!("{} (code {})", error.description, error.err_code);
    if error.description.contains("maximum bytes exceeded") {
        reason = format!(
            "the stream {stream} has reached its max_bytes: raise them (nats stream edit {stream} --max-bytes=…), or have \
             less kept (--log-keep)"
        );
    }
    let is_about_space = ["maximum bytes exceeded", "no space left", "insufficient"]
        .iter()
        .any(|sign| error.description.to_ascii_lowercase().contains(sign));
    match error.err_code {
        code::WRONG_LAST_SEQUENCE | code::WRONG_LAST_SEQUENCE_IN_FLIGHT => Sent::Conflict,
        code::ACCOUNT_RESOURCES_EXCEEDED | code::INSUFFICIENT_RESOURCES | code::STORAGE_EXCEEDED => {
            Sent::Refused(AppendError::Full { reason })
        }
        code::STORE_FAILED if is_about_space => Sent::Refused(AppendError::Full { reason }),
        // The store failed half way, and nobody says how far it got.
        code::STORE_FAILED => Sent::Unclear(reason),
        _ => Sent::Refused(AppendError::Unavailable { reason }),
    }
}

/// The error for an append that met somebody else's. A cluster says so while the other append is under way, before the
/// stream has moved; then it may still come to nothing. So the stream itself is asked where it ends.
async fn conflict(link: &Link, after: Position, deadline: Instant) -> AppendError {
    let mut pauses = Pauses::default();
    while Instant::now() < deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        match link.bounds(left).await {
            Ok(bounds) if bounds.last != after => {
                return AppendError::WrongLastPosition { expected: after, actual: bounds.last };
            }
            Ok(_) => pauses.pause(deadline).await,
            Err(reason) => return AppendError::Unavailable { reason },
        }
    }
    AppendError::Unavailable { reason: "another append is under way and does not end".to_owned() }
}

enum Whose {
    Ours,
    Foreign,
}

/// Reads back what is at a position; None while that is not known.
async fn whose(link: &Arc<Link>, position: Position, message: &Bytes, deadline: Instant) -> Option<Whose> {
    const LONGEST: Duration = Duration::from_secs(2);
    let left = deadline.saturating_duration_since(Instant::now()).min(LONGEST);
    let mut messages = read::messages(link, position, Some(left));
    let found = timeout(left, messages.next()).await.ok()??.ok()?;
    Some(if found.content.to_bytes() == message[..] { Whose::Ours } else { Whose::Foreign })
}
