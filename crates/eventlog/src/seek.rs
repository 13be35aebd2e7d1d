//! Finds the message that holds a record, by binary search over positions.
//!
//! Void messages are in the way: their numbers say nothing about where they lie. One is told from its neighbours: a
//! message that counts follows, by its hash, one shortly before it, and no newer epoch began in between. That holds while
//! a fenced leader can leave only few messages behind, which is what "one batch in flight" promises.

use model::{Epoch, Hash, Position, Seq, Tip};

use crate::{EventLog, Message, ReadError};

/// How many neighbours on each side are looked at to tell whether a message counts.
const NEIGHBOURS: u64 = 16;

/// Where to begin reading, and what [`crate::committed`] needs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub position: Position,
    /// The end of the accepted records before that position.
    pub tip: Tip,
}

/// Finds the message that holds record `seq`. The reader skips the records before it in the message. If the record does
/// not exist yet, that is the last message; if it was trimmed, the first one (then `tip.seq` is not below `seq`).
pub async fn seek(log: &impl EventLog, seq: Seq) -> Result<Anchor, ReadError> {
    let bounds = log.bounds().await?;
    let Some(mut found) = in_line(log, bounds.first, bounds.last.next(), bounds.first).await? else {
        return Ok(Anchor { position: bounds.first, tip: Tip::default() });
    };
    let mut end = bounds.last.next();
    while found.position.next() < end {
        let middle = Position(found.position.0 + (end.0 - found.position.0) / 2);
        match in_line(log, middle, end, bounds.first).await? {
            Some(glimpse) if glimpse.before.seq < seq => found = glimpse,
            _ => end = middle,
        }
    }
    Ok(Anchor { position: found.position, tip: found.before })
}

/// What tells whether a message counts.
#[derive(Clone, Copy)]
struct Glimpse {
    position: Position,
    epoch: Epoch,
    /// The tip that its first record follows.
    before: Tip,
    /// Hash of its last record.
    hash: Hash,
}

fn glimpse(message: &Message) -> Option<Glimpse> {
    let (first, last) = (message.records.first()?, message.records.last()?);
    let record = &first.record;
    let seq = Seq(record.seq.0.checked_sub(1)?);
    let same = Tip { seq, epoch: record.epoch, hash: record.previous };
    let older = Tip { epoch: Epoch(record.epoch.0.saturating_sub(1)), ..same };
    let before = [same, older].into_iter().find(|tip| tip.accept(first).is_ok())?;
    Some(Glimpse { position: message.position, epoch: record.epoch, before, hash: last.hash })
}

/// The first message that counts from `from` on and before `end`. `first` is where the log begins.
async fn in_line(
    log: &impl EventLog,
    from: Position,
    end: Position,
    first: Position,
) -> Result<Option<Glimpse>, ReadError> {
    let begin = Position(from.0.saturating_sub(NEIGHBOURS)).max(first);
    let mut messages = log.read(begin);
    let mut window: Vec<Glimpse> = Vec::new();
    let mut candidate = from;
    loop {
        let next = messages.next().await.transpose()?;
        let more = next.is_some();
        window.extend(next.as_ref().and_then(glimpse));
        // A candidate is judged when all its neighbours are known.
        let known = next.map_or(Position(u64::MAX), |message| message.position);
        while candidate < end && candidate.0.saturating_add(NEIGHBOURS) <= known.0 {
            let judged = window.iter().find(|glimpse| glimpse.position == candidate);
            if let Some(judged) = judged.filter(|judged| counts(&window, judged, first)) {
                return Ok(Some(*judged));
            }
            candidate = candidate.next();
        }
        if !more || candidate >= end {
            return Ok(None);
        }
        let oldest = candidate.0.saturating_sub(NEIGHBOURS);
        window.retain(|glimpse| glimpse.position.0 >= oldest);
    }
}

fn counts(window: &[Glimpse], judged: &Glimpse, first: Position) -> bool {
    let mut older = window.iter().filter(|other| other.position < judged.position);
    let mut younger = window.iter().filter(|other| other.position > judged.position);
    let fenced = older.clone().any(|other| other.epoch > judged.epoch);
    let follows = older.any(|other| other.hash == judged.before.hash);
    // What the log's first messages followed was trimmed, or never was; they are known by what follows them.
    let at_the_beginning = judged.position.0 < first.0 + NEIGHBOURS;
    let followed = younger.clone().next().is_none() || younger.any(|other| other.before.hash == judged.hash);
    !fenced && (follows || (at_the_beginning && followed))
}
