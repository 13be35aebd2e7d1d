//! Instances whose best packing is known: how many bins policies and packers use above it. Nothing here depends on the machine.

use bayplan_benches::{Table, is_wanted};
use placement::by_name;
use trace::{
    Choice, Family, Grain, Packing, Planted, Size, fill_fullest, fill_in_turn, largest_first, place_in_order, repack,
};

/// How many bins there are at best, and how many instances of that.
const OFFLINE: [(usize, u64); 3] = [(10, 10), (25, 5), (100, 3)];
const ONLINE: [(usize, u64); 2] = [(10, 10), (100, 3)];
/// And one large instance, by the number of dimensions. Filling bins one by one takes time with the square of it.
const LARGE: [(usize, u64); 5] = [(0, 0), (0, 0), (1_000, 1), (300, 1), (300, 1)];
const POLICIES: [&str; 9] = [
    "best-fit",
    "best-fit-gpu",
    "dot-product",
    "fgd",
    "first-fit",
    "gpu-packing",
    "l2-norm-greedy",
    "scarcity",
    "worst-fit",
];
/// What a search may look at.
const LOOKS: u64 = 5_000_000;
/// In two dimensions with ten bins, where it has to find a packing that wastes nothing, because one bin is ten percent; and can.
const LOOKS_FOR_NO_WASTE: u64 = 500_000_000;

fn main() {
    bayplan_benches::start("planted", &std::env::temp_dir());
    for dimensions in [2, 3, 4] {
        if is_wanted("online") {
            println!("### Online, {dimensions} dimensions\n\n{}", online(dimensions));
        }
        if is_wanted("offline") {
            println!("### Offline, {dimensions} dimensions\n\n{}", offline(dimensions));
        }
    }
    if is_wanted("fine") {
        println!("### Offline, 2 dimensions in thousandths of a cpu and MB\n\n{}", fine());
    }
}

/// Items come in an order that nobody chose, and stay where the policy has put them.
fn online(dimensions: usize) -> Table {
    let packers = POLICIES.map(|name| {
        let policy = by_name(name).expect("a policy of that name");
        move |planted: &Planted| {
            let order: Vec<usize> = (0..planted.items.len()).collect();
            place_in_order(planted, &order, policy.as_ref())
        }
    });
    let mut headings = ["family", "optimum", "bound", "", "", "", "", "", "", "", "", ""];
    headings[3..].copy_from_slice(&POLICIES);
    let mut table = Table::new(1, headings);
    rows(&mut table, dimensions, Grain::Coarse, &[&ONLINE[..], &[LARGE[dimensions]]].concat(), |planted| {
        packers.each_ref().map(|pack| pack(planted))
    });
    table
}

fn offline(dimensions: usize) -> Table {
    let mut table = Table::new(
        1,
        [
            "family",
            "optimum",
            "bound",
            "first-fit, max",
            "first-fit, sum",
            "first-fit, squares",
            "best-fit, sum",
            "dot-product, sum",
            "l2-norm-greedy, sum",
            "dot product, bin by bin",
            "norm greedy, bin by bin",
            "fullest bin first",
            "repacked",
        ],
    );
    let no_waste = (2, OFFLINE[0].0);
    rows(&mut table, dimensions, Grain::Coarse, &[&OFFLINE[..], &[LARGE[dimensions]]].concat(), |planted| {
        let by_policy = |name: &str, size| {
            let policy = by_name(name).expect("a policy of that name");
            place_in_order(planted, &largest_first(planted, size), policy.as_ref())
        };
        let fullest = fill_fullest(planted);
        let looks = if (dimensions, planted.lower_bound()) == no_waste { LOOKS_FOR_NO_WASTE } else { LOOKS };
        let repacked = repack(planted, fullest.clone(), looks);
        [
            by_policy("first-fit", Size::Max),
            by_policy("first-fit", Size::Sum),
            by_policy("first-fit", Size::SumOfSquares),
            by_policy("best-fit", Size::Sum),
            by_policy("dot-product", Size::Sum),
            by_policy("l2-norm-greedy", Size::Sum),
            fill_in_turn(planted, Choice::DotProduct),
            fill_in_turn(planted, Choice::NormGreedy),
            fullest,
            repacked,
        ]
    });
    table
}

fn fine() -> Table {
    let mut table =
        Table::new(1, ["family", "optimum", "bound", "norm greedy, bin by bin", "fullest bin first", "repacked"]);
    rows(&mut table, 2, Grain::Fine, &OFFLINE, |planted| {
        let fullest = fill_fullest(planted);
        let repacked = repack(planted, fullest.clone(), LOOKS);
        [fill_in_turn(planted, Choice::NormGreedy), fullest, repacked]
    });
    table
}

/// One for each family and size: what each packer uses above the optimum.
fn rows<const N: usize>(
    table: &mut Table,
    dimensions: usize,
    grain: Grain,
    sizes: &[(usize, u64)],
    pack: impl Fn(&Planted) -> [Packing; N],
) {
    for family in Family::ALL {
        for &(optimum, instances) in sizes {
            let mut bound = 0;
            let mut used: [Vec<usize>; N] = std::array::from_fn(|_| Vec::new());
            for seed in 0..instances {
                let planted = Planted::draw(seed, family, grain, dimensions, optimum);
                bound = planted.lower_bound();
                for (used, packing) in used.iter_mut().zip(pack(&planted)) {
                    assert!(packing.check(&planted).is_empty(), "{:?}", packing.check(&planted));
                    used.push(packing.bins.len());
                }
            }
            eprintln!("{dimensions} dimensions, {} of {optimum}", family.name());
            let mut row = vec![family.name().to_owned(), optimum.to_string(), bound.to_string()];
            row.extend(used.iter().map(|used| above(used, optimum)));
            table.row(row);
        }
    }
}

/// In percent of the optimum: the mean, and the worst where that differs.
fn above(used: &[usize], optimum: usize) -> String {
    let percent = |bins: f64| (bins / optimum as f64 - 1.0) * 100.0;
    let mean = percent(used.iter().sum::<usize>() as f64 / used.len() as f64);
    let worst = percent(used.iter().copied().max().unwrap_or_default() as f64);
    if (worst - mean).abs() < 0.05 { format!("{mean:.1}") } else { format!("{mean:.1} ({worst:.1})") }
}
