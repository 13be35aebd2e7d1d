//! x
use sim::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |n: &str| a.iter().position(|x| x == n).map(|i| a[i + 1].clone());
    let seeds = get("--seeds").unwrap_or("0..1".into());
    let (x, y) = seeds.split_once("..").unwrap();
    let faults: Vec<Fault> = match get("--faults").as_deref() {
        Some("none") => vec![],
        None | Some("all") => Fault::ALL.to_vec(),
        Some(l) => l.split(',').map(|f| f.parse().unwrap()).collect(),
    };
    let commands = get("--commands").map_or(1000, |c| c.parse().unwrap());
    let plant = get("--plant").map(|p| p.parse().unwrap());
    if let Some(seed) = get("--seed") {
        let mut s = Settings::of_seed(seed.parse().unwrap(), commands, &faults);
        s.plant = plant;
        if a.iter().any(|x| x == "--exact") {
            s.faults = faults.iter().copied().collect();
        }
        if let Some(m) = get("--masters") {
            s.masters = m.parse().unwrap();
        }
        if let Some(m) = get("--agents") {
            s.agents = m.parse().unwrap();
        }
        s.trace = a.iter().any(|x| x == "--trace");
        let t = std::time::Instant::now();
        let r = run(&s);
        println!("{r:#?} {:?}", t.elapsed());
        return;
    }
    let sw = Sweep {
        seeds: x.parse().unwrap()..y.parse().unwrap(),
        commands,
        faults,
        plant,
        threads: get("--jobs").map_or(1, |c| c.parse().unwrap()),
        twice: a.iter().any(|x| x == "--twice"),
        stop_at_first: a.iter().any(|x| x == "--first"),
    };
    let s = sweep(&sw, |_| ());
    for f in s.failures.iter().take(12) {
        println!("{} {:?}", f.report.settings.command_line(), f.report.violations.first());
    }
    println!(
        "{} histories, {} failed, {} commands {} records {} void {} epochs, sim {:?} took {:?}",
        s.histories,
        s.failures.len(),
        s.commands,
        s.records,
        s.void_records,
        s.epochs,
        s.simulated,
        s.took
    );
    for (f, n) in &s.coverage.times {
        println!("{:20} {n} in {}", f.name(), s.coverage.histories[f]);
    }
    let all: std::collections::BTreeMap<&str, usize> = s.failures.iter().fold(Default::default(), |mut m, f| {
        *m.entry(f.report.violations[0].invariant).or_insert(0) += 1;
        m
    });
    println!("{all:?}");
}
