//! What holds for every order of events, however absurd, and what a baseline has to bring back.

use model::{
    Agent, AgentDescription, AgentId, Connection, DisconnectReason, Event, Offer, OfferId, OfferOutcome, PortRange,
    PortRanges, Resources, Row, Scalar, Task, TaskState, TaskStatus, Timestamp,
};
use placement::{Outcome, Placed, PortWanted, Request, Scratch, View, place};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cluster::*;

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..6_u32, 1 => 100..900_u32, 1 => Just(u32::MAX)]
}

fn any_resources() -> impl Strategy<Value = Resources> {
    let scalar = || prop_oneof![4 => 0..5_000_i64, 1 => any::<i64>()].prop_map(Scalar);
    let range = (any::<u16>(), any::<u16>()).prop_map(|(begin, end)| PortRange { begin, end });
    (scalar(), scalar(), scalar(), scalar(), vec(range, 0..4)).prop_map(|(cpus, mem, disk, gpus, ranges)| Resources {
        cpus,
        mem,
        disk,
        gpus,
        ports: PortRanges::new(ranges),
        gpu_slots: model::GpuSlots::none(),
    })
}

fn any_description() -> impl Strategy<Value = AgentDescription> {
    (any_resources(), number(), number()).prop_map(|(all, host, zone)| {
        let mut described = description(&format!("h{host}"), all);
        described.attributes = attributes(&[("zone", &zone.to_string()), ("hostname", "an attribute")]);
        described
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let task = (number(), number(), number(), any_resources());
    prop_oneof![
        3 => (number(), any_description()).prop_map(|(agent, described)| registered(agent, described)),
        1 => (number(), any_description()).prop_map(|(agent, described)| reconnected(agent, described)),
        1 => number().prop_map(disconnected),
        1 => number().prop_map(removed),
        2 => (number(), number(), any_resources())
            .prop_map(|(offer, agent, offer_of)| offered(u64::from(offer), agent, offer_of)),
        1 => number().prop_map(|offer| closed(u64::from(offer), OfferOutcome::Declined)),
        4 => task.prop_map(|(task, offer, agent, takes)| launch_of(task, offer, agent, takes)),
        2 => (number(), number()).prop_map(|(task, agent)| ended(&format!("t{task}"), agent)),
    ]
}

fn launch_of(task: u32, offer: u32, agent: u32, takes: Resources) -> Event {
    let explanation =
        model::Explanation { policy: String::new(), score: None, considered: 0, feasible: None, filtered: Vec::new() };
    let host_ports = takes.ports.iter().take(3).collect();
    let placed = Placed { agent: AgentId(agent), host_ports, gpu_slots: model::GpuSlots::none(), explanation };
    let mut launch =
        launched(&format!("t{task}"), u64::from(offer), version(u64::from(task)), &request("web", 0, 0), &placed);
    launch.resources = takes;
    Event::TaskLaunched { task: Box::new(launch) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_order_of_events_panics_and_what_is_left_can_still_be_used(events in vec(any_event(), 0..80), seed: u64) {
        let mut view = View::new();
        for event in &events {
            view.apply(event);
        }
        // Such a log may give away more than there is, but the books are kept all the same.
        let wrong: Vec<String> = view
            .check()
            .into_iter()
            .filter(|wrong| !wrong.contains("more than it has") && !wrong.contains("twice"))
            .collect();
        prop_assert_eq!(wrong, Vec::<String>::new());
        let wanted = Request { ports: vec![PortWanted::Any, PortWanted::Fixed(80)], ..request("web", 1, 1) };
        for (name, _) in placement::POLICIES {
            let mut scratch = Scratch::new(&view);
            for request in [&wanted, &request("web", i64::MAX, -1)] {
                let outcome = scratch.place_with_account(policy(name).as_ref(), seed, request);
                let explanation = explained(&outcome);
                let filtered: u32 = explanation.filtered.iter().map(|filtered| filtered.agents).sum();
                prop_assert_eq!(Some(explanation.considered - filtered), explanation.feasible);
                prop_assert_eq!(explanation.considered as usize, view.nodes().count());
            }
        }
    }
}

fn status(state: TaskState) -> TaskStatus {
    TaskStatus { state, reason: None, message: None, exit: None }
}

fn row_of(task: model::LaunchedTask, state: TaskState) -> Row {
    Row::Task(Task {
        id: task.id,
        framework: task.framework,
        offer: task.offer,
        agent: task.agent,
        hostname: "h0".into(),
        workload: task.workload,
        resources: task.resources,
        host_ports: task.host_ports,
        explanation: task.explanation,
        launched_at: Timestamp(1),
        running_since: None,
        ended_at: None,
        kill: None,
        status: status(state),
        status_at: Timestamp(2),
        unacknowledged: Vec::new(),
    })
}

/// A view that starts from a baseline holds what the one that saw everything holds, and decides the same, down to the ports.
#[test]
fn a_baseline_brings_everything_back() {
    let mut all = resources(4_000, 4_000_000);
    all.ports = "31000-31009".parse().expect("a range");
    let mut view = view([registered(3, description("h3", all.clone())), registered(8, description("h8", all.clone()))]);
    let wanted = Request { ports: any_ports(2), ..request("web", 1_000, 1_000_000) };
    let mut rows = vec![
        agent_row(3, all.clone(), Connection::Connected),
        agent_row(8, all, Connection::Disconnected { since: Timestamp(9), reason: DisconnectReason::StreamClosed }),
    ];
    for offer in 1..=4 {
        let Outcome::Placed(placed) = place(&view, policy("first-fit").as_ref(), 0, &wanted) else { panic!("full") };
        let name = format!("t{offer}");
        let task = launched(&name, offer, version(1), &wanted, &placed);
        view.apply(&Event::TaskLaunched { task: Box::new(task.clone()) });
        // The youngest two have ended, and the last one is forgotten by then.
        match offer {
            1 | 2 => rows.insert(2, row_of(task, TaskState::Running)),
            3 => rows.insert(2, row_of(task, TaskState::Finished)),
            _ => {}
        }
    }
    view.apply(&ended("t3", 3));
    view.apply(&ended("t4", 3));
    view.apply(&offered(5, 3, resources(500, 500_000)));
    view.apply(&disconnected(8));
    let offer = Offer {
        id: OfferId(5),
        framework: model::FrameworkId(1),
        agent: AgentId(3),
        resources: resources(500, 500_000),
        made_at: Timestamp(3),
    };
    rows.push(Row::Offer(offer));
    let restored = crate::cluster::view(rows.into_iter().map(|row| Event::Restored { row: Box::new(row) }));
    for seed in 0..100 {
        let next = place(&view, policy("spread").as_ref(), seed, &wanted);
        let Outcome::Placed(placed) = &next else { panic!("full") };
        assert_eq!((placed.agent, placed.explanation.to_string()), (AgentId(3), "the best of 2 agents".to_owned()));
        assert_eq!(place(&restored, policy("spread").as_ref(), seed, &wanted), next);
    }
    let free = |view: &View| view.nodes().map(|node| (node.agent(), node.vacancy())).collect::<Vec<_>>();
    assert_eq!(free(&restored), free(&view));
    assert!(restored.instances(&wanted.app).eq(view.instances(&wanted.app)));
}

fn agent_row(agent: u32, all: Resources, connection: Connection) -> Row {
    let description = description(&format!("h{agent}"), all);
    Row::Agent(Agent { id: AgentId(agent), description, registered_at: Timestamp(0), connection })
}

/// Rows of agents that are gone must not pile up, nor may the texts of their hostnames.
#[test]
fn a_cluster_whose_agents_come_and_go_stays_as_fast_as_a_small_one() {
    let mut view = view(equal_agents(4));
    let host = |agent: u32| description(&format!("h{agent}"), resources(4_000, 4_000_000));
    for agent in 4..20_000 {
        view.apply(&registered(agent, host(agent)));
        view.apply(&removed(agent - 4));
    }
    assert_eq!(view.check(), Vec::<String>::new());
    assert_eq!(view.nodes().map(|node| node.agent().0).collect::<Vec<_>>(), [19_996, 19_997, 19_998, 19_999]);
    assert!(view.rows() < 100, "{} rows for 4 agents", view.rows());
}
