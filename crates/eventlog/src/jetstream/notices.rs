//! Notices, as plain NATS messages beside the stream.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::link::Link;
use super::options::{LINK_LOOK_INTERVAL, REQUEST_TIMEOUT};
use crate::notices::{Heard, NoticeSource};

/// Says something, or nothing when no server is connected: said later it would only mislead.
pub(super) async fn notify(link: &Link, notice: Bytes) {
    if link.is_up() {
        let said = link.client.publish(link.options.notices_subject(), notice);
        if !matches!(timeout(REQUEST_TIMEOUT, said).await, Ok(Ok(()))) {
            tracing::debug!(stream = link.stream, "a notice was not sent");
        }
    }
}

pub(super) struct Listener {
    pub(super) link: Arc<Link>,
    pub(super) subscription: Option<(u64, Subscriber)>,
}

impl NoticeSource for Listener {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Heard>> + Send + '_>> {
        Box::pin(async move {
            let link = Arc::clone(&self.link);
            loop {
                let Some((generation, subscriber)) = &mut self.subscription else {
                    tokio::select! {
                        biased;
                        () = link.closing() => return None,
                        () = self.subscribe() => continue,
                    }
                };
                return tokio::select! {
                    biased;
                    () = link.closing() => None,
                    message = subscriber.next() => match message {
                        Some(message) => Some(Heard::Notice(message.payload)),
                        None => {
                            self.subscription = None;
                            Some(Heard::Interrupted)
                        }
                    },
                    () = link.lost(*generation) => {
                        self.subscription = None;
                        Some(Heard::Interrupted)
                    }
                };
            }
        })
    }
}

impl Listener {
    /// Once a server is connected.
    async fn subscribe(&mut self) {
        while !self.link.is_up() {
            sleep(LINK_LOOK_INTERVAL).await;
        }
        let generation = self.link.generation();
        match self.link.client.subscribe(self.link.options.notices_subject()).await {
            Ok(subscriber) => self.subscription = Some((generation, subscriber)),
            Err(_) => sleep(LINK_LOOK_INTERVAL).await,
        }
    }
}
