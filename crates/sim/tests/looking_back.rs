//! A long log, made without a cluster: it is folded to what was there live, and every moment of it is found.

use std::ops::ControlFlow;

use eventlog::{EventLog, MemoryLog};
use master::{Cursor, Kept, PastError, Records, launch_of, nearest, seq_at};
use model::{ClusterId, Event, Hash, Position, Seq, TaskId, Timestamp, Tip};
use sim::{Busy, BusySettings};
use snapshot::{Cache, CacheLimits, Mark};
use state::State;

/// What was there live.
struct Live {
    log: MemoryLog,
    records: u64,
    end: Hash,
    /// After each record of some, where it is and what there was.
    then: Vec<(Tip, Position, Hash)>,
    times: Vec<Timestamp>,
    launches: Vec<(TaskId, Seq)>,
}

async fn live(seed: u64) -> Live {
    let settings = BusySettings {
        agents: 5,
        apps: 3,
        instances: 60,
        span_ms: 60_000,
        events: 6_000,
        seed,
        ..BusySettings::default()
    };
    let mut busy = Busy::new(settings);
    let log = MemoryLog::default();
    let (mut then, mut times, mut launches) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let records = busy.next_message();
        let Some(last) = records.last() else { break };
        let tip = Tip { seq: last.record.seq, epoch: last.record.epoch, hash: last.hash };
        for sealed in &records {
            times.push(sealed.record.cause.at);
            launches.extend(sealed.record.events.iter().filter_map(|event| match event {
                Event::TaskLaunched { task } => Some((task.id.clone(), sealed.record.seq)),
                _ => None,
            }));
        }
        let position = log.append(None, records.into()).await.expect("it is appended");
        then.push((tip, position, busy.state().hash()));
    }
    assert_eq!(busy.state().check(), [], "no invariant is broken");
    Live { log, records: busy.tip().seq.0, end: busy.state().hash(), then, times, launches }
}

async fn at(live: &Live, seq: Seq, kept: &Kept) -> (Seq, State) {
    let mut cursor = nearest(&live.log, seq, kept).await.expect("there is a beginning");
    let begun = cursor.state().seq;
    cursor.advance(seq, |_| ControlFlow::Continue(())).await.expect("it is folded");
    (begun, cursor.into_state())
}

#[tokio::test]
async fn the_fold_of_a_log_is_what_was_there_live_from_wherever_it_begins() {
    let live = live(1).await;
    assert!(live.records > 1_000 && live.launches.len() > 200, "{} records", live.records);
    let root = tempfile::tempdir().expect("a folder");
    let cache = Cache::new(root.path(), &ClusterId::new("busy-1"), CacheLimits::default());
    let kept = Kept { snapshot: None, cache: Some(cache.clone()) };
    let (middle, position, hash) = live.then[live.then.len() / 2];
    let (begun, state) = at(&live, middle.seq, &kept).await;
    assert_eq!((begun, state.hash()), (Seq(0), hash), "nothing is kept yet");
    // Where it lies in this log is found, wherever it lay in the log that it was kept of.
    let elsewhere = Position(position.0 + 7);
    cache.put(&state, &Mark::of(&state, middle, elsewhere)).expect("it is kept");
    for (tip, _, hash) in live.then.iter().step_by(37).chain(live.then.last()) {
        let (begun, state) = at(&live, tip.seq, &kept).await;
        assert_eq!((state.seq, state.hash()), (tip.seq, *hash));
        assert_eq!(begun, if tip.seq < middle.seq { Seq(0) } else { middle.seq });
    }
    assert_eq!(live.then.last().map(|(_, _, hash)| *hash), Some(live.end));
    let beyond = nearest(&live.log, Seq(live.records + 1), &kept).await.expect("there is a beginning");
    let mut beyond: Cursor = beyond;
    let ahead = beyond.advance(Seq(live.records + 1), |_| ControlFlow::Continue(())).await;
    assert_eq!(ahead, Err(PastError::Ahead { seq: Seq(live.records + 1), last: Seq(live.records) }));
}

/// Its name is right, and what it says too; but it is of another log.
#[tokio::test]
async fn a_state_of_another_log_is_not_believed() {
    let (ours, theirs) = (live(1).await, live(2).await);
    let root = tempfile::tempdir().expect("a folder");
    let cache = Cache::new(root.path(), &ClusterId::new("busy-1"), CacheLimits::default());
    let (tip, position, _) = theirs.then[theirs.then.len() / 3];
    let (_, state) = at(&theirs, tip.seq, &Kept::default()).await;
    cache.put(&state, &Mark::of(&state, tip, position)).expect("it is kept");
    let kept = Kept { snapshot: None, cache: Some(cache.clone()) };
    let (begun, state) = at(&ours, Seq(ours.records), &kept).await;
    assert_eq!((begun, state.hash()), (Seq(0), ours.end));
    assert!(cache.states().is_empty(), "and is removed");
}

#[tokio::test]
async fn a_time_means_the_last_record_that_is_not_later_and_a_task_its_launch() {
    let live = live(1).await;
    let first = live.times[0];
    let mut wanted = first;
    while wanted.0 < first.0 + 61_000 {
        let expected = live.times.iter().take_while(|at| **at <= wanted).count() as u64;
        assert_eq!(seq_at(&live.log, wanted).await, Ok(Seq(expected)), "at {wanted:?}");
        wanted = wanted.plus_ms(1_777);
    }
    let before = seq_at(&live.log, Timestamp(first.0 - 1)).await;
    assert_eq!(before, Err(PastError::Before { first: Seq(1), at: first }));
    for (task, seq) in live.launches.iter().step_by(53) {
        let launched_at = live.times[seq.0 as usize - 1];
        let mut read = 0;
        let found = launch_of(&live.log, task, Some(launched_at), |_| {
            read += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(found.await, Ok(*seq));
        assert!(read < 100, "{read} records are read for what is known to be there");
        assert_eq!(launch_of(&live.log, task, None, |_| ControlFlow::Continue(())).await, Ok(*seq));
    }
    let mut records = Records::from(&live.log, Seq(500)).await.expect("it is readable");
    let next = records.next().await.expect("it is readable").expect("there is one");
    assert_eq!(next.record.seq, Seq(500));
}
