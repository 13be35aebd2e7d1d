//! A shadow that decides otherwise: what it counts, and what its own cluster looks like.

use model::{AgentDescription, AgentId, AppSpec, CommandKind, DisconnectReason, Resources, Scalar};
use placement::ReadyProfile;
use scheduler::{Packing, Shadow};

use crate::cluster::{Cluster, app, describe};

#[test]
fn a_shadow_counts_where_it_differs_and_fills_a_cluster_of_its_own() {
    let mut cluster = Cluster::new("spread");
    for host in ["a", "b", "c", "d"] {
        cluster.add_agent(host, 4, 8_000);
    }
    let first_fit = ReadyProfile::built_in("first-fit").expect("a policy");
    let mut shadow = Shadow::begin(first_fit, &cluster.world.state);
    let begun_at = cluster.log.len();
    // Half a cpu each: two on each agent, or all eight on the first.
    cluster.deploy(app("web", 8));
    cluster.obey();
    cluster.log[begun_at..].iter().for_each(|sealed| shadow.follow(&sealed.record));
    let counts = shadow.counts();
    assert_eq!((counts.decisions, counts.nowhere, counts.without_room), (8, 0, 0));
    assert!((1..4).contains(&counts.agreed), "spread begins anywhere, and comes to the first agent now and then");
    assert_eq!(shadow.differences().count() as u64, counts.decisions - counts.agreed);
    assert!(shadow.differences().all(|difference| difference.shadow != Some(difference.agent)));
    let (live, own) = shadow.packing();
    assert_eq!((live.agents, live.in_use, own.in_use), (4, 4, 1));
    assert_eq!(live.taken, own.taken);
    assert!((live.taken[0] - 0.25).abs() < 1e-9);
    // Tasks end in both.
    let destroyed_at = cluster.log.len();
    cluster.run(CommandKind::DestroyApp { app: app("web", 8).id, force: true }).expect("destroyed");
    cluster.obey();
    cluster.log[destroyed_at..].iter().for_each(|sealed| shadow.follow(&sealed.record));
    let (live, own) = shadow.packing();
    assert_eq!((live.in_use, own.in_use), (0, 0));
    assert_eq!(live, own);
}

/// What nobody can reach is neither free nor taken.
#[test]
fn agents_that_are_away_count_neither_as_free_nor_as_fragments() {
    let mut cluster = Cluster::new("best-fit");
    let with_gpus = |host: &str, gpus: i64| {
        let description = describe(host, 4, 8_000);
        let resources = Resources { gpus: Scalar(gpus), ..description.resources };
        AgentDescription { resources, ..description }
    };
    // Half a GPU is of no use for a task that wants a whole one.
    for (host, gpus) in [("a", 1_500), ("b", 3_500)] {
        cluster.run(CommandKind::RegisterAgent { description: with_gpus(host, gpus) }).expect("registered");
    }
    let spec = app("train", 1);
    cluster.deploy(AppSpec { resources: Resources { gpus: Scalar(1_000), ..spec.resources.clone() }, ..spec });
    let all = Packing::of(&cluster.world.view);
    assert!((all.fragmented - 1.0 / 4.0).abs() < 1e-9, "two halves of four: {all:?}");
    let idle = cluster.tasks("train").pop().map(|task| if task.agent == AgentId(0) { AgentId(1) } else { AgentId(0) });
    let away =
        CommandKind::DisconnectAgent { agent: idle.expect("it is placed"), reason: DisconnectReason::StreamClosed };
    cluster.run(away).expect("disconnected");
    let rest = Packing::of(&cluster.world.view);
    assert_eq!(rest.agents, 1);
    let free = if idle == Some(AgentId(1)) { 0.5 } else { 2.5 };
    assert!((rest.fragmented - 0.5 / free).abs() < 1e-9, "half a GPU of {free}: {rest:?}");
}
