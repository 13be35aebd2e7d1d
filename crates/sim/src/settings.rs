//! What a history is made of. The same settings give the same history, down to the last message.

use crate::faults::{Fault, Faults};
use crate::plants::Plant;

/// One history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub seed: u64,
    /// How many commands the clients send.
    pub commands: u32,
    pub agents: u8,
    /// One alone keeps its log in its own process; several share the log's servers.
    pub masters: u8,
    pub faults: Faults,
    /// What is broken on purpose, to see that it is found.
    pub plant: Option<Plant>,
    /// Whether what happens is printed to stderr.
    pub trace: bool,
}

/// The fewest commands that a history of a sweep has unless it says otherwise.
pub const DEFAULT_COMMANDS: u32 = 1_000;
pub const MAX_AGENTS: u8 = 8;
pub const MAX_MASTERS: u8 = 5;

impl Settings {
    /// The history of a seed: how many nodes there are, and which of the faults strike, is the seed's choice, so that many
    /// seeds see many kinds of clusters and of trouble.
    #[must_use]
    pub fn of_seed(seed: u64, commands: u32, faults: &[Fault]) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed ^ 0x5EED_0F5E_7716_5000);
        let agents = dice.u8(2..=4);
        let masters = if dice.u8(0..4) == 0 { 1 } else { 3 };
        let chosen = faults.iter().copied().filter(|fault| dice.u8(0..10) < of_ten(*fault));
        Self { seed, commands, agents, masters, faults: chosen.collect(), plant: None, trace: false }
    }

    /// The command line that gives this very history.
    #[must_use]
    pub fn command_line(&self) -> String {
        let Self { seed, commands, agents, masters, faults, plant, trace: _ } = self;
        let plant = plant.map(|plant| format!(" --plant {}", plant.name())).unwrap_or_default();
        format!(
            "bayplan sim --seed {seed} --commands {commands} --agents {agents} --masters {masters} --faults {faults}{plant}"
        )
    }
}

/// Of ten histories, how many have a kind of fault among theirs. Those with small messages take half as long again.
const fn of_ten(fault: Fault) -> u8 {
    if matches!(fault, Fault::SmallMessages) { 2 } else { 6 }
}
