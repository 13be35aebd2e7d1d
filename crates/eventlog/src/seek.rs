//! Finds the message that holds a record, by binary search over positions.
//!
//! Void messages are in the way: their numbers say nothing about where they lie. One is told from its neighbours: a
//! message that counts follows, by its hash, one shortly before it, and no newer epoch began in between. That holds while
//! a fenced leader can leave only few messages behind, which is what "one batch in flight" promises.
//!
//! A record in parts is known by its last part alone, which says all that is asked here; without the parts before it, it
//! would not have been written. It lies where its first part is.

use model::{Epoch, Hash, Part, Position, SealedRecord, Seq, Tip};

use crate::{Content, EventLog, Message, Messages, ReadError};

/// How many neighbours on each side are looked at to tell whether a message counts. The parts of one record are one.
const NEIGHBOURS: u64 = 16;
/// How often reading begins further back because it began with a part, so that fewer neighbours than wanted are known.
const MAX_STEPS_BACK: u32 = 4;

/// Where to begin reading, and what [`crate::committed`] needs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub position: Position,
    /// The end of the accepted records before that position.
    pub tip: Tip,
}

/// Where the record begins whose part the message at `position` holds; `position` itself when it holds whole records, or
/// nothing is there.
pub async fn beginning_of(log: &impl EventLog, position: Position) -> Result<Position, ReadError> {
    let message = log.read(position).next().await.transpose()?;
    Ok(message.map_or(position, |message| begins_at(&message)))
}

fn begins_at(message: &Message) -> Position {
    Position(message.position.0.saturating_sub(message.content.parts_before()))
}

/// Finds the message that holds record `seq`, or its first part. The reader skips the records before it in the message. If
/// the record does not exist yet, that is the last message; if it was trimmed, the first one (then `tip.seq` is not below
/// `seq`). In a log that is damaged, records before the damage are found.
pub async fn seek(log: &impl EventLog, seq: Seq) -> Result<Anchor, ReadError> {
    let bounds = log.bounds().await?;
    let Some(mut found) = in_line(log, bounds.first, bounds.last.next(), bounds.first).await? else {
        return Ok(Anchor { position: bounds.first, tip: Tip::default() });
    };
    let mut end = bounds.last.next();
    while found.position.next() < end {
        let middle = Position(found.position.0 + (end.0 - found.position.0) / 2);
        match in_line(log, middle, end, bounds.first).await {
            Ok(Some(glimpse)) if glimpse.before.seq < seq => found = glimpse,
            Ok(_) => end = middle,
            // Nobody gets behind it, so a record that can be reached is before it.
            Err(error) if error.is_damage() => end = middle,
            Err(error) => return Err(error),
        }
    }
    Ok(Anchor { position: found.position, tip: found.before })
}

/// What tells whether a message counts.
#[derive(Clone, Copy)]
struct Glimpse {
    /// The message, or the first one of its parts.
    position: Position,
    last: Position,
    epoch: Epoch,
    /// The tip that its first record follows.
    before: Tip,
    /// Hash of its last record.
    hash: Hash,
}

fn glimpse(message: &Message, first: Position) -> Option<Glimpse> {
    let last = message.position;
    match &message.content {
        Content::Records(records) => {
            let (oldest, newest) = (records.first()?, records.last()?);
            let (epoch, before) = (oldest.record.epoch, before(oldest)?);
            Some(Glimpse { position: last, last, epoch, before, hash: newest.hash })
        }
        Content::Part(sealed) if sealed.part.place().is_last() => {
            let Part { seq, epoch, previous, record, .. } = sealed.part;
            let before = Tip { seq: Seq(seq.0.checked_sub(1)?), epoch, hash: previous };
            let position = begins_at(message);
            if position >= first {
                return Some(Glimpse { position, last, epoch, before, hash: record });
            }
            // Its beginning was trimmed: what can be read begins behind it.
            let after = Tip { seq, epoch, hash: record };
            Some(Glimpse { position: last, last, epoch, before: after, hash: record })
        }
        Content::Part(_) => None,
    }
}

fn before(sealed: &SealedRecord) -> Option<Tip> {
    let record = &sealed.record;
    let seq = Seq(record.seq.0.checked_sub(1)?);
    let same = Tip { seq, epoch: record.epoch, hash: record.previous };
    let older = Tip { epoch: Epoch(record.epoch.0.saturating_sub(1)), ..same };
    [same, older].into_iter().find(|tip| tip.accept(sealed).is_ok())
}

/// The first message that counts from `from` on and before `end`. `first` is where the log begins.
async fn in_line(
    log: &impl EventLog,
    from: Position,
    end: Position,
    first: Position,
) -> Result<Option<Glimpse>, ReadError> {
    let (mut messages, mut next) = neighbours_before(log, from, first).await?;
    let mut window: Vec<Glimpse> = Vec::new();
    // The first one in the window that was not judged yet.
    let mut at = 0;
    loop {
        window.extend(next.as_ref().and_then(|message| glimpse(message, first)));
        let known = next.as_ref().map(|message| message.position);
        while let Some(judged) = window.get(at) {
            if judged.position >= end {
                return Ok(None);
            }
            // A candidate is judged when all its neighbours are known.
            if known.is_some_and(|known| judged.last.0 + NEIGHBOURS > known.0) {
                break;
            }
            if judged.position >= from && counts(&window, at, first) {
                return Ok(Some(*judged));
            }
            at += 1;
        }
        if known.is_none() {
            return Ok(None);
        }
        let too_old = at.saturating_sub(NEIGHBOURS as usize);
        window.drain(..too_old);
        at -= too_old;
        next = match messages.next().await.transpose() {
            Err(error) if error.is_damage() && !window.is_empty() => None,
            message => message?,
        };
    }
}

/// The messages from some neighbours before `from` on, the first of them apart.
async fn neighbours_before(
    log: &impl EventLog,
    from: Position,
    first: Position,
) -> Result<(Messages, Option<Message>), ReadError> {
    let before = |position: Position| Position(position.0.saturating_sub(NEIGHBOURS)).max(first);
    let mut begin = before(from);
    let mut steps_back = 0;
    loop {
        let mut messages = log.read(begin);
        let next = messages.next().await.transpose()?;
        let in_parts = next.as_ref().filter(|message| matches!(message.content, Content::Part(_)));
        match in_parts {
            Some(part) if begin > first && steps_back < MAX_STEPS_BACK => begin = before(begins_at(part)),
            _ => return Ok((messages, next)),
        }
        steps_back += 1;
    }
}

fn counts(window: &[Glimpse], at: usize, first: Position) -> bool {
    let (older, judged, younger) = (&window[..at], &window[at], &window[at + 1..]);
    let fenced = older.iter().any(|other| other.epoch > judged.epoch);
    let follows = older.iter().any(|other| other.hash == judged.before.hash);
    // What the log's first messages followed was trimmed, or never was; they are known by what follows them.
    let at_the_beginning = judged.position.0 < first.0 + NEIGHBOURS;
    let followed = younger.is_empty() || younger.iter().any(|other| other.before.hash == judged.hash);
    !fenced && (follows || (at_the_beginning && followed))
}
