//! One pass over a trace: pods arrive, none leaves, and what does not fit is not asked for again.

use placement::{Decider, Fragmentation, Outcome, Request, View, place};

use crate::Trace;
use crate::cluster::{Apps, agent_id, launch, register};

/// What happened to one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its place in the list of pods.
    pub pod: usize,
    /// The node's place in the list of nodes; None when it fitted nowhere.
    pub node: Option<usize>,
}

/// The cluster after an arrival, in thousandths of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// What all pods so far asked for, placed or not.
    pub arrived: u64,
    pub allocated: u64,
    /// Of what is not allocated, what a typical pod cannot use.
    pub fragmented: u64,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub steps: Vec<Step>,
    pub points: Vec<Point>,
    /// What all nodes have, in thousandths of a GPU.
    pub total: u64,
}

impl Run {
    pub fn placed(&self) -> usize {
        self.steps.iter().filter(|step| step.node.is_some()).count()
    }
}

/// A pod that has arrived, and the cluster as it was before.
pub struct Arrival<'a> {
    pub number: usize,
    pub view: &'a View,
    pub request: &'a Request,
    pub outcome: &'a Outcome,
}

/// `on_arrival` is told of every pod.
pub fn run<'p>(trace: &Trace<'_>, decider: impl Into<Decider<'p>>, mut on_arrival: impl FnMut(&Arrival<'_>)) -> Run {
    let (decider, mut view) = (decider.into(), View::new());
    for (rank, node) in trace.ranks.iter().enumerate() {
        view.apply(&register(rank, &trace.nodes[*node]));
    }
    let apps = Apps::of(trace.pods);
    apps.wanted().for_each(|event| view.apply(&event));
    let requests: Vec<Request> = apps.specs.iter().map(|spec| Request::of_app(spec)).collect();
    let mut fragmentation = Fragmentation::of(&view);
    let total: u64 = trace.ranks.iter().map(|node| u64::from(trace.nodes[*node].gpus) * 1_000).sum();
    let mut run = Run { steps: Vec::with_capacity(trace.arrivals.len()), points: Vec::new(), total };
    let (mut arrived, mut allocated) = (0, 0);
    for (number, pod) in trace.arrivals.iter().enumerate() {
        let app = apps.of_pod[*pod];
        let gpus = trace.pods[*pod].gpus_milli();
        arrived += gpus;
        let request = &requests[app];
        let outcome = place(&view, decider, 0, request);
        on_arrival(&Arrival { number, view: &view, request, outcome: &outcome });
        let node = match outcome {
            Outcome::Nowhere(_) | Outcome::Faulty(_) => None,
            Outcome::Placed(placed) => {
                let agent = placed.agent;
                view.apply(&launch(number, &apps.specs[app], placed));
                fragmentation.follow(&view, agent);
                allocated += gpus;
                (0..trace.ranks.len()).find(|rank| agent_id(*rank) == agent).map(|rank| trace.ranks[rank])
            }
        };
        run.steps.push(Step { pod: *pod, node });
        run.points.push(Point { arrived, allocated, fragmented: fragmentation.mean() });
    }
    run
}
