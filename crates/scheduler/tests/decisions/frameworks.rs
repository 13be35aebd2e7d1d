//! Frameworks outside: what they are offered, what becomes of their tasks, and that everybody gets a fair part.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Cluster, app, describe};
use model::{
    AgentId, CommandKind, DisconnectReason, Event, FrameworkId, FrameworkInfo, FrameworkRemovalReason, Invocation,
    KillReason, LaunchRequest, Offer, OfferId, OfferOutcome, RemovalReason, Resources, Scalar, StatusReason, TaskId,
    TaskInfo, TaskState, UpdateReceipt, UpdateUuid,
};
use scheduler::{DEFAULT_OFFER_TIMEOUT_MS, Rejection};

const FAILOVER_MS: u64 = 60_000;
const REFUSE_MS: u64 = 5_000;

pub(crate) fn info(name: &str) -> Arc<FrameworkInfo> {
    Arc::new(FrameworkInfo {
        name: name.to_owned(),
        user: String::new(),
        role: "*".to_owned(),
        failover_timeout_ms: FAILOVER_MS,
        principal: None,
        hostname: None,
        webui_url: None,
    })
}

pub(crate) fn launch(task: &str, agent: AgentId, cpus: i64) -> LaunchRequest {
    let resources = Resources { cpus: Scalar(cpus), mem: Scalar::from_whole(64), ..Resources::default() };
    let info = TaskInfo {
        id: task.into(),
        name: task.to_owned(),
        invocation: Invocation::Shell("sleep 1000".to_owned()),
        container: None,
        user: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        ports: Vec::new(),
        kill_grace_ms: 3_000,
    };
    LaunchRequest::Task { info: Arc::new(info), agent, resources }
}

impl Cluster {
    fn subscribe(&mut self, name: &str) -> FrameworkId {
        let events = self.run(CommandKind::SubscribeFramework { framework: None, info: info(name) });
        let events = events.expect("subscribed");
        let Some(Event::FrameworkSubscribed { framework, .. }) = events.last() else { panic!("{events:#?}") };
        *framework
    }

    fn offers(&self, framework: FrameworkId) -> Vec<Offer> {
        self.world.state.offers.values().filter(|offer| offer.framework == framework).cloned().collect()
    }

    fn decline(&mut self, framework: FrameworkId, refuse_ms: u64) {
        let offers = self.offers(framework).into_iter().map(|offer| offer.id).collect();
        self.run(CommandKind::DeclineOffers { framework, offers, refuse_ms }).expect("declined");
    }

    fn accept(&mut self, offer: &Offer, launches: Vec<LaunchRequest>) -> Vec<Event> {
        let (framework, offers, refuse_ms) = (offer.framework, vec![offer.id], REFUSE_MS);
        self.run(CommandKind::AcceptOffers { framework, offers, launches, refuse_ms }).expect("accepted")
    }

    fn state_of(&self, framework: FrameworkId, own: &str) -> Option<TaskState> {
        self.world.state.task_of_framework(framework, own).map(|task| task.status.state)
    }

    fn acknowledge(&mut self, framework: FrameworkId, own: &str, state: TaskState) -> Vec<Event> {
        let task = self.world.state.task_of_framework(framework, own).expect("it is known").id.clone();
        let receipts = vec![UpdateReceipt { task: own.into(), update: UpdateUuid::of(&task, state) }];
        self.run(CommandKind::AcknowledgeUpdates { framework, receipts }).expect("taken")
    }
}

fn one_agent() -> (Cluster, AgentId, FrameworkId) {
    let mut cluster = Cluster::new("best-fit");
    let agent = cluster.add_agent("a", 4, 4_000);
    let framework = cluster.subscribe("spark");
    cluster.allocate();
    (cluster, agent, framework)
}

fn refusals(events: &[Event]) -> Vec<(String, StatusReason, String)> {
    let refused = events.iter().filter_map(|event| match event {
        Event::LaunchRefused { task, status, .. } => Some((task.to_string(), status.reason?, status.message.clone()?)),
        _ => None,
    });
    refused.collect()
}

#[test]
fn all_that_is_free_is_offered_and_what_is_launched_on_it_runs_and_is_told() {
    let (mut cluster, agent, framework) = one_agent();
    let [offer] = cluster.offers(framework).try_into().expect("one offer");
    assert_eq!(offer.resources, describe("a", 4, 4_000).resources);
    let events = cluster.accept(&offer, vec![launch("t1", agent, 1_000), launch("t2", agent, 500)]);
    assert_eq!(refusals(&events), []);
    assert!(cluster.offers(framework).is_empty(), "what is left is refused for a while");
    let id = TaskId::of_framework(framework, offer.id, "t1");
    assert_eq!(cluster.world.state.tasks.get(&id).map(|task| task.launched_at), Some(cluster.now));

    cluster.report(&id, TaskState::Starting);
    cluster.report(&id, TaskState::Running);
    let waiting = |cluster: &Cluster| {
        let task = cluster.world.state.tasks.get(&id).expect("it is there");
        task.unacknowledged.iter().map(|update| update.status.state).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&cluster), [TaskState::Starting, TaskState::Running]);
    assert_eq!(cluster.acknowledge(framework, "t1", TaskState::Running), [], "the older one comes first");
    cluster.acknowledge(framework, "t1", TaskState::Starting);
    cluster.acknowledge(framework, "t1", TaskState::Starting);
    cluster.acknowledge(framework, "t1", TaskState::Running);
    assert_eq!(waiting(&cluster), []);

    cluster.run(CommandKind::KillFrameworkTask { framework, task: "t1".into() }).expect("killed");
    cluster.report(&id, TaskState::Killed);
    assert_eq!(waiting(&cluster), [TaskState::Killed], "kept until it is acknowledged");
    cluster.acknowledge(framework, "t1", TaskState::Killed);
    assert_eq!(cluster.state_of(framework, "t1"), Some(TaskState::Killed));
    assert_eq!(cluster.replayed().hash(), cluster.world.state.hash());
}

#[test]
fn a_launch_that_cannot_be_is_refused_with_its_reason_and_the_rest_goes_on() {
    let (mut cluster, agent, framework) = one_agent();
    let offer = cluster.offers(framework).remove(0);
    let invalid = LaunchRequest::Invalid { task: "t5".into(), agent: None, reason: "uris are not fetched".to_owned() };
    let events = cluster.accept(
        &offer,
        vec![
            launch("t1", agent, 3_000),
            launch("t2", agent, 3_000),
            launch("t1", agent, 500),
            launch("t3", AgentId(7), 500),
            launch("a/b", agent, 500),
            invalid,
            launch("t4", agent, 500),
        ],
    );
    let told: Vec<(String, StatusReason)> = refusals(&events).into_iter().map(|(task, why, _)| (task, why)).collect();
    let invalid = |task: &str| (task.to_owned(), StatusReason::InvalidTask);
    assert_eq!(told, ["t2", "t1", "t3", "a/b", "t5"].map(invalid));
    assert_eq!((cluster.state_of(framework, "t1"), cluster.state_of(framework, "t4")).1, Some(TaskState::Staging));
    assert_eq!(cluster.state_of(framework, "t2"), None);

    // The same offer again, an offer of nobody, and another framework's offer.
    let again = cluster.accept(&offer, vec![launch("t6", agent, 500)]);
    assert_eq!(refusals(&again)[0].1, StatusReason::InvalidOffers);
    let other = cluster.subscribe("hadoop");
    cluster.allocate();
    let of_other = cluster.offers(other).remove(0);
    let stolen = Offer { framework, ..of_other.clone() };
    assert_eq!(refusals(&cluster.accept(&stolen, vec![launch("t7", agent, 100)]))[0].1, StatusReason::InvalidOffers);
    assert_eq!(cluster.offers(other), [of_other], "nothing happened to it");
    // An id may be used again by another framework, and not by the same one while its task is known.
    let of_other = cluster.offers(other).remove(0);
    assert_eq!(refusals(&cluster.accept(&of_other, vec![launch("t1", agent, 100)])), []);
}

#[test]
fn offers_of_one_agent_are_accepted_together_and_those_of_two_are_not() {
    let (mut cluster, agent, framework) = one_agent();
    let first = cluster.offers(framework).remove(0);
    cluster.accept(&first, vec![launch("big", agent, 3_000)]);
    cluster.now = cluster.now.plus_ms(REFUSE_MS);
    cluster.allocate();
    let big = TaskId::of_framework(framework, first.id, "big");
    cluster.report(&big, TaskState::Finished);
    let other = cluster.add_agent("b", 4, 4_000);
    cluster.allocate();
    let offers = cluster.offers(framework);
    let of =
        |agent: AgentId| offers.iter().filter(|offer| offer.agent == agent).map(|offer| offer.id).collect::<Vec<_>>();
    assert_eq!((of(agent).len(), of(other).len()), (2, 1), "{offers:#?}");
    let all = |ids: Vec<OfferId>, task| CommandKind::AcceptOffers {
        framework,
        offers: ids,
        launches: vec![launch(task, agent, 4_000)],
        refuse_ms: REFUSE_MS,
    };
    let events = cluster.run(all(of(agent), "whole")).expect("accepted");
    assert_eq!(refusals(&events), [], "both offers together are enough");
    let ids = offers.iter().map(|offer| offer.id).collect();
    let events = cluster.run(all(ids, "mixed")).expect("taken");
    assert_eq!(refusals(&events)[0].1, StatusReason::InvalidOffers);
    assert!(cluster.offers(framework).is_empty(), "what was valid of it is given back");
}

#[test]
fn what_was_refused_is_not_offered_again_until_then_unless_there_is_more_or_it_is_revived() {
    let (mut cluster, agent, framework) = one_agent();
    let offer = cluster.offers(framework).remove(0);
    cluster.accept(&offer, vec![launch("t1", agent, 1_000)]);
    cluster.allocate();
    assert!(cluster.offers(framework).is_empty());
    assert_eq!(cluster.world.next_allocation_at(), Some(cluster.now.plus_ms(REFUSE_MS)));

    cluster.report(&TaskId::of_framework(framework, offer.id, "t1"), TaskState::Finished);
    cluster.allocate();
    assert_eq!(cluster.offers(framework).len(), 1, "more is free than was refused");

    cluster.decline(framework, 3_600_000);
    cluster.allocate();
    assert!(cluster.offers(framework).is_empty());
    cluster.now = cluster.now.plus_ms(3_599_999);
    cluster.allocate();
    assert!(cluster.offers(framework).is_empty());
    cluster.run(CommandKind::ReviveOffers { framework }).expect("revived");
    cluster.allocate();
    assert_eq!(cluster.offers(framework).len(), 1);

    cluster.decline(framework, 0);
    cluster.allocate();
    assert_eq!(cluster.offers(framework).len(), 1, "nothing was refused");
    cluster.run(CommandKind::SuppressOffers { framework }).expect("suppressed");
    cluster.decline(framework, 0);
    cluster.allocate();
    assert!(cluster.offers(framework).is_empty());
    cluster.run(CommandKind::ReviveOffers { framework }).expect("revived");
    cluster.allocate();
    assert_eq!(cluster.offers(framework).len(), 1);
}

#[test]
fn offers_that_are_kept_for_too_long_come_back_and_can_be_had_by_others() {
    let (mut cluster, agent, framework) = one_agent();
    let offer = cluster.offers(framework).remove(0);
    assert_eq!(cluster.world.next_allocation_at(), Some(cluster.now.plus_ms(DEFAULT_OFFER_TIMEOUT_MS)));
    cluster.run(CommandKind::ChooseOfferTimeout { offer_timeout_ms: 1_000 }).expect("chosen");
    let other = cluster.subscribe("other");
    cluster.allocate();
    assert!(cluster.offers(other).is_empty(), "everything is out");
    cluster.now = cluster.now.plus_ms(1_000);
    let events = cluster.run(CommandKind::Allocate).expect("allocated");
    assert!(events.iter().any(|event| matches!(event,
        Event::OffersClosed { offers, outcome: OfferOutcome::Expired, .. } if *offers == [offer.id])));
    cluster.allocate();
    assert_eq!(cluster.world.state.offers.len(), 1);
    let late = cluster.accept(&offer, vec![launch("late", agent, 100)]);
    assert_eq!(refusals(&late)[0].1, StatusReason::InvalidOffers);
}

#[test]
fn an_agent_that_goes_takes_its_offers_along_and_its_tasks_when_it_is_removed() {
    let (mut cluster, agent, framework) = one_agent();
    let offer = cluster.offers(framework).remove(0);
    cluster.accept(&offer, vec![launch("t1", agent, 1_000)]);
    cluster.now = cluster.now.plus_ms(REFUSE_MS);
    cluster.allocate();
    let rest = cluster.offers(framework).remove(0);
    let reason = DisconnectReason::HeartbeatsMissed;
    let events = cluster.run(CommandKind::DisconnectAgent { agent, reason }).expect("disconnected");
    assert!(matches!(&events[0],
        Event::OffersClosed { offers, outcome: OfferOutcome::Rescinded, .. } if *offers == [rest.id]));
    cluster.allocate();
    assert!(cluster.offers(framework).is_empty());
    cluster.run(CommandKind::RemoveAgent { agent, reason: RemovalReason::TimedOut }).expect("removed");
    assert_eq!(cluster.state_of(framework, "t1"), Some(TaskState::Lost));
    let task = cluster.world.state.task_of_framework(framework, "t1").expect("kept");
    assert_eq!(task.unacknowledged.len(), 1);
}

#[test]
fn a_framework_that_comes_back_in_time_finds_its_tasks_and_one_that_does_not_loses_them() {
    let (mut cluster, agent, framework) = one_agent();
    let offer = cluster.offers(framework).remove(0);
    cluster.accept(&offer, vec![launch("t1", agent, 1_000)]);
    let task = TaskId::of_framework(framework, offer.id, "t1");
    cluster.report(&task, TaskState::Running);
    cluster.run(CommandKind::DisconnectFramework { framework }).expect("away");
    cluster.now = cluster.now.plus_ms(FAILOVER_MS - 1);
    cluster.allocate();
    assert!(cluster.offers(framework).is_empty(), "nobody is there to take them");
    let back = CommandKind::SubscribeFramework { framework: Some(framework), info: info("spark") };
    cluster.run(back.clone()).expect("back");
    cluster.allocate();
    assert_eq!(cluster.state_of(framework, "t1"), Some(TaskState::Running));
    let before = cluster.offers(framework);
    assert_eq!(before.len(), 1);
    cluster.run(back.clone()).expect("another process takes its place");
    assert!(cluster.offers(framework).is_empty(), "which knows nothing of the offers that the first one has");
    cluster.allocate();
    assert_ne!(cluster.offers(framework), before);

    cluster.run(CommandKind::DisconnectFramework { framework }).expect("away");
    assert_eq!(cluster.world.next_allocation_at(), Some(cluster.now.plus_ms(FAILOVER_MS)));
    cluster.now = cluster.now.plus_ms(FAILOVER_MS);
    let events = cluster.run(CommandKind::Allocate).expect("allocated");
    let reason = FrameworkRemovalReason::FailoverTimedOut;
    assert!(events.contains(&Event::FrameworkRemoved { framework, reason }), "{events:#?}");
    cluster.allocate();
    let kill = cluster.world.state.tasks.get(&task).and_then(|task| task.kill).expect("asked to end");
    assert_eq!(kill.reason, KillReason::FrameworkRemoved);
    cluster.report(&task, TaskState::Killed);
    assert_eq!(cluster.run(back), Err(Rejection::UnknownFramework(framework)));
    assert_ne!(cluster.subscribe("spark"), framework, "ids are not used again");
}

#[test]
fn two_frameworks_that_take_all_they_are_offered_get_the_same() {
    let mut cluster = Cluster::new("best-fit");
    let frameworks = [cluster.subscribe("one"), cluster.subscribe("two")];
    for number in 0..10 {
        cluster.add_agent(&format!("h{number}"), 4, 4_000);
    }
    for round in 0..20 {
        cluster.allocate();
        for framework in frameworks {
            for offer in cluster.offers(framework) {
                let cpus = offer.resources.cpus.0.min(1_000);
                cluster.accept(&offer, vec![launch(&format!("{round}-{}", offer.id), offer.agent, cpus)]);
            }
        }
        cluster.now = cluster.now.plus_ms(REFUSE_MS);
    }
    let cpus = frameworks.map(|framework| cluster.world.state.holdings(framework).amounts.cpus);
    assert_eq!(cpus, [Scalar::from_whole(20); 2]);
}

#[test]
fn services_have_their_part_of_a_cluster_that_a_framework_would_take_whole() {
    let mut cluster = Cluster::new("best-fit");
    let framework = cluster.subscribe("greedy");
    for number in 0..4 {
        cluster.add_agent(&format!("h{number}"), 4, 4_000);
    }
    cluster.allocate();
    assert_eq!(cluster.offers(framework).len(), 4);
    cluster.deploy(app("web", 4));
    assert_eq!(cluster.tasks("web").len(), 0, "all is out in offers");
    cluster.decline(framework, 0);
    cluster.allocate();
    assert_eq!(cluster.tasks("web").len(), 4, "they go first while they have less than their part");
    assert!(!cluster.offers(framework).is_empty(), "the rest is offered again");
}

#[test]
fn frameworks_that_refused_everything_cost_nothing_until_they_might_want_it() {
    let mut cluster = Cluster::new("best-fit");
    let agents: Vec<AgentId> = (0..5).map(|number| cluster.add_agent(&format!("h{number}"), 4, 4_000)).collect();
    let frameworks = [cluster.subscribe("one"), cluster.subscribe("two")];
    for _ in 0..2 {
        cluster.allocate();
        frameworks.iter().for_each(|framework| cluster.decline(*framework, 60_000));
    }
    let events = cluster.run(CommandKind::Allocate).expect("allocated");
    let [Event::OffersHeldBack { agents: held, until }] = events.as_slice() else { panic!("{events:#?}") };
    assert_eq!((held, until), (&agents, &vec![cluster.now.plus_ms(60_000); 5]));
    assert_eq!(cluster.run(CommandKind::Allocate), Ok(vec![]));
    assert_eq!(cluster.world.next_allocation_at(), Some(cluster.now.plus_ms(60_000)));
    cluster.now = cluster.now.plus_ms(60_000);
    cluster.allocate();
    assert_eq!(cluster.world.state.offers.len(), 5);
}
