//! One profile on the records of a cluster: how its own fills up on the way.

use model::CommandKind;
use placement::ReadyProfile;
use scheduler::{Packing, Trial};
use state::State;

use crate::cluster::{Cluster, app, id};

fn follow(cluster: &Cluster, policy: &str) -> Trial {
    let mut trial = Trial::begin(ReadyProfile::built_in(policy).expect("built in"), &State::default());
    cluster.log.iter().try_for_each(|sealed| trial.follow(&sealed.record)).expect("no policy fails");
    trial
}

#[test]
fn a_trial_of_what_decided_is_the_cluster_itself_and_another_fills_up_otherwise() {
    let mut cluster = Cluster::new("spread");
    for host in ["a", "b", "c", "d"] {
        cluster.add_agent(host, 4, 8_000);
    }
    // Half a cpu each, so that they come to eight agents' halves in the end, or to one agent.
    for number in 1..=8 {
        cluster.deploy(app(&format!("app-{number}"), 1));
        cluster.obey();
    }
    let (own, packed) = (follow(&cluster, "spread"), follow(&cluster, "first-fit"));
    let end = *own.points().last().expect("the end is always told");
    assert_eq!((end.launches, end.own, own.counts().agreed), (8, end.recorded, 8));
    assert_eq!(end.own, Packing::of(&cluster.world.view));
    let in_use: Vec<(u32, u32)> =
        packed.points().iter().map(|point| (point.recorded.in_use, point.own.in_use)).collect();
    assert_eq!(in_use, [(1, 1), (2, 1), (3, 1), (4, 1), (4, 1), (4, 1), (4, 1), (4, 1)]);
    let placed = cluster.world.state.tasks.values().next().expect("they run").clone();
    assert_eq!(own.place_of(&placed.id, placed.agent), Some(placed.agent));
    // Taking the cluster down is no part of how it filled up.
    for agent in (0..4).map(model::AgentId) {
        let reason = model::DisconnectReason::StreamClosed;
        cluster.run(CommandKind::DisconnectAgent { agent, reason }).expect("disconnected");
    }
    assert_eq!(follow(&cluster, "first-fit").points(), packed.points());
}

#[test]
fn points_of_a_long_log_are_few_and_reach_its_end() {
    let mut cluster = Cluster::new("best-fit");
    cluster.add_agent("a", 1_000, 1_000_000);
    for round in 0..40 {
        cluster.deploy(app("web", 50));
        cluster.obey();
        if round < 39 {
            cluster.run(CommandKind::DestroyApp { app: id("web"), force: true }).expect("destroyed");
            cluster.obey();
        }
    }
    let points = follow(&cluster, "best-fit").points();
    let launches: Vec<u64> = points.iter().map(|point| point.launches).collect();
    assert!(launches.is_sorted_by(|a, b| a < b) && launches.last() == Some(&2_000), "{launches:?}");
    assert!((20..=512).contains(&points.len()), "{} points", points.len());
}
