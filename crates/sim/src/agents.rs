//! An agent's process, over and over again.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;

use agent::{AgentError, Kind, Sabotage, Sandboxes};
use model::AgentDescription;

use crate::clock::{AgentSide, NodeClock};
use crate::disk::DiskFile;
use crate::machine::{Blow, Containers, Machine};
use crate::plants::Plant;
use crate::wire::{Wire, name_of};
use crate::world::{Dice, World, sleep_ms};

/// Between two tries to start an agent that could not.
const START_AGAIN_MS: u64 = 1_000;

/// Keeps an agent running on a machine, whatever happens to it.
pub(crate) async fn keep_running(world: Arc<World>, machine: Arc<Machine>, number: u8) {
    loop {
        let ended = tokio::select! {
            biased;
            () = machine.struck.notified() => None,
            ended = agent::run_on(process(&world, &machine, number), pending()) => Some(ended),
        };
        machine.disk.crash(&world);
        match ended {
            None => {
                let Some((blow, away_ms)) = machine.take_blow() else { continue };
                match blow {
                    Blow::Crash => {}
                    Blow::Reboot => machine.lose_tasks(),
                    Blow::DiskLoss => {
                        machine.disk.lose_everything();
                        world.observe(|invariants| {
                            invariants.on_disk_loss(number);
                            Ok(())
                        });
                    }
                }
                tokio::select! {
                    biased;
                    () = world.calm.cancelled() => {}
                    () = sleep_ms(away_ms) => {}
                }
            }
            // The disk refused to be written.
            Some(Err(AgentError::Folder { .. })) => sleep_ms(START_AGAIN_MS).await,
            Some(ended) => {
                let why = ended.err().map_or_else(|| "without a reason".to_owned(), |error| error.to_string());
                world.violate("agents go on", format!("agent {number} has ended: {why}"));
                return;
            }
        }
        world.note("agent starts again", &[u64::from(number)]);
    }
}

fn process(world: &Arc<World>, machine: &Arc<Machine>, number: u8) -> agent::Machine {
    let clock = NodeClock { world: Arc::clone(world), dice: Dice::Agent(number), offset: machine.clock.clone() };
    let containers = Containers { world: Arc::clone(world), machine: Arc::clone(machine), number };
    let mut masters: Vec<String> = (0..world.settings.masters).map(name_of).collect();
    let first = usize::from(number) % masters.len();
    masters.rotate_left(first);
    agent::Machine {
        folder: PathBuf::from(format!("agent-{number}")),
        environment: Arc::new(AgentSide { clock, disk: Arc::clone(&machine.disk) }),
        journal: Box::new(DiskFile { disk: Arc::clone(&machine.disk), world: Arc::downgrade(world) }),
        masters,
        transport: Arc::new(Wire { world: Arc::clone(world), machine: Arc::clone(machine), number }),
        description: AgentDescription {
            hostname: format!("agent-{number}"),
            resources: machine.resources.clone(),
            attributes: BTreeMap::new(),
            address: format!("agent-{number}:5051"),
            containerizers: Vec::new(),
        },
        containerizers: [(Kind::Process, Arc::new(containers) as _)].into(),
        sandboxes: Sandboxes::none(),
        sabotage: Sabotage {
            obeys_old_lists: world.has_plant(Plant::StaleList),
            starts_again: world.has_plant(Plant::DoubleLaunch),
            starts_in_hash_order: world.has_plant(Plant::HashOrder),
        },
    }
}
