//! Nothing is visible before it is durable, and nothing that was acknowledged is lost.

use std::time::Duration;

use eventlog::{AppendError, EventLog, Fault, Lands};
use master::{Follow, SubmitError};
use model::{Position, Seq};

use crate::support::{self, DEADLINE, create, id, log, start, until};

#[tokio::test]
async fn neither_answers_nor_reads_nor_refusals_run_ahead_of_the_log() {
    let log = log();
    let (handle, running) = start(&log).await;
    log.once(Fault::HoldBeforeWrite);
    let first = tokio::spawn({
        let handle = handle.clone();
        async move { create(&handle, "a").await }
    });
    // Decided from the first one's record, so its refusal has to wait for it.
    let refused = tokio::spawn({
        let handle = handle.clone();
        async move {
            loop {
                // Whichever comes second is refused.
                if let Err(why) = create(&handle, "a").await {
                    return why;
                }
            }
        }
    });
    log.held().await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished() && !refused.is_finished());
    assert!(!handle.read().apps.contains(&id("a")));
    log.release().await;
    let first = tokio::time::timeout(DEADLINE, first).await.expect("in time").expect("no panic");
    let refused = tokio::time::timeout(DEADLINE, refused).await.expect("in time").expect("no panic");
    assert!(matches!(refused, SubmitError::Rejected(_)), "{refused}");
    assert!(first.is_ok() || matches!(first, Err(SubmitError::Rejected(_))));
    assert!(handle.read().apps.contains(&id("a")));
    running.stop().await;
}

#[tokio::test]
async fn a_full_disk_refuses_writes_keeps_reads_and_heals_by_itself() {
    let log = log();
    let (handle, running) = start(&log).await;
    create(&handle, "before").await.expect("accepted");
    let before = handle.read().hash();
    log.always(Fault::Refuse(AppendError::Full { reason: "no space left on device".to_owned() }));
    let why = create(&handle, "during").await.expect_err("refused");
    assert!(matches!(&why, SubmitError::LogUnavailable { reason, .. } if reason.contains("no space left")), "{why}");
    assert_eq!(handle.read().hash(), before);
    assert!(handle.health().writable.is_err());
    let refused_at = handle.read().seq;
    log.heal();
    // Nobody has to try a change to find out: load balancers send nothing to a master that is not healthy.
    let healed = tokio::time::timeout(DEADLINE, async {
        while handle.health().writable.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    healed.await.expect("in time");
    until(&handle, "it was asked once", |state| state.seq == refused_at.next()).await;
    create(&handle, "after").await.expect("accepted again");
    assert!(!handle.read().apps.contains(&id("during")));
    assert_eq!(handle.read().check(), vec![]);
    running.stop().await;
}

#[tokio::test]
async fn an_unknown_outcome_is_pursued_until_it_is_known() {
    for lands in [Lands::Now, Lands::Never, Lands::Later] {
        let log = log();
        let (handle, running) = start(&log).await;
        log.once(Fault::Ambiguous { lands });
        log.once(Fault::Ambiguous { lands: Lands::Never });
        log.once(Fault::Refuse(AppendError::Unavailable { reason: "nobody there".to_owned() }));
        create(&handle, "a").await.expect("settled");
        assert_eq!(handle.health().writable, Ok(()));
        // A copy that comes late finds its place taken.
        if let Some(late) = log.land().await {
            assert!(matches!(late, Err(AppendError::WrongLastPosition { .. })), "{late:?}");
        }
        create(&handle, "b").await.expect("the master goes on");
        assert_eq!(handle.read().check(), vec![]);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_batch_of_unknown_outcome_whose_place_was_taken_has_changed_nothing() {
    let log = log();
    let (handle, mut running) = start(&log).await;
    log.always(Fault::Ambiguous { lands: Lands::Never });
    let submitted = tokio::spawn({
        let handle = handle.clone();
        async move { create(&handle, "a").await }
    });
    let pursued = tokio::time::timeout(DEADLINE, async {
        while handle.health().writable.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    pursued.await.expect("in time");
    assert!(!submitted.is_finished());
    let (_other, _other_running) = start(&support::undisturbed(&log)).await;
    log.heal();
    let why = submitted.await.expect("no panic").expect_err("deposed");
    assert!(matches!(why, SubmitError::NotLeading { .. }), "{why}");
    assert!(running.failed().await.contains("somebody else"));
}

#[tokio::test]
async fn a_restart_folds_the_log_to_the_same_state_in_a_new_epoch() {
    let log = log();
    let (handle, running) = start(&log).await;
    for name in ["a", "b", "c", "d"] {
        create(&handle, name).await.expect("accepted");
    }
    running.stop().await;
    let (seq, cluster) = (handle.read().seq, handle.read().header.cluster.clone());
    let (again, running) = start(&log).await;
    {
        let state = again.read();
        assert_eq!((state.apps.len(), state.seq, &state.header.cluster), (4, seq.next(), &cluster));
        assert_eq!(state.epoch.0, 2);
        assert_eq!(state.check(), vec![]);
    }
    running.stop().await;
}

#[tokio::test]
async fn somebody_elses_write_ends_the_leadership() {
    let log = log();
    let (handle, mut running) = start(&log).await;
    let (other, _other_running) = start(&log).await;
    let why = create(&handle, "a").await.expect_err("deposed");
    assert!(matches!(why, SubmitError::NotLeading { .. }), "{why}");
    assert!(running.failed().await.contains("somebody else"));
    create(&other, "a").await.expect("the new leader leads");
    let last = log.bounds().await.expect("readable").last;
    assert!(last > Position(0));
}

#[tokio::test]
async fn streams_give_history_and_go_on_live() {
    let log = log();
    let (handle, running) = start(&log).await;
    create(&handle, "a").await.expect("accepted");
    let mut records = handle.records(Seq(2), Follow::Live);
    let mut seen = Vec::new();
    create(&handle, "b").await.expect("accepted");
    until(&handle, "both are there", |state| state.apps.len() == 2).await;
    let last = handle.read().seq;
    while seen.last() != Some(&last) {
        let record = tokio::time::timeout(DEADLINE, records.recv()).await.expect("in time").expect("open");
        seen.push(record.expect("readable").seq);
    }
    assert_eq!(seen, (2..=last.0).map(Seq).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test]
async fn a_full_inbox_says_so() {
    let log = log();
    let config = master::Config { inbox_limit: 2, batch_limit: 1, ..master::Config::default() };
    let (handle, running) = master::start(std::sync::Arc::new(log.clone()), config).await.expect("starts");
    log.always(Fault::HoldBeforeWrite);
    let submitted: Vec<_> = (0..12)
        .map(|number| {
            let handle = handle.clone();
            tokio::spawn(async move { create(&handle, &format!("app{number}")).await })
        })
        .collect();
    let mut busy = 0;
    let mut waiting = Vec::new();
    for task in submitted {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        if task.is_finished() {
            let why = task.await.expect("no panic").expect_err("nothing is durable yet");
            assert_eq!(why, SubmitError::Busy { limit: 2, retry_after_s: 1 });
            busy += 1;
        } else {
            waiting.push(task);
        }
    }
    assert!(busy >= 6, "{busy}");
    log.heal();
    log.release().await;
    for task in waiting {
        tokio::time::timeout(DEADLINE, task).await.expect("in time").expect("no panic").expect("accepted");
    }
    running.stop().await;
}
