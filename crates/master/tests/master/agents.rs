//! What agents are told, and when they are given up.

use std::sync::Arc;
use std::time::Duration;

use master::{Config, Handle};
use model::{CommandKind, Principal, StatusUpdate, TaskState, TaskStatus, Timestamp, UpdateId};
use protocol::agent::{AgentEvent, AgentIdentity, Desired, StatusReport, Subscribe};
use tokio::sync::mpsc::Receiver;

use crate::support::{DEADLINE, create, description, id, log, start, until};

async fn subscribe(handle: &Handle, identity: Option<AgentIdentity>) -> (AgentIdentity, Receiver<AgentEvent>) {
    let subscribe = Subscribe { identity, description: description("a") };
    let mut events = handle.subscribe_agent(subscribe).await.expect("a session");
    match next(&mut events).await {
        AgentEvent::Subscribed { identity, .. } => (identity, events),
        other => panic!("{other:?}"),
    }
}

async fn next(events: &mut Receiver<AgentEvent>) -> AgentEvent {
    tokio::time::timeout(DEADLINE, events.recv()).await.expect("in time").expect("the session is open")
}

async fn desired(events: &mut Receiver<AgentEvent>, holds: impl Fn(&Desired) -> bool) -> Desired {
    loop {
        if let AgentEvent::Desired(desired) = next(events).await
            && holds(&desired)
        {
            return desired;
        }
    }
}

fn running(list: &Desired, identity: &AgentIdentity) -> StatusReport {
    report(list, identity, TaskState::Running)
}

fn report(list: &Desired, identity: &AgentIdentity, state: TaskState) -> StatusReport {
    let updates = list.tasks.iter().map(|task| StatusUpdate {
        id: UpdateId::new(format!("{state}-{}", task.id)),
        task: task.id.clone(),
        observed_at: Timestamp(1),
        status: TaskStatus { state, reason: None, message: None, exit: None },
    });
    StatusReport { identity: identity.clone(), updates: updates.collect() }
}

#[tokio::test]
async fn an_agent_is_told_what_to_run_and_its_reports_are_acknowledged() {
    let log = log();
    let (handle, master) = start(&log).await;
    let (identity, mut events) = subscribe(&handle, None).await;
    create(&handle, "a").await.expect("accepted");
    let list = desired(&mut events, |list| list.tasks.len() == 2).await;
    let report = running(&list, &identity);
    let acknowledged = handle.report(report.clone()).await.expect("taken");
    assert_eq!(acknowledged.updates.len(), 2);
    assert!(acknowledged.mark > list.mark);
    until(&handle, "the deployment is done", |state| state.deployments.is_empty()).await;
    // The same report again is acknowledged again and leaves no record.
    let seq = handle.read().seq;
    assert_eq!(handle.report(report).await.expect("taken").updates.len(), 2);
    assert_eq!(handle.read().seq, seq);
    master.stop().await;
}

/// Its mark makes older lists void, and one may be on its way.
#[tokio::test]
async fn a_newer_list_follows_every_acknowledgement_of_an_end() {
    let log = log();
    let (handle, master) = start(&log).await;
    let (identity, mut events) = subscribe(&handle, None).await;
    create(&handle, "a").await.expect("accepted");
    let list = desired(&mut events, |list| list.tasks.len() == 2).await;
    // Nothing takes the place of these tasks, so nothing else makes a list.
    let destroy = CommandKind::DestroyApp { app: id("a"), force: true };
    handle.submit(Principal::new("test"), destroy).await.expect("accepted");
    let ends = report(&list, &identity, TaskState::Killed);
    for _ in ["recorded", "known already"] {
        let acknowledged = handle.report(ends.clone()).await.expect("taken");
        desired(&mut events, |list| list.tasks.is_empty() && list.mark >= acknowledged.mark).await;
    }
    master.stop().await;
}

#[tokio::test]
async fn a_new_master_knows_the_tasks_and_the_agent_keeps_its_id() {
    let log = log();
    let (handle, master) = start(&log).await;
    let (identity, mut events) = subscribe(&handle, None).await;
    create(&handle, "a").await.expect("accepted");
    let list = desired(&mut events, |list| list.tasks.len() == 2).await;
    handle.report(running(&list, &identity)).await.expect("taken");
    master.stop().await;
    let (handle, master) = start(&log).await;
    let (again, mut events) = subscribe(&handle, Some(identity.clone())).await;
    assert_eq!(again, identity);
    let later = desired(&mut events, |_| true).await;
    let ids = |list: &Desired| list.tasks.iter().map(|task| task.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&later), ids(&list));
    assert!(later.mark > list.mark);
    assert!(later.tasks.iter().all(|task| task.state == TaskState::Running));
    master.stop().await;
}

#[tokio::test]
async fn a_foreign_agent_is_refused_with_the_way_out() {
    let log = log();
    let (handle, master) = start(&log).await;
    let foreign = AgentIdentity { cluster: model::ClusterId::new("elsewhere"), agent: model::AgentId(0) };
    let subscribe = Subscribe { identity: Some(foreign), description: description("a") };
    let mut events = handle.subscribe_agent(subscribe).await.expect("an answer");
    let AgentEvent::Refused { message } = next(&mut events).await else { panic!("not refused") };
    assert!(message.contains("elsewhere") && message.contains("work folder"), "{message}");
    assert!(handle.read().agents.is_empty());
    master.stop().await;
}

#[tokio::test]
async fn a_silent_agent_is_removed_and_its_tasks_move() {
    let log = log();
    let config = Config {
        heartbeat_interval: Duration::from_millis(50),
        agent_timeout: Duration::from_millis(400),
        ..Config::default()
    };
    let (handle, master) = master::start(Arc::new(log.clone()), config).await.expect("starts");
    let (silent, mut events) = subscribe(&handle, None).await;
    create(&handle, "a").await.expect("accepted");
    desired(&mut events, |list| list.tasks.len() == 2).await;
    drop(events);
    until(&handle, "the agent is disconnected", |state| state.agents.values().all(|agent| !agent.is_connected())).await;
    until(&handle, "it is removed", |state| state.agents.is_empty()).await;
    let heartbeat = StatusReport { identity: silent.clone(), updates: vec![] };
    let refused = handle.report(heartbeat).await.expect_err("nobody may answer as if it were known");
    assert!(refused.to_string().contains("unknown"), "{refused}");
    let (other, mut events) = subscribe(&handle, Some(silent.clone())).await;
    assert_ne!(other.agent, silent.agent, "a removed agent comes back as a new one");
    let list = desired(&mut events, |list| list.tasks.len() == 2).await;
    assert!(handle.read().active_tasks_of_app(&id("a")).all(|task| list.tasks.iter().any(|told| told.id == task.id)));
    master.stop().await;
}
