//! What the master's loop does for a launch before the log gets it: decide, seal, fold. No log, no agents.
//!
//! A round is one `Allocate` command that launches as many tasks as one may.

use std::sync::Arc;
use std::time::Duration;

use bayplan_benches::cluster::{self, Cluster};
use bayplan_benches::{Rate, Table, cpu_time, number, rate, rate_of};
use model::{AppSpec, CommandKind, Event, Scalar, SealedRecord, TaskState};
use scheduler::{LAUNCHES_PER_ALLOCATION, Policies, decide};

const AGENTS: [u32; 3] = [100, 1_000, 10_000];
const POLICIES: [&str; 2] = ["best-fit", "spread"];
const ROUND: Duration = Duration::from_millis(100);
const APPS: u32 = 100;

fn main() {
    bayplan_benches::start("scheduler", &std::env::temp_dir());
    let mut table = Table::new(
        2,
        [
            "policy",
            "apps",
            "agents",
            "decide (launches/s)",
            "seal (launches/s)",
            "fold (launches/s)",
            "all three (launches/s)",
            "bytes per launch",
        ],
    );
    for policy in POLICIES {
        for (wanted, apps) in wants() {
            for agents in AGENTS {
                let mut cluster = Cluster::with_agents(agents, policy);
                cluster.run(CommandKind::PutApps { apps: apps.clone(), force: false });
                let [decide, seal, fold, bytes] = measure(&cluster);
                let whole = 1.0 / [decide, seal, fold].map(|rate| 1.0 / rate).iter().sum::<f64>();
                let mut row = vec![policy.to_owned(), wanted.to_owned(), agents.to_string()];
                row.extend([decide, seal, fold, whole, bytes].map(number));
                table.row(row);
            }
        }
    }
    println!("### One allocation of {LAUNCHES_PER_ALLOCATION} launches, one thread, no log\n\n{table}");
    println!("### To decide one command beside what is there already, best-fit, 1,000 agents\n\n{}", commands());
    println!("Medians of 5 rounds, by the CPU time of one thread.");
}

fn wants() -> [(&'static str, Vec<Arc<AppSpec>>); 2] {
    let instances = LAUNCHES_PER_ALLOCATION as u32;
    let one = cluster::app("one", instances, Scalar(500), Scalar::from_whole(512));
    [("1 x 500", vec![Arc::new(one)]), ("100 x 5", cluster::apps(APPS, instances / APPS))]
}

/// Launches per second of deciding, sealing and folding, and the bytes of a launch.
fn measure(cluster: &Cluster) -> [f64; 4] {
    let cause = cluster.command(CommandKind::Allocate);
    let decide_once = || decide(&cluster.world, &cause, &Policies::default()).expect("an allocation is never refused");
    let events = decide_once();
    assert_eq!(launches(&events), LAUNCHES_PER_ALLOCATION, "there is room for all");
    let deciding = rate(ROUND, || launches(&decide_once()));
    let record = cluster.record(cause.clone(), events);
    let sealed = record.clone().seal();
    let sealing = rate_of(ROUND, || {
        let record = record.clone();
        let began_at = cpu_time();
        let sealed = record.seal();
        let took = cpu_time() - began_at;
        (launches(&sealed.record.events), took)
    });
    let folding = folding(cluster, &sealed);
    let bytes = sealed.bytes.len() as f64 / LAUNCHES_PER_ALLOCATION as f64;
    [deciding.median(), sealing.median(), folding.median(), bytes]
}

fn folding(cluster: &Cluster, sealed: &SealedRecord) -> Rate {
    rate_of(ROUND, || {
        let mut world = cluster.world.clone();
        let began_at = cpu_time();
        world.apply(&sealed.record);
        (LAUNCHES_PER_ALLOCATION, cpu_time() - began_at)
    })
}

fn launches(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::TaskLaunched { .. })).count()
}

/// How the cost of common commands grows with what is in the cluster.
fn commands() -> Table {
    let mut table = Table::new(
        1,
        [
            "in the cluster",
            "allocate, nothing to do (µs)",
            "create an app (µs)",
            "end of a task (µs)",
            "allocate one launch (µs)",
        ],
    );
    for (name, apps, instances) in [
        ("100 apps x 1", 100, 1),
        ("1,000 apps x 1", 1_000, 1),
        ("5,000 apps x 1", 5_000, 1),
        ("1 app x 5,000", 1, 5_000),
    ] {
        eprintln!("a cluster of {name}");
        let mut cluster = settled(apps, instances);
        let us = |cluster: &Cluster, kind: CommandKind| {
            let cause = cluster.command(kind);
            let rate = rate(ROUND / 2, || {
                decide(&cluster.world, &cause, &Policies::default()).expect("accepted");
                1
            });
            number(1e6 / rate.median())
        };
        let idle = us(&cluster, CommandKind::Allocate);
        let app = Arc::new(cluster::app("one-more", 1, Scalar(100), Scalar::from_whole(64)));
        let create = us(&cluster, CommandKind::CreateApp { app: Arc::clone(&app) });
        let task = cluster.world.state.tasks.values().next().expect("all of them run");
        let updates = vec![cluster::update(&task.id, TaskState::Finished)];
        let update = us(&cluster, CommandKind::UpdateStatus { agent: task.agent, updates });
        cluster.run(CommandKind::CreateApp { app });
        let launch = us(&cluster, CommandKind::Allocate);
        table.row([name.to_owned(), idle, create, update, launch]);
    }
    table
}

/// Everything that is wanted runs, and no deployment is under way.
fn settled(apps: u32, instances: u32) -> Cluster {
    let mut cluster = Cluster::with_agents(1_000, "best-fit");
    cluster.run(CommandKind::PutApps { apps: cluster::apps(apps, instances), force: false });
    cluster.settle();
    cluster
}
