//! Packings of items into equal bins, and how the placement engine makes them: bins are agents, items are instances of apps.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentDescription, AppSpec, AppVersion, Event, Resources, Scalar};
use placement::{Outcome, Policy, Request, View, place};

use crate::cluster::{agent_id, app, launch};
use crate::planted::{Amounts, Planted};

/// By bin, the items in it, by their place in the list of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packing {
    pub bins: Vec<Vec<usize>>,
}

impl Packing {
    /// What is wrong with it, one sentence each: bins that hold too much, items that are not in exactly one of them.
    #[must_use]
    pub fn check(&self, planted: &Planted) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut times = vec![0_u32; planted.items.len()];
        for (bin, items) in self.bins.iter().enumerate() {
            let mut free = planted.capacity;
            for item in items {
                times[*item] += 1;
                free.iter_mut().zip(planted.items[*item]).for_each(|(free, asked)| *free -= asked);
            }
            if free.iter().any(|free| *free < 0) {
                wrong.push(format!("bin {bin} has {free:?} left"));
            }
            if items.is_empty() {
                wrong.push(format!("bin {bin} is empty"));
            }
        }
        let misplaced = times.iter().enumerate().filter(|(_, times)| **times != 1);
        wrong.extend(misplaced.map(|(item, times)| format!("item {item} is in {times} bins")));
        wrong
    }
}

/// A measure by which items are sorted, as shares of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Max,
    Sum,
    SumOfSquares,
}

/// Places of the items in the list, the largest first.
#[must_use]
pub fn largest_first(planted: &Planted, size: Size) -> Vec<usize> {
    let of = |item: &Amounts| {
        let shares = [0, 1, 2, 3].map(|dimension| share(item[dimension], planted.capacity[dimension]));
        match size {
            Size::Max => shares.into_iter().max().unwrap_or_default(),
            Size::Sum => shares.iter().sum(),
            Size::SumOfSquares => shares.map(|share| share * share).iter().sum(),
        }
    };
    let mut order: Vec<usize> = (0..planted.items.len()).collect();
    order.sort_by_key(|item| std::cmp::Reverse(of(&planted.items[*item])));
    order
}

/// In parts of 2^20.
pub(crate) fn share(amount: i64, capacity: i64) -> i64 {
    (amount << 20) / capacity.max(1)
}

/// Each item in this order goes where the policy places it, and onto a new agent when it fits nowhere. What is asked for is known
/// from the beginning, as in a run of a trace.
#[must_use]
pub fn place_in_order(planted: &Planted, order: &[usize], policy: &dyn Policy) -> Packing {
    let (specs, app_of) = apps(&planted.items);
    let requests: Vec<Request> = specs.iter().map(|spec| Request::of_app(spec)).collect();
    let mut view = View::new();
    for app in &specs {
        let (version, config_version) = (AppVersion::default(), AppVersion::default());
        view.apply(&Event::AppChanged { app: Arc::clone(app), version, config_version });
    }
    let mut packing = Packing::default();
    for (number, item) in order.iter().enumerate() {
        let app = app_of[*item];
        let placed = loop {
            match place(&view, policy, 0, &requests[app]) {
                Outcome::Placed(placed) => break placed,
                Outcome::Faulty(fault) => panic!("{}: {}", fault.policy, fault.reason),
                Outcome::Nowhere(_) => {
                    view.apply(&register(packing.bins.len(), planted.capacity));
                    packing.bins.push(Vec::new());
                }
            }
        };
        packing.bins[placed.agent.0 as usize].push(*item);
        view.apply(&launch(number, &specs[app], placed));
    }
    packing
}

/// Items that ask for the same are instances of one app; by item, the app's place in the list.
fn apps(items: &[Amounts]) -> (Vec<Arc<AppSpec>>, Vec<usize>) {
    let mut known: BTreeMap<Amounts, usize> = BTreeMap::new();
    let mut specs: Vec<AppSpec> = Vec::new();
    let mut app_of = Vec::with_capacity(items.len());
    for item in items {
        let place = *known.entry(*item).or_insert_with(|| {
            specs.push(app(specs.len(), resources(*item), Vec::new()));
            specs.len() - 1
        });
        specs[place].instances += 1;
        app_of.push(place);
    }
    (specs.into_iter().map(Arc::new).collect(), app_of)
}

fn resources(amounts: Amounts) -> Resources {
    let [cpus, mem, disk, gpus] = amounts.map(Scalar);
    Resources { cpus, mem, disk, gpus, ..Resources::default() }
}

fn register(bin: usize, capacity: Amounts) -> Event {
    Event::AgentRegistered {
        agent: agent_id(bin),
        description: AgentDescription {
            hostname: format!("bin-{bin}"),
            resources: resources(capacity),
            attributes: BTreeMap::new(),
            address: format!("bin-{bin}:5051"),
            containerizers: vec!["process".to_owned()],
        },
    }
}
