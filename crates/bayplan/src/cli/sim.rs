//! `bayplan sim`

use std::collections::BTreeSet;
use std::ops::Range;

use clap::Args;
use clap::builder::BoolishValueParser;
use clap::builder::RangedU64ValueParser;
use sim::{DEFAULT_COMMANDS, Fault, Faults, MAX_AGENTS, MAX_MASTERS, Plant};

/// Simulate whole clusters in virtual time, with faults, and look for broken promises
///
/// Masters and agents are the real ones; the log, network, disks, clocks and tasks are simulated. The same seed gives the
/// same history. Ends with 1 when a history breaks an invariant, and prints a short command that repeats it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan sim --seeds 0..10000 --faults all     many histories, each with some of all kinds of faults
  bayplan sim --seed 17 --trace                 one history, and everything that happens in it on stderr
  bayplan sim --faults partition,log-crash      these kinds of faults only
  bayplan sim --plant fence-off                 with a bug planted, to see that it is found")]
pub(crate) struct Sim {
    /// The seeds of the histories, the last one not included
    #[arg(long, env = "BAYPLAN_SIM_SEEDS", value_name = "FROM..TO", default_value = "0..100", value_parser = parse_seeds)]
    pub(crate) seeds: Range<u64>,

    /// One history: it has exactly these --faults
    #[arg(long, env = "BAYPLAN_SIM_SEED", value_name = "SEED", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,

    /// How many commands the clients send in each history
    #[arg(long, env = "BAYPLAN_SIM_COMMANDS", value_name = "N", default_value_t = DEFAULT_COMMANDS)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    pub(crate) commands: u32,

    /// Which kinds of faults: all, none, or names separated by commas; the seed chooses some of them
    #[arg(long, env = "BAYPLAN_SIM_FAULTS", value_name = "KINDS", default_value = "all", value_parser = parse_faults)]
    pub(crate) faults: Faults,

    /// How many agents the one history has; the seed's choice otherwise
    #[arg(long, env = "BAYPLAN_SIM_AGENTS", value_name = "N", requires = "seed")]
    #[arg(value_parser = RangedU64ValueParser::<u8>::new().range(1..=u64::from(MAX_AGENTS)))]
    pub(crate) agents: Option<u8>,

    /// How many masters the one history has; the seed's choice otherwise
    #[arg(long, env = "BAYPLAN_SIM_MASTERS", value_name = "N", requires = "seed")]
    #[arg(value_parser = RangedU64ValueParser::<u8>::new().range(1..=u64::from(MAX_MASTERS)))]
    pub(crate) masters: Option<u8>,

    /// A bug that is planted, to see that it is found
    #[arg(long, env = "BAYPLAN_SIM_PLANT", value_name = "BUG")]
    pub(crate) plant: Option<Plant>,

    /// How many histories run at the same time; one for each processor otherwise
    #[arg(long, env = "BAYPLAN_SIM_JOBS", value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_024))]
    pub(crate) jobs: Option<usize>,

    /// Run every history twice, and compare all that happens
    #[arg(long, env = "BAYPLAN_SIM_TWICE", value_parser = BoolishValueParser::new())]
    pub(crate) twice: bool,

    /// Go on after a history that breaks an invariant
    #[arg(long, env = "BAYPLAN_SIM_KEEP_GOING", value_parser = BoolishValueParser::new())]
    pub(crate) keep_going: bool,

    /// Print everything that happens in the one history to stderr
    #[arg(long, env = "BAYPLAN_SIM_TRACE", value_parser = BoolishValueParser::new(), requires = "seed")]
    pub(crate) trace: bool,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.filter(|seeds| !seeds.is_empty()).ok_or_else(|| "is no range of seeds such as 0..100".to_owned())
}

fn parse_faults(text: &str) -> Result<Faults, String> {
    match text {
        "all" => Ok(Fault::ALL.iter().copied().collect()),
        "none" => Ok(Faults::default()),
        names => {
            let named: BTreeSet<Fault> = names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>()?;
            Ok(named.into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_is_not_empty() {
        assert_eq!(parse_seeds("3..10"), Ok(3..10));
        for wrong in ["", "3", "10..3", "3..3", "a..b"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn faults_are_all_none_or_named() {
        assert_eq!(parse_faults("all").map(|all| all.iter().count()), Ok(Fault::ALL.len()));
        assert_eq!(parse_faults("none"), Ok(Faults::default()));
        let two = parse_faults("loss, log-crash").expect("both are there");
        assert!(two.has(Fault::Loss) && two.has(Fault::LogCrash) && two.iter().count() == 2);
        assert!(parse_faults("loss,fire").is_err_and(|error| error.contains("log-crash")));
    }
}
