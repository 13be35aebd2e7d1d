//! `bayplan placement …`

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{ArgGroup, Args, Subcommand};

use super::past::{LogSource, PastArgs, parse_source};

/// How an agent is chosen for a task: look at it, choose it, try it
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  bayplan placement list
  bayplan placement use best-fit
  bayplan placement shadow fgd
  bayplan placement simulate --nodes examples/trace/nodes.csv --pods examples/trace/pods.csv")]
pub(crate) enum Placement {
    List(PlacementList),
    Use(Use),
    Define(Define),
    Add(Add),
    Remove(Remove),
    Shadow(ShadowOf),
    Simulate(Box<Simulate>),
    Compare(Box<super::compare::Compare>),
}

impl Placement {
    /// None for what does not only look at a cluster.
    pub(crate) const fn past(&self) -> Option<&PastArgs> {
        match self {
            Self::List(list) => Some(&list.past),
            _ => None,
        }
    }
}

/// List what can decide, and what decides for whom
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement list
  bayplan placement list --json")]
pub(crate) struct PlacementList {
    #[command(flatten)]
    pub(crate) past: PastArgs,
}

/// Choose what decides, from the next record on: a policy, a profile or a module
///
/// What runs stays where it is. A master that was started with --placement chooses that again when it begins to lead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement use best-fit
  bayplan placement use examples/profiles/packed.json    define the profile of a file, and use it
  bayplan placement use spread --app /shop/cart          for one app only
  bayplan placement use fgd --role training              for all apps of a role
  bayplan placement use default --app /shop/cart         take that back")]
pub(crate) struct Use {
    /// Its name, or a file with a profile; `default` takes a choice back
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: String,

    /// For this app only
    #[arg(long, env = "BAYPLAN_USE_APP", value_name = "ID", conflicts_with = "role")]
    pub(crate) app: Option<String>,

    /// For the apps of this role only
    #[arg(long, env = "BAYPLAN_USE_ROLE", value_name = "ROLE")]
    pub(crate) role: Option<String>,
}

/// Define a profile, or change what its name means
///
/// A profile weighs policies: {"name": "packed", "terms": [{"policy": "fgd", "weight": 3}, {"policy": "best-fit"}]}. With
/// "sample": 5 only five agents at random are compared. Each term's scores are spread over the whole range first, unless it
/// has "normalise": false.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement define examples/profiles/packed.json
  bayplan placement shadow packed                        see what it would do
  bayplan placement use packed")]
pub(crate) struct Define {
    /// A JSON file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Add a policy as a WebAssembly module
///
/// Its name can be used like that of a policy: in profiles, and by itself. The module is kept in the log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement add keep_gpus.wasm                   called keep_gpus
  bayplan placement add build/policy.wasm --name mine
  bayplan placement use mine")]
pub(crate) struct Add {
    /// The module
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What it is called; without it, as its file
    #[arg(long, env = "BAYPLAN_ADD_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Remove a profile or a module that nothing uses
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement remove packed")]
pub(crate) struct Remove {
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Let a second profile decide on the same launches without acting, or look at what it found
///
/// It is asked for each launch which agent it would have chosen, and it fills a cluster of its own in which its choices hold.
/// How often it agreed, and how full and fragmented both clusters are, are metrics too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement shadow fgd      begin
  bayplan placement shadow          how it compares so far
  bayplan placement shadow --off    end")]
pub(crate) struct ShadowOf {
    /// A policy, a profile or a module; without it, what the present one has found
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: Option<String>,

    /// End it
    #[arg(long, env = "BAYPLAN_SHADOW_OFF", conflicts_with = "profile", value_parser = BoolishValueParser::new())]
    pub(crate) off: bool,
}

/// Try policies on a trace: which pods find a node, and how much of the GPUs is left in useless pieces
///
/// Pods arrive one after the other, none leaves, and what fits nowhere is not asked for again. What decides is what decides in
/// a live cluster. The files are those of the openb trace: comma-separated, with a line of names on top.
///
/// With --log, what a cluster recorded is asked for instead: each launch, in its record, with its seed. Each policy fills a cluster
/// of its own, in which its choices hold and tasks end when they end in the log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan placement simulate --nodes examples/trace/nodes.csv --pods examples/trace/pods.csv
  bayplan placement simulate --nodes nodes.csv --pods pods.csv --policy fgd,best-fit-gpu --seeds 42..47 --svg packing.svg
  bayplan placement simulate --nodes nodes.csv --pods pods.csv --policy fgd,examples/profiles/packed.json,mine.wasm
  bayplan placement simulate --nodes openb_node_list_gpu_node.csv --pods openb_pod_list_default.csv \\
      --arrivals arrival_default.csv --ties noderank_default.csv --policy fgd --json >fgd.json
  bayplan placement simulate --log /var/lib/bayplan/master --policy best-fit,spread,fgd --svg yesterday.svg")]
#[command(group(ArgGroup::new("load_from").required(true).multiple(true).args(["nodes", "log"])))]
pub(crate) struct Simulate {
    /// The nodes: sn, cpu_milli, memory_mib, gpu, model
    #[arg(long, env = "BAYPLAN_SIMULATE_NODES", value_name = "FILE", requires = "pods", conflicts_with = "log")]
    pub(crate) nodes: Option<PathBuf>,

    /// The pods: name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec
    #[arg(long, env = "BAYPLAN_SIMULATE_PODS", value_name = "FILE", requires = "nodes")]
    pub(crate) pods: Option<PathBuf>,

    /// In which order pods arrive: seed, pos, pod_name. Without it, an order drawn from each seed
    #[arg(long, env = "BAYPLAN_SIMULATE_ARRIVALS", value_name = "FILE", requires = "nodes")]
    pub(crate) arrivals: Option<PathBuf>,

    /// Which of equal nodes comes first: seed, rank, node_sn. Without it, an order drawn from each seed
    #[arg(long, env = "BAYPLAN_SIMULATE_TIES", value_name = "FILE", requires = "nodes")]
    pub(crate) ties: Option<PathBuf>,

    /// A recorded log instead: a master's folder, NATS servers, or a file of `bayplan log export`
    #[arg(long, env = "BAYPLAN_SIMULATE_LOG", value_name = "PLACE", value_parser = parse_source)]
    pub(crate) log: Option<LogSource>,

    /// The cluster's name on the NATS servers: its stream is BAYPLAN_<NAME>
    #[arg(long, env = "BAYPLAN_CLUSTER", value_name = "NAME", default_value = "default")]
    pub(crate) cluster: String,

    /// Policies and profiles that are built in (or that the log defines), files with profiles, and modules (.wasm), separated by
    /// commas; without it, all policies
    #[arg(long, env = "BAYPLAN_SIMULATE_POLICY", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) policy: Vec<String>,

    /// The seeds, separated by commas, or from..to with the last one not included. Without it, all of --arrivals, or 0..3
    #[arg(long, env = "BAYPLAN_SIMULATE_SEEDS", value_name = "SEEDS", value_parser = parse_seeds, requires = "nodes")]
    pub(crate) seeds: Option<Seeds>,

    /// How much arrives where no file says so, in percent of all GPUs (or cpus, where nobody wants GPUs)
    #[arg(
        long,
        env = "BAYPLAN_SIMULATE_LOAD",
        value_name = "PERCENT",
        default_value_t = 130,
        conflicts_with_all = ["arrivals", "log"]
    )]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000))]
    pub(crate) load: u32,

    /// How many runs go on at the same time; one for each processor otherwise
    #[arg(long, env = "BAYPLAN_SIMULATE_JOBS", value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_024))]
    pub(crate) jobs: Option<usize>,

    /// Draw allocation and fragmentation over what has arrived into this file
    #[arg(long, env = "BAYPLAN_SIMULATE_SVG", value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Write where everything went into this file: policy, seed, pos, pod, node; or, of a log, policy, seq, task, recorded, agent
    #[arg(long, env = "BAYPLAN_SIMULATE_PLACEMENTS", value_name = "FILE")]
    pub(crate) placements: Option<PathBuf>,
}

/// In the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Vec<u64>);

/// More would be a mistake.
const MOST_SEEDS: u64 = 100_000;

fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let number =
            |text: &str| text.parse::<u64>().map_err(|_| format!("'{part}' is no seed, and no range such as 0..10"));
        match part.split_once("..") {
            None => seeds.push(number(part)?),
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                if to <= from || to - from > MOST_SEEDS {
                    return Err(format!("'{part}' is no range of 1 to {MOST_SEEDS} seeds"));
                }
                seeds.extend(from..to);
            }
        }
    }
    Ok(Seeds(seeds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_and_ranges() {
        assert_eq!(parse_seeds("42..45,7"), Ok(Seeds(vec![42, 43, 44, 7])));
        for wrong in ["", "x", "3..3", "5..1", "0..1000000", "1,,2"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
