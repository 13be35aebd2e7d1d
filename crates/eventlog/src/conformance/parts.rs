//! What every provider promises of records that are larger than a message.

use model::{PartPlace, Position, SealedPart, SealedRecord, Tip};

use super::{Chain, Place, append_all, batches_of, collect};
use crate::{AppendError, Content, Entry, EventLog, Message, committed};

/// About as many parts as wanted.
pub(super) fn parts_of(sealed: &SealedRecord, count: usize) -> Vec<SealedPart> {
    let around = 250;
    let parts = SealedPart::split(sealed, sealed.bytes.len().div_ceil(count) + around);
    parts.expect("it is not too large")
}

/// Writes a record in parts, as a leader does; where the first and the last one are.
pub(super) async fn append_parts(log: &impl EventLog, sealed: &SealedRecord, count: usize) -> (Position, Position) {
    let mut places = Vec::new();
    for part in parts_of(sealed, count) {
        let after = log.bounds().await.expect("readable").last;
        places.push(log.append(Some(after), part.into()).await.expect("an append succeeds"));
    }
    (places[0], places[places.len() - 1])
}

/// What is said of an entry, short enough to compare: the position, and `+` for a record that counts, `-` for one that is
/// void, `.` for a part, `x` for a record that has come to nothing.
async fn told(log: &impl EventLog, from: u64, tip: Tip) -> (String, Tip) {
    let mut entries = committed(log.read(Position(from)), tip);
    let mut told = Vec::new();
    while let Some(entry) = entries.next().await.transpose().expect("the log is sound") {
        told.push(match entry {
            Entry::Accepted { position, .. } => format!("{position}+"),
            Entry::Void { position, .. } => format!("{position}-"),
            Entry::Part { position, .. } => format!("{position}."),
            Entry::Unfinished { last, .. } => format!("{last}x"),
        });
    }
    assert!(entries.is_drained());
    (told.join(" "), entries.tip())
}

fn message(position: u64, content: impl Into<Content>) -> Message {
    Message { position: Position(position), content: content.into() }
}

pub async fn a_record_in_parts_counts_with_its_last_part(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    let (start, large) = (chain.start(), chain.record(9_000));
    let after = chain.batch(&[1, 1]);
    append_all(&log, &[[start.clone()].into()]).await;
    let parts = parts_of(&large, 3);
    assert_eq!(append_parts(&log, &large, 3).await, (Position(2), Position(4)));
    append_all(&log, std::slice::from_ref(&after)).await;
    let mut expected = vec![message(1, vec![start])];
    expected.extend((2..).zip(parts).map(|(position, part)| message(position, part)));
    expected.push(message(5, after));
    assert_eq!(collect(log.read(Position(1))).await, Ok(expected.clone()), "each part is a message");
    place.close(log).await;

    let log = place.open().await;
    assert_eq!(collect(log.read(Position(1))).await, Ok(expected));
    assert_eq!(told(&log, 1, Tip::default()).await, ("1+ 2. 3. 4+ 5+ 5+".to_owned(), chain.tip));
    let mut entries = committed(log.tail(Position(1)), Tip::default());
    for _ in 0..3 {
        entries.next().await.transpose().expect("the log is sound");
    }
    let waiting = entries.waiting_for_parts().map(|PartPlace { seq, index, count, .. }| (seq, index, count));
    assert_eq!(waiting, Some((large.record.seq, 1, 3)));
    let whole = entries.next().await.transpose().expect("the log is sound");
    assert!(matches!(whole, Some(Entry::Accepted { record, .. }) if record == large), "it is what was cut");
    assert_eq!(entries.waiting_for_parts(), None);
    drop(entries);
    place.close(log).await;
}

pub async fn parts_that_something_comes_between_are_void(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    append_all(&log, &[[chain.start()].into()]).await;
    // A leader writes two parts of three, and another one begins an epoch; the third part comes too late.
    let mut deposed = chain;
    let parts = parts_of(&deposed.record(9_000), 3);
    for part in &parts[..2] {
        log.append(None, part.clone().into()).await.expect("an append succeeds");
    }
    append_all(&log, &[[chain.start()].into()]).await;
    let late = log.append(Some(Position(3)), parts[2].clone().into()).await;
    let (expected, actual) = (Position(3), Position(4));
    assert_eq!(late, Err(AppendError::WrongLastPosition { expected, actual }));
    assert_eq!(told(&log, 1, Tip::default()).await, ("1+ 2. 3. 3x 4+".to_owned(), chain.tip));
    // If a log took it all the same, it would be void.
    log.append(None, parts[2].clone().into()).await.expect("an append succeeds");
    // A leader does not get through, tells its client so, and goes on with another record in parts, and a third one.
    for part in parts_of(&Chain { ..chain }.record(9_000), 3).drain(..2) {
        log.append(None, part.into()).await.expect("an append succeeds");
    }
    append_parts(&log, &chain.record(9_500), 3).await;
    let mut unfinished = chain;
    let part = parts_of(&unfinished.record(9_000), 3).remove(0);
    log.append(None, part.into()).await.expect("an append succeeds");
    append_all(&log, &batches_of(&mut chain, &[&[1]])).await;
    let whole = "1+ 2. 3. 3x 4+ 5. 6. 7. 7x 8. 9. 10+ 11. 11x 12+";
    assert_eq!(told(&log, 1, Tip::default()).await, (whole.to_owned(), chain.tip));
    // All parts of a record of a deposed leader, one behind the other.
    append_parts(&log, &deposed.record(9_000), 3).await;
    let (entries, tip) = told(&log, 1, Tip::default()).await;
    assert_eq!((entries, tip), (format!("{whole} 13. 14. 15-"), chain.tip));
    place.close(log).await;
}

pub async fn reading_goes_on_where_the_tip_is(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    append_all(&log, &[[chain.start()].into()]).await;
    let mut tips = vec![(Position(1), chain.tip)];
    for count in [3, 4] {
        let (_, last) = append_parts(&log, &chain.record(9_000), count).await;
        tips.push((last, chain.tip));
    }
    append_all(&log, &batches_of(&mut chain, &[&[1]])).await;
    let expected = ["1- 2. 3. 4+ 5. 6. 7. 8+ 9+", "4. 5. 6. 7. 8+ 9+", "8. 9+"];
    for ((at, tip), expected) in tips.iter().zip(expected) {
        assert_eq!(told(&log, at.0, *tip).await, (expected.to_owned(), chain.tip), "at the tip");
        let behind = expected.split_once(' ').map_or("", |(_, behind)| behind);
        assert_eq!(told(&log, at.0 + 1, *tip).await, (behind.to_owned(), chain.tip), "right behind it");
    }
    // What was trimmed is not needed, wherever that ends in the parts of the tip.
    for (upto, (at, tip)) in [(2, tips[1]), (3, tips[1]), (7, tips[2])] {
        log.trim(Position(upto)).await.expect("trims");
        assert_eq!(told(&log, at.0, tip).await.1, chain.tip, "trimmed up to {upto}");
    }
    place.close(log).await;
}

pub async fn parts_of_the_largest_size_are_taken(place: &impl Place) {
    let log = place.open().await;
    let limit_bytes = log.max_message_bytes();
    let mut chain = Chain::default();
    append_all(&log, &[[chain.start()].into()]).await;
    let large = chain.record(limit_bytes + limit_bytes / 2);
    let whole = log.append(None, vec![large.clone()].into()).await;
    assert!(matches!(whole, Err(AppendError::TooLarge { .. })), "{whole:?}");
    let parts = SealedPart::split(&large, limit_bytes).expect("it is not too large");
    assert_eq!(parts.len(), 2);
    for part in parts {
        log.append(None, part.into()).await.expect("a part fits");
    }
    assert_eq!(told(&log, 1, Tip::default()).await, ("1+ 2. 3+".to_owned(), chain.tip));
    place.close(log).await;
}
