//! Pure placement decisions: which agent takes a task, and why. No state, no log; the view is folded from events, as ever.
//!
//! Each decision releases what was placed 500 decisions ago and places something new, on agents that are four fifths full.

mod clusters;
mod limits;
mod offers;

use std::collections::VecDeque;
use std::time::Duration;

use bayplan_benches::{Table, number, rate};
use placement::{Outcome, Placed, Policy, Request, Scratch, by_name};

use clusters::{CLASSES, Cluster};

const AGENTS: [u32; 3] = [1_000, 10_000, 100_000];
const POLICIES: [&str; 3] = ["best-fit", "spread", "fgd"];
const ROUND: Duration = Duration::from_millis(150);
/// So many placements are there at a time.
const HELD: usize = 500;

fn main() {
    bayplan_benches::start("decisions", &std::env::temp_dir());
    let clusters = AGENTS.map(Cluster::four_fifths_full);
    if bayplan_benches::is_wanted("place") {
        place_and_release(&clusters);
    }
    if bayplan_benches::is_wanted("offers") {
        offers::fold_while_deciding(&clusters[1]);
    }
}

fn place_and_release(clusters: &[Cluster; 3]) {
    let mut table = Table::new(
        2,
        [
            "policy",
            "requests",
            "1,000 agents (decisions/s)",
            "10,000 agents (decisions/s)",
            "100,000 agents (decisions/s)",
            "10,000 agents (µs each)",
        ],
    );
    let mut widest: f64 = 0.0;
    for name in POLICIES {
        let policy = by_name(name).expect("a policy of that name");
        for (mix, draw) in mixes() {
            let rates = clusters.each_ref().map(|cluster| {
                let mut bench = Bench::new(cluster, policy.as_ref());
                let mut next = 0;
                let rate = rate(ROUND, || {
                    for _ in 0..100 {
                        bench.step(&draw(cluster, next));
                        next += 1;
                    }
                    100
                });
                widest = widest.max(rate.spread());
                rate.median()
            });
            let mut row = vec![name.to_owned(), mix.to_owned()];
            row.extend(rates.map(number));
            row.push(number(1e6 / rates[1]));
            table.row(row);
        }
    }
    for (what, rates) in limits::rates(clusters, ROUND) {
        let mut row = vec![what.to_owned(), "limit".to_owned()];
        row.extend(rates.map(number));
        row.push(number(1e6 / rates[1]));
        table.row(row);
    }
    println!("### Placing and releasing at 80 % fill, one thread\n\n{table}");
    println!(
        "Medians of 5 rounds, by the CPU time of one thread; the rounds lay within {:.0} % at worst.",
        widest * 100.0
    );
}

type Draw = fn(&Cluster, usize) -> Request;

/// Caches look unrealistically good when all requests are the same, and useless when all differ.
fn mixes() -> [(&'static str, Draw); 3] {
    [
        ("identical", |cluster, _| cluster.request(0)),
        ("100 classes, interleaved", |cluster, number| cluster.request(number % CLASSES)),
        ("all distinct", |cluster, number| cluster.distinct(number)),
    ]
}

struct Bench<'a> {
    scratch: Scratch<'a>,
    policy: &'a dyn Policy,
    held: VecDeque<(Request, Placed)>,
    seed: u64,
}

impl<'a> Bench<'a> {
    fn new(cluster: &'a Cluster, policy: &'a dyn Policy) -> Self {
        Self { scratch: Scratch::new(&cluster.view), policy, held: VecDeque::new(), seed: 0 }
    }

    fn step(&mut self, request: &Request) {
        if self.held.len() == HELD {
            let (request, placed) = self.held.pop_front().expect("something is held");
            self.scratch.release(&request, &placed);
        }
        self.seed += 1;
        match self.scratch.place(self.policy, self.seed, request) {
            Outcome::Placed(placed) => self.held.push_back((request.clone(), placed)),
            Outcome::Nowhere(explanation) => panic!("{request:?}: {explanation}"),
            Outcome::Faulty(fault) => panic!("{request:?}: {}", fault.reason),
        }
    }
}
