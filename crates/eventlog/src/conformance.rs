//! The one suite that every provider of [`EventLog`] passes, whatever it is made of.
//!
//! A provider's tests say where its logs are kept ([`Place`]) and call [`crate::conformance_suite!`]. The suite knows
//! nothing of any provider, and needs no runtime but tokio's.

mod baselines;
mod parts;
mod seeking;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use model::{
    ClusterId, Command, CommandId, CommandKind, Event, Position, Principal, Record, SealedRecord, Timestamp, Tip,
};
use tokio::task::JoinSet;

use crate::{AppendError, Bounds, Entry, EventLog, Message, Messages, ReadError, committed, message_bytes};

pub use baselines::{a_large_baseline_is_kept_and_the_size_is_told, baselines_are_kept_whole};
pub use parts::{
    a_record_in_parts_counts_with_its_last_part, parts_of_the_largest_size_are_taken,
    parts_that_something_comes_between_are_void, reading_goes_on_where_the_tip_is,
};
pub use seeking::{records_are_found_by_their_number, records_in_parts_are_found_by_their_number};

/// Nothing in the suite takes that long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where one log is kept, empty at first. It can be closed and opened again.
pub trait Place: Send + Sync {
    type Log: EventLog;
    /// Whether a read ends where the log ended when `read` was called, not where it ended at the first `next`.
    const READS_END_AT_THE_CALL: bool = true;
    fn open(&self) -> impl Future<Output = Self::Log> + Send;
    /// Afterwards the log can be opened again.
    fn close(&self, log: Self::Log) -> impl Future<Output = ()> + Send;
}

/// Makes one test of each case. `$place` is evaluated for each test: an expression that gives a new [`Place`]. With
/// `when`, a test does nothing where the expression behind it is false; that expression says so to whoever runs the tests.
#[macro_export]
macro_rules! conformance_suite {
    ($place:expr) => {
        $crate::conformance_suite!($place; when true);
    };
    ($place:expr; when $available:expr) => {
        $crate::conformance_suite!(@tests $place, $available;
            batches_read_back_in_order
            a_read_ends_where_the_log_ended
            a_tail_goes_on_with_what_comes
            compare_and_set_takes_the_last_position_only
            one_of_many_wins
            concurrent_appends_all_arrive
            reopening_changes_nothing
            trimming_removes_a_prefix_for_good
            unfit_batches_are_refused
            long_logs_and_large_messages_read_whole
            records_are_found_by_their_number
            records_in_parts_are_found_by_their_number
            a_record_in_parts_counts_with_its_last_part
            parts_that_something_comes_between_are_void
            reading_goes_on_where_the_tip_is
            parts_of_the_largest_size_are_taken
            baselines_are_kept_whole
            a_large_baseline_is_kept_and_the_size_is_told
        );
    };
    (@tests $place:expr, $available:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if !$available {
                    return;
                }
                $crate::conformance::within_deadline($crate::conformance::$case(&$place)).await;
            }
        )*
    };
}

/// Fails a case that hangs.
pub async fn within_deadline(case: impl Future<Output = ()>) {
    tokio::time::timeout(DEADLINE, case).await.expect("the case ends in time");
}

/// Writes records that follow one another, as a leader does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chain {
    pub tip: Tip,
}

impl Chain {
    /// The record that begins the next epoch.
    pub fn start(&mut self) -> SealedRecord {
        let cluster = ClusterId::new("conformance");
        let event = Event::EpochStarted {
            cluster: cluster.clone(),
            leader: "leader".into(),
            addresses: None,
            state_version: 1,
        };
        let kind = CommandKind::StartEpoch {
            cluster,
            leader: "leader".into(),
            addresses: None,
            placement_policy: Some("spread".into()),
            profile: None,
        };
        self.tip.epoch = self.tip.epoch.next();
        self.push(kind, vec![event], "leader")
    }

    /// The next record, made longer by `padding` bytes.
    pub fn record(&mut self, padding: usize) -> SealedRecord {
        let principal = format!("{}{}", self.tip.seq, "x".repeat(padding));
        self.push(CommandKind::Allocate, Vec::new(), &principal)
    }

    pub fn batch(&mut self, paddings: &[usize]) -> Arc<[SealedRecord]> {
        paddings.iter().map(|padding| self.record(*padding)).collect()
    }

    fn push(&mut self, kind: CommandKind, events: Vec<Event>, principal: &str) -> SealedRecord {
        let seq = self.tip.seq.next();
        let cause = Command {
            id: CommandId(u128::from(seq.0).to_be_bytes()),
            at: Timestamp(seq.0),
            seed: seq.0,
            principal: Principal::new(principal),
            kind,
        };
        let record = Record { seq, epoch: self.tip.epoch, previous: self.tip.hash, cause, events, state_hash: None };
        let sealed = record.seal();
        self.tip = Tip { seq, epoch: self.tip.epoch, hash: sealed.hash };
        sealed
    }
}

/// Reads to the end of `messages`.
pub async fn collect(mut messages: Messages) -> Result<Vec<Message>, ReadError> {
    let mut all = Vec::new();
    while let Some(message) = messages.next().await {
        all.push(message?);
    }
    Ok(all)
}

/// What a log that holds these batches from `first` on reads as.
#[must_use]
pub fn expected(first: u64, batches: &[Arc<[SealedRecord]>]) -> Vec<Message> {
    let message = |(position, batch): (u64, &Arc<[SealedRecord]>)| Message {
        position: Position(position),
        content: Arc::clone(batch).into(),
    };
    (first..).zip(batches).map(message).collect()
}

async fn append_all(log: &impl EventLog, batches: &[Arc<[SealedRecord]>]) -> Position {
    let mut last = Position::default();
    for batch in batches {
        last = log.append(None, Arc::clone(batch).into()).await.expect("an append succeeds");
    }
    last
}

async fn assert_holds(log: &impl EventLog, first: u64, batches: &[Arc<[SealedRecord]>]) {
    let last = Position(first + batches.len() as u64 - 1);
    assert_eq!(log.bounds().await, Ok(Bounds { first: Position(first), last }));
    assert_eq!(collect(log.read(Position(first))).await, Ok(expected(first, batches)));
}

fn batches_of(chain: &mut Chain, paddings: &[&[usize]]) -> Vec<Arc<[SealedRecord]>> {
    paddings.iter().map(|paddings| chain.batch(paddings)).collect()
}

pub async fn batches_read_back_in_order(place: &impl Place) {
    let log = place.open().await;
    assert_eq!(log.bounds().await, Ok(Bounds::EMPTY));
    assert_eq!(collect(log.read(Position(1))).await, Ok(Vec::new()));
    let mut chain = Chain::default();
    let batches = batches_of(&mut chain, &[&[1], &[10, 2000, 30], &[5; 200], &[70_000]]);
    for (position, batch) in (1..).zip(&batches) {
        assert_eq!(log.append(None, Arc::clone(batch).into()).await, Ok(Position(position)));
    }
    assert_holds(&log, 1, &batches).await;
    assert_eq!(collect(log.read(Position(0))).await, Ok(expected(1, &batches)), "0 means the beginning");
    assert_eq!(collect(log.read(Position(3))).await, Ok(expected(3, &batches[2..])));
    assert_eq!(collect(log.read(Position(5))).await, Ok(Vec::new()), "behind the end there is nothing");
    assert_eq!(collect(log.read(Position(99))).await, Ok(Vec::new()));
    place.close(log).await;
}

pub async fn a_read_ends_where_the_log_ended<P: Place>(place: &P) {
    let log = place.open().await;
    let mut chain = Chain::default();
    let batches = batches_of(&mut chain, &[&[1], &[1], &[1]]);
    append_all(&log, &batches[..2]).await;
    let called = log.read(Position(1));
    let mut begun = log.read(Position(1));
    assert_eq!(begun.next().await, Some(Ok(expected(1, &batches).remove(0))));
    append_all(&log, &batches[2..]).await;
    assert_eq!(collect(begun).await, Ok(expected(2, &batches[1..2])), "a read that has begun does not go on");
    let wanted = if P::READS_END_AT_THE_CALL { &batches[..2] } else { &batches[..] };
    assert_eq!(collect(called).await, Ok(expected(1, wanted)));
    place.close(log).await;
}

pub async fn a_tail_goes_on_with_what_comes(place: &impl Place) {
    let log = Arc::new(place.open().await);
    let mut chain = Chain::default();
    let batches: Vec<_> = (0..50).map(|_| chain.batch(&[8, 8])).collect();
    append_all(&*log, &batches[..10]).await;
    let mut readers = JoinSet::new();
    for from in [1, 7, 11, 30] {
        let mut tail = log.tail(Position(from));
        let wanted = expected(1, &batches)[from as usize - 1..].to_vec();
        readers.spawn(async move {
            for message in wanted {
                assert_eq!(tail.next().await, Some(Ok(message)));
            }
            // The log has ended, the tail has not.
            assert!(tokio::time::timeout(Duration::from_millis(20), tail.next()).await.is_err());
        });
    }
    append_all(&*log, &batches[10..]).await;
    while let Some(reader) = readers.join_next().await {
        reader.expect("the reader got everything");
    }
    place.close(Arc::into_inner(log).expect("the readers do not hold the log")).await;
}

pub async fn compare_and_set_takes_the_last_position_only(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    let batches = batches_of(&mut chain, &[&[1], &[2], &[3], &[4]]);
    let wrong = |expected, actual| {
        Err(AppendError::WrongLastPosition { expected: Position(expected), actual: Position(actual) })
    };
    assert_eq!(log.append(Some(Position(1)), Arc::clone(&batches[3]).into()).await, wrong(1, 0));
    assert_eq!(log.append(Some(Position(0)), Arc::clone(&batches[0]).into()).await, Ok(Position(1)));
    assert_eq!(log.append(Some(Position(0)), Arc::clone(&batches[3]).into()).await, wrong(0, 1));
    assert_eq!(log.append(None, Arc::clone(&batches[1]).into()).await, Ok(Position(2)));
    assert_eq!(log.append(Some(Position(3)), Arc::clone(&batches[3]).into()).await, wrong(3, 2));
    assert_eq!(log.append(Some(Position(2)), Arc::clone(&batches[2]).into()).await, Ok(Position(3)));
    assert_holds(&log, 1, &batches[..3]).await;
    place.close(log).await;
}

pub async fn one_of_many_wins(place: &impl Place) {
    const RACERS: usize = 8;
    let log = Arc::new(place.open().await);
    for round in 0..10 {
        let mut race = JoinSet::new();
        for racer in 0..RACERS {
            let (log, batch) = (Arc::clone(&log), Chain::default().batch(&[racer + 1]));
            race.spawn(async move { (log.append(Some(Position(round)), Arc::clone(&batch).into()).await, batch) });
        }
        let outcomes = race.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(outcome, _)| outcome.is_ok());
        assert_eq!(won.len(), 1, "round {round}");
        let wrong = AppendError::WrongLastPosition { expected: Position(round), actual: Position(round + 1) };
        assert!(lost.iter().all(|(outcome, _)| *outcome == Err(wrong.clone())), "round {round}");
        assert_eq!(collect(log.read(Position(round + 1))).await, Ok(expected(round + 1, &[Arc::clone(&won[0].1)])));
    }
    place.close(Arc::into_inner(log).expect("the racers are gone")).await;
}

pub async fn concurrent_appends_all_arrive(place: &impl Place) {
    const WRITERS: usize = 4;
    const BATCHES: usize = 25;
    let log = Arc::new(place.open().await);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            let mut chain = Chain::default();
            let mut written = Vec::new();
            for _ in 0..BATCHES {
                let batch = chain.batch(&[writer * 100 + 1]);
                let position = log.append(None, Arc::clone(&batch).into()).await.expect("an append succeeds");
                written.push((position, batch));
            }
            written
        });
    }
    let mut written: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    written.sort_by_key(|(position, _)| *position);
    let batches: Vec<_> = written.into_iter().map(|(_, batch)| batch).collect();
    assert_eq!(batches.len(), WRITERS * BATCHES);
    assert_holds(&*log, 1, &batches).await;
    place.close(Arc::into_inner(log).expect("the writers are gone")).await;
}

pub async fn reopening_changes_nothing(place: &impl Place) {
    let mut chain = Chain::default();
    let mut batches = Vec::new();
    for round in 0..4_u64 {
        let log = place.open().await;
        if round > 0 {
            assert_holds(&log, 1, &batches).await;
        }
        let after = Position(batches.len() as u64);
        let batch = chain.batch(&[3, 400]);
        assert_eq!(log.append(Some(after), Arc::clone(&batch).into()).await, Ok(after.next()));
        batches.push(batch);
        let more = batches_of(&mut chain, &[&[9], &[9, 9]]);
        append_all(&log, &more).await;
        batches.extend(more);
        assert_holds(&log, 1, &batches).await;
        place.close(log).await;
    }
}

pub async fn trimming_removes_a_prefix_for_good(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    log.trim(Position(7)).await.expect("an empty log trims to itself");
    assert_eq!(log.bounds().await, Ok(Bounds::EMPTY));
    let batches: Vec<_> = (0..10).map(|_| chain.batch(&[100])).collect();
    append_all(&log, &batches).await;
    let mut tail = log.tail(Position(9));
    log.trim(Position(4)).await.expect("trims");
    log.trim(Position(2)).await.expect("what is gone may be trimmed again");
    assert_holds(&log, 5, &batches[4..]).await;
    let gone = ReadError::Trimmed { wanted: Position(4), first: Position(5) };
    assert_eq!(log.read(Position(4)).next().await, Some(Err(gone.clone())));
    assert_eq!(log.tail(Position(4)).next().await, Some(Err(gone)));
    assert_eq!(tail.next().await, Some(Ok(expected(9, &batches[8..]).remove(0))), "other readers notice nothing");
    drop(tail);
    place.close(log).await;

    let log = place.open().await;
    assert_holds(&log, 5, &batches[4..]).await;
    log.trim(Position(1000)).await.expect("trims");
    assert_holds(&log, 10, &batches[9..]).await;
    place.close(log).await;

    let log = place.open().await;
    let batch = chain.batch(&[1]);
    assert_eq!(
        log.append(Some(Position(10)), Arc::clone(&batch).into()).await,
        Ok(Position(11)),
        "no position comes twice"
    );
    assert_holds(&log, 10, &[Arc::clone(&batches[9]), batch]).await;
    place.close(log).await;
}

pub async fn unfit_batches_are_refused(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    assert_eq!(log.append(None, Vec::<SealedRecord>::new().into()).await, Err(AppendError::EmptyBatch));
    let limit_bytes = log.max_message_bytes();
    let padded = |padding| Chain::default().batch(&[padding]);
    let around = message_bytes(&padded(limit_bytes)) - limit_bytes;
    let (exact, above) = (padded(limit_bytes - around), padded(limit_bytes - around + 1));
    assert_eq!((message_bytes(&exact), message_bytes(&above)), (limit_bytes, limit_bytes + 1));
    let message_bytes = message_bytes(&above);
    assert_eq!(log.append(None, above.into()).await, Err(AppendError::TooLarge { message_bytes, limit_bytes }));
    assert_eq!(log.bounds().await, Ok(Bounds::EMPTY));
    assert_eq!(log.append(None, Arc::clone(&exact).into()).await, Ok(Position(1)));
    let small = chain.batch(&[1]);
    assert_eq!(log.append(None, Arc::clone(&small).into()).await, Ok(Position(2)));
    place.close(log).await;
    let log = place.open().await;
    assert_holds(&log, 1, &[exact, small]).await;
    place.close(log).await;
}

pub async fn long_logs_and_large_messages_read_whole(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    let mut batches: Vec<_> = (0..600).map(|_| chain.batch(&[1])).collect();
    batches.extend((0..8).map(|_| chain.batch(&[300_000])));
    append_all(&log, &batches).await;
    assert_holds(&log, 1, &batches).await;
    let mut records = committed(log.read(Position(1)), Tip::default());
    let mut accepted = 0;
    while let Some(entry) = records.next().await {
        assert!(matches!(entry, Ok(Entry::Accepted { .. })));
        accepted += 1;
    }
    assert_eq!((accepted, records.tip()), (608, chain.tip));
    place.close(log).await;
}
