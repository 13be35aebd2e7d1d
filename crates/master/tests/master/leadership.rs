//! Several masters over one log: one leads, the others follow and take over.

use eventlog::{AppendError, Fault, Lands};
use master::{Config, HandOverError, Handle, KnownLeader, Role, SubmitError};
use model::{AppId, Epoch};
use protocol::agent::Subscribe;

use crate::support::{Log, config_of, create, description, id, join, log, start, undisturbed, until, until_role};

async fn until_leading(handle: &Handle) {
    until_role(handle, |role| *role == Role::Leading).await;
}

fn follows(name: &str) -> impl Fn(&Role) -> bool {
    move |role| matches!(role, Role::Following { leader: Some(KnownLeader { name: known, .. }) } if known == name)
}

/// Apps that a follower has.
async fn until_apps(handle: &Handle, apps: &[&str]) {
    let apps: Vec<AppId> = apps.iter().map(|app| id(app)).collect();
    until(handle, "it has the apps", |state| state.apps.keys().cloned().collect::<Vec<_>>() == apps).await;
}

#[tokio::test]
async fn one_leads_and_the_others_follow_live_and_say_who_does() {
    let log = log();
    let (first, first_running) = join(&log, "m1").await;
    until_leading(&first).await;
    let (second, second_running) = join(&log, "m2").await;
    create(&first, "a").await.expect("the leader takes it");
    until_apps(&second, &["a"]).await;
    until_role(&second, follows("m1")).await;
    let why = create(&second, "b").await.expect_err("it does not lead");
    let SubmitError::NotLeading { leader: Some(leader), .. } = &why else { panic!("{why}") };
    assert_eq!(leader.addresses.as_ref().map(|at| at.operator.as_str()), Some("m1:5050"));
    assert_eq!(why.to_string(), "this master does not lead; m1 at m1:5050 does");
    let subscribe = Subscribe { identity: None, description: description("h") };
    assert!(matches!(second.subscribe_agent(subscribe).await, Err(SubmitError::NotLeading { .. })));
    until(&second, "the follower is there", |_| first.peers().iter().any(|peer| peer.name == "m2" && !peer.leads))
        .await;
    assert_eq!((first.read().epoch, first.read().hash()), (Epoch(1), second.read().hash()));
    second_running.stop().await;
    first_running.stop().await;
}

#[tokio::test]
async fn when_the_leader_dies_another_one_has_everything_and_leads() {
    let log = log();
    let (first, first_running) = join(&log, "m1").await;
    until_leading(&first).await;
    let (second, _second) = join(&log, "m2").await;
    let (third, _third) = join(&log, "m3").await;
    create(&first, "a").await.expect("acknowledged");
    drop(first_running);
    until(&second, "a new epoch", |state| state.epoch == Epoch(2)).await;
    until(&third, "a new epoch", |state| state.epoch == Epoch(2)).await;
    let leader = if second.role() == Role::Leading { &second } else { &third };
    until_leading(leader).await;
    create(leader, "b").await.expect("the new leader takes it");
    for handle in [&second, &third] {
        until_apps(handle, &["a", "b"]).await;
        assert_eq!(handle.read().check(), vec![]);
    }
    assert_eq!([&second, &third].iter().filter(|handle| handle.role() == Role::Leading).count(), 1);
}

#[tokio::test]
async fn a_master_that_stops_or_hands_over_is_followed_without_a_wait() {
    let log = log();
    let (first, first_running) = join(&log, "m1").await;
    until_leading(&first).await;
    assert_eq!(first.hand_over(None).await, Err(HandOverError::NobodyThere));
    let (second, second_running) = join(&log, "m2").await;
    until(&second, "it is known", |_| first.peers().len() == 1).await;
    let unknown = first.hand_over(Some("m9".to_owned())).await.expect_err("unknown");
    assert_eq!(unknown.to_string(), "there is no master 'm9' to take over; there are: m2");
    let leader = first.hand_over(Some("m2".to_owned())).await.expect("handed over");
    assert_eq!(leader.name, "m2");
    until_leading(&second).await;
    assert!(matches!(create(&first, "a").await, Err(SubmitError::NotLeading { .. })));
    create(&second, "a").await.expect("the new leader takes it");
    until_apps(&first, &["a"]).await;
    second_running.stop().await;
    until_leading(&first).await;
    create(&first, "b").await.expect("it leads again");
    first_running.stop().await;
}

#[tokio::test]
async fn a_leader_that_was_cut_off_has_no_effect_any_more_and_follows() {
    let log = log();
    let (first, _first) = join(&log, "m1").await;
    until_leading(&first).await;
    create(&first, "a").await.expect("acknowledged");
    // Its write is under way while another one begins an epoch.
    log.once(Fault::HoldBeforeWrite);
    let late = tokio::spawn({
        let first = first.clone();
        async move { create(&first, "late").await }
    });
    log.held().await;
    let (second, _second) = join(&undisturbed(&log), "m2").await;
    begin_epoch_of_another(&log).await;
    log.release().await;
    let why = late.await.expect("no panic").expect_err("deposed");
    assert!(matches!(why, SubmitError::NotLeading { .. }), "{why}");
    until(&second, "a leader that lives", |state| state.epoch > Epoch(2)).await;
    until_apps(&second, &["a"]).await;
}

/// The first record of an epoch whose leader then says nothing.
async fn begin_epoch_of_another(log: &Log) {
    let (handle, running) = start(&undisturbed(log)).await;
    drop(running);
    assert_eq!(handle.read().epoch, Epoch(2));
}

#[tokio::test]
async fn an_epoch_whose_beginning_was_not_acknowledged_is_led_all_the_same() {
    let log = log();
    log.once(Fault::Ambiguous { lands: Lands::Now });
    let (only, running) = join(&log, "m1").await;
    until_leading(&only).await;
    assert_eq!(only.read().epoch, Epoch(1));
    create(&only, "a").await.expect("it leads");
    running.stop().await;
}

#[tokio::test]
async fn a_candidate_that_may_not_write_goes_on_answering_and_leads_later() {
    let log = log();
    log.always(Fault::Refuse(AppendError::Full { reason: "no space left".to_owned() }));
    let (only, running) = join(&log, "m1").await;
    until(&only, "it has tried", |_| only.health().writable.is_err_and(|why| why.contains("no space left"))).await;
    assert!(matches!(create(&only, "a").await, Err(SubmitError::NotLeading { leader: None, .. })));
    log.heal();
    until_leading(&only).await;
    running.stop().await;
}

/// A name that nobody knows any more must not leave a cluster without a leader.
#[tokio::test]
async fn a_profile_that_was_removed_since_keeps_nobody_from_leading() {
    let log = log();
    let (first, first_running) = join(&log, "m1").await;
    until_leading(&first).await;
    first_running.stop().await;
    let config = Config { placement_policy: Some("gone".to_owned()), ..config_of("m2") };
    let (second, _second) = master::start(std::sync::Arc::new(log.clone()), config).await.expect("it starts");
    until_leading(&second).await;
    assert_eq!(second.read().header.placement_policy, "best-fit");
}
