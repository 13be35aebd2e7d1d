//! The files of a trace, and what is drawn from seeds where there are none.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use trace::{Arrivals, Node, Pod, Ranks, Trace, TraceError, draw_arrivals, draw_ranks};

use crate::cli::placement::Simulate;
use crate::failure::Failure;

/// Of a simulation without files that name seeds.
const SEEDS: std::ops::Range<u64> = 0..3;

pub(super) struct Input {
    pub(super) nodes: Vec<Node>,
    pub(super) pods: Vec<Pod>,
    seeds: Vec<u64>,
    arrivals: Arrivals,
    ranks: Ranks,
}

impl Input {
    pub(super) fn read(args: &Simulate) -> Result<Self, Failure> {
        let (Some(nodes), Some(pods)) = (&args.nodes, &args.pods) else {
            return Err(Failure::Usage("a trace is given by --nodes and --pods, a recorded log by --log".to_owned()));
        };
        let nodes = read("--nodes", nodes, trace::read_nodes)?;
        let pods = read("--pods", pods, trace::read_pods)?;
        let of_file =
            |flag, path: &Option<_>, parse: &dyn Fn(File) -> Result<BTreeMap<u64, Vec<usize>>, TraceError>| {
                path.as_deref().map(|path| read(flag, path, parse)).transpose()
            };
        let arrivals = of_file("--arrivals", &args.arrivals, &|file| trace::read_arrivals(file, &pods))?;
        let ranks = of_file("--ties", &args.ties, &|file| trace::read_ranks(file, &nodes))?;
        let seeds = match (&args.seeds, &arrivals, &ranks) {
            (Some(seeds), ..) => seeds.0.clone(),
            (None, Some(of_file), _) | (None, None, Some(of_file)) => of_file.keys().copied().collect(),
            (None, None, None) => SEEDS.collect(),
        };
        let arrivals = for_seeds("--arrivals", &seeds, arrivals, |seed| draw_arrivals(seed, &pods, &nodes, args.load))?;
        let ranks = for_seeds("--ties", &seeds, ranks, |seed| draw_ranks(seed, &nodes))?;
        Ok(Self { nodes, pods, seeds, arrivals, ranks })
    }

    pub(super) fn seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.seeds.iter().copied()
    }

    pub(super) fn trace(&self, seed: u64) -> Trace<'_> {
        let (arrivals, ranks) = (&self.arrivals[&seed], &self.ranks[&seed]);
        Trace { nodes: &self.nodes, pods: &self.pods, arrivals, ranks }
    }
}

fn read<T>(flag: &str, path: &Path, parse: impl FnOnce(File) -> Result<T, TraceError>) -> Result<T, Failure> {
    let wrong = |error: &dyn std::fmt::Display| format!("{flag} {}: {error}", path.display());
    let file = File::open(path).map_err(|error| Failure::failed(wrong(&error)))?;
    parse(file).map_err(|error| Failure::Usage(wrong(&error)))
}

/// What the file has for each seed, or what is drawn where there is no file.
fn for_seeds(
    flag: &str,
    seeds: &[u64],
    of_file: Option<BTreeMap<u64, Vec<usize>>>,
    draw: impl Fn(u64) -> Vec<usize>,
) -> Result<BTreeMap<u64, Vec<usize>>, Failure> {
    let Some(mut of_file) = of_file else { return Ok(seeds.iter().map(|seed| (*seed, draw(*seed))).collect()) };
    if let Some(missing) = seeds.iter().find(|seed| !of_file.contains_key(seed)) {
        let known: Vec<String> = of_file.keys().map(ToString::to_string).collect();
        return Err(Failure::Usage(format!("--seeds: {flag} has no seed {missing}; it has {}", known.join(", "))));
    }
    of_file.retain(|seed, _| seeds.contains(seed));
    Ok(of_file)
}
