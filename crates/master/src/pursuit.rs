//! An append that is sent again until it is certain what became of it.
//!
//! As long as it is not, the batch may still arrive. Sending the same batch again with the same expectation settles it: of
//! all copies the log takes at most one, and when another message took the place, none can arrive any more.

use std::sync::Arc;
use std::time::Duration;

use eventlog::{AppendError, EventLog};
use model::{Position, SealedRecord};

use crate::reads::Reads;

/// Between two copies; it grows from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Never ends with [`AppendError::Unknown`]. Meanwhile the reads say why nothing can be changed.
pub(crate) async fn append<L: EventLog>(
    log: &L,
    after: Position,
    batch: Arc<[SealedRecord]>,
    reads: &Reads,
) -> Result<Position, AppendError> {
    let mut reason = match log.append(Some(after), Arc::clone(&batch)).await {
        Err(AppendError::Unknown { reason }) => reason,
        known => return known,
    };
    tracing::warn!(reason, "it is not known whether the log took a batch; sending it again until it is");
    let mut pause = PAUSE.0;
    loop {
        reads.set_writable(Err(reason.clone()));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
        match log.append(Some(after), Arc::clone(&batch)).await {
            Ok(position) => return Ok(position),
            Err(AppendError::WrongLastPosition { expected, actual }) => match is_at(log, after.next(), &batch).await {
                Some(true) => return Ok(after.next()),
                Some(false) => return Err(AppendError::WrongLastPosition { expected, actual }),
                None => {}
            },
            // An earlier copy may be there all the same.
            Err(why @ (AppendError::Full { .. } | AppendError::Unavailable { .. } | AppendError::Unknown { .. })) => {
                reason = why.to_string();
            }
            Err(why @ (AppendError::TooLarge { .. } | AppendError::EmptyBatch)) => return Err(why),
        }
    }
}

/// Whether the message at a position is the batch; None when the log cannot be read.
async fn is_at<L: EventLog>(log: &L, position: Position, batch: &[SealedRecord]) -> Option<bool> {
    let found = log.read(position).next().await?.ok()?;
    Some(
        found.position == position
            && found.records.first().map(|first| first.hash) == batch.first().map(|first| first.hash),
    )
}
