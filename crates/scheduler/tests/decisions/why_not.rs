//! Why not there: every filter is asked, the smallest change is enough, and the next smaller one is not.

use std::sync::Arc;

use model::{
    AgentDescription, AppSpec, CommandKind, Constraint, ConstraintOperator, DisconnectReason, Filter, PortProtocol,
    PortSpec, Resources, Scalar,
};
use placement::{Dimension, Lack, Standing};
use proptest::prelude::*;
use scheduler::{Change, Unasked, WhyNot, why_not};

use crate::cluster::{Cluster, app, describe};
use crate::explain::adds_up;

fn ask(cluster: &Cluster, what: &str, agent: &str, count: u32) -> WhyNot {
    why_not(&cluster.world, what, agent, count, &cluster.policies).expect("both are known")
}

fn register(cluster: &mut Cluster, hostname: &str, resources: Resources) {
    let description = AgentDescription { resources, ..describe(hostname, 0, 0) };
    cluster.run(CommandKind::RegisterAgent { description }).expect("registered");
}

fn amounts(cpus: i64, mem: i64, disk: i64, gpus: i64) -> Resources {
    Resources { cpus: Scalar(cpus), mem: Scalar(mem), disk: Scalar(disk), gpus: Scalar(gpus), ..Resources::default() }
}

fn of(name: &str, instances: u32, resources: Resources) -> AppSpec {
    AppSpec { resources, ..app(name, instances) }
}

fn amount(resources: &mut Resources, dimension: Dimension) -> &mut Scalar {
    match dimension {
        Dimension::Cpus => &mut resources.cpus,
        Dimension::Mem => &mut resources.mem,
        Dimension::Disk => &mut resources.disk,
        Dimension::Gpus => &mut resources.gpus,
    }
}

/// How many of an app would fit if each needed so much less.
fn fit_with(cluster: &Cluster, spec: &AppSpec, changes: &[Change], spared: Option<Dimension>, asked: &WhyNot) -> u32 {
    let mut smaller = spec.clone();
    smaller.id = crate::cluster::id("smaller");
    for change in changes {
        let amount = amount(&mut smaller.resources, change.dimension);
        let (wanted, reduced) = (amount.0, amount.0 - change.less.0);
        // The next that an app may have.
        let next = match change.dimension {
            Dimension::Gpus if reduced >= 1_000 => (reduced + 1_000).min(wanted),
            _ => reduced + 1,
        };
        *amount = Scalar(if spared == Some(change.dimension) { next } else { reduced });
    }
    let mut world = cluster.world.clone();
    let cause = cluster.log.last().expect("there are records").record.cause.clone();
    let cause = model::Command { kind: CommandKind::PutApps { apps: vec![Arc::new(smaller)], force: true }, ..cause };
    let events = scheduler::decide(&world, &cause, &cluster.policies).expect("accepted");
    let last = &cluster.log.last().expect("there are records").record;
    world.apply(&model::Record { seq: last.seq.next(), cause, events, ..(**last).clone() });
    let agent = asked.agent.to_string();
    why_not(&world, "smaller", &agent, asked.count, &cluster.policies).expect("both are known").fit
}

fn resources(largest: i64) -> impl Strategy<Value = Resources> {
    let gpus = prop::sample::select(vec![0, 250, 700, 1_000, 1_300, 2_000, 3_500]);
    (0..largest, 1..largest, 0..largest, gpus).prop_map(|(cpus, mem, disk, gpus)| amounts(cpus, mem, disk, gpus))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_smallest_change_is_enough_and_the_next_smaller_one_is_not(
        agents in prop::collection::vec(resources(6_000), 1..5),
        running in resources(1_500),
        wanted in resources(4_000),
        instances in 0..6_u32,
        count in 1..6_u32,
    ) {
        let mut cluster = Cluster::new("best-fit");
        for (number, resources) in agents.iter().enumerate() {
            register(&mut cluster, &format!("h{number}"), resources.clone());
        }
        cluster.deploy(of("running", instances, running));
        let spec = of("web", 0, wanted);
        cluster.deploy(spec.clone());
        for number in 0..agents.len() {
            let told = ask(&cluster, "web", &format!("h{number}"), count);
            adds_up(&told.account, agents.len());
            let standing = &told.standing().expect("every agent is told of").standing;
            match standing {
                Standing::Filtered { filter, .. } => {
                    prop_assert_eq!(told.lacks.first().map(Lack::filter), Some(*filter));
                    prop_assert_eq!((told.rank, told.fit), (None, 0));
                }
                _ => {
                    prop_assert!(told.lacks.is_empty() && told.fit > 0 && told.rank.is_some(), "{:?}", told);
                }
            }
            prop_assert_eq!(told.changes.is_empty(), told.fit == count, "{:?}", told);
            // Nothing else than amounts can be lacking here.
            prop_assert_eq!(&told.beyond, &Vec::new());
            prop_assert_eq!(fit_with(&cluster, &spec, &told.changes, None, &told), count);
            for change in &told.changes {
                let fit = fit_with(&cluster, &spec, &told.changes, Some(change.dimension), &told);
                prop_assert!(fit < count, "{:?} is more than it takes: {:?}", change, told);
                prop_assert!(change.more > Scalar::ZERO, "{:?}", change);
                let gpus = spec.resources.gpus.0 - change.less.0;
                let is_possible = change.dimension != Dimension::Gpus || gpus < 1_000 || gpus % 1_000 == 0;
                prop_assert!(is_possible, "no app can have so many GPUs: {:?}", change);
            }
        }
    }
}

#[test]
fn what_is_lacking_is_told_in_all_dimensions_with_what_would_be_enough() {
    let mut cluster = Cluster::new("best-fit");
    register(&mut cluster, "a", amounts(2_000, 1_000, 1_000, 1_500));
    register(&mut cluster, "b", amounts(9_000, 9_000, 9_000, 9_000));
    cluster.deploy(of("web", 0, amounts(2_500, 1_128, 0, 2_000)));
    let told = ask(&cluster, "web", "a", 1);
    assert_eq!(
        told.lacks.iter().map(Lack::filter).collect::<Vec<_>>(),
        [Filter::InsufficientCpus, Filter::InsufficientMemory, Filter::InsufficientGpus]
    );
    let change = |dimension, thousandths| Change { dimension, less: Scalar(thousandths), more: Scalar(thousandths) };
    let gpus = Change { dimension: Dimension::Gpus, less: Scalar(1_000), more: Scalar(500) };
    assert_eq!(told.changes, [change(Dimension::Cpus, 500), change(Dimension::Mem, 128), gpus], "one GPU, not 1.5");
    // Three of them on the other one: three times 2.5 cpus fit, but five times two GPUs do not.
    let told = ask(&cluster, "/web", "S1", 5);
    assert_eq!((told.rank, told.lacks.len(), told.fit), (Some(1), 0, 3));
    let expected = [
        Change { dimension: Dimension::Cpus, less: Scalar(700), more: Scalar(3_500) },
        Change { dimension: Dimension::Gpus, less: Scalar(1_000), more: Scalar(1_000) },
    ];
    assert_eq!(told.changes, expected);
}

#[test]
fn constraints_ports_and_agents_that_are_away_are_told() {
    let mut cluster = Cluster::new("spread");
    cluster.add_agent("a", 4, 4_000);
    cluster.add_agent("b", 4, 4_000);
    let port = PortSpec {
        container_port: None,
        host_port: 80,
        service_port: 0,
        protocol: PortProtocol::Tcp,
        name: None,
        labels: Default::default(),
    };
    let unique = Constraint { field: "hostname".into(), operator: ConstraintOperator::Unique, value: None };
    cluster.deploy(AppSpec { constraints: vec![unique.clone()], ..app("web", 1) });
    cluster.deploy(AppSpec { ports: vec![port], ..app("low", 0) });
    let task = cluster.tasks("web").pop().expect("launched");
    let (here, there) = if task.hostname == "a" { ("a", "b") } else { ("b", "a") };
    let told = ask(&cluster, "web", here, 1);
    let would_do = vec![Some(there.to_owned())];
    assert_eq!(told.lacks, [Lack::Constraint { constraint: unique, has: Some(here.to_owned()), would_do }]);
    assert_eq!((told.changes.len(), &told.beyond), (0, &told.lacks));
    // The task itself is not in its own way.
    let anew = ask(&cluster, task.id.as_str(), here, 2);
    assert_eq!((anew.lacks.len(), anew.fit, anew.task), (0, 1, Some(task.id)));
    assert_eq!(ask(&cluster, "web.inst", here, 2).app, anew.app, "the beginning of its id is enough");
    assert_eq!(anew.beyond.first().map(Lack::filter), Some(Filter::UnfulfilledConstraint));
    let told = ask(&cluster, "low", here, 1);
    let ports = Lack::Ports { wanted: 1, free: 100, held: Vec::new(), not_offered: vec![80] };
    assert_eq!(told.lacks, std::slice::from_ref(&ports));
    let reason = DisconnectReason::StreamClosed;
    cluster.run(CommandKind::DisconnectAgent { agent: told.agent, reason }).expect("disconnected");
    assert_eq!(ask(&cluster, "low", here, 1).lacks, [Lack::Connection, ports]);
}

#[test]
fn who_is_not_known_is_named() {
    let mut cluster = Cluster::new("spread");
    cluster.add_agent("a", 4, 4_000);
    cluster.add_agent("a", 4, 4_000);
    cluster.deploy(app("web", 1));
    let refused = |what: &str, agent: &str, count| {
        why_not(&cluster.world, what, agent, count, &cluster.policies).expect_err("refused")
    };
    assert_eq!(refused("cart", "S0", 1), Unasked::Nobody("cart".to_owned()));
    assert_eq!(refused("web", "S7", 1), Unasked::NoAgent("S7".to_owned()));
    assert_eq!(
        refused("web", "a", 1).to_string(),
        "hostname 'a' is that of several agents, S0, S1: name one by its id"
    );
    assert_eq!(refused("web", "S0", 0), Unasked::Count(0));
    assert_eq!(refused("web", "S0", 10_001).to_string(), "count must be 1 to 10000, not 10001");
}
