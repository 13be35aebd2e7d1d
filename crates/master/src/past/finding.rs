//! Finds the record that is meant by a time or by a task, without folding.

use std::ops::ControlFlow;

use eventlog::{EventLog, Message, ReadError};
use model::{Event, Position, Record, Seq, TaskId, Timestamp};

use super::{PastError, Records};

/// Messages before the place that halving gives. Some may be void, and their times say little.
const BACK: u64 = 32;

/// The last record whose time is not later than `at`.
pub async fn seq_at<L: EventLog>(log: &L, at: Timestamp) -> Result<Seq, PastError> {
    let bounds = log.bounds().await?;
    let (mut low, mut high) = (bounds.first, bounds.last.next());
    while low < high {
        let middle = Position(low.0 + (high.0 - low.0) / 2);
        match first_record(log, middle, high).await {
            Ok(Some((position, record))) if record.cause.at <= at => low = position.next(),
            Ok(_) => high = middle,
            // Nothing behind it can be reached.
            Err(error) if error.is_damage() => high = middle,
            Err(error) => return Err(error.into()),
        }
    }
    let mut back = BACK;
    loop {
        let begin = Position(low.0.saturating_sub(back)).max(bounds.first);
        let Some((_, record)) = first_record(log, begin, bounds.last.next()).await? else {
            return Err(PastError::Ahead { seq: Seq(1), last: Seq(0) });
        };
        let begin = Records::from(log, record.seq).await;
        match last_until(begin?, at).await? {
            Ok(seq) => return Ok(seq),
            Err(later) if back >= low.0 => return Err(later),
            Err(_) => back = back.saturating_mul(8),
        }
    }
}

/// The time of the first record that is there; None for an empty log.
pub async fn first_at<L: EventLog>(log: &L) -> Result<Option<(Seq, Timestamp)>, PastError> {
    let mut records = Records::from(log, Seq(1)).await?;
    Ok(records.peek().await?.map(|sealed| (sealed.record.seq, sealed.record.cause.at)))
}

/// The inner error says that even the first of these is later.
async fn last_until(mut records: Records, at: Timestamp) -> Result<Result<Seq, PastError>, PastError> {
    let mut last = None;
    loop {
        match (records.peek().await?, last) {
            (Some(next), None) if next.record.cause.at > at => {
                let (first, at) = (next.record.seq, next.record.cause.at);
                return Ok(Err(PastError::Before { first, at }));
            }
            (Some(next), Some(last)) if next.record.cause.at > at => return Ok(Ok(last)),
            (Some(next), _) => last = Some(next.record.seq),
            (None, Some(last)) => return Ok(Ok(last)),
            (None, None) => return Err(PastError::Ahead { seq: Seq(1), last: Seq(0) }),
        }
        records.next().await?;
    }
}

/// The first record that is whole in a message from `from` on and before `end`.
async fn first_record<L: EventLog>(
    log: &L,
    from: Position,
    end: Position,
) -> Result<Option<(Position, std::sync::Arc<Record>)>, ReadError> {
    let mut messages = log.read(from);
    while let Some(Message { position, content }) = messages.next().await.transpose()? {
        if position >= end {
            return Ok(None);
        }
        if let Some(sealed) = content.records().first() {
            return Ok(Some((position, sealed.record.clone())));
        }
    }
    Ok(None)
}

/// The record that launches a task. Of one that is remembered it is known when that was; for another one, all of the log is
/// read. `going_on` is told how far that is, and may break it off.
pub async fn launch_of<L: EventLog>(
    log: &L,
    task: &TaskId,
    launched_at: Option<Timestamp>,
    mut going_on: impl FnMut(Position) -> ControlFlow<()>,
) -> Result<Seq, PastError> {
    let begin = match launched_at {
        Some(at) => match seq_at(log, Timestamp(at.0.saturating_sub(1))).await {
            Err(PastError::Before { first, .. }) => first,
            found => found?.next(),
        },
        None => Seq(1),
    };
    let mut records = Records::from(log, begin).await?;
    let mut from = None;
    while let Some(sealed) = records.next().await? {
        let record = &sealed.record;
        from.get_or_insert(Seq(record.seq.0 - 1));
        if record.events.iter().any(|event| launches(event, task)) {
            return Ok(record.seq);
        }
        if launched_at.is_some_and(|launched_at| record.cause.at > launched_at) {
            break;
        }
        if going_on(records.position()).is_break() {
            return Err(PastError::GivenUp);
        }
    }
    Err(PastError::NotLaunched { task: task.clone(), from: from.unwrap_or_default() })
}

fn launches(event: &Event, task: &TaskId) -> bool {
    matches!(event, Event::TaskLaunched { task: launched } if launched.id == *task)
}
