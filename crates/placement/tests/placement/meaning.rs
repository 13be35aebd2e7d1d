//! What policies and filters mean, in examples. Constraints have some of their own.

use std::collections::BTreeSet;

use model::ConstraintOperator::{Cluster, Unique};
use model::{AppVersion, Event, OfferOutcome, Scalar};
use placement::{Outcome, PortWanted, Request, Scratch, View, place};

use crate::cluster::*;

fn placed(view: &View, name: &str, seed: u64, request: &Request) -> u32 {
    match place(view, policy(name).as_ref(), seed, request) {
        Outcome::Placed(placed) => placed.agent.0,
        Outcome::Nowhere(explanation) => panic!("{explanation}"),
        Outcome::Faulty(fault) => panic!("{}", fault.reason),
    }
}

fn launch(view: &mut View, task: &str, version: AppVersion, request: &Request, agent: u32) {
    let there = with(request, &[constraint("hostname", Cluster, Some(&format!("h{agent}")))]);
    let Outcome::Placed(placed) = place(view, policy("first-fit").as_ref(), 0, &there) else {
        panic!("{task} does not fit on agent {agent}");
    };
    view.apply(&Event::TaskLaunched { task: Box::new(launched(task, 0, version, request, &placed)) });
}

#[test]
fn spread_puts_nine_instances_on_three_agents_three_each() {
    let view = view(equal_agents(3));
    for name in ["spread", "worst-fit"] {
        let (agents, _) = place_many(&view, name, &request("web", 500, 100_000), 9);
        assert_eq!(sorted(agents), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }
}

#[test]
fn spread_counts_the_app_before_what_is_left_over() {
    let mut view = view(equal_agents(2));
    launch(&mut view, "big", version(1), &request("other", 3_000, 3_000_000), 0);
    let (agents, _) = place_many(&view, "spread", &request("web", 100, 100_000), 4);
    assert_eq!(agents, [1, 0, 1, 0]);
}

#[test]
fn best_fit_fills_one_agent_and_first_fit_the_lowest() {
    let view = view(equal_agents(3));
    let (agents, nowhere) = place_many(&view, "best-fit", &request("web", 1_000, 1_000_000), 20);
    assert_eq!(agents.len(), 12);
    assert!(agents.chunks(4).all(|four| four.iter().all(|agent| *agent == four[0])), "{agents:?}");
    assert_eq!(nowhere.expect("20 do not fit").to_string(), "0 of 3 agents feasible: 3 InsufficientCpus");
    let (agents, _) = place_many(&view, "first-fit", &request("web", 1_000, 1_000_000), 12);
    assert_eq!(agents, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
}

#[test]
fn best_fit_prefers_a_small_agent_and_spares_gpus_and_spread_does_too() {
    let mut gpu = resources(4_000, 4_000_000);
    gpu.gpus = Scalar(2_000);
    let events = [
        registered(0, description("large", resources(8_000, 8_000_000))),
        registered(1, description("small", resources(2_000, 2_000_000))),
        registered(2, description("gpu", gpu)),
    ];
    let view = view(events);
    let small = request("web", 500, 100_000);
    assert_eq!(placed(&view, "best-fit", 7, &small), 1);
    assert_eq!(placed(&view, "spread", 7, &small), 0);
    let wants_gpu = Request { gpus: Scalar(1_000), ..small };
    assert_eq!(placed(&view, "best-fit", 7, &wants_gpu), 2);
    assert_eq!(placed(&view, "spread", 7, &wants_gpu), 2);
}

#[test]
fn equals_are_told_apart_by_the_seed_and_then_by_id() {
    let view = view(equal_agents(200));
    let small = request("web", 100, 100_000);
    assert_eq!(placed(&view, "best-fit", 0, &small), 0);
    let chosen: std::collections::BTreeSet<u32> =
        (0..1_000).map(|seed| placed(&view, "best-fit", seed, &small)).collect();
    assert!(chosen.len() > 150, "1,000 seeds choose only {} of 200 equals", chosen.len());
}

#[test]
fn unique_gives_each_host_one_and_says_who_failed() {
    let view = view(equal_agents(3));
    let unique = with(&request("web", 100, 100_000), &[constraint("hostname", Unique, None)]);
    for (name, _) in placement::POLICIES {
        let (agents, nowhere) = place_many(&view, name, &unique, 5);
        assert_eq!(sorted(agents), [0, 1, 2]);
        let expected = "0 of 3 agents feasible: 3 UnfulfilledConstraint (hostname:UNIQUE)";
        assert_eq!(nowhere.expect("there are three hosts").to_string(), expected);
    }
}

#[test]
fn two_agents_with_one_hostname_count_as_one_for_unique() {
    let events = [0, 1].map(|agent| registered(agent, description("same", resources(4_000, 4_000_000))));
    let unique = with(&request("web", 100, 100_000), &[constraint("hostname", Unique, None)]);
    assert_eq!(place_many(&view(events), "spread", &unique, 2).0.len(), 1);
}

#[test]
fn unique_counts_running_tasks_until_they_end_and_only_versions_that_count() {
    let mut view = view(equal_agents(2));
    let unique = with(&request("web", 100, 100_000), &[constraint("hostname", Unique, None)]);
    launch(&mut view, "old-0", version(1), &unique, 0);
    launch(&mut view, "old-1", version(1), &unique, 1);
    view.apply(&Event::AppDestroyed { app: unique.app.clone() });
    assert!(place_many(&view, "spread", &unique, 1).0.is_empty());
    let newer = unique.clone().counting_since(version(2));
    assert_eq!(sorted(place_many(&view, "spread", &newer, 3).0), [0, 1]);
    view.apply(&ended("old-1", 1));
    assert_eq!(place_many(&view, "spread", &unique, 2).0, [1]);
}

#[test]
fn each_agent_is_counted_at_the_first_filter_that_it_fails() {
    let agent = |agent, cpus, mem, disk, ports: &str| {
        let mut all = resources(cpus, mem);
        all.disk = Scalar(disk);
        all.ports = ports.parse().expect("a range");
        registered(agent, description(&format!("h{agent}"), all))
    };
    let mut view = view([
        agent(0, 100, 100, 100, "80"),
        agent(1, 900, 100, 100, "80"),
        agent(2, 900, 900, 100, "80"),
        agent(3, 900, 900, 900, "80"),
        agent(4, 900, 900, 900, "80-81"),
        agent(5, 900, 900, 900, "80-81"),
        agent(6, 900, 900, 900, "80-81"),
    ]);
    view.apply(&disconnected(5));
    view.apply(&removed(6));
    let wanted = Request { disk: Scalar(500), ports: any_ports(2), ..request("web", 500, 500) };
    let explained = |request: &Request| {
        let outcome = Scratch::new(&view).place_with_account(policy("best-fit").as_ref(), 0, request);
        explained(&outcome).to_string()
    };
    let expected = "1 of 6 agents feasible: 1 AgentInactive, 1 InsufficientCpus, 1 InsufficientMemory, \
                    1 InsufficientDisk, 1 InsufficientPorts";
    assert_eq!(explained(&wanted), expected);
    let expected = "0 of 6 agents feasible: 1 AgentInactive, 5 InsufficientGpus";
    assert_eq!(explained(&Request { gpus: Scalar(1), ..request("web", 0, 0) }), expected);
    let expected = "0 of 6 agents feasible: 1 AgentInactive, 5 MissingContainerizer (docker)";
    assert_eq!(explained(&Request { is_container: true, ..request("web", 0, 0) }), expected);
}

#[test]
fn containers_go_where_an_engine_is_and_follow_it() {
    let with_engine = |has_engine: bool| {
        let mut description = description("h", resources(1_000, 1_000));
        if has_engine {
            description.containerizers.push("docker".to_owned());
        }
        description
    };
    let mut view = view([registered(0, with_engine(false)), registered(1, with_engine(true))]);
    let container = Request { is_container: true, ..request("web", 100, 100) };
    assert_eq!(place_many(&view, "first-fit", &container, 1).0, [1]);
    view.apply(&reconnected(0, with_engine(true)));
    view.apply(&reconnected(1, with_engine(false)));
    assert_eq!(place_many(&view, "first-fit", &container, 1).0, [0]);
}

#[test]
fn fixed_ports_must_be_free_and_no_port_is_given_twice() {
    let view = view(equal_agents(2));
    let fixed = Request { ports: vec![PortWanted::Fixed(31_003), PortWanted::Any], ..request("web", 1, 1) };
    let (agents, nowhere) = place_many(&view, "best-fit", &fixed, 3);
    assert_eq!(sorted(agents), [0, 1]);
    assert_eq!(nowhere.expect("two agents").to_string(), "0 of 2 agents feasible: 2 InsufficientPorts");
    let (agents, _) = place_many(&view, "best-fit", &Request { ports: any_ports(3), ..request("web", 1, 1) }, 9);
    assert_eq!(agents.len(), 6);
    let twice = Request { ports: vec![PortWanted::Fixed(31_003); 2], ..request("web", 1, 1) };
    assert!(place_many(&view, "best-fit", &twice, 1).0.is_empty());
}

#[test]
fn a_port_that_was_just_freed_is_seldom_given_at_once_through_offers_too() {
    let mut view = view(equal_agents(1));
    let wanted = Request { ports: any_ports(1), ..request("web", 1, 1) };
    let mut given = Vec::new();
    for offer in 0..200 {
        let Outcome::Placed(placed) = place(&view, policy("best-fit").as_ref(), offer, &wanted) else { panic!("full") };
        let task = launched("t", offer, version(1), &wanted, &placed);
        view.apply(&offered(offer, 0, task.resources.clone()));
        view.apply(&closed(offer, OfferOutcome::Accepted));
        view.apply(&Event::TaskLaunched { task: Box::new(task) });
        given.extend(placed.host_ports);
        view.apply(&ended("t", 0));
    }
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 10, "all ports have their turn");
    let at_once = given.windows(2).filter(|two| two[0] == two[1]).count();
    assert!(at_once < 40, "one of ten by chance: {at_once} of 200");
}

#[test]
fn an_agent_that_comes_back_smaller_keeps_its_tasks_and_takes_no_more() {
    let mut view = view(equal_agents(1));
    let large = request("web", 3_000, 100_000);
    launch(&mut view, "large", version(1), &large, 0);
    view.apply(&reconnected(0, description("h0", resources(1_000, 4_000_000))));
    assert_eq!(view.check(), Vec::<String>::new());
    let explained = explained(&place(&view, policy("best-fit").as_ref(), 0, &request("web", 1, 1))).to_string();
    assert_eq!(explained, "0 of 1 agents feasible: 1 InsufficientCpus");
    view.apply(&ended("large", 0));
    assert_eq!(placed(&view, "best-fit", 0, &request("web", 1_000, 1)), 0);
    let task = launched("beyond", 0, version(1), &large, &placed_by_hand(0));
    view.apply(&Event::TaskLaunched { task: Box::new(task) });
    assert_eq!(view.check(), ["agent S0 has given 2000 Cpus more than it has"]);
}

fn placed_by_hand(agent: u32) -> placement::Placed {
    let Outcome::Placed(mut placed) =
        place(&view(equal_agents(1)), policy("best-fit").as_ref(), 0, &request("x", 1, 1))
    else {
        panic!("an empty agent is full")
    };
    placed.agent.0 = agent;
    placed
}

#[test]
fn an_app_says_what_it_needs() {
    let spec = serde_json::json!({
        "id": "/web", "invocation": "image_default", "instances": 1, "kill_grace_ms": 1,
        "resources": {"cpus": 500, "mem": 300_000, "disk": 0, "gpus": 1_000},
        "backoff": {"initial_ms": 1, "factor_milli": 1, "max_ms": 1},
        "ports": [
            {"host_port": 0, "service_port": 10_000, "protocol": "tcp"},
            {"host_port": 80, "service_port": 10_001, "protocol": "tcp"},
            {"host_port": 0, "service_port": 0, "protocol": "tcp"},
        ],
        "constraints": [{"field": "hostname", "operator": "UNIQUE"}],
    });
    let mut app: model::AppSpec = serde_json::from_value(spec).expect("an app");
    let wanted = Request::of_app(&app);
    assert_eq!((wanted.cpus, wanted.mem, wanted.gpus), (Scalar(500), Scalar(300_000), Scalar(1_000)));
    assert_eq!(wanted.constraints, app.constraints);
    assert_eq!(wanted.ports, [PortWanted::Any, PortWanted::Fixed(80), PortWanted::Any]);
    app.require_ports = true;
    assert_eq!(Request::of_app(&app).ports, [PortWanted::Fixed(10_000), PortWanted::Fixed(80), PortWanted::Any]);
}
