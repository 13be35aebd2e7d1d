//! A log on NATS servers: a JetStream stream, positions being its sequence numbers.
//!
//! A message of the stream is the sealed bytes of a batch, one after the other, or those of one part of a record, without
//! any envelope, so that a plain NATS client can follow `bayplan.<cluster>.log` and decode it as `schemas/README.md` says.
//! Such a client has to keep the rule of [`model::Tip::accept`]. It should take its messages from a consumer of the stream: a plain subscription also
//! shows what the stream refused.
//!
//! What the contract of [`EventLog`] leaves to this provider:
//!
//! - **Appends are always compare-and-set** and their outcome is pursued, see `append`. That fences a writer which
//!   has one append under way. It does not fence one that sends ahead: when somebody else's message fills the place that its
//!   next one expects, the rest is accepted. Readers void such records, see [`crate::committed`].
//! - **A read's end is looked up when it is first polled**, as the stream's leader knows it. A leader that was cut off
//!   from the others may not know it any better than before it was cut off; this handle at least never goes back behind what
//!   was acknowledged to it or read through it. So whoever wants to be sure of the end appends.
//! - **How durable `Ok` is, is up to the servers' configuration**, which is checked when the log is opened, see `durability`.

mod api;
mod append;
mod baselines;
mod durability;
mod link;
mod notices;
mod options;
mod pulls;
mod read;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use model::{Position, Seq};
use serde_json::{Value, json};

use crate::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Messages, Notices, OpenError, ReadError,
    TrimError, check_size,
};
use api::code;
use link::Link;
pub use options::JetStreamOptions;

/// A log on NATS servers, for any number of processes at a time.
pub struct JetStreamLog {
    link: Arc<Link>,
    max_message_bytes: usize,
}

impl JetStreamLog {
    /// Connects, checks servers and stream, and makes the stream if there is none.
    pub async fn open(options: JetStreamOptions) -> Result<Self, OpenError> {
        options.check()?;
        durability::check(&options).await?;
        let link = Link::connect(options).await?;
        let info = stream::open(&link).await?;
        let stream_bytes = usize::try_from(info.config.max_msg_size).ok().filter(|bytes| *bytes > 0);
        let servers_take = link.client.max_payload().min(stream_bytes.unwrap_or(usize::MAX));
        let limit_bytes = servers_take.saturating_sub(options::HEADER_ROOM_BYTES);
        let max_message_bytes = link.options.max_message_bytes.unwrap_or(usize::MAX).min(limit_bytes);
        Ok(Self { link: Arc::new(link), max_message_bytes })
    }

    /// How many servers keep the stream.
    #[must_use]
    pub fn replicas(&self) -> usize {
        self.link.found().replicas
    }

    /// Closes the log; readers end. An append that was dropped while it was under way may still arrive, if its `after`
    /// allows it.
    pub fn close(self) {}

    /// Deletes the streams of the log and of its baselines, for a log that nobody will ask for again.
    pub async fn erase(self) -> Result<(), TrimError> {
        for stream in [self.link.options.baseline_stream(), self.link.options.stream()] {
            let deleted: Result<Value, _> = self.link.ask(&format!("STREAM.DELETE.{stream}"), &json!({})).await;
            match deleted {
                Ok(_) => {}
                Err(trouble) if trouble.is(code::STREAM_NOT_FOUND) => {}
                Err(trouble) => return Err(TrimError::Unavailable { reason: trouble.to_string() }),
            }
        }
        Ok(())
    }
}

impl Drop for JetStreamLog {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl EventLog for JetStreamLog {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        check_size(&content, self.max_message_bytes)?;
        append::append(&self.link, after, content.to_bytes()).await
    }

    fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    fn read(&self, from: Position) -> Messages {
        read::messages(&self.link, from, Some(self.link.options.read_patience))
    }

    fn tail(&self, from: Position) -> Messages {
        read::messages(&self.link, from, None)
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        let patience = self.link.options.read_patience;
        self.link.bounds(patience).await.map_err(|reason| ReadError::Unavailable { reason })
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        let patience = self.link.options.read_patience;
        let bounds = self.link.bounds(patience).await.map_err(|reason| TrimError::Unavailable { reason })?;
        let upto = upto.min(Position(bounds.last.0.saturating_sub(1)));
        if upto < bounds.first {
            return Ok(());
        }
        // JetStream purges what is before a sequence.
        let request = json!({ "seq": upto.next().0 });
        let purged: Result<Value, _> = self.link.ask(&format!("STREAM.PURGE.{}", self.link.stream), &request).await;
        purged.map(|_| ()).map_err(|trouble| TrimError::Unavailable { reason: trouble.to_string() })
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        baselines::put(&self.link, seq, position, bytes).await
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        baselines::list(&self.link).await
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        baselines::read(&self.link, baseline).await
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        baselines::remove(&self.link, baseline).await
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        let info = self.link.info().await.map_err(|trouble| ReadError::Unavailable { reason: trouble.to_string() })?;
        Ok(info.state.bytes)
    }

    async fn notify(&self, notice: Bytes) {
        notices::notify(&self.link, notice).await;
    }

    fn notices(&self) -> Notices {
        Notices::new(notices::Listener { link: Arc::clone(&self.link), subscription: None })
    }
}
