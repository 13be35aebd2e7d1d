//! One history: trouble and commands, then calm, then a last look.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Arc, Once, PoisonError};
use std::time::Duration;

use eventlog::Content;
use model::TaskId;
use tokio::task::JoinSet;

use crate::client::{Budget, CLIENTS, Client};
use crate::faults::{Coverage, Fault};
use crate::invariants::wanted;
use crate::settings::Settings;
use crate::trouble;
use crate::world::{Dice, Violation, World, sleep_ms};
use crate::{agents, masters};

/// How long the whole history may last, by its own clock.
const HISTORY_LIMIT: Duration = Duration::from_secs(3_600);
/// How long everything may take to come to rest once nothing goes wrong any more.
const REST_LIMIT: Duration = Duration::from_secs(180);
const LOOK_EVERY_MS: u64 = 250;
/// Everything has to be at rest for so long.
const RESTS_FOR_LOOKS: u32 = 4;

/// What a history came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub settings: Settings,
    pub violations: Vec<Violation>,
    /// Of everything that happened, in its order: two runs of the same history have the same.
    pub trace: u64,
    pub coverage: Coverage,
    /// How many commands the clients sent.
    pub commands: u64,
    /// How many records count in the end, and how many were written that do not.
    pub records: u64,
    pub void_records: u64,
    pub epochs: u64,
    /// How long it lasted, by its own clock.
    pub lasted: Duration,
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes what panics in a history instead of printing it.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let noted = PANIC.with_borrow_mut(|panic| match panic {
                Some(noted) if noted.is_empty() => {
                    *noted = info.to_string();
                    true
                }
                Some(_) => true,
                None => false,
            });
            if !noted {
                before(info);
            }
        }));
    });
}

/// Runs one history, to its end or to the first violation.
#[must_use]
pub fn run(settings: &Settings) -> Report {
    record(settings).0
}

/// The same, with what is in the log in the end: all of it, unless its beginning was trimmed.
#[must_use]
pub fn record(settings: &Settings) -> (Report, Vec<Content>) {
    watch_panics();
    PANIC.set(Some(String::new()));
    let ended = catch_unwind(AssertUnwindSafe(|| run_on_this_thread(settings)));
    let panic = PANIC.take().filter(|panic| !panic.is_empty());
    let nothing = || Report {
        settings: settings.clone(),
        violations: Vec::new(),
        trace: 0,
        coverage: Coverage::default(),
        commands: 0,
        records: 0,
        void_records: 0,
        epochs: 0,
        lasted: Duration::ZERO,
    };
    let (mut report, log) = ended.unwrap_or_else(|_| (nothing(), Vec::new()));
    if let Some(what) = panic {
        report.violations.insert(0, Violation { invariant: "nothing panics", what, at: report.lasted });
    }
    (report, log)
}

fn run_on_this_thread(settings: &Settings) -> (Report, Vec<Content>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without IO needs nothing");
    let (world, commands, lasted) = runtime.block_on(async {
        let world = World::new(settings.clone());
        let commands = Arc::new(Budget::new(settings.commands));
        let broken = world.broken.clone();
        let whole = tokio::time::timeout(HISTORY_LIMIT, unfold(&world, &commands));
        match broken.run_until_cancelled(whole).await {
            None | Some(Ok(())) => {}
            Some(Err(_)) => world.violate("bounded", "the history does not come to its end".to_owned()),
        }
        let lasted = world.elapsed();
        (world, commands.sent(), lasted)
    });
    // What masters hold refers to the world.
    for seat in &world.masters {
        seat.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
    drop(runtime);
    let (coverage, violations) = world.results();
    let (records, void_records, epochs) = world.counts();
    let trace = world.trace();
    let log = world.servers.everything();
    let settings = settings.clone();
    (Report { settings, violations, trace, coverage, commands, records, void_records, epochs, lasted }, log)
}

async fn unfold(world: &Arc<World>, budget: &Arc<Budget>) {
    set_clocks(world);
    for number in 0..world.settings.masters {
        tokio::spawn(masters::keep_running(Arc::clone(world), number));
    }
    for (number, machine) in (0..).zip(&world.machines) {
        tokio::spawn(agents::keep_running(Arc::clone(world), Arc::clone(machine), number));
    }
    tokio::spawn(trouble::bring(Arc::clone(world)));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Client::new(Arc::clone(world), number, Arc::clone(budget)).run());
    }
    let mut clients = clients.join_all().await;
    clients.sort_by_key(|client| client.number);
    world.calm_down();
    for client in &mut clients {
        client.settle().await;
    }
    if let Err(why) = come_to_rest(world, &clients).await {
        world.violate(wanted::NAME, why);
        return;
    }
    let log = world.servers.everything();
    world.observe(|invariants| invariants.at_the_end(&log));
}

/// Clocks that differ from the beginning.
fn set_clocks(world: &World) {
    if !world.may_strike(Fault::ClockSkew) {
        return;
    }
    let clocks =
        world.masters.iter().map(|seat| &seat.clock).chain(world.machines.iter().map(|machine| &machine.clock));
    for clock in clocks {
        clock.step(world.roll(Dice::Fault(Fault::ClockSkew), |rng| rng.i64(-60_000..60_000)));
    }
    world.struck(Fault::ClockSkew);
}

/// Waits until everything is as it is wanted, and stays so.
async fn come_to_rest(world: &World, clients: &[Client]) -> Result<(), String> {
    let until = world.elapsed() + REST_LIMIT;
    let mut rests = 0;
    loop {
        match rests_now(world, clients).await {
            Ok(()) if rests >= RESTS_FOR_LOOKS => return Ok(()),
            Ok(()) => rests += 1,
            Err(why) if world.elapsed() > until => return Err(why),
            Err(_) => rests = 0,
        }
        sleep_ms(LOOK_EVERY_MS).await;
    }
}

async fn rests_now(world: &World, clients: &[Client]) -> Result<(), String> {
    let mut running = BTreeSet::<TaskId>::new();
    for machine in &world.machines {
        running.extend(machine.running().await);
    }
    let mut leads = false;
    for number in 0..world.settings.masters {
        let Some(life) = world.master(number) else { return Err(format!("master {number} does not run")) };
        leads |= life.handle.role() == master::Role::Leading;
        let state = life.handle.read();
        let mark = protocol::agent::Mark { epoch: state.epoch, seq: state.seq };
        let who = format!("master {number}");
        world.observe(|invariants| invariants.on_state(&who, mark, state.hash()));
        if state.seq != world.observe(|invariants| Ok(invariants.truth.tip.seq)).unwrap_or_default() {
            return Err(format!("master {number} has not read to the end"));
        }
        wanted::reached(&state, &running)?;
        for (app, instances) in clients.iter().flat_map(Client::wanted) {
            let there = state.apps.get(app).map(|app| app.spec.instances);
            if there != instances {
                return Err(format!("a client was told that app {app} has {instances:?} instances, it has {there:?}"));
            }
        }
    }
    if leads { Ok(()) } else { Err("no master leads".to_owned()) }
}
