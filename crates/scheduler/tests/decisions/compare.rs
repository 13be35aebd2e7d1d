//! Two profiles on the records of a cluster: where they part, and what they come to.

use model::{CommandKind, Record};
use placement::ReadyProfile;
use scheduler::{Comparison, World};
use state::State;

use crate::cluster::{Cluster, app};

/// Three agents, on which apps came and went.
fn history(policy: &str) -> Cluster {
    let mut cluster = Cluster::new(policy);
    for (host, cpus) in [("a", 2), ("b", 4), ("c", 8)] {
        cluster.add_agent(host, cpus, 64_000);
    }
    for (name, instances) in [("one", 3), ("two", 5), ("three", 4)] {
        cluster.deploy(app(name, instances));
        cluster.obey();
    }
    cluster.run(CommandKind::DestroyApp { app: crate::cluster::id("two"), force: true }).expect("destroyed");
    cluster.obey();
    cluster.deploy(app("four", 30));
    cluster
}

fn compare(cluster: &Cluster, profiles: [&str; 2]) -> Comparison {
    let mut comparison = begin(profiles);
    for record in records(cluster) {
        comparison.follow(record).expect("no policy fails");
    }
    comparison
}

fn begin(profiles: [&str; 2]) -> Comparison {
    Comparison::begin(profiles.map(|name| ReadyProfile::built_in(name).expect("built in")), &State::default())
}

fn records(cluster: &Cluster) -> impl Iterator<Item = &Record> {
    cluster.log.iter().map(|sealed| &*sealed.record)
}

#[test]
fn the_first_decision_that_differs_is_told_with_both_accounts() {
    let cluster = history("best-fit");
    let profiles = ["best-fit", "worst-fit"];
    let comparison = compare(&cluster, profiles);
    let first = comparison.first_difference().expect("they differ").clone();
    let mut world = World::default();
    let mut again = begin(profiles);
    let record = records(&cluster).find(|record| record.seq == first.seq).expect("it is in the log");
    for earlier in records(&cluster).take_while(|earlier| earlier.seq < first.seq) {
        again.follow(earlier).expect("no policy fails");
        world.apply(earlier);
    }
    assert_eq!(again.first_difference(), None, "up to there they are alike");
    let accounts = again.accounts(record, &first).map(|account| account.expect("both were asked"));
    let chosen = [0, 1].map(|side: usize| accounts[side].chosen().map(|chosen| chosen.agent));
    assert_eq!(chosen, first.agents);
    // The very first task: both look at the same empty cluster.
    assert_eq!(world.state.tasks.len(), 0);
    let agents = |side: usize| {
        let mut agents: Vec<_> = accounts[side].agents.iter().map(|told| told.agent).collect();
        agents.sort_unstable();
        agents
    };
    assert_eq!(agents(0), agents(1));
}

#[test]
fn sums_are_of_clusters_in_which_the_own_choices_hold() {
    let cluster = history("best-fit");
    let comparison = compare(&cluster, ["best-fit", "worst-fit"]);
    let [own, other] = comparison.sums();
    let (decisions, agreed) = comparison.agreed();
    assert_eq!((own.placed + own.not_placed, other.placed + other.not_placed), (decisions, decisions));
    assert!(agreed < decisions);
    // What decided has decided so: its cluster is the real one.
    let real = scheduler::Packing::of(&cluster.world.view);
    assert_eq!((own.not_placed, own.packing), (0, real));
    let mut down = cluster;
    for agent in [0, 1, 2].map(model::AgentId) {
        let reason = model::DisconnectReason::StreamClosed;
        down.run(CommandKind::DisconnectAgent { agent, reason }).expect("disconnected");
    }
    assert_eq!(compare(&down, ["best-fit", "worst-fit"]).sums(), [own, other], "as full as before it was taken down");
    let cluster = down;
    let same = compare(&cluster, ["best-fit", "best-fit"]);
    assert_eq!((same.first_difference(), same.agreed()), (None, (decisions, decisions)));
}
