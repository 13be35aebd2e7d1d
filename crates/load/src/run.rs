//! One load, from its first agent to its last task.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use model::{Resources, Scalar};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::calls::Answered;
use crate::counters::Counters;
use crate::cpu::CpuLook;
use crate::framework::{Framework, Shared, TASK_CPUS, TASK_MEM_MB};
use crate::{CpuShares, Fleet, Latencies, LoadError, MasterWork};

/// How long nothing may happen before a load is given up.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How many calls are under way at the same time: of all frameworks together, and of each at least and at most.
const CALLS_AT_ONCE: usize = 256;
const CALLS_AT_ONCE_EACH: (usize, usize) = (2, 64);
const AGENT_DISK_MB: u64 = 1_000;

/// What is put on a cluster.
#[derive(Debug, Clone)]
pub struct Load {
    /// The master's address, as `http://127.0.0.1:5050`.
    pub master: String,
    /// Its process, when that is on this machine.
    pub master_process: Option<u32>,
    pub agents: usize,
    pub frameworks: usize,
    /// For how long everything is declined.
    pub decline_for: Duration,
    /// How many tasks are launched after that. Agents are just large enough for them.
    pub tasks: u64,
    pub tasks_per_accept: u64,
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Joining { joined: usize },
    Declining { offers: u64 },
    Launching { running: u64 },
}

/// What a load came to.
#[derive(Debug, Clone)]
pub struct Measured {
    pub offers: u64,
    pub declining_for: Duration,
    /// From a DECLINE to its answer.
    pub declines: Latencies,
    pub declining: Effort,
    /// From the first ACCEPT until all tasks are known to run.
    pub launching_for: Duration,
    pub accepts_made: u64,
    /// From an ACCEPT to its answer.
    pub accepts: Latencies,
    /// From an ACCEPT to the update that says that the task runs.
    pub started: Latencies,
    pub launching: Effort,
}

/// What a stage took of the machine and of the master.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Effort {
    pub cpu: CpuShares,
    pub master: MasterWork,
}

/// The beginning of a stage.
struct Mark {
    at: Instant,
    cpu: CpuLook,
    counters: Counters,
}

impl Mark {
    async fn now(load: &Load, client: &reqwest::Client) -> Self {
        let counters = Counters::read(client, &load.master).await;
        Self { at: Instant::now(), cpu: CpuLook::now(load.master_process), counters }
    }

    fn effort_since(&self, before: &Self) -> Effort {
        let took = self.at - before.at;
        Effort { cpu: self.cpu.since(&before.cpu), master: self.counters.since(&before.counters, took) }
    }
}

/// Joins a fleet, subscribes frameworks, and measures both stages. `tell` hears how far it is, often.
pub async fn run(load: &Load, mut tell: impl FnMut(Stage)) -> Result<Measured, LoadError> {
    let fleet = Fleet::join(std::slice::from_ref(&load.master), load.agents, &agent_resources(load));
    wait_for_agents(load, &fleet, &mut tell).await?;
    let shared = Arc::new(Shared {
        launches: AtomicBool::new(false),
        left: AtomicU64::new(load.tasks),
        tasks_per_accept: load.tasks_per_accept,
        offers: AtomicU64::new(0),
        accepts: AtomicU64::new(0),
        running: AtomicU64::new(0),
        started: Mutex::default(),
        answered: Arc::default(),
    });
    let all = (0..load.frameworks).map(|number| Framework::subscribe(&load.master, number, Arc::clone(&shared)));
    let at_once = (CALLS_AT_ONCE / load.frameworks.max(1)).clamp(CALLS_AT_ONCE_EACH.0, CALLS_AT_ONCE_EACH.1);
    let mut frameworks = JoinSet::new();
    for framework in try_join_all(all).await? {
        frameworks.spawn(framework.play(at_once));
    }

    let client = reqwest::Client::builder().no_proxy().build().expect("a plain HTTP client");
    let begun = Mark::now(load, &client).await;
    let offers_before = shared.offers.load(Ordering::Relaxed);
    while begun.at.elapsed() < load.decline_for {
        watch(&mut frameworks).await?;
        tell(Stage::Declining { offers: shared.offers.load(Ordering::Relaxed) - offers_before });
    }
    let (offers, declining_for) = (shared.offers.load(Ordering::Relaxed) - offers_before, begun.at.elapsed());
    let declined = Mark::now(load, &client).await;

    let launching_since = Instant::now();
    shared.launches.store(true, Ordering::Release);
    wait_for_tasks(load, &shared, &mut frameworks, &mut tell).await?;
    let launching_for = launching_since.elapsed();
    let launched = Mark::now(load, &client).await;
    let Answered { declines, accepts } = shared.answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let started = shared.started.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Measured {
        offers,
        declining_for,
        declines,
        declining: declined.effort_since(&begun),
        launching_for,
        accepts_made: shared.accepts.load(Ordering::Relaxed),
        accepts,
        started,
        launching: launched.effort_since(&declined),
    })
}

/// Each agent has room for its part of the tasks and no more, so that all agents are used; at least for what one ACCEPT launches.
fn agent_resources(load: &Load) -> Resources {
    let tasks_each = load.tasks.div_ceil(load.agents.max(1) as u64).max(1);
    let tasks_each = tasks_each.next_multiple_of(load.tasks_per_accept.max(1));
    Resources {
        cpus: Scalar((TASK_CPUS * 1_000.0) as u64 as i64 * tasks_each as i64),
        mem: Scalar::from_whole(TASK_MEM_MB as i64 * tasks_each as i64),
        disk: Scalar::from_whole(AGENT_DISK_MB as i64),
        ..Resources::default()
    }
}

async fn wait_for_agents(load: &Load, fleet: &Fleet, tell: &mut impl FnMut(Stage)) -> Result<(), LoadError> {
    let mut last = (0, Instant::now());
    loop {
        let joined = fleet.subscriptions();
        tell(Stage::Joining { joined });
        if joined >= load.agents {
            return Ok(());
        }
        if joined > last.0 {
            last = (joined, Instant::now());
        } else if last.1.elapsed() > PATIENCE {
            return Err(LoadError::Agents { joined, agents: load.agents, limit_s: PATIENCE.as_secs() });
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn wait_for_tasks(
    load: &Load,
    shared: &Shared,
    frameworks: &mut JoinSet<LoadError>,
    tell: &mut impl FnMut(Stage),
) -> Result<(), LoadError> {
    let mut last = (0, Instant::now());
    loop {
        let running = shared.running.load(Ordering::Relaxed);
        tell(Stage::Launching { running });
        if running >= load.tasks {
            return Ok(());
        }
        if running > last.0 {
            last = (running, Instant::now());
        } else if last.1.elapsed() > PATIENCE {
            return Err(LoadError::Stuck { running, tasks: load.tasks, limit_s: PATIENCE.as_secs() });
        }
        watch(frameworks).await?;
    }
}

/// Waits a little; a framework that has ended is an error.
async fn watch(frameworks: &mut JoinSet<LoadError>) -> Result<(), LoadError> {
    tokio::select! {
        biased;
        Some(ended) = frameworks.join_next() => Err(ended.unwrap_or_else(|error| LoadError::Ended { reason: error.to_string() })),
        () = sleep(LOOK_AGAIN) => Ok(()),
    }
}
