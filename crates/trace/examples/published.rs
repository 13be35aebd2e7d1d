//! Compares runs with results that were published: `published FOLDER [TRACE] [SEED…]`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use trace::{Run, Trace, read_arrivals, read_nodes, read_pods, read_ranks, run};

fn open(folder: &Path, name: &str) -> File {
    File::open(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// By seed and percent.
fn published(folder: &Path, what: &str, workload: &str, policy: &str) -> BTreeMap<u64, Vec<f64>> {
    let mut rows = BTreeMap::new();
    for row in csv::Reader::from_reader(open(folder, &format!("published_{what}.csv"))).records() {
        let row = row.expect("a row");
        if &row[0] == workload && row[1].ends_with(policy) {
            let first = if what == "allo" { 5 } else { 4 };
            rows.insert(
                row[3].parse().expect("a seed"),
                row.iter().skip(first).map(|value| value.parse().expect("a number")).collect(),
            );
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
    for (policy, theirs) in [
        ("best-fit-gpu", "BestFit"),
        ("fgd", "FGD"),
        ("scarcity", "-"),
        ("gpu-packing", "GpuPacking"),
        ("dot-product", "DotProd"),
        ("l2-norm-greedy", "-"),
        ("best-fit", "-"),
    ] {
        let workload = format!("openb_pod_list_{name}");
        let tables = ["allo", "frag", "frag_ratio"].map(|what| published(&folder, what, &workload, theirs));
        let mut sum = [0.0; 2];
        let mut count = 0.0;
        for (seed, arrivals) in arrivals.iter().filter(|(seed, _)| only.is_empty() || only.contains(seed)) {
            let begun = std::time::Instant::now();
            let trace = Trace { nodes: &nodes, pods: &pods, arrivals, ranks: &ranks[seed] };
            let policy = placement::by_name(policy).expect("a policy");
            let run = run(&trace, policy.as_ref(), |_| {});
            let columns = run.columns();
            let mut worst = [0.0_f64; 3];
            for column in &columns {
                let ours = [column.allocated, column.fragmented, column.fragmented_of_idle];
                for ((worst, ours), table) in worst.iter_mut().zip(ours).zip(&tables) {
                    if let Some(theirs) = table.get(seed).and_then(|row| row.get(column.percent as usize)) {
                        if std::env::var("SHOW").is_ok() && (ours - theirs).abs() > 0.0065 {
                            println!("{} {} {ours} {theirs}", column.percent, column.arrivals)
                        }
                        *worst = worst.max((ours - theirs).abs());
                    }
                }
            }
            let at = |percent| {
                columns.iter().find(|column| column.percent == percent).map_or(0.0, |column| column.allocated)
            };
            sum[0] += at(100);
            sum[1] += at(130);
            count += 1.0;
            println!(
                "{:14} seed {seed}: {:.2} at 100 %, {:.2} at 130 %, worst {worst:.3?}, {} s, {}",
                policy.name(),
                at(100),
                at(130),
                begun.elapsed().as_secs_f64(),
                golden(&folder, &name, *seed, theirs, &run, &trace)
            );
        }
        println!("{policy:14} mean {:.2} {:.2}", sum[0] / count, sum[1] / count);
    }
}

fn golden(folder: &Path, name: &str, seed: u64, policy: &str, run: &Run, trace: &Trace<'_>) -> String {
    let Ok(file) = File::open(folder.join(format!("golden_placement_{name}_{policy}_seed{seed}.csv"))) else {
        return String::new();
    };
    let mut differences = Vec::new();
    for (step, row) in run.steps.iter().zip(csv::Reader::from_reader(file).into_records()) {
        let row = row.expect("a row");
        let ours = step.node.map_or("", |node| trace.nodes[node].name.as_str());
        if &row[2] != ours {
            differences.push(format!("{}: {} on {} not {}", &row[0], &row[1], ours, &row[2]));
        }
    }
    format!("{} differences {:?}", differences.len(), differences.iter().take(4).collect::<Vec<_>>())
}
