//! An append that is sent again until it is certain what became of it.
//!
//! As long as it is not, the message may still arrive. Sending the same one again with the same expectation settles it: of
//! all copies the log takes at most one, and when another message took the place, none can arrive any more.

use std::time::Duration;

use eventlog::{AppendError, Content, EventLog};
use model::Position;

use crate::reads::Reads;

/// Between two copies; it grows from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Why something did not get into the log, or not all of it.
pub(crate) struct Refused {
    pub(crate) why: AppendError,
    /// Where the log ended before what was refused: behind the messages before it, which are there.
    pub(crate) position: Position,
}

/// Appends messages one behind the other, the first behind `after`, and none before it is certain that those before it are
/// in the log. Never ends with [`AppendError::Unknown`]. Meanwhile the reads say why nothing can be changed.
pub(crate) async fn append<L: EventLog>(
    log: &L,
    after: Position,
    messages: Vec<Content>,
    reads: &Reads,
) -> Result<Position, Refused> {
    let mut position = after;
    for message in messages {
        position = append_one(log, position, message, reads).await.map_err(|why| Refused { why, position })?;
    }
    Ok(position)
}

async fn append_one<L: EventLog>(
    log: &L,
    after: Position,
    message: Content,
    reads: &Reads,
) -> Result<Position, AppendError> {
    let mut reason = match log.append(Some(after), message.clone()).await {
        Err(AppendError::Unknown { reason }) => reason,
        known => return known,
    };
    tracing::warn!(reason, "it is not known whether the log took a message; sending it again until it is");
    let mut pause = PAUSE.0;
    loop {
        reads.set_writable(Err(reason.clone()));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
        match log.append(Some(after), message.clone()).await {
            Ok(position) => return Ok(position),
            Err(AppendError::WrongLastPosition { expected, actual }) => {
                match is_at(log, after.next(), &message).await {
                    Some(true) => return Ok(after.next()),
                    Some(false) => return Err(AppendError::WrongLastPosition { expected, actual }),
                    None => {}
                }
            }
            // An earlier copy may be there all the same.
            Err(why @ (AppendError::Full { .. } | AppendError::Unavailable { .. } | AppendError::Unknown { .. })) => {
                reason = why.to_string();
            }
            Err(why @ (AppendError::TooLarge { .. } | AppendError::EmptyBatch)) => return Err(why),
        }
    }
}

/// Whether this is the message at a position; None when the log cannot be read.
async fn is_at<L: EventLog>(log: &L, position: Position, message: &Content) -> Option<bool> {
    let found = log.read(position).next().await?.ok()?;
    Some(found.position == position && found.content.pieces().eq(message.pieces()))
}
