//! Brings trouble: again and again something breaks, and heals by itself after a while.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::faults::Fault;
use crate::machine::Blow;
use crate::world::{Dice, Place, World, sleep_ms};

/// The kinds that are not met by chance by a message or a write.
const BROUGHT: [Fault; 11] = [
    Fault::Partition,
    Fault::Hangup,
    Fault::LogUnavailable,
    Fault::LogFull,
    Fault::LogCrash,
    Fault::MasterCrash,
    Fault::AgentCrash,
    Fault::Reboot,
    Fault::DiskLoss,
    Fault::ClockSkew,
    Fault::ClockStep,
];
const BETWEEN_MS: std::ops::Range<u64> = 200..3_000;
/// A clock is wrong by some minutes at most.
const CLOCK_OFF_MS: i64 = 180_000;

pub(crate) async fn bring(world: Arc<World>) {
    let possible: Vec<Fault> = BROUGHT.into_iter().filter(|fault| world.settings.faults.has(*fault)).collect();
    if possible.is_empty() {
        return;
    }
    loop {
        let (pause_ms, which) =
            world.roll(Dice::Trouble, |rng| (rng.u64(BETWEEN_MS), possible[rng.usize(..possible.len())]));
        tokio::select! {
            biased;
            () = world.calm.cancelled() => return,
            () = sleep_ms(pause_ms) => {}
        }
        strike(&world, which);
    }
}

fn strike(world: &Arc<World>, fault: Fault) {
    let dice = Dice::Fault(fault);
    let (masters, agents) = (world.settings.masters, world.settings.agents);
    let (master, agent, ms) = world.roll(dice, |rng| (rng.u8(..masters), rng.u8(..agents), rng.u64(..1_000)));
    let machine = &world.machines[usize::from(agent)];
    match fault {
        Fault::Partition => {
            let ways = cut_off(world);
            world.network.close(&ways);
            let healed = move |world: &World| world.network.open(&ways);
            heal_after(world, 500 + ms * 12, healed);
        }
        Fault::Hangup => machine.hang_up.notify_waiters(),
        Fault::LogUnavailable => {
            world.servers.begin_outage();
            heal_after(world, 100 + ms * 4, |world| world.servers.end_outage());
        }
        Fault::LogFull => {
            world.servers.fill_disk();
            heal_after(world, 100 + ms * 3, |world| world.servers.free_disk());
        }
        Fault::LogCrash => {
            world.servers.crash(world);
            world.servers.begin_outage();
            heal_after(world, 50 + ms, |world| world.servers.end_outage());
        }
        Fault::MasterCrash => world.masters[usize::from(master)].kill.notify_one(),
        Fault::AgentCrash => machine.blow(Blow::Crash, ms * 6),
        Fault::Reboot => machine.blow(Blow::Reboot, ms * 15),
        // Lost disks leave agents behind that have to time out; there are few.
        Fault::DiskLoss if ms % 4 != 0 => return,
        Fault::DiskLoss => machine.blow(Blow::DiskLoss, ms * 10),
        Fault::ClockSkew | Fault::ClockStep => {
            let off = world.roll(dice, |rng| rng.i64(-CLOCK_OFF_MS..CLOCK_OFF_MS));
            let is_master = world.roll(dice, |rng| rng.bool());
            let clock = if is_master { &world.masters[usize::from(master)].clock } else { &machine.clock };
            clock.step(if fault == Fault::ClockSkew { off / 1_000 } else { off });
        }
        _ => return,
    }
    world.struck(fault);
}

/// The ways that a partition closes: around one node, to all others or to some, in both directions or in one.
fn cut_off(world: &World) -> BTreeSet<(Place, Place)> {
    let masters = (0..world.settings.masters).map(Place::Master);
    let agents = (0..world.settings.agents).map(Place::Agent);
    let clients = (0..crate::client::CLIENTS).map(Place::Client);
    let all: Vec<Place> = masters.clone().chain(agents.clone()).chain([Place::Log]).collect();
    world.roll(Dice::Fault(Fault::Partition), |rng| {
        let one = all[rng.usize(..all.len())];
        // A log that nobody shares is in its master's process.
        let alone = world.settings.masters == 1;
        let others: Vec<Place> = match rng.u8(..3) {
            0 if !alone && one != Place::Log => vec![Place::Log],
            1 => agents.collect(),
            _ => all.iter().copied().chain(clients).collect(),
        };
        let direction = rng.u8(..4);
        let mut ways = BTreeSet::new();
        for other in others.into_iter().filter(|other| *other != one) {
            if alone && (one == Place::Log || other == Place::Log) {
                continue;
            }
            if direction != 0 {
                ways.insert((one, other));
            }
            if direction != 1 {
                ways.insert((other, one));
            }
        }
        ways
    })
}

fn heal_after(world: &Arc<World>, ms: u64, heal: impl FnOnce(&World) + Send + 'static) {
    let world = Arc::clone(world);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = world.calm.cancelled() => {}
            () = sleep_ms(ms) => {}
        }
        heal(&world);
    });
}
