//! What a cluster decides, told as short stories.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Cluster, app, describe, id};
use model::{
    CommandKind, Constraint, ConstraintOperator, DisconnectReason, Event, Filter, Invocation, OfferOutcome,
    RemovalReason, StatusReason, TaskSelection, TaskState, Waiting, WaitingCause,
};
use scheduler::Rejection;

fn three_agents(policy: &str) -> Cluster {
    let mut cluster = Cluster::new(policy);
    for hostname in ["a", "b", "c"] {
        cluster.add_agent(hostname, 4, 4_000);
    }
    cluster
}

fn per_host(cluster: &Cluster, name: &str) -> BTreeMap<String, usize> {
    let mut hosts = BTreeMap::new();
    for task in cluster.tasks(name) {
        *hosts.entry(task.hostname).or_default() += 1;
    }
    hosts
}

#[test]
fn offers_acceptance_and_launches_are_one_record_that_explains_itself() {
    let mut cluster = three_agents("best-fit");
    cluster.run(CommandKind::CreateApp { app: Arc::new(app("web", 2)) }).expect("created");
    let events = cluster.run(CommandKind::Allocate).expect("allocated");
    let Event::OffersMade { offers, .. } = &events[0] else { panic!("{events:#?}") };
    assert_eq!(offers.offers.len(), 2);
    assert!(
        matches!(&events[1], Event::OffersClosed { offers: closed, outcome: OfferOutcome::Accepted, .. } if *closed == offers.offers)
    );
    let launched: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::TaskLaunched { task } = event { Some(task) } else { None })
        .collect();
    assert_eq!(launched.len(), 2);
    for task in launched {
        let explanation = task.explanation.as_ref().expect("the cluster chose its place");
        assert_eq!(explanation.policy, "best-fit");
        assert_eq!((explanation.considered, explanation.feasible), (3, None));
        assert!(explanation.score.is_some());
    }
    assert!(cluster.world.state.offers.is_empty());
}

#[test]
fn spread_puts_nine_instances_three_by_three_and_a_removed_agents_tasks_move() {
    let mut cluster = three_agents("spread");
    cluster.deploy(app("web", 9));
    cluster.obey();
    assert_eq!(per_host(&cluster, "web").into_values().collect::<Vec<_>>(), [3, 3, 3]);
    let lost = cluster.tasks("web").into_iter().find(|task| task.hostname == "b").expect("one on b");
    let (agent, timed_out) = (lost.agent, RemovalReason::TimedOut);
    let back = cluster.run(CommandKind::RemoveAgent { agent, reason: timed_out }).expect("taken");
    assert!(back.is_empty(), "an agent that is connected is not silent: {back:?}");
    let reason = DisconnectReason::HeartbeatsMissed;
    cluster.run(CommandKind::DisconnectAgent { agent, reason }).expect("disconnected");
    cluster.run(CommandKind::RemoveAgent { agent, reason: timed_out }).expect("removed");
    cluster.obey();
    let hosts = per_host(&cluster, "web");
    assert_eq!(hosts.len(), 2);
    assert_eq!(hosts.values().sum::<usize>(), 9);
    let lost = cluster.world.state.tasks.get(&lost.id).expect("remembered");
    assert_eq!((lost.status.state, lost.status.reason), (TaskState::Lost, Some(StatusReason::AgentRemoved)));
}

#[test]
fn what_fits_nowhere_waits_and_says_why_once() {
    let mut cluster = three_agents("first-fit");
    cluster.deploy(app("big", 2_000));
    let waiting = cluster.app("big").waiting.clone();
    let Some(Waiting { instances, cause: WaitingCause::NothingFits { explanation } }) = waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!(instances, 2_000 - 24);
    assert_eq!((explanation.considered, explanation.feasible), (3, Some(0)));
    assert_eq!(explanation.filtered.len(), 1);
    assert_eq!((explanation.filtered[0].filter, explanation.filtered[0].agents), (Filter::InsufficientCpus, 3));
    cluster.add_agent("d", 4, 4_000);
    cluster.allocate();
    assert_eq!(cluster.tasks("big").len(), 32);
}

#[test]
fn a_task_that_ends_by_itself_is_replaced_later_and_later() {
    let mut cluster = three_agents("first-fit");
    cluster.deploy(app("crash", 1));
    let mut delays = Vec::new();
    for _ in 0..4 {
        let task = cluster.tasks("crash").pop().expect("launched");
        cluster.report(&task.id, TaskState::Running);
        cluster.report(&task.id, TaskState::Failed);
        cluster.allocate();
        assert!(cluster.tasks("crash").is_empty());
        let until = cluster.world.next_allocation_at().expect("it is known when to go on");
        delays.push(until.ms_since(cluster.now));
        cluster.now = until;
        cluster.allocate();
    }
    assert_eq!(delays, [1_000, 1_150, 1_322, 1_520]);
    assert_eq!(cluster.tasks("crash").len(), 1);
    assert!(cluster.app("crash").last_failure.is_some());
}

#[test]
fn a_killed_task_is_replaced_at_once_and_a_scaled_one_is_not() {
    let mut cluster = three_agents("first-fit");
    cluster.deploy(app("web", 3));
    cluster.obey();
    let victim = cluster.tasks("web")[0].id.clone();
    let kill =
        |scale| CommandKind::KillTasks { selection: TaskSelection::Tasks(vec![victim.clone()]), scale, force: false };
    cluster.run(kill(false)).expect("killed");
    cluster.obey();
    assert_eq!(cluster.tasks("web").len(), 3);
    assert_eq!(cluster.run(kill(false)), Err(Rejection::UnknownTask(victim.clone())));
    let victim = cluster.tasks("web")[1].id.clone();
    let kill = CommandKind::KillTasks { selection: TaskSelection::Tasks(vec![victim]), scale: true, force: false };
    cluster.run(kill).expect("killed");
    cluster.obey();
    assert_eq!(cluster.tasks("web").len(), 2);
    assert_eq!(cluster.app("web").spec.instances, 2);
}

#[test]
fn a_change_replaces_one_for_one_and_never_runs_fewer_than_wanted() {
    let mut cluster = three_agents("spread");
    cluster.deploy(app("web", 4));
    cluster.obey();
    let old: Vec<_> = cluster.tasks("web").into_iter().map(|task| task.id).collect();
    let mut changed = app("web", 4);
    changed.invocation = Invocation::Shell("sleep 2000".to_owned());
    cluster.deploy(changed);
    for _ in 0..4 {
        let staged = cluster.tasks("web").into_iter().find(|task| task.status.state == TaskState::Staging);
        cluster.report(&staged.expect("a new one").id, TaskState::Running);
        cluster.allocate();
        let serving = cluster
            .tasks("web")
            .iter()
            .filter(|task| task.kill.is_none() && task.status.state == TaskState::Running)
            .count();
        assert_eq!(serving, 4);
    }
    cluster.obey();
    let now: Vec<_> = cluster.tasks("web").into_iter().map(|task| task.id).collect();
    assert_eq!(now.len(), 4);
    assert!(now.iter().all(|task| !old.contains(task)));
    assert!(cluster.world.state.deployments.is_empty());
}

#[test]
fn scaling_and_an_unchanged_definition_restart_nothing() {
    let mut cluster = three_agents("spread");
    cluster.deploy(app("web", 4));
    cluster.obey();
    let before: Vec<_> = cluster.tasks("web").into_iter().map(|task| task.id).collect();
    cluster.deploy(app("web", 4));
    cluster.now = cluster.now.plus_ms(1);
    cluster.deploy(app("web", 6));
    cluster.obey();
    let after: Vec<_> = cluster.tasks("web").into_iter().map(|task| task.id).collect();
    assert!(before.iter().all(|task| after.contains(task)));
    cluster.deploy(app("web", 4));
    cluster.obey();
    assert_eq!(cluster.tasks("web").len(), 4);
    assert_eq!(cluster.world.state.definitions.len(), 2, "the one that is in force, and the one its tasks run");
}

#[test]
fn an_app_in_deployment_is_locked_unless_forced() {
    let mut cluster = three_agents("spread");
    cluster.deploy(app("web", 1));
    let restart = |force| CommandKind::RestartApp { app: id("web"), force };
    assert!(
        matches!(cluster.run(restart(false)), Err(Rejection::AppLocked { deployments, .. }) if deployments.len() == 1)
    );
    cluster.run(restart(true)).expect("forced");
    assert_eq!(cluster.world.state.deployments.len(), 1);
    cluster.obey();
    cluster.run(restart(false)).expect("not locked any more");
}

#[test]
fn scaling_carries_a_deployment_of_the_same_apps_on_and_interrupts_no_other() {
    let mut cluster = three_agents("spread");
    let scale = |app, instances| CommandKind::ScaleApp { app: id(app), instances, force: false };
    let both = vec![Arc::new(app("db", 1)), Arc::new(app("web", 1))];
    cluster.run(CommandKind::PutApps { apps: both, force: false }).expect("two apps in one deployment");
    assert!(matches!(cluster.run(scale("web", 2)), Err(Rejection::AppLocked { .. })));
    cluster.obey();
    let mut new = app("web", 2);
    new.env.insert("CONFIG".to_owned(), "new".to_owned());
    cluster.deploy(new);
    cluster.run(scale("web", 3)).expect("the deployment concerns this app only");
    assert_eq!(cluster.world.state.deployments.len(), 1);
    cluster.obey();
    let tasks = cluster.tasks("web");
    assert_eq!(tasks.len(), 3);
    let wanted = cluster.app("web").config_version;
    assert!(tasks.iter().all(|task| task.is_since(wanted)), "what the first deployment began is done");
}

#[test]
fn dependencies_order_the_starts_across_and_within_deployments() {
    let mut cluster = three_agents("spread");
    let mut front = app("front", 1);
    front.dependencies = vec![id("back")];
    cluster.deploy(front);
    assert_eq!(
        cluster.app("front").waiting.as_ref().map(|waiting| &waiting.cause),
        Some(&WaitingCause::Dependency { app: id("back") })
    );
    cluster.deploy(app("back", 1));
    assert!(cluster.tasks("front").is_empty());
    cluster.obey();
    assert_eq!(cluster.tasks("front").len(), 1);
    assert_eq!(cluster.app("front").waiting, None);

    let chain = |name: &str, dependency: Option<&str>| {
        let mut app = app(name, 1);
        app.dependencies = dependency.map(id).into_iter().collect();
        Arc::new(app)
    };
    let apps = vec![chain("x", Some("y")), chain("y", Some("z")), chain("z", None)];
    cluster.run(CommandKind::PutApps { apps, force: false }).expect("accepted");
    cluster.allocate();
    assert_eq!((cluster.tasks("z").len(), cluster.tasks("y").len(), cluster.tasks("x").len()), (1, 0, 0));
    assert_eq!(cluster.app("x").waiting.as_ref().map(|waiting| &waiting.cause), Some(&WaitingCause::EarlierStep));
    cluster.obey();
    assert_eq!(cluster.tasks("x").len(), 1);
    assert!(cluster.world.state.deployments.is_empty());
}

#[test]
fn a_cycle_is_refused_with_its_path_and_changes_nothing() {
    let mut cluster = three_agents("spread");
    let mut a = app("a", 1);
    a.dependencies = vec![id("b")];
    cluster.deploy(a);
    let mut b = app("b", 1);
    b.dependencies = vec![id("c")];
    cluster.deploy(b);
    let before = cluster.world.state.hash();
    let mut c = app("c", 1);
    c.dependencies = vec![id("a")];
    let refused = cluster.run(CommandKind::CreateApp { app: Arc::new(c) }).expect_err("a cycle");
    assert_eq!(refused.to_string(), "dependencies form a cycle: /a -> /b -> /c -> /a");
    assert_eq!(cluster.world.state.hash(), before);
    let mut own = app("own", 1);
    own.dependencies = vec![id("own")];
    let refused = cluster.run(CommandKind::CreateApp { app: Arc::new(own) }).expect_err("a cycle");
    assert_eq!(refused.to_string(), "dependencies form a cycle: /own -> /own");
}

#[test]
fn a_unique_app_on_a_full_cluster_can_still_be_replaced() {
    let mut cluster = three_agents("spread");
    let unique = Constraint { field: "hostname".to_owned(), operator: ConstraintOperator::Unique, value: None };
    let mut one_each = app("web", 3);
    one_each.constraints = vec![unique];
    cluster.deploy(one_each.clone());
    cluster.obey();
    assert_eq!(per_host(&cluster, "web").len(), 3);
    one_each.env.insert("V".to_owned(), "2".to_owned());
    cluster.deploy(one_each);
    cluster.obey();
    assert_eq!(per_host(&cluster, "web").len(), 3);
    assert!(cluster.world.state.deployments.is_empty());
}

#[test]
fn destroying_ends_the_tasks_and_then_the_deployment() {
    let mut cluster = three_agents("spread");
    cluster.deploy(app("web", 3));
    cluster.obey();
    cluster.run(CommandKind::DestroyApp { app: id("web"), force: true }).expect("destroyed");
    cluster.allocate();
    assert_eq!(cluster.world.state.deployments.len(), 1);
    assert_eq!(cluster.tasks("web").len(), 3);
    cluster.obey();
    assert!(cluster.tasks("web").is_empty());
    assert!(cluster.world.state.deployments.is_empty());
    assert!(cluster.world.state.definitions.is_empty());
}

#[test]
fn a_disconnected_agent_keeps_its_tasks_and_gets_no_new_ones() {
    let mut cluster = Cluster::new("best-fit");
    let agent = cluster.add_agent("a", 4, 4_000);
    cluster.deploy(app("web", 2));
    cluster.obey();
    cluster.run(CommandKind::DisconnectAgent { agent, reason: model::DisconnectReason::StreamClosed }).expect("gone");
    cluster.deploy(app("web", 3));
    assert_eq!(cluster.tasks("web").len(), 2);
    let waiting = cluster.app("web").waiting.clone().expect("waits");
    assert!(
        matches!(waiting.cause, WaitingCause::NothingFits { explanation } if explanation.filtered[0].filter == Filter::AgentInactive)
    );
    cluster.run(CommandKind::ReconnectAgent { agent, description: describe("a", 4, 4_000) }).expect("back");
    cluster.allocate();
    assert_eq!(cluster.tasks("web").len(), 3);
}
