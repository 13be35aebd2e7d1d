//! Records that are larger than a message of the log: whole or not there, whatever happens between their parts.

use std::sync::Arc;
use std::time::Duration;

use eventlog::{AppendError, Content, Entry, EventLog, Fault, FaultyLog, Lands, MemoryLog, committed};
use master::{Committed, Config, Follow, Handle, Role, Standby, SubmitError};
use model::{AppSpec, CommandKind, Epoch, Position, Principal, Seq, Tip};
use state::State;

use crate::support::{DEADLINE, Log, app, create, id, join, start, undisturbed, until, until_role};

const MESSAGE_BYTES: usize = 4 << 10;
/// A part of a record that is not disturbed.
const UNDISTURBED: Fault = Fault::Slow { delay: Duration::ZERO };

fn log() -> Log {
    FaultyLog::new(MemoryLog::new(MESSAGE_BYTES))
}

/// An app whose record takes several messages.
async fn create_large(handle: &Handle, name: &str) -> Result<Committed, SubmitError> {
    create_padded(handle, name, 10_000).await
}

async fn create_padded(handle: &Handle, name: &str, padding: usize) -> Result<Committed, SubmitError> {
    let spec = app(name);
    let labels = [("padding".to_owned(), "x".repeat(padding))].into();
    let app = Arc::new(AppSpec { labels, instances: 0, ..spec });
    handle.submit(Principal::new("test"), CommandKind::CreateApp { app }).await
}

/// Every entry of the log but those that count.
async fn void(log: &impl EventLog) -> Vec<Entry> {
    let mut entries = committed(log.read(Position(1)), Tip::default());
    let mut void = Vec::new();
    while let Some(entry) = entries.next().await {
        match entry.expect("the log is sound") {
            Entry::Accepted { .. } | Entry::Part { .. } => {}
            entry => void.push(entry),
        }
    }
    void
}

async fn parts_in(log: &impl EventLog) -> usize {
    let mut messages = log.read(Position(1));
    let mut parts = 0;
    while let Some(message) = messages.next().await {
        parts += usize::from(matches!(message.expect("the log is sound").content, Content::Part(_)));
    }
    parts
}

/// What the log says up to the first record that is in parts, and where that ends.
async fn folded_to_parts(log: &impl EventLog) -> (State, Tip, Position) {
    let mut entries = committed(log.read(Position(1)), Tip::default());
    let (mut state, mut in_parts) = (State::default(), false);
    loop {
        match entries.next().await.expect("there is one").expect("the log is sound") {
            Entry::Accepted { position, record, tip } => {
                state.apply(&record.record);
                if in_parts {
                    return (state, tip, position);
                }
            }
            Entry::Part { .. } => in_parts = true,
            other => panic!("{other:?}"),
        }
    }
}

async fn end_of(log: &impl EventLog) -> Position {
    log.bounds().await.expect("readable").last
}

#[tokio::test]
async fn a_large_record_is_taken_among_small_ones_and_read_by_everybody() {
    let log = log();
    let (first, first_running) = join(&log, "m1").await;
    until_role(&first, |role| *role == Role::Leading).await;
    let (second, second_running) = join(&log, "m2").await;
    let submitted: Vec<_> = (0..40)
        .map(|number| {
            let handle = first.clone();
            let name = format!("app-{number}");
            tokio::spawn(async move {
                if number % 4 == 1 { create_large(&handle, &name).await } else { create(&handle, &name).await }
            })
        })
        .collect();
    let mut created = Vec::new();
    for submitted in submitted {
        created.push(submitted.await.expect("no panic").expect("accepted, whatever is in the batch before it").seq);
    }
    assert!(created.is_sorted(), "what had to wait kept its place: {created:?}");
    assert!(parts_in(&log).await >= 10 * 3);
    until(&second, "it has all", |state| state.apps.len() == 40).await;
    let end = first.read().seq;
    assert!(second.wait_for(end, DEADLINE).await);
    assert_eq!(first.read().hash(), second.read().hash());
    let mut records = second.records(Seq(7), Follow::ToEnd);
    let mut seqs = Vec::new();
    while let Some(record) = records.recv().await {
        seqs.push(record.expect("readable").seq);
    }
    assert_eq!(seqs, (7..=end.0).map(Seq).collect::<Vec<_>>());
    second_running.stop().await;
    first_running.stop().await;
    assert_eq!(void(&log).await, vec![]);
}

#[tokio::test]
async fn nothing_is_visible_before_the_last_part_is_durable() {
    let log = log();
    let (handle, running) = start(&log).await;
    let before = end_of(&log).await;
    log.once(UNDISTURBED);
    log.once(UNDISTURBED);
    log.once(Fault::HoldBeforeWrite);
    let submitted = tokio::spawn({
        let handle = handle.clone();
        async move { create_large(&handle, "a").await }
    });
    log.held().await;
    assert_eq!(end_of(&log).await, Position(before.0 + 2), "two parts are there");
    assert!(!submitted.is_finished() && !handle.read().apps.contains(&id("a")));
    log.release().await;
    submitted.await.expect("no panic").expect("accepted");
    assert!(handle.read().apps.contains(&id("a")));
    running.stop().await;
}

#[tokio::test]
async fn a_part_that_is_refused_leaves_nothing_and_the_leader_goes_on_behind_it() {
    let log = log();
    let (handle, running) = start(&log).await;
    log.once(UNDISTURBED);
    log.once(UNDISTURBED);
    log.always(Fault::Refuse(AppendError::Full { reason: "no space left on device".to_owned() }));
    let why = create_large(&handle, "a").await.expect_err("refused");
    assert!(matches!(&why, SubmitError::LogUnavailable { reason, .. } if reason.contains("no space left")), "{why}");
    let end = end_of(&log).await;
    let seq = handle.read().seq;
    log.heal();
    until(&handle, "the log is asked again", |state| state.seq > seq).await;
    create_large(&handle, "b").await.expect("accepted");
    create_large(&handle, "a").await.expect("accepted now");
    let told = (handle.read().seq, handle.read().hash());
    running.stop().await;
    let found = void(&log).await;
    assert!(matches!(&found[..], [Entry::Unfinished { last, .. }] if *last == end), "{found:?}");
    let (again, running) = start(&log).await;
    assert_eq!(again.read().seq, told.0.next(), "all is there, and a new epoch");
    assert_eq!((again.read().apps.len(), again.read().check()), (2, vec![]));
    running.stop().await;
}

#[tokio::test]
async fn a_part_of_unknown_outcome_is_pursued_until_it_is_known() {
    for lands in [Lands::Now, Lands::Never, Lands::Later] {
        let log = log();
        let (handle, running) = start(&log).await;
        log.once(UNDISTURBED);
        log.once(Fault::Ambiguous { lands });
        log.once(Fault::Ambiguous { lands: Lands::Never });
        create_large(&handle, "a").await.expect("settled");
        if let Some(late) = log.land().await {
            assert!(matches!(late, Err(AppendError::WrongLastPosition { .. })), "{late:?}");
        }
        create(&handle, "b").await.expect("the master goes on");
        running.stop().await;
        assert_eq!(void(&log).await, vec![]);
    }
}

#[tokio::test]
async fn a_leader_that_is_deposed_between_two_parts_has_changed_nothing_and_follows() {
    let log = log();
    let (first, _first_running) = join(&log, "m1").await;
    until_role(&first, |role| *role == Role::Leading).await;
    log.once(UNDISTURBED);
    log.once(UNDISTURBED);
    log.once(Fault::HoldBeforeWrite);
    let submitted = tokio::spawn({
        let first = first.clone();
        async move { create_large(&first, "a").await }
    });
    log.held().await;
    // It begins an epoch at once, behind the parts that are there.
    let (other, _other_running) = start(&undisturbed(&log)).await;
    log.release().await;
    let why = submitted.await.expect("no panic").expect_err("deposed");
    assert!(matches!(why, SubmitError::NotLeading { .. }), "{why}");
    create_large(&other, "b").await.expect("the new leader takes it");
    until(&first, "it follows", |state| state.epoch == Epoch(2) && state.apps.contains(&id("b"))).await;
    assert!(!first.read().apps.contains(&id("a")) && !other.read().apps.contains(&id("a")));
    assert!(matches!(&void(&log).await[..], [Entry::Unfinished { .. }]));
}

#[tokio::test]
async fn a_last_part_that_comes_after_its_leader_has_stopped_makes_its_record_count() {
    let log = log();
    let (handle, running) = start(&log).await;
    create_large(&handle, "how-many").await.expect("accepted");
    until(&handle, "nothing more is to be written", |state| state.deployments.is_empty()).await;
    let parts = parts_in(&log).await;
    (1..parts).for_each(|_| log.once(UNDISTURBED));
    log.once(Fault::Ambiguous { lands: Lands::Later });
    log.always(Fault::Ambiguous { lands: Lands::Never });
    let submitted = tokio::spawn({
        let handle = handle.clone();
        async move { create_large(&handle, "how-long").await }
    });
    let pursued = tokio::time::timeout(DEADLINE, async {
        while handle.health().writable.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    pursued.await.expect("in time");
    running.stop().await;
    let why = submitted.await.expect("no panic").expect_err("nobody knows");
    assert!(matches!(why, SubmitError::Unclear { .. }), "{why}");
    assert!(!handle.read().apps.contains(&id("how-long")));
    log.heal();
    log.land().await.expect("it is under way").expect("its place is free");
    let (again, running) = start(&log).await;
    assert!(again.read().apps.contains(&id("how-long")));
    create(&again, "b").await.expect("the master goes on");
    running.stop().await;
}

#[tokio::test]
async fn what_is_too_large_even_for_parts_is_refused_with_the_limit() {
    let log = log();
    let (handle, running) = start(&log).await;
    let why = create_padded(&handle, "a", 64 * MESSAGE_BYTES).await.expect_err("refused");
    let SubmitError::TooLarge { bytes, limit } = why else { panic!("{why}") };
    assert!(bytes > limit && (63 * (MESSAGE_BYTES - 200)..64 * MESSAGE_BYTES).contains(&limit), "{bytes} {limit}");
    assert!(why.to_string().contains(&limit.to_string()), "{why}");
    create_padded(&handle, "a", 60 * MESSAGE_BYTES / 3).await.expect("the master goes on");
    running.stop().await;
}

#[tokio::test]
async fn a_baseline_may_end_with_a_record_in_parts() {
    let log = log();
    let (handle, running) = start(&log).await;
    create_large(&handle, "a").await.expect("accepted");
    let (state, tip, position) = folded_to_parts(&log).await;
    let message = log.read(position).next().await.expect("it is there").expect("readable");
    assert!(message.content.completes(tip.hash) && message.content.parts_before() > 1);
    let baseline = master::write_baseline(&log, state, tip, position).await.expect("it is written");
    create_large(&handle, "b").await.expect("accepted");
    until(&handle, "nothing more is to be written", |state| state.deployments.is_empty()).await;
    let hash = handle.read().hash();
    running.stop().await;
    let upto = master::trimmable_behind(&log, &baseline).await.expect("readable");
    assert_eq!(upto, Position(position.0 - message.content.parts_before() - 1), "all of its parts stay");
    // Even if no more than the last of them is there, it is known by it.
    for upto in [upto, Position(position.0 - 1)] {
        log.trim(upto).await.expect("trims");
        let standby = Some(Standby { campaign_after: Duration::from_secs(3_600), ..Standby::default() });
        let config = Config { leader: "looks".to_owned(), standby, ..Config::default() };
        let (follower, running) = master::start(Arc::new(undisturbed(&log)), config).await.expect("it starts");
        assert_eq!(follower.read().apps.len(), 2);
        assert_eq!((follower.read().epoch, follower.read().hash()), (Epoch(1), hash), "nobody leads yet");
        running.stop().await;
    }
    let (again, running) = start(&log).await;
    create_large(&again, "c").await.expect("accepted");
    assert_eq!(again.read().check(), vec![]);
    running.stop().await;
}
