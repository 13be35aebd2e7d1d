//! The files of a trace, as the openb trace has them: comma-separated, with a line of names on top.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Node {
    #[serde(rename = "sn")]
    pub name: String,
    pub cpu_milli: u32,
    pub memory_mib: u32,
    #[serde(rename = "gpu", default)]
    pub gpus: u32,
    /// Of its GPUs; empty when it has none.
    #[serde(default)]
    pub model: String,
}

/// What wants a place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pod {
    pub name: String,
    pub cpu_milli: u32,
    pub memory_mib: u32,
    #[serde(default)]
    pub num_gpu: u32,
    /// Of each GPU, in thousandths.
    #[serde(default)]
    pub gpu_milli: u32,
    /// The models that will do, separated by `|`; empty for any.
    #[serde(default)]
    pub gpu_spec: String,
}

impl Pod {
    /// In thousandths of a GPU.
    #[must_use]
    pub fn gpus_milli(&self) -> u64 {
        u64::from(self.num_gpu) * u64::from(self.gpu_milli)
    }
}

/// By seed, the pods in the order of their arrival, by their place in the list of pods.
pub type Arrivals = BTreeMap<u64, Vec<usize>>;
/// By seed, the nodes in the order in which equals are taken, by their place in the list of nodes.
pub type Ranks = BTreeMap<u64, Vec<usize>>;

/// What one run needs.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    pub nodes: &'a [Node],
    pub pods: &'a [Pod],
    /// By their place in `pods`; one pod may come more than once.
    pub arrivals: &'a [usize],
    /// Their order among equals, by their place in `nodes`.
    pub ranks: &'a [usize],
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("{0}")]
    Csv(#[from] csv::Error),
    #[error("line {line}: {field} {name} is not in the list of {list}")]
    Unknown { line: u64, field: &'static str, name: String, list: &'static str },
    #[error("line {line}: {problem}")]
    Invalid { line: u64, problem: String },
    #[error("there are no {0} in it")]
    Empty(&'static str),
}

/// `sn, cpu_milli, memory_mib, gpu, model`
pub fn read_nodes(file: impl Read) -> Result<Vec<Node>, TraceError> {
    rows(file, "nodes", |line, node: &Node| {
        let too_many = node.gpus as usize > placement::MAX_GPUS;
        too_many.then(|| TraceError::Invalid {
            line,
            problem: format!(
                "node {} has {} GPUs, but at most {} are told apart",
                node.name,
                node.gpus,
                placement::MAX_GPUS
            ),
        })
    })
}

/// `name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec`
pub fn read_pods(file: impl Read) -> Result<Vec<Pod>, TraceError> {
    rows(file, "pods", |line, pod: &Pod| {
        let is_split = pod.num_gpu > 1 && pod.gpu_milli != 1_000;
        let problem = match (is_split, pod.gpu_milli) {
            (true, milli) => format!("pod {} wants {milli} thousandths of more than one GPU", pod.name),
            (_, milli @ 1_001..) => format!("pod {} wants {milli} thousandths of a GPU", pod.name),
            _ => return None,
        };
        Some(TraceError::Invalid { line, problem })
    })
}

#[derive(Deserialize)]
struct Arrival {
    seed: u64,
    pod_name: String,
}

#[derive(Deserialize)]
struct Rank {
    seed: u64,
    node_sn: String,
}

/// `seed, pos, pod_name`, in the order of `pos`
pub fn read_arrivals(file: impl Read, pods: &[Pod]) -> Result<Arrivals, TraceError> {
    let names = pods.iter().map(|pod| pod.name.as_str());
    by_seed(file, names, "arrivals", "pods", |row: Arrival| (row.seed, "pod_name", row.pod_name))
}

/// `seed, rank, node_sn`, in the order of `rank`
pub fn read_ranks(file: impl Read, nodes: &[Node]) -> Result<Ranks, TraceError> {
    let names = nodes.iter().map(|node| node.name.as_str());
    by_seed(file, names, "ranks", "nodes", |row: Rank| (row.seed, "node_sn", row.node_sn))
}

fn rows<T: DeserializeOwned>(
    file: impl Read,
    what: &'static str,
    wrong: impl Fn(u64, &T) -> Option<TraceError>,
) -> Result<Vec<T>, TraceError> {
    let mut rows = Vec::new();
    for (line, row) in (2..).zip(csv::Reader::from_reader(file).into_deserialize()) {
        let row = row?;
        if let Some(error) = wrong(line, &row) {
            return Err(error);
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(TraceError::Empty(what));
    }
    Ok(rows)
}

fn by_seed<'a, T: DeserializeOwned>(
    file: impl Read,
    names: impl Iterator<Item = &'a str>,
    what: &'static str,
    list: &'static str,
    read: impl Fn(T) -> (u64, &'static str, String),
) -> Result<BTreeMap<u64, Vec<usize>>, TraceError> {
    let places: BTreeMap<&str, usize> = names.zip(0..).collect();
    let mut seeds: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (line, row) in (2..).zip(csv::Reader::from_reader(file).into_deserialize()) {
        let (seed, field, name) = read(row?);
        let Some(place) = places.get(name.as_str()) else {
            return Err(TraceError::Unknown { line, field, name, list });
        };
        seeds.entry(seed).or_default().push(*place);
    }
    if seeds.is_empty() {
        return Err(TraceError::Empty(what));
    }
    Ok(seeds)
}
