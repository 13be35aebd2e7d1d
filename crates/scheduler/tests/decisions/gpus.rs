//! GPUs: which of an agent's a task gets, by an app and by a framework, and that no part of one is given twice.

use model::{AgentDescription, AgentId, AppSpec, CommandKind, Event, LaunchRequest, Resources, Scalar, StatusReason};

use crate::cluster::{Cluster, app, describe};
use crate::frameworks::{info, launch};

fn cluster(gpus: i64) -> (Cluster, AgentId) {
    let mut cluster = Cluster::new("best-fit");
    let description = describe("a", 8, 8_000);
    let resources = Resources { gpus: Scalar::from_whole(gpus), ..description.resources };
    let agent = cluster.world.state.header.next_agent;
    let description = AgentDescription { resources, ..description };
    cluster.run(CommandKind::RegisterAgent { description }).expect("an agent registers");
    (cluster, agent)
}

fn with_gpus(name: &str, instances: u32, gpus: i64) -> AppSpec {
    let app = app(name, instances);
    AppSpec { resources: Resources { gpus: Scalar(gpus), ..app.resources.clone() }, ..app }
}

fn of_framework(task: &str, agent: AgentId, gpus: i64) -> LaunchRequest {
    let LaunchRequest::Task { info, agent, resources } = launch(task, agent, 100) else { panic!("a task") };
    LaunchRequest::Task { info, agent, resources: Resources { gpus: Scalar(gpus), ..resources } }
}

fn slots(cluster: &Cluster, app: &str) -> Vec<String> {
    let mut slots: Vec<String> = cluster.tasks(app).iter().map(|task| task.resources.gpu_slots.to_string()).collect();
    slots.sort();
    slots
}

#[test]
fn apps_get_whole_gpus_or_parts_of_one_and_wait_when_no_gpu_has_as_much_free() {
    let (mut cluster, _) = cluster(2);
    cluster.deploy(with_gpus("part", 2, 400));
    assert_eq!(slots(&cluster, "/part"), ["0:0.4", "0:0.4"]);
    cluster.deploy(with_gpus("whole", 1, 1_000));
    assert_eq!(slots(&cluster, "/whole"), ["1"]);
    // A fifth of a GPU is free, and no more of any.
    cluster.deploy(with_gpus("more", 2, 200));
    assert_eq!(slots(&cluster, "/more"), ["0:0.2"]);
    let waiting = cluster.app("/more").waiting.clone().expect("it waits");
    assert!(format!("{waiting:?}").contains("InsufficientGpus"), "{waiting:?}");
}

#[test]
fn frameworks_are_offered_what_is_free_of_each_gpu_and_launch_on_that() {
    let (mut cluster, agent) = cluster(2);
    cluster.deploy(with_gpus("part", 1, 250));
    let events = cluster.run(CommandKind::SubscribeFramework { framework: None, info: info("torch") });
    assert!(matches!(events.expect("subscribed").last(), Some(Event::FrameworkSubscribed { .. })));
    cluster.allocate();
    let offer = cluster.world.state.offers.values().next().expect("there is an offer").clone();
    assert_eq!((offer.resources.gpus, offer.resources.gpu_slots.to_string()), (Scalar(1_750), "0:0.75,1".to_owned()));
    let launches = [("half", 500), ("other-half", 500), ("whole", 1_000), ("most", 600)];
    let launches = launches.map(|(task, gpus)| of_framework(task, agent, gpus)).to_vec();
    let (framework, offers, refuse_ms) = (offer.framework, vec![offer.id], 0);
    let events = cluster.run(CommandKind::AcceptOffers { framework, offers, launches, refuse_ms }).expect("accepted");
    let launched = events.iter().filter_map(|event| match event {
        Event::TaskLaunched { task } => Some(task.resources.gpu_slots.to_string()),
        _ => None,
    });
    assert_eq!(launched.collect::<Vec<_>>(), ["0:0.5", "1:0.5"]);
    let refused = events.iter().filter_map(|event| match event {
        Event::LaunchRefused { task, status, .. } => Some((task.to_string(), status.reason, status.message.clone()?)),
        _ => None,
    });
    let [(whole, reason, why_whole), (most, _, why_most)] = &refused.collect::<Vec<_>>()[..] else { panic!("two") };
    assert_eq!((whole.as_str(), most.as_str(), *reason), ("whole", "most", Some(StatusReason::InvalidTask)));
    assert!(why_whole.contains("are more than what is left"), "three quarters are left in all: {why_whole}");
    assert!(why_most.contains("what is left of the offers, 0.75, is on GPUs 0:0.25,1:0.5"), "{why_most}");
}
