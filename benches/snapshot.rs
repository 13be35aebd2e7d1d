//! Snapshots of a large cluster: how long a start from one takes, and what keeping it up to date costs.

use std::time::{Duration, Instant};

use bayplan_benches::cluster::{self, Cluster};
use bayplan_benches::{Table, cpu_time, number, percentile, rate_of};
use model::{CommandKind, Position, Scalar, SealedRecord, Tip};
use scheduler::{LAUNCHES_PER_ALLOCATION, Policies, World};
use snapshot::{Loaded, Mark, Opened, Options, Snapshot, Snapshotter, baseline};
use state::State;

const AGENTS: u32 = 10_000;
const APPS: u32 = 1_000;
const INSTANCES: u32 = 100;
const LOADS: usize = 5;
const ROUND: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let root = tempfile::tempdir().expect("a folder");
    bayplan_benches::start("snapshot", root.path());
    let mut cluster = settled();
    let mark = mark(&cluster.world.state, cluster.tip);
    let (tasks, agents) = (cluster.world.state.tasks.len(), cluster.world.state.agents.len());
    println!("### A cluster of {tasks} tasks and {agents} agents\n");
    println!("{}", starts(&cluster, &mark, root.path()));
    println!("### One record of {LAUNCHES_PER_ALLOCATION} launches in that cluster\n\n{}", keeping_up(&mut cluster));
}

fn settled() -> Cluster {
    let mut cluster = Cluster::with_agents(AGENTS, "best-fit");
    let apps = (0..APPS).map(|number| {
        cluster::app(&format!("team-{}/service-{number}", number % 10), INSTANCES, Scalar(100), Scalar::from_whole(64))
    });
    let apps = apps.map(std::sync::Arc::new).collect();
    cluster.run(CommandKind::PutApps { apps, force: false });
    cluster.settle();
    cluster
}

fn mark(state: &State, tip: Tip) -> Mark {
    Mark::of(state, tip, Position(tip.seq.0))
}

/// The median of some runs, in milliseconds of the clock.
fn timed<T>(mut run: impl FnMut() -> T) -> (f64, T) {
    let mut took = Vec::new();
    loop {
        let began_at = Instant::now();
        let result = run();
        took.push(began_at.elapsed());
        if took.len() == LOADS {
            return (percentile(&mut took, 0.5), result);
        }
    }
}

fn starts(cluster: &Cluster, mark: &Mark, root: &std::path::Path) -> Table {
    let state = &cluster.world.state;
    let folder = root.join("snapshot");
    let began_at = Instant::now();
    let (snapshot, _) = open(&folder);
    snapshot.write(&state.all_changes(), mark).expect("it is written");
    let first_write = began_at.elapsed().as_secs_f64() * 1e3;
    drop(snapshot);
    let load = || -> Loaded { *open(&folder).1.expect("it is not empty") };
    load();
    let (snapshot, loaded) = timed(load);
    assert_eq!(loaded.state.hash(), state.hash());
    let (world, _) = timed(|| World::of(loaded.state.clone()));
    let (copy, _) = timed(|| loaded.state.clone());
    let (encode, bytes) = timed(|| baseline::encode(state, mark));
    let (decode, decoded) = timed(|| baseline::decode(&bytes).expect("it is whole"));
    assert_eq!(decoded.state.hash(), state.hash());
    let mut table = Table::new(1, ["what", "took (ms)"]);
    let mut row = |what: &str, ms: f64| table.row([what.to_owned(), number(ms)]);
    row("write it for the first time", first_write);
    row("open the snapshot and load it", snapshot);
    row("a copy of the state, for reads", copy);
    row("placement's picture of it, and another copy", world);
    row(&format!("encode a baseline of {} MB", bytes.len() >> 20), encode);
    row("rebuild the state from the baseline", decode);
    table
}

/// What the fold costs with and without somebody who is told the changes, and what the snapshot's thread costs.
fn keeping_up(cluster: &mut Cluster) -> Table {
    let instances = LAUNCHES_PER_ALLOCATION as u32;
    let app = cluster::app("one-more", instances, Scalar(10), Scalar::from_whole(8));
    cluster.run(CommandKind::CreateApp { app: std::sync::Arc::new(app) });
    let cause = cluster.command(CommandKind::Allocate);
    let events =
        scheduler::decide(&cluster.world, &cause, &Policies::default()).expect("an allocation is never refused");
    let sealed = cluster.record(cause, events).seal();
    let alone = fold(&cluster.world.state, &sealed, false);
    let tracked = fold(&cluster.world.state, &sealed, true);
    let mut table = Table::new(1, ["what", "took (ms)"]);
    let mut row = |what: &str, ms: f64| table.row([what.to_owned(), number(ms)]);
    row("fold it", alone);
    row("fold it and collect the changed rows", tracked);
    row("write them, on the snapshot's thread", writing(&cluster.world.state, &sealed));
    table
}

fn fold(state: &State, sealed: &SealedRecord, track: bool) -> f64 {
    let mut state = state.clone();
    let before = rate_of(ROUND, || {
        let mut copy = state.clone();
        copy.track_changes(track);
        let began_at = cpu_time();
        copy.apply(&sealed.record);
        if track {
            std::hint::black_box(copy.take_changes());
        }
        (1, cpu_time() - began_at)
    });
    state.apply(&sealed.record);
    1e3 / before.median()
}

fn open(folder: &std::path::Path) -> (Snapshot, Option<Box<Loaded>>) {
    match Snapshot::open(folder).expect("it opens") {
        Opened::Usable { snapshot, loaded } => (snapshot, loaded),
        Opened::Useless(useless) => panic!("it is whole: {}", useless.why),
    }
}

fn writing(state: &State, sealed: &SealedRecord) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let (snapshot, _) = open(folder.path());
    let mut state = state.clone();
    state.track_changes(true);
    state.apply(&sealed.record);
    let changes = state.take_changes();
    let tip = |number| Tip { seq: model::Seq(number), ..Tip::default() };
    let snapshotter = Snapshotter::start(snapshot, None, Options { checkpoints_kept: 0, ..Options::default() });
    let snapshotter = snapshotter.expect("its thread starts");
    let mut next = 0;
    let (ms, ()) = timed(|| {
        next += 1;
        assert!(snapshotter.tell(changes.clone(), tip(next), Position(next)));
        assert!(snapshotter.flush(PATIENCE), "it is written");
    });
    ms
}
