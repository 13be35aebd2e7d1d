//! Runs the shadow: a second profile that decides on the records that became durable, in a thread of its own.
//!
//! Nobody waits for it, and nothing depends on it. When it cannot follow it begins anew from the present state. Must not know
//! how a shadow decides.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use model::{Event, Record, SealedRecord, Seq};
use placement::ReadyProfile;
use scheduler::{Difference, Packing, Policies, Shadow, ShadowCounts};
use state::State;

/// How many batches may wait for the shadow; beyond that it begins anew.
const BACKLOG: usize = 256;
/// How often packing and fragmentation are looked at, while anything changes.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// What the shadow has found so far.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowReport {
    pub profile: Arc<str>,
    /// The record after which it began.
    pub since: Seq,
    /// The last record that it has seen.
    pub seq: Seq,
    pub counts: ShadowCounts,
    /// The newest first.
    pub differences: Vec<Difference>,
    /// The cluster as it is, and as it would be.
    pub live: Packing,
    pub own: Packing,
    /// Why it decides nothing.
    pub fault: Option<String>,
}

pub(crate) struct Shadowing {
    /// None where no shadow may run.
    policies: Option<Policies>,
    running: Mutex<Option<Running>>,
}

struct Running {
    profile: Arc<str>,
    /// None when it could not begin.
    batches: Option<SyncSender<Batch>>,
    report: Arc<Mutex<ShadowReport>>,
    /// Ends its thread, whatever still waits for it.
    is_over: Arc<AtomicBool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

type Batch = Vec<Arc<Record>>;

impl Shadowing {
    pub(crate) fn new(policies: Policies) -> Self {
        Self { policies: Some(policies), running: Mutex::new(None) }
    }

    /// Never follows anything.
    pub(crate) fn off() -> Self {
        Self { policies: None, running: Mutex::new(None) }
    }

    pub(crate) fn report(&self) -> Option<ShadowReport> {
        let running = self.running();
        running.as_ref().map(|running| lock(&running.report).clone())
    }

    /// Passes on records that `state` has by now.
    pub(crate) fn tell(&self, records: &[SealedRecord], state: &State) {
        let Some(policies) = &self.policies else { return };
        let mut running = self.running();
        let wanted = state.header.profiles.shadow.as_ref();
        let Some(wanted) = wanted else {
            if running.take().is_some() {
                forget_metrics();
            }
            return;
        };
        let known = running.as_ref().filter(|running| running.profile == *wanted);
        let mut events = records.iter().flat_map(|sealed| &sealed.record.events);
        if known.is_none() || events.any(|event| changes_meaning(event, wanted, state)) {
            *running = Some(begin(policies, wanted, state));
            return;
        }
        let Some(batches) = known.and_then(|running| running.batches.as_ref()) else { return };
        let batch = records.iter().map(|sealed| Arc::clone(&sealed.record)).collect();
        // One that has ended by itself has said why.
        if let Err(TrySendError::Full(_)) = batches.try_send(batch) {
            tracing::warn!(profile = %wanted, "the shadow cannot follow and begins anew");
            counter!("bayplan_shadow_restarts_total").increment(1);
            *running = Some(begin(policies, wanted, state));
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        lock(&self.running)
    }
}

fn begin(policies: &Policies, name: &Arc<str>, state: &State) -> Running {
    let (profile, is_over) = (Arc::clone(name), Arc::new(AtomicBool::new(false)));
    let report = Arc::new(Mutex::new(ShadowReport {
        profile: Arc::clone(name),
        since: state.seq,
        seq: state.seq,
        counts: ShadowCounts::default(),
        differences: Vec::new(),
        live: Packing::default(),
        own: Packing::default(),
        fault: None,
    }));
    match start(policies.clone(), Arc::clone(name), state.clone(), &report, &is_over) {
        Ok(batches) => Running { profile, batches: Some(batches), report, is_over },
        Err(error) => {
            fail(&report, name, format!("no thread can be had for it: {error}"));
            Running { profile, batches: None, report, is_over }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the name of the profile stands for something else from here on, or it was chosen anew.
fn changes_meaning(event: &Event, profile: &Arc<str>, state: &State) -> bool {
    let is_part = |name: &Arc<str>| {
        let defined = state.profiles.get(profile);
        name == profile || defined.is_some_and(|defined| defined.terms.iter().any(|term| term.policy == *name))
    };
    match event {
        Event::ShadowChosen { .. } => true,
        Event::ProfileDefined { profile: defined } => defined.name == *profile,
        Event::ModuleAdded { module } => is_part(&module.name),
        Event::ModuleDisabled { module, .. } => is_part(module),
        _ => false,
    }
}

/// Whatever takes long is done in the thread: nobody may wait for it, least of all while the state is changed.
fn start(
    policies: Policies,
    name: Arc<str>,
    state: State,
    report: &Arc<Mutex<ShadowReport>>,
    is_over: &Arc<AtomicBool>,
) -> std::io::Result<SyncSender<Batch>> {
    let (sender, batches) = sync_channel(BACKLOG);
    let (report, is_over) = (Arc::clone(report), Arc::clone(is_over));
    let work = move || {
        let shadow = || match policies.profile(&state, &name) {
            Ok(profile) => Follower::begin(profile, &state, Arc::clone(&report), Arc::clone(&is_over)).run(&batches),
            Err(why) => fail(&report, &name, why),
        };
        // Nothing of it is used afterwards but the report.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(shadow)) {
            counter!("bayplan_shadow_faults_total").increment(1);
            fail(&report, &name, format!("it panicked: {}", told(panic.as_ref())));
        }
    };
    std::thread::Builder::new().name("shadow".to_owned()).spawn(work).map(|_| sender)
}

/// What a panic says.
fn told(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no reason that it told")
}

fn fail(report: &Mutex<ShadowReport>, profile: &str, why: String) {
    tracing::warn!(profile, why, "the shadow does not decide");
    lock(report).fault = Some(why);
}

/// The shadow in its thread.
struct Follower {
    shadow: Shadow,
    report: Arc<Mutex<ShadowReport>>,
    told: ShadowCounts,
    measured_at: Option<Instant>,
    is_over: Arc<AtomicBool>,
}

impl Follower {
    fn begin(profile: ReadyProfile, state: &State, report: Arc<Mutex<ShadowReport>>, is_over: Arc<AtomicBool>) -> Self {
        let shadow = Shadow::begin(profile, state);
        Self { shadow, report, told: ShadowCounts::default(), measured_at: None, is_over }
    }

    /// Ends when it is over, or with a fault.
    fn run(mut self, batches: &Receiver<Batch>) {
        self.measure();
        let mut is_measured = true;
        loop {
            match batches.recv_timeout(MEASURE_EVERY) {
                Ok(batch) => {
                    for record in &batch {
                        if self.is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        self.shadow.follow(record);
                    }
                    self.tell(batch.last().map(|record| record.seq));
                    is_measured = false;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Some(fault) = self.shadow.fault() {
                counter!("bayplan_shadow_faults_total").increment(1);
                fail(&self.report, self.shadow.profile(), format!("policy '{}': {}", fault.policy, fault.reason));
                return;
            }
            if !is_measured && self.measured_at.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                self.measure();
                is_measured = true;
            }
        }
    }

    fn tell(&mut self, seq: Option<Seq>) {
        let counts = self.shadow.counts();
        let count = |result, now: u64, before: u64| {
            counter!("bayplan_shadow_decisions_total", "result" => result).increment(now - before);
        };
        let differed = |counts: &ShadowCounts| counts.decisions - counts.agreed - counts.nowhere;
        count("agreed", counts.agreed, self.told.agreed);
        count("differed", differed(&counts), differed(&self.told));
        count("nowhere", counts.nowhere, self.told.nowhere);
        counter!("bayplan_shadow_without_room_total").increment(counts.without_room - self.told.without_room);
        self.told = counts;
        let mut report = lock(&self.report);
        report.counts = counts;
        report.seq = seq.unwrap_or(report.seq);
        report.differences = self.shadow.differences().cloned().collect();
    }

    fn measure(&mut self) {
        let (live, own) = self.shadow.packing();
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        observe("live", &live);
        observe("shadow", &own);
        let mut report = lock(&self.report);
        (report.live, report.own) = (live, own);
        drop(report);
        self.measured_at = Some(Instant::now());
    }
}

/// By dimension, as in [`Packing::taken`].
const RESOURCES: [&str; 4] = ["cpus", "mem", "disk", "gpus"];

fn observe(cluster: &'static str, packing: &Packing) {
    gauge!("bayplan_packing_agents_in_use", "cluster" => cluster).set(f64::from(packing.in_use));
    for (resource, taken) in RESOURCES.into_iter().zip(packing.taken) {
        gauge!("bayplan_packing_ratio", "cluster" => cluster, "resource" => resource).set(taken);
    }
    gauge!("bayplan_fragmentation_ratio", "cluster" => cluster).set(packing.fragmented);
}

/// Without a shadow there is nothing to compare.
fn forget_metrics() {
    for cluster in ["live", "shadow"] {
        gauge!("bayplan_packing_agents_in_use", "cluster" => cluster).set(f64::NAN);
        for resource in RESOURCES {
            gauge!("bayplan_packing_ratio", "cluster" => cluster, "resource" => resource).set(f64::NAN);
        }
        gauge!("bayplan_fragmentation_ratio", "cluster" => cluster).set(f64::NAN);
    }
}
