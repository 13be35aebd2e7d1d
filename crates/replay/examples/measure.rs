//! What conditions cost beside the fold, on a busy log that is made on the spot:
//!
//! `cargo run --release -p replay --example measure -- 1000000` events

#[path = "planted/cluster.rs"]
mod cluster;

use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, Backoff, ClusterId, CommandKind, Invocation, Resources, Scalar,
    SealedRecord, StatusReason, TaskId, TaskState, TaskStatus, Timestamp,
};
use replay::{Bisect, Condition, Stats};
use state::State;

use cluster::{Behaviour, Cluster, plain};

const AGENTS: u64 = 1_000;
const APPS: u64 = 200;
const INSTANCES: u32 = 20;

const CONDITIONS: [&str; 8] = [
    "app('/app7').running < 0",
    "app('/app7').running < 2 && agents.connected == 3 && tasks.running > 5",
    "task('app7.').state == 'TASK_LOST'",
    "instances_waiting > 1000000",
    "events.exists(e, e == 'agent_removed')",
    "agent_removed",
    "agent('S7').free.cpus < 0",
    "agents.exists(a, a.free.cpus < 0)",
];

/// Tasks run for a while and fail.
fn behaviour(cluster: &Cluster, _: &TaskId, agent: AgentId) -> Behaviour {
    let failed = TaskStatus { reason: Some(StatusReason::CommandFailed), ..plain(TaskState::Failed) };
    let ms = 20_000 + (cluster.log.len() as u64 * 7_919 + u64::from(agent.0) * 104_729) % 200_000;
    Behaviour { runs_after_ms: 300, ends: Some((ms, failed)) }
}

fn busy(events: usize) -> Vec<SealedRecord> {
    let mut cluster = Cluster::new(Timestamp(1_772_438_400_000), behaviour);
    cluster.is_checked = false;
    let start = CommandKind::StartEpoch {
        cluster: ClusterId::new("busy"),
        leader: "m1".to_owned(),
        addresses: None,
        placement_policy: Some("best-fit".to_owned()),
        profile: None,
    };
    cluster.at(0, "master", start);
    cluster.run(1);
    for index in 0..AGENTS {
        let resources =
            Resources { cpus: Scalar::from_whole(16), mem: Scalar::from_whole(65_536), ..Resources::default() };
        let description = AgentDescription {
            hostname: format!("h{index}"),
            resources,
            attributes: Default::default(),
            address: format!("h{index}:5051"),
            containerizers: vec!["process".to_owned()],
        };
        cluster.give("agent", CommandKind::RegisterAgent { description });
    }
    for index in 0..APPS {
        let app = AppSpec {
            id: AppId::parse(&format!("/app{index}")).expect("an id"),
            invocation: Invocation::Shell("run".to_owned()),
            instances: INSTANCES,
            resources: Resources { cpus: Scalar(500), mem: Scalar::from_whole(512), ..Resources::default() },
            container: None,
            user: None,
            role: None,
            env: Default::default(),
            labels: Default::default(),
            ports: Vec::new(),
            require_ports: false,
            constraints: Vec::new(),
            dependencies: Vec::new(),
            backoff: Backoff { initial_ms: 100, factor_milli: 1_000, max_ms: 100 },
            kill_grace_ms: 3_000,
        };
        cluster.give("user", CommandKind::PutApps { apps: vec![Arc::new(app)], force: true });
    }
    // It has to end by itself even if nothing happens any more.
    for _ in 0..100_000 {
        cluster.run(1_000);
        if cluster.log.len() * 2 >= events {
            break;
        }
    }
    cluster.log
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn timed(what: &str, events: usize, work: impl FnOnce() -> u64) {
    let begin = std::time::Instant::now();
    let asked = work();
    let took = begin.elapsed();
    let rate = events as f64 / took.as_secs_f64() / 1e6;
    println!("{:>7.0} ms  {rate:.2} M events/s  asked {asked:>7} times  {what}", took.as_secs_f64() * 1e3);
}

fn fold(log: &[SealedRecord], see: &mut dyn FnMut(&SealedRecord, &State)) {
    let mut state = State::default();
    state.hash_late(true);
    for sealed in log {
        state.apply(&sealed.record);
        see(sealed, &state);
    }
}

#[expect(clippy::disallowed_methods, reason = "it is run by hand")]
fn main() {
    let events = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let log = busy(events);
    let events: usize = log.iter().map(|sealed| sealed.record.events.len()).sum();
    println!("{} records, {events} events", log.len());
    timed("the fold alone", events, || {
        fold(&log, &mut |_, _| {});
        0
    });
    for text in CONDITIONS {
        let condition = Condition::parse(text).expect(text);
        timed(text, events, || {
            let mut bisect = Bisect::new(&condition);
            fold(&log, &mut |sealed, state| assert!(!bisect.see(&sealed.record, state), "{text} holds"));
            bisect.asked
        });
    }
    timed("stats, without a fold", events, || {
        let mut stats = Stats::default();
        log.iter().for_each(|sealed| stats.see(&sealed.record, sealed.bytes.len() as u64));
        stats.told().records
    });
}
