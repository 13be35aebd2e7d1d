//! What the cluster's metrics say is a fold of the log: the same from a live master and from a replay, and after a trim.

use std::sync::Arc;

use eventlog::EventLog;
use master::{Committed, Handle, Kept, nearest};
use model::{
    AgentId, AppSpec, CommandKind, Event, FrameworkId, FrameworkInfo, OfferId, Principal, Resources, Scalar, Seq,
    StatusReason, StatusUpdate, TaskState, TaskStatus, Timestamp, UpdateId,
};

use crate::support::{Log, app, create, description, log, start, until};

async fn submit(handle: &Handle, kind: CommandKind) -> Committed {
    handle.submit(Principal::new("test"), kind).await.expect("accepted")
}

/// What it shows, and after which record.
fn shown(handle: &Handle) -> (Seq, String) {
    loop {
        let before = handle.read().seq;
        let text = handle.cluster_metrics();
        if handle.read().seq == before {
            return (before, text);
        }
    }
}

async fn replayed(log: &Log, seq: Seq) -> String {
    let mut cursor = nearest(log, seq, &Kept::default()).await.expect("it is kept");
    while cursor.state().seq < seq {
        cursor.step().await.expect("it folds").expect("the log goes on");
    }
    state::metrics::text(&state::metrics::families(cursor.state()))
}

async fn report(handle: &Handle, which: &str, state: TaskState, reason: Option<StatusReason>) {
    let tasks: Vec<_> = {
        let state = handle.read();
        let active = state.tasks.values().filter(|task| task.is_active());
        active.filter(|task| task.id.to_string().contains(which)).map(|task| (task.agent, task.id.clone())).collect()
    };
    for (agent, task) in tasks {
        let id = UpdateId::new(format!("{state}-{task}"));
        let status = TaskStatus { state, reason, message: None, exit: None };
        let updates = vec![StatusUpdate { id, task, observed_at: Timestamp(1), status }];
        submit(handle, CommandKind::UpdateStatus { agent, updates }).await;
    }
}

/// Declines what is open.
async fn decline(handle: &Handle, framework: FrameworkId) {
    until(handle, "something is offered", |state| !state.holdings(framework).offers.is_empty()).await;
    let offers: Vec<OfferId> = handle.read().holdings(framework).offers.iter().copied().collect();
    submit(handle, CommandKind::DeclineOffers { framework, offers, refuse_ms: 20 }).await;
}

async fn register(handle: &Handle, hostname: &str) -> AgentId {
    let committed = submit(handle, CommandKind::RegisterAgent { description: description(hostname) }).await;
    let registered = committed.record.expect("a record").events.iter().find_map(|event| match event {
        Event::AgentRegistered { agent, .. } => Some(*agent),
        _ => None,
    });
    registered.expect("it is registered")
}

async fn subscribe(handle: &Handle) -> FrameworkId {
    let info = FrameworkInfo {
        name: "f".to_owned(),
        user: String::new(),
        role: "*".to_owned(),
        failover_timeout_ms: 3_600_000,
        principal: None,
        hostname: None,
        webui_url: None,
    };
    let committed = submit(handle, CommandKind::SubscribeFramework { framework: None, info: Arc::new(info) }).await;
    let subscribed = committed.record.expect("a record").events.iter().find_map(|event| match event {
        Event::FrameworkSubscribed { framework, .. } => Some(*framework),
        _ => None,
    });
    subscribed.expect("it is subscribed")
}

#[tokio::test]
async fn a_replay_shows_what_the_master_showed_also_when_the_log_was_trimmed() {
    let log = log();
    let (handle, master) = start(&log).await;
    register(&handle, "a").await;
    let lost = register(&handle, "b").await;
    create(&handle, "web").await.expect("accepted");
    until(&handle, "both are launched", |state| state.tasks.len() == 2).await;
    report(&handle, "web", TaskState::Running, None).await;
    let cpus = Resources { cpus: Scalar::from_whole(100), ..app("huge").resources };
    let huge = Arc::new(AppSpec { resources: cpus, ..app("huge") });
    submit(&handle, CommandKind::CreateApp { app: huge }).await;
    let framework = subscribe(&handle).await;
    decline(&handle, framework).await;
    until(&handle, "it waits", |state| state.apps.values().any(|app| app.waiting.is_some())).await;

    let (first, early) = shown(&handle);
    assert_eq!(replayed(&log, first).await, early);
    let failure = "bayplan_placement_failures_total{filter=\"InsufficientCpus\"} 1";
    assert!(early.lines().any(|shown| shown == failure), "{early}");
    let (state, tip, position) = handle.copy();
    master::write_baseline(&log, state, tip, position).await.expect("it is written");

    let reason = model::DisconnectReason::HeartbeatsMissed;
    submit(&handle, CommandKind::DisconnectAgent { agent: lost, reason }).await;
    submit(&handle, CommandKind::RemoveAgent { agent: lost, reason: model::RemovalReason::TimedOut }).await;
    until(&handle, "the lost one is replaced", |state| state.header.totals.tasks_launched == 3).await;
    report(&handle, "web", TaskState::Failed, Some(StatusReason::CommandFailed)).await;
    decline(&handle, framework).await;
    let (second, late) = shown(&handle);
    assert_ne!(early, late);
    log.trim(position).await.expect("it is trimmed");
    assert_eq!(replayed(&log, second).await, late);
    for line in [
        "bayplan_launch_latency_seconds_count 2",
        "bayplan_agents_timed_out_total 1",
        "bayplan_task_end_reasons_total{reason=\"command_failed\"} 2",
        "bayplan_task_end_reasons_total{reason=\"agent_removed\"} 1",
        "bayplan_agents_disconnected_total 1",
    ] {
        assert!(late.lines().any(|shown| shown == line), "{line} is not in\n{late}");
    }
    let number = |name: &str| {
        let shown = late.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        shown.expect("it is there").parse::<u64>().expect("a number")
    };
    assert!(number("bayplan_offer_open_seconds_count{outcome=\"declined\"}") > 1);
    // Those that failed are launched again some time later.
    assert!(number("bayplan_tasks_launched_total") >= 3);
    assert!(number("bayplan_placements_total{profile=\"spread\"}") >= 3);
    master.stop().await;
}
