//! Clusters that are four fifths full, and what is asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bayplan_benches::{Draws, cluster};
use model::{
    AgentDescription, AgentId, AppSpec, AppVersion, Event, FrameworkId, GpuSlot, GpuSlots, LaunchedTask, OfferId,
    Resources, Scalar, TaskId, Workload,
};
use placement::{Request, View};

/// How many kinds of request come in turns.
pub(crate) const CLASSES: usize = 100;
/// Whole cpus, GB of memory and GPUs.
const SIZES: [(i64, i64, i64); 4] = [(32, 128, 0), (64, 256, 2), (96, 384, 8), (128, 768, 8)];
/// In thousandths of a GPU, with how often they come.
const GPUS: [i64; 10] = [0, 0, 0, 0, 250, 500, 500, 1_000, 1_000, 2_000];
const SEED: u64 = 7;

pub(crate) struct Cluster {
    pub(crate) view: View,
    requests: Vec<Request>,
}

impl Cluster {
    pub(crate) fn four_fifths_full(agents: u32) -> Self {
        let (mut view, mut draws) = (View::new(), Draws::new(SEED));
        for number in 0..agents {
            let description = agent(number, &mut draws);
            let task = occupant(number, &description.resources, &mut draws);
            view.apply(&Event::AgentRegistered { agent: AgentId(number), description });
            view.apply(&Event::TaskLaunched { task: Box::new(task) });
        }
        let apps: Vec<Arc<AppSpec>> = (0..CLASSES).map(|class| app(class, &mut draws)).collect();
        for app in &apps {
            let (version, config_version) = (AppVersion::default(), AppVersion::default());
            view.apply(&Event::AppChanged { app: Arc::clone(app), version, config_version });
        }
        Self { view, requests: apps.iter().map(|app| Request::of_app(app)).collect() }
    }

    /// Of one of the classes.
    pub(crate) fn request(&self, class: usize) -> Request {
        self.requests[class].clone()
    }

    /// Unlike all before it.
    pub(crate) fn distinct(&self, number: usize) -> Request {
        let mut request = self.request(number % CLASSES);
        request.cpus = Scalar(request.cpus.0 + (number as i64 * 7) % 997);
        request.mem = Scalar(request.mem.0 + number as i64 % 1_000_000);
        request
    }
}

fn agent(number: u32, draws: &mut Draws) -> AgentDescription {
    let (cpus, mem_gb, gpus) = draws.one_of(&SIZES);
    let resources = Resources {
        cpus: Scalar::from_whole(cpus),
        mem: Scalar::from_whole(mem_gb * 1_024),
        gpus: Scalar::from_whole(gpus),
        ..Resources::default()
    };
    AgentDescription { resources, ..cluster::large_agent(number) }
}

/// Stands for everything that an agent is taken by: between 60 and 100 % of each kind.
fn occupant(number: u32, all: &Resources, draws: &mut Draws) -> LaunchedTask {
    let mut part = |all: Scalar| Scalar(all.0 / 100 * draws.between(60, 100));
    let (cpus, mem) = (part(all.cpus), part(all.mem));
    let mut slots = Vec::new();
    for gpu in 0..(all.gpus.0 / 1_000) as u16 {
        slots.push(GpuSlot { gpu, share: Scalar(draws.one_of(&[0, 500, 750, 1_000, 1_000, 1_000, 1_000, 1_000])) });
    }
    let gpu_slots = GpuSlots::new(slots);
    LaunchedTask {
        id: TaskId::new(format!("occupant.{number}")),
        framework: FrameworkId::SERVICES,
        offer: OfferId::default(),
        agent: AgentId(number),
        workload: Workload::App { app: cluster::app_id("occupant"), version: AppVersion::default() },
        resources: Resources { cpus, mem, gpus: gpu_slots.sum(), gpu_slots, ..Resources::default() },
        host_ports: Vec::new(),
        explanation: None,
    }
}

/// Without ports: agents have some hundreds of them, and which are free is a question of its own.
fn app(class: usize, draws: &mut Draws) -> Arc<AppSpec> {
    let (cpus, mem_mb) = (Scalar(draws.between(1, 40) * 100), draws.between(1, 64) * 128);
    let mut app = cluster::app(&format!("class-{class}"), 10, cpus, Scalar::from_whole(mem_mb));
    app.resources.gpus = Scalar(draws.one_of(&GPUS));
    app.ports = Vec::new();
    app.env = BTreeMap::new();
    Arc::new(app)
}
