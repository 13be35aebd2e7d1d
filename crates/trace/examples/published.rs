//! Holds runs against results that were published for the openb trace:
//!
//! `cargo run --release -p trace --example published -- FOLDER [default|cpu200] [SEED…]`
//!
//! For each policy and seed: the mean allocation at 100 and 130 % of arrival, how far the three published tables are away at worst, over
//! all columns, and every placement that differs from a golden one, with the scores that the two nodes had.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use model::AgentId;
use placement::{AgentAccount, Outcome, Policy, Scratch};
use trace::{Run, Trace, read_arrivals, read_nodes, read_pods, read_ranks, run};

/// Ours, and what it is called in the tables.
const POLICIES: [(&str, &str); 2] = [("best-fit-gpu", "BestFit"), ("fgd", "FGD")];
/// With the number of columns before that of 0 %.
const TABLES: [(&str, usize); 3] = [("allo", 5), ("frag", 4), ("frag_ratio", 4)];

fn open(folder: &Path, name: &str) -> File {
    File::open(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// By seed, the values by percent.
fn published(folder: &Path, (what, before): (&str, usize), workload: &str, policy: &str) -> BTreeMap<u64, Vec<f64>> {
    let mut rows = BTreeMap::new();
    for row in csv::Reader::from_reader(open(folder, &format!("published_{what}.csv"))).records() {
        let row = row.expect("a row");
        if &row[0] == workload && row[1].ends_with(policy) {
            let values = row.iter().skip(before).map(|value| value.parse().expect("a number"));
            rows.insert(row[3].parse().expect("a seed"), values.collect());
        }
    }
    rows
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().expect("the folder of the trace"));
    let name = args.next().unwrap_or_else(|| "default".to_owned());
    let only: Vec<u64> = args.map(|seed| seed.parse().expect("a seed")).collect();
    let nodes = read_nodes(open(&folder, "openb_node_list_gpu_node.csv")).expect("nodes");
    let pods = read_pods(open(&folder, &format!("openb_pod_list_{name}.csv"))).expect("pods");
    let arrivals = read_arrivals(open(&folder, &format!("arrival_{name}.csv")), &pods).expect("arrivals");
    let ranks = read_ranks(open(&folder, &format!("noderank_{name}.csv")), &nodes).expect("ranks");
    for (policy, theirs) in POLICIES {
        let tables = TABLES.map(|table| published(&folder, table, &format!("openb_pod_list_{name}"), theirs));
        for (seed, arrivals) in arrivals.iter().filter(|(seed, _)| only.is_empty() || only.contains(seed)) {
            let trace = Trace { nodes: &nodes, pods: &pods, arrivals, ranks: &ranks[seed] };
            let policy = placement::by_name(policy).expect("a policy");
            let golden = golden(&folder, &format!("golden_placement_{name}_{theirs}_seed{seed}.csv"));
            let (run, differences) = run_beside(&trace, policy.as_ref(), &golden);
            let worst = tables.each_ref().map(|table| table.get(seed));
            tell(policy.name(), *seed, &run, &worst);
            if !golden.is_empty() {
                println!("  {} of {} placements differ from the golden ones", differences.len(), golden.len());
                differences.iter().for_each(|difference| println!("  {difference}"));
            }
        }
    }
}

fn tell(policy: &str, seed: u64, run: &Run, tables: &[Option<&Vec<f64>>; 3]) {
    let columns = run.columns();
    let at = |percent| columns.iter().find(|column| column.percent == percent).map_or(0.0, |column| column.allocated);
    let mut worst = [0.0_f64; 3];
    for column in &columns {
        let ours = [column.allocated, column.fragmented, column.fragmented_of_idle];
        for ((worst, ours), table) in worst.iter_mut().zip(ours).zip(tables) {
            if let Some(theirs) = table.and_then(|values| values.get(column.percent as usize)) {
                *worst = worst.max((ours - theirs).abs());
            }
        }
    }
    println!("{policy:12} seed {seed}: {:.2} {:.2}; away at worst {worst:.3?}", at(100), at(130));
}

/// The name of each pod's node, empty for none; nothing when there is no such file.
fn golden(folder: &Path, name: &str) -> Vec<String> {
    let Ok(file) = File::open(folder.join(name)) else { return Vec::new() };
    csv::Reader::from_reader(file).into_records().map(|row| row.expect("a row")[2].to_owned()).collect()
}

fn run_beside(trace: &Trace<'_>, policy: &dyn Policy, golden: &[String]) -> (Run, Vec<String>) {
    let ranks: BTreeMap<&str, AgentId> =
        trace.ranks.iter().zip(0..).map(|(node, rank)| (trace.nodes[*node].name.as_str(), AgentId(rank))).collect();
    let mut differences = Vec::new();
    let run = run(trace, policy, |arrival| {
        let Some(theirs) = golden.get(arrival.number) else { return };
        let ours = match arrival.outcome {
            Outcome::Placed(placed) => Some(placed.agent),
            Outcome::Nowhere(_) | Outcome::Faulty(_) => None,
        };
        let theirs = ranks.get(theirs.as_str()).copied();
        if ours != theirs {
            let account = Scratch::new(arrival.view).account(policy, 0, arrival.request).expect("no policy fails");
            let score = |wanted: Option<AgentId>| {
                account.agents.iter().find(|account| Some(account.agent) == wanted).and_then(AgentAccount::score)
            };
            let (number, pod) = (arrival.number, &trace.pods[trace.arrivals[arrival.number]].name);
            let name =
                |agent: Option<AgentId>| agent.map_or("none", |agent| &trace.nodes[trace.ranks[agent.0 as usize]].name);
            differences.push(format!(
                "{number}: {pod} on {} with {:?}, golden {} with {:?}",
                name(ours),
                score(ours),
                name(theirs),
                score(theirs)
            ));
        }
    });
    (run, differences)
}
