//! Words beside the log, for those who have it open at the same time: not kept, not ordered, and they may be lost. So
//! nothing may depend on one, but a hint may save somebody a wait.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// What somebody said, perhaps the listener itself.
    Notice(Bytes),
    /// For a while nothing could be heard, whatever was said.
    Interrupted,
}

/// What a provider implements to be listened to.
pub trait NoticeSource: Send + 'static {
    /// The next thing heard; None when the log was closed. May be dropped and called again.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Heard>> + Send + '_>>;
}

/// What is said by anybody from the moment on that this was made.
pub struct Notices {
    /// None where nobody else can have the log open.
    source: Option<Box<dyn NoticeSource>>,
}

impl Notices {
    pub fn new(source: impl NoticeSource) -> Self {
        Self { source: Some(Box::new(source)) }
    }

    /// Of a log that one process has for itself: nothing is ever heard.
    #[must_use]
    pub fn none() -> Self {
        Self { source: None }
    }

    /// The next thing heard; None when the log was closed. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Heard> {
        match &mut self.source {
            Some(source) => source.next().await,
            None => std::future::pending().await,
        }
    }
}

impl NoticeSource for broadcast::Receiver<Bytes> {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Heard>> + Send + '_>> {
        Box::pin(async move {
            match self.recv().await {
                Ok(notice) => Some(Heard::Notice(notice)),
                Err(RecvError::Lagged(_)) => Some(Heard::Interrupted),
                Err(RecvError::Closed) => None,
            }
        })
    }
}
