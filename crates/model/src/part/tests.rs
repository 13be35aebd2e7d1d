use super::*;
use crate::{ClusterId, Command, CommandId, CommandKind, Event, Principal, Record, Timestamp};

const MESSAGE_BYTES: usize = 1_000;

fn large(seq: u64, padding: usize) -> SealedRecord {
    record(seq, padding, CommandKind::Allocate, Vec::new())
}

fn record(seq: u64, padding: usize, kind: CommandKind, events: Vec<Event>) -> SealedRecord {
    let cause = Command {
        id: CommandId([1; 16]),
        at: Timestamp(u64::MAX),
        seed: u64::MAX,
        principal: Principal::new("x".repeat(padding)),
        kind,
    };
    let previous = Hash([0xfe; 32]);
    Record { seq: Seq(seq), epoch: Epoch(u64::MAX), previous, cause, events, state_hash: None }.seal()
}

fn split(sealed: &SealedRecord) -> Vec<SealedPart> {
    SealedPart::split(sealed, MESSAGE_BYTES).expect("it is not too large")
}

/// What a part leads to that is no end and no break.
fn more() -> Step {
    Step::default()
}

#[test]
fn parts_fit_their_messages_and_make_up_the_record() {
    for padding in [MESSAGE_BYTES, 1_500, 2_999, 40_000] {
        let sealed = large(u64::MAX - 1, padding);
        let parts = split(&sealed);
        assert!(parts.iter().all(|part| part.bytes.len() <= MESSAGE_BYTES), "{padding}");
        let mut so_far = PartsSoFar::default();
        let (last, others) = parts.split_last().expect("there are two at least");
        for sealed_part in others {
            let (read, taken) = Sealed::open(&sealed_part.bytes).expect("reads");
            assert_eq!((&read, taken), (&Sealed::Part(sealed_part.clone()), sealed_part.bytes.len()));
            assert_eq!(so_far.take(&sealed_part.part), Ok(more()));
            assert_eq!(so_far.waiting(), Some(sealed_part.part.place()));
        }
        assert_eq!(so_far.take(&last.part), Ok(Step { given_up: None, whole: Some(sealed) }));
        assert_eq!(so_far.waiting(), None);
    }
}

#[test]
fn the_largest_record_goes_out_in_the_most_parts_and_one_byte_more_does_not() {
    let limit = SealedPart::max_record_bytes(MESSAGE_BYTES);
    let around = large(1, 50_000).bytes.len() - 50_000;
    let parts = split(&large(1, limit - around));
    assert_eq!(parts.len(), MAX_PARTS as usize);
    assert!(parts.iter().all(|part| part.bytes.len() <= MESSAGE_BYTES));
    assert_eq!(SealedPart::split(&large(1, limit - around + 1), MESSAGE_BYTES), None);
    assert_eq!(SealedPart::split(&large(1, 1), 10), None, "no piece fits beside what a part says of itself");
}

#[test]
fn a_record_that_begins_an_epoch_is_never_in_parts() {
    let (cluster, leader) = (ClusterId::new("c"), "m".to_owned());
    let kind = CommandKind::StartEpoch {
        cluster: cluster.clone(),
        leader: leader.clone(),
        addresses: None,
        placement_policy: None,
        profile: None,
    };
    let events = vec![Event::EpochStarted { cluster, leader, addresses: None, state_version: 1 }];
    let start = record(1, 5_000, kind, events);
    assert_eq!(SealedPart::split(&start, MESSAGE_BYTES), None);
    let half = start.bytes.len() / 2;
    let mut so_far = PartsSoFar::default();
    let [first, second] = [(0, &start.bytes[..half]), (1, &start.bytes[half..])].map(|(index, piece)| Part {
        index,
        count: 2,
        record: start.hash,
        seq: start.record.seq,
        epoch: start.record.epoch,
        previous: start.record.previous,
        piece: OwnedBytes(piece.to_vec()),
    });
    assert_eq!(so_far.take(&first), Ok(more()));
    let refused = so_far.take(&second).expect_err("it is refused");
    assert!(refused.to_string().contains("begins an epoch"), "{refused}");
}

#[test]
fn parts_that_something_comes_between_are_void() {
    let (sealed, other) = (large(7, 3_000), large(7, 3_500));
    let (parts, others) = (split(&sealed), split(&other));
    let mut so_far = PartsSoFar::default();
    assert_eq!(so_far.take(&parts[0].part), Ok(more()));
    assert_eq!(so_far.give_up(), Some(parts[0].part.place()), "a whole record came");
    assert_eq!(so_far.take(&parts[1].part), Ok(more()), "what follows belongs to nothing");
    assert_eq!((so_far.waiting(), so_far.give_up()), (None, None));

    assert_eq!(so_far.take(&parts[0].part), Ok(more()));
    let began_anew = Step { given_up: Some(parts[0].part.place()), whole: None };
    assert_eq!(so_far.take(&others[0].part), Ok(began_anew), "another record begins");
    let broken = Step { given_up: Some(others[0].part.place()), whole: None };
    assert_eq!(so_far.take(&parts[1].part), Ok(broken), "a part of the first one comes all the same");
    for part in &others[1..] {
        assert_eq!(so_far.take(&part.part), Ok(more()));
    }

    // The same record once more from its beginning, by a writer that did not get through the first time.
    let steps = parts[..2].iter().chain(&parts).map(|part| so_far.take(&part.part).expect("they fit"));
    let steps: Vec<Step> = steps.collect();
    assert_eq!(steps[2].given_up, Some(parts[1].part.place()));
    assert_eq!(steps.last().and_then(|step| step.whole.clone()), Some(sealed));
}

#[test]
fn a_part_that_is_left_out_or_comes_twice_makes_no_record() {
    let parts = split(&large(7, 3_000));
    assert!(parts.len() > 3);
    for changed in 0..parts.len() {
        let without: Vec<_> = (0..parts.len()).filter(|index| *index != changed).collect();
        let twice: Vec<_> = (0..parts.len()).flat_map(|index| vec![index; 1 + usize::from(index == changed)]).collect();
        for order in [&without, &twice] {
            let mut so_far = PartsSoFar::default();
            let whole = order.iter().filter_map(|index| so_far.take(&parts[*index].part).expect("they fit").whole);
            // The first one twice begins anew; the last one twice is one too many.
            let expected = order.len() > parts.len() && (changed == 0 || changed == parts.len() - 1);
            assert_eq!(whole.count(), usize::from(expected), "{order:?}");
        }
    }
}

#[test]
fn parts_that_are_not_what_they_say_are_refused() {
    let sealed = large(7, 3_000);
    let give = |change: &dyn Fn(&mut Part)| {
        let mut so_far = PartsSoFar::default();
        let mut outcome = Ok(more());
        for mut part in split(&sealed).into_iter().map(|sealed| sealed.part) {
            change(&mut part);
            outcome = so_far.take(&part);
        }
        outcome.expect_err("it is refused").to_string()
    };
    let refusals = [
        (give(&|part| part.record = Hash([1; 32])), "its hash"),
        (give(&|part| part.seq = Seq(8)), "its number"),
        (give(&|part| part.previous = Hash([1; 32])), "predecessor"),
        (give(&|part| part.piece.0[100] ^= 1), "its checksum"),
        (give(&|part| part.piece.0.truncate(100)), "is cut off"),
        (
            give(&|part| {
                if part.place().is_last() {
                    part.piece.0.push(0);
                }
            }),
            "something follows",
        ),
    ];
    for (said, reason) in refusals {
        assert!(said.contains("the parts of record") && said.contains(reason), "{said}");
    }
    for (index, count) in [(0, 0), (0, 1), (2, 2), (0, MAX_PARTS + 1)] {
        let part = Part { index, count, ..split(&sealed)[0].part.clone() };
        let read = Sealed::open(&SealedPart::seal(part).bytes);
        assert!(matches!(read, Err(CodecError::Unfit { .. })), "{index} of {count}");
    }
}

#[test]
fn every_damaged_byte_of_a_part_is_found() {
    let good = split(&large(1, 1_200)).remove(0);
    for index in 0..good.bytes.len() {
        let mut bytes = good.bytes.to_vec();
        bytes[index] ^= 0x40;
        let read = Sealed::open(&bytes);
        assert!(read.map_or(true, |(read, _)| read != Sealed::Part(good.clone())), "byte {index}");
    }
}

/// Of whole records, when there was nothing else.
const FORMAT_BEFORE_PARTS: u8 = 1;

#[test]
fn versions_that_know_no_parts_refuse_them_by_name() {
    let part = split(&large(1, 1_200)).remove(0);
    assert_eq!(SealedRecord::open(&part.bytes), Err(CodecError::Misplaced));
    // The array's length and the type of what is in it are those of a record, so that its format is what is looked at first.
    let (record, head) = (large(1, 1_200), &part.bytes[..3]);
    assert_eq!((head[0], head[1], head[2]), (record.bytes[0], PART_FORMAT, record.bytes[2]));
    assert!(head[1] > FORMAT_BEFORE_PARTS);
}
