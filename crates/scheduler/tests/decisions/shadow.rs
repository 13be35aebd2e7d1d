//! A shadow that decides otherwise: what it counts, and what its own cluster looks like.

use placement::ReadyProfile;
use scheduler::Shadow;

use crate::cluster::{Cluster, app};

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
    cluster.run(model::CommandKind::DestroyApp { app: app("web", 8).id, force: true }).expect("destroyed");
    cluster.obey();
    cluster.log[destroyed_at..].iter().for_each(|sealed| shadow.follow(&sealed.record));
    let (live, own) = shadow.packing();
    assert_eq!((live.in_use, own.in_use), (0, 0));
    assert_eq!(live, own);
}
