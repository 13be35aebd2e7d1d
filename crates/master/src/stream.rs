//! Records for those who follow the log: from history, then live.

use std::sync::Arc;

use eventlog::{Entry, EventLog, committed, seek};
use model::{Record, Seq};
use tokio::sync::mpsc;

use crate::tasks::Tasks;

/// How many records a follower may lag behind before the reading waits for it.
const BUFFERED: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// To the end as it is now.
    ToEnd,
    Live,
}

/// Why a stream of records ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the records cannot be read any further: {reason}")]
pub struct StreamError {
    pub reason: String,
}

type Item = Result<Arc<Record>, StreamError>;

/// Opens streams of records over a log, whatever its provider.
#[derive(Clone)]
pub(crate) struct RecordStreams {
    open: Arc<dyn Fn(Seq, Seq, Follow) -> mpsc::Receiver<Item> + Send + Sync>,
}

impl RecordStreams {
    pub(crate) fn over<L: EventLog>(log: Arc<L>, tasks: Tasks) -> Self {
        Self {
            open: Arc::new(move |from, upto, follow| {
                let (items, receiver) = mpsc::channel(BUFFERED);
                tasks.spawn(pump(Arc::clone(&log), from, upto, follow, items));
                receiver
            }),
        }
    }

    /// Nothing is told that came after record `upto`.
    pub(crate) fn open(&self, from: Seq, upto: Seq, follow: Follow) -> mpsc::Receiver<Item> {
        (self.open)(from, upto, follow)
    }
}

async fn pump<L: EventLog>(log: Arc<L>, from: Seq, upto: Seq, follow: Follow, items: mpsc::Sender<Item>) {
    tokio::select! {
        biased;
        result = copy(log.as_ref(), from, upto, follow, &items) => if let Err(error) = result {
            let _gone = items.send(Err(error)).await;
        },
        () = items.closed() => {}
    }
}

async fn copy<L: EventLog>(
    log: &L,
    from: Seq,
    upto: Seq,
    follow: Follow,
    items: &mpsc::Sender<Item>,
) -> Result<(), StreamError> {
    let failed = |error: eventlog::ReadError| StreamError { reason: error.to_string() };
    if from > upto {
        return Ok(());
    }
    let anchor = seek(log, from).await.map_err(failed)?;
    let messages = match follow {
        Follow::ToEnd => log.read(anchor.position),
        Follow::Live => log.tail(anchor.position),
    };
    let mut records = committed(messages, anchor.tip);
    while let Some(entry) = records.next().await {
        let Entry::Accepted { record, .. } = entry.map_err(failed)? else { continue };
        let seq = record.record.seq;
        if seq >= from && seq <= upto && items.send(Ok(record.record)).await.is_err() {
            return Ok(());
        }
        // What comes next may be damaged, and nobody wants it.
        if seq >= upto {
            return Ok(());
        }
    }
    Ok(())
}
