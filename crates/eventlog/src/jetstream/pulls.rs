//! A consumer of the stream and the requests for messages that it has under way.
//!
//! It lives in one server's memory and is thrown away at the first sign that something is wrong: making a new one, from
//! the position that is next, mends whatever it was. So nothing here tries to go on after a trouble.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use model::Position;
use serde_json::Value;
use tokio::time::{sleep_until, timeout};

use super::api::{Pull, new_consumer, position_of};
use super::link::Link;
use super::options::{PULL_BYTES, PULL_MESSAGES, PULLS, REQUEST_TIMEOUT, SILENCE};

pub(super) struct Pulls {
    link: Arc<Link>,
    consumer: String,
    inbox: String,
    messages: Subscriber,
    /// The connection that all of this belongs to.
    generation: u64,
    /// Served in this order.
    under_way: VecDeque<Request>,
    requests: u64,
    heard_at: Instant,
}

struct Request {
    number: u64,
    asked: usize,
    left: usize,
}

/// What a consumer has to say.
pub(super) enum Heard {
    Delivered {
        position: Position,
        payload: Bytes,
    },
    /// The server is there and has nothing to hand out.
    Nothing,
    RequestEnded,
    /// This consumer is of no use any more.
    Trouble(String),
}

impl Pulls {
    /// Makes a consumer that begins at `from`, or at the oldest message if that one is younger.
    pub(super) async fn open(link: Arc<Link>, from: Position) -> Result<Self, String> {
        let generation = link.generation();
        let inbox = link.client.new_inbox();
        let consumer = inbox.rsplit('.').next().unwrap_or(&inbox).to_owned();
        let messages = link.client.subscribe(format!("{inbox}.*")).await.map_err(|error| error.to_string())?;
        let verb = format!("CONSUMER.CREATE.{}.{consumer}", link.stream);
        let made: Result<Value, _> = link.ask(&verb, &new_consumer(&link.stream, &consumer, from)).await;
        made.map_err(|trouble| trouble.to_string())?;
        let under_way = VecDeque::new();
        Ok(Self { link, consumer, inbox, messages, generation, under_way, requests: 0, heard_at: Instant::now() })
    }

    /// Asks for more, so that enough is under way; no more than `wanted` messages in all.
    pub(super) async fn ask(&mut self, wanted: usize) -> Result<(), String> {
        let mut expected: usize = self.under_way.iter().map(|request| request.left).sum();
        while self.under_way.len() < PULLS && expected < wanted {
            let doublings = u32::try_from(self.requests).unwrap_or(u32::MAX).min(16);
            let asked = (PULL_MESSAGES.0 << doublings).min(PULL_MESSAGES.1).min(wanted - expected);
            expected += asked;
            self.requests += 1;
            self.under_way.push_back(Request { number: self.requests, asked, left: asked });
            // A message that is larger than what is asked for would never come.
            let pull = Pull::new(asked, self.link.client.max_payload() + PULL_BYTES);
            let pull = Bytes::from(serde_json::to_vec(&pull).expect("requests are plain data"));
            let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.link.stream, self.consumer);
            let reply = format!("{}.{}", self.inbox, self.requests);
            self.link.client.publish_with_reply(subject, reply, pull).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The next thing heard, waiting for it no longer than a server may be silent. Loses nothing when it is dropped.
    pub(super) async fn hear(&mut self) -> Heard {
        if let Some(heard) = self.heard() {
            return heard;
        }
        let (generation, silent_at) = (self.generation, self.heard_at + SILENCE);
        let message = tokio::select! {
            biased;
            message = self.messages.next() => message,
            () = self.link.lost(generation) => return Heard::Trouble("the connection was lost".to_owned()),
            () = sleep_until(silent_at.into()) => return Heard::Trouble("the server has fallen silent".to_owned()),
        };
        self.judge(message)
    }

    /// What is here already.
    pub(super) fn heard(&mut self) -> Option<Heard> {
        let message = self.messages.next().now_or_never()?;
        Some(self.judge(message))
    }

    fn judge(&mut self, message: Option<Message>) -> Heard {
        let Some(message) = message else { return Heard::Trouble("the client has stopped".to_owned()) };
        self.heard_at = Instant::now();
        let Some(status) = message.status else { return self.delivered(message) };
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => Heard::Nothing,
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND => self.ended(&message.subject, false),
            StatusCode::REQUEST_TERMINATED if description.contains("MaxBytes") => self.ended(&message.subject, true),
            StatusCode::REQUEST_TERMINATED if description.starts_with("Batch Completed") => {
                self.ended(&message.subject, false)
            }
            status => Heard::Trouble(format!("the consumer ended with {status} {description:?}")),
        }
    }

    fn delivered(&mut self, message: Message) -> Heard {
        let Some(position) = message.reply.as_deref().and_then(position_of) else {
            return Heard::Trouble("a message has no position".to_owned());
        };
        if let Some(request) = self.under_way.front_mut() {
            request.left -= 1;
            if request.left == 0 {
                self.under_way.pop_front();
            }
        }
        Heard::Delivered { position, payload: message.payload }
    }

    /// A request has ended before all that it asked for had come.
    fn ended(&mut self, subject: &str, by_size: bool) -> Heard {
        let number = subject.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        if let Some(request) = self.under_way.iter().find(|request| request.number == number)
            && by_size
            && request.left == request.asked
        {
            return Heard::Trouble("a message is larger than the servers' max_payload".to_owned());
        }
        self.under_way.retain(|request| request.number > number);
        Heard::RequestEnded
    }
}

impl Drop for Pulls {
    /// The server would forget the consumer some time later; there may be many.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.link.is_up() && self.link.generation() == self.generation {
            let subject = format!("$JS.API.CONSUMER.DELETE.{}.{}", self.link.stream, self.consumer);
            let client = self.link.client.clone();
            runtime.spawn(async move {
                // A client whose last handle goes forgets what it has not sent yet.
                if client.publish(subject, Bytes::new()).await.is_ok() {
                    let _ = timeout(REQUEST_TIMEOUT, client.flush()).await;
                }
            });
        }
    }
}
