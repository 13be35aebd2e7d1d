//! What all parts of a history share: virtual time, chance, the network, the log's servers, and those who watch.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use master::Handle;
use model::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::faults::{Coverage, Fault};
use crate::invariants::Invariants;
use crate::log::Servers;
use crate::machine::Machine;
use crate::network::Network;
use crate::plants::Plant;
use crate::settings::Settings;

/// When histories begin, by the true clock.
const BEGINS_AT: Timestamp = Timestamp(1_700_000_000_000);

/// A place that messages go from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Log,
    Master(u8),
    Agent(u8),
    Client(u8),
}

/// Whose chance it is. Each part has dice of its own, so that one part's throws do not change another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dice {
    Network,
    Log,
    Trouble,
    Client(u8),
    Master(u8),
    Agent(u8),
    Fault(Fault),
}

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) network: Network,
    pub(crate) servers: Servers,
    pub(crate) masters: Vec<Seat>,
    pub(crate) machines: Vec<Arc<Machine>>,
    began_at: Instant,
    dice: Mutex<BTreeMap<Dice, fastrand::Rng>>,
    watch: Mutex<Watch>,
    /// Cancelled when nothing goes wrong any more.
    pub(crate) calm: CancellationToken,
    /// Cancelled at the first violation.
    pub(crate) broken: CancellationToken,
}

/// Where a master sits, whether it runs or not.
#[derive(Default)]
pub(crate) struct Seat {
    pub(crate) running: Mutex<Option<Life>>,
    /// The master is to be killed.
    pub(crate) kill: Notify,
    pub(crate) clock: crate::clock::Offset,
}

/// A master that runs.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) handle: Handle,
    /// Cancelled in the moment in which it dies.
    pub(crate) over: CancellationToken,
}

struct Watch {
    trace: u64,
    coverage: Coverage,
    invariants: Invariants,
    violations: Vec<Violation>,
}

/// What should never have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    pub what: String,
    /// Since the history began.
    pub at: Duration,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let masters = (0..settings.masters).map(|_| Seat::default()).collect();
        let machines = (0..settings.agents).map(|_| Arc::new(Machine::new(settings.agents))).collect();
        let watch = Watch {
            trace: settings.seed,
            coverage: Coverage::default(),
            invariants: Invariants::default(),
            violations: Vec::new(),
        };
        Arc::new(Self {
            network: Network::default(),
            servers: Servers::default(),
            masters,
            machines,
            calm: CancellationToken::new(),
            began_at: Instant::now(),
            dice: Mutex::default(),
            watch: Mutex::new(watch),
            broken: CancellationToken::new(),
            settings,
        })
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the history has lasted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began_at.elapsed()
    }

    /// What a clock shows that is right.
    pub(crate) fn true_time(&self) -> Timestamp {
        BEGINS_AT.plus_ms(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn has_plant(&self, plant: Plant) -> bool {
        self.settings.plant == Some(plant)
    }

    /// Throws dice.
    pub(crate) fn roll<T>(&self, dice: Dice, throw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut all = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let rng = all.entry(dice).or_insert_with(|| fastrand::Rng::with_seed(self.settings.seed ^ dice.salt()));
        throw(rng)
    }

    /// Whether a fault of this kind strikes here and now; counted when it does.
    pub(crate) fn strikes(&self, fault: Fault, per_mille: u32) -> bool {
        let strikes = self.may_strike(fault) && self.roll(Dice::Fault(fault), |rng| rng.u32(0..1_000) < per_mille);
        if strikes {
            self.struck(fault);
        }
        strikes
    }

    /// Whether faults of this kind are among the history's, and it is not over with them.
    pub(crate) fn may_strike(&self, fault: Fault) -> bool {
        self.settings.faults.has(fault) && !self.calm.is_cancelled()
    }

    pub(crate) fn struck(&self, fault: Fault) {
        self.note(fault.name(), &[]);
        self.watch().coverage.count(fault);
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn calm_down(&self) {
        self.calm.cancel();
        self.note("calm", &[]);
    }

    /// Something happened. Two runs of a history happen in the same way or they are not the same history.
    pub(crate) fn note(&self, what: &'static str, numbers: &[u64]) {
        if self.settings.trace {
            eprintln!("{:>10.3}  {what} {numbers:?}", self.elapsed().as_secs_f64());
        }
        let mut watch = self.watch();
        let now = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let bytes = what.bytes().map(u64::from);
        watch.trace = bytes.chain([now]).chain(numbers.iter().copied()).fold(watch.trace, mix);
    }

    /// Shows the invariants something that can be seen from outside.
    pub(crate) fn observe<T>(
        &self,
        look: impl FnOnce(&mut Invariants) -> Result<T, (&'static str, String)>,
    ) -> Option<T> {
        let found = look(&mut self.watch().invariants);
        match found {
            Ok(seen) => Some(seen),
            Err((invariant, what)) => {
                self.violate(invariant, what);
                None
            }
        }
    }

    pub(crate) fn violate(&self, invariant: &'static str, what: String) {
        let at = self.elapsed();
        if self.settings.trace {
            eprintln!("{:>10.3}  VIOLATION of {invariant}: {what}", at.as_secs_f64());
        }
        self.watch().violations.push(Violation { invariant, what, at });
        self.broken.cancel();
    }

    pub(crate) fn trace(&self) -> u64 {
        self.watch().trace
    }

    pub(crate) fn results(&self) -> (Coverage, Vec<Violation>) {
        let watch = self.watch();
        (watch.coverage.clone(), watch.violations.clone())
    }

    /// Records that count, records that do not, and epochs.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let watch = self.watch();
        let (tip, void) = (watch.invariants.truth.tip, watch.invariants.void());
        (tip.seq.0, void, tip.epoch.0)
    }

    /// A master, if it runs.
    pub(crate) fn master(&self, master: u8) -> Option<Life> {
        self.masters[usize::from(master)].running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a master does for somebody else; None when it dies meanwhile, or does not run.
    pub(crate) async fn served<T, F: Future<Output = T>>(
        &self,
        master: u8,
        work: impl FnOnce(Handle) -> F,
    ) -> Option<T> {
        let Life { handle, over } = self.master(master)?;
        unless(&over, work(handle)).await
    }
}

impl Dice {
    fn salt(self) -> u64 {
        let (kind, number) = match self {
            Self::Network => (1, 0),
            Self::Log => (2, 0),
            Self::Trouble => (3, 0),
            Self::Client(number) => (4, number),
            Self::Master(number) => (5, number),
            Self::Agent(number) => (6, number),
            Self::Fault(fault) => (7, fault as u8),
        };
        mix(kind, u64::from(number)) | 1
    }
}

/// Folds a number into a hash.
const fn mix(hash: u64, number: u64) -> u64 {
    let mixed = (hash ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// Does something unless it is over before; what is cancelled does not get another step.
pub(crate) async fn unless<T>(over: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = over.cancelled() => None,
        done = work => Some(done),
    }
}

pub(crate) async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
