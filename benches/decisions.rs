//! Pure placement decisions: which agent takes a task, and why. No state, no events, no log.
//!
//! A round places as many tasks as one allocation may, on a fresh scratch over the same picture. Every decision must
//! succeed, but for those of the mix that fits nowhere.

use std::time::Duration;

use bayplan_benches::{Table, cluster, number, rate};
use model::{AppSpec, Scalar};
use placement::{Outcome, Policy, Request, Scratch, View, by_name};
use scheduler::LAUNCHES_PER_ALLOCATION;

const AGENTS: [u32; 3] = [100, 1_000, 10_000];
const POLICIES: [&str; 3] = ["first-fit", "best-fit", "spread"];
const ROUND: Duration = Duration::from_millis(150);
const CLASSES: u32 = 100;

fn main() {
    bayplan_benches::start("decisions", &std::env::temp_dir());
    let views = AGENTS.map(cluster::partly_taken_view);
    let mut table = Table::new(
        2,
        [
            "policy",
            "requests",
            "100 agents (decisions/s)",
            "1,000 agents (decisions/s)",
            "10,000 agents (decisions/s)",
            "10,000 agents (µs each)",
        ],
    );
    let mut widest: f64 = 0.0;
    for name in POLICIES {
        let policy = by_name(name).expect("a policy of that name");
        for (mix, requests) in mixes() {
            let rates = views.each_ref().map(|view| {
                let rate = rate(ROUND, || place_all(view, policy.as_ref(), &requests, mix != NOWHERE));
                widest = widest.max(rate.spread());
                rate.median()
            });
            let mut row = vec![name.to_owned(), mix.to_owned()];
            row.extend(rates.map(number));
            row.push(number(1e6 / rates[2]));
            table.row(row);
        }
    }
    println!("### Pure placement decisions, one thread\n\n{table}");
    println!(
        "Medians of 5 rounds, by the CPU time of one thread; the rounds lay within {:.0} % at worst.",
        widest * 100.0
    );
}

const NOWHERE: &str = "fits nowhere";

/// Caches look unrealistically good when all requests are the same, and useless when all differ.
fn mixes() -> [(&'static str, Vec<Request>); 4] {
    let request = |app: &AppSpec| Request::of_app(app);
    let identical = request(&cluster::app("identical", 1, Scalar(500), Scalar::from_whole(512)));
    // Enough cpus everywhere, and more memory than any agent has.
    let nowhere = request(&cluster::app("nowhere", 1, Scalar(500), Scalar::from_whole(1_000_000)));
    let classes: Vec<Request> = cluster::apps(CLASSES, 1).iter().map(|app| request(app)).collect();
    let distinct = cluster::apps(LAUNCHES_PER_ALLOCATION as u32, 1).iter().map(|app| request(app)).collect();
    [
        ("identical", vec![identical; LAUNCHES_PER_ALLOCATION]),
        ("100 classes, interleaved", classes.iter().cycle().take(LAUNCHES_PER_ALLOCATION).cloned().collect()),
        ("all distinct", distinct),
        (NOWHERE, vec![nowhere; LAUNCHES_PER_ALLOCATION]),
    ]
}

fn place_all(view: &View, policy: &dyn Policy, requests: &[Request], fits: bool) -> usize {
    let mut scratch = Scratch::new(view);
    for (seed, request) in requests.iter().enumerate() {
        let outcome = scratch.place(policy, seed as u64, request);
        assert_eq!(matches!(outcome, Outcome::Placed(_)), fits, "{request:?}: {:?}", outcome.explanation());
    }
    requests.len()
}
