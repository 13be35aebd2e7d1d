//! A simulated machine: its disk, its clock, what it can run, and the tasks that it pretends to run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::FakeContainerizer;
use agent::containerizer::{Containerizer, ContainerizerError, Ended, Launch, LaunchError, Phase};
use futures_util::future::BoxFuture;
use model::{Resources, Scalar, StatusReason, TaskId};
use tokio::sync::Notify;

use crate::clock::Offset;
use crate::disk::Disk;
use crate::faults::Fault;
use crate::invariants::Load;
use crate::world::{Dice, World, sleep_ms};

/// How many cpus all machines have together: enough for all that clients may want, and to replace some of it.
const CPUS: i64 = 64;

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) resources: Resources,
    pub(crate) disk: Arc<Disk>,
    pub(crate) clock: Offset,
    /// The agent's connections break.
    pub(crate) hang_up: Notify,
    /// Something happens to the agent's process, see [`Machine::blow`].
    pub(crate) struck: Notify,
    blow: Mutex<Option<(Blow, u64)>>,
    tasks: Mutex<Tasks>,
}

/// What may happen to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Its process dies.
    Crash,
    /// The machine loses power.
    Reboot,
    /// Its disk is lost.
    DiskLoss,
}

#[derive(Debug, Default)]
struct Tasks {
    fake: Arc<FakeContainerizer>,
    known: BTreeMap<TaskId, (Resources, Vec<u16>)>,
}

impl Machine {
    /// One of so many.
    pub(crate) fn new(machines: u8) -> Self {
        let cpus = CPUS / i64::from(machines.max(1)) + 1;
        let resources = Resources {
            cpus: Scalar::from_whole(cpus),
            mem: Scalar::from_whole(cpus * 64),
            disk: Scalar::from_whole(10_000),
            gpus: Scalar::ZERO,
            ports: "31000-31063".parse().unwrap_or_default(),
            gpu_slots: model::GpuSlots::none(),
        };
        Self {
            resources,
            disk: Arc::default(),
            clock: Offset::default(),
            hang_up: Notify::new(),
            struck: Notify::new(),
            blow: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The agent is struck, and comes back after that many milliseconds.
    pub(crate) fn blow(&self, blow: Blow, away_ms: u64) {
        *self.blow.lock().unwrap_or_else(PoisonError::into_inner) = Some((blow, away_ms));
        self.struck.notify_one();
    }

    pub(crate) fn take_blow(&self) -> Option<(Blow, u64)> {
        self.blow.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// No task survives a loss of power.
    pub(crate) fn lose_tasks(&self) {
        *self.tasks() = Tasks::default();
    }

    fn fake(&self) -> Arc<FakeContainerizer> {
        Arc::clone(&self.tasks().fake)
    }

    /// The tasks that run here.
    pub(crate) async fn running(&self) -> BTreeSet<TaskId> {
        let phases = self.fake().list().await.unwrap_or_default();
        phases.into_iter().filter(|(_, phase)| *phase != Phase::Ended).map(|(task, _)| task).collect()
    }
}

/// A machine's containerizer, with somebody who watches what is asked of it.
pub(crate) struct Containers {
    pub(crate) world: Arc<World>,
    pub(crate) machine: Arc<Machine>,
    pub(crate) number: u8,
}

impl Containers {
    async fn start(&self, launch: &Launch) -> Result<(), LaunchError> {
        if self.world.strikes(Fault::LaunchTrouble, 30) {
            let ms = self.world.roll(Dice::Fault(Fault::LaunchTrouble), |rng| rng.u64(0..3_000));
            if ms < 1_000 {
                let (reason, message) = (StatusReason::LaunchFailed, "cannot be started (simulated)".to_owned());
                return Err(LaunchError { reason, message });
            }
            sleep_ms(ms).await;
        }
        let known = self.machine.tasks().known.contains_key(&launch.task);
        if !known {
            let running = self.machine.running().await;
            let mut tasks = self.machine.tasks();
            let beside = tasks.known.iter().filter(|(task, _)| running.contains(task));
            let load = Load {
                has: &self.machine.resources,
                running: beside.map(|(_, (resources, ports))| (resources, &ports[..])).collect(),
                more: (&launch.spec.resources, &launch.host_ports),
            };
            self.world.note("start", &[u64::from(self.number), number_of(&launch.task)]);
            self.world.observe(|invariants| invariants.on_start(self.number, &launch.task, &load));
            let held = (launch.spec.resources.clone(), launch.host_ports.clone());
            tasks.known.insert(launch.task.clone(), held);
        }
        let fake = self.machine.fake();
        fake.launch(launch).await
    }
}

impl Containerizer for Containers {
    fn list(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Phase>, ContainerizerError>> {
        Box::pin(async { self.machine.fake().list().await })
    }

    fn launch<'a>(&'a self, launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>> {
        Box::pin(self.start(launch))
    }

    fn stop<'a>(&'a self, task: &'a TaskId, grace: Duration) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        Box::pin(async move {
            self.world.note("stop", &[u64::from(self.number), number_of(task)]);
            // An agent that finds what is left of a task that has ended stops it, to be sure.
            if self.machine.running().await.contains(task) {
                self.world.observe(|invariants| invariants.on_stop(self.number, task));
            }
            self.machine.fake().stop(task, grace).await
        })
    }

    fn wait<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Ended> {
        Box::pin(async move { self.machine.fake().wait(task).await })
    }

    fn remove<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        self.machine.tasks().known.remove(task);
        Box::pin(async move { self.machine.fake().remove(task).await })
    }
}

/// A task in a trace.
pub(crate) fn number_of(task: &TaskId) -> u64 {
    task.as_str().bytes().fold(0, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(byte)))
}
