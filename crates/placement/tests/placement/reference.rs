//! Placement in its simplest form: a list of agents, looked at one by one. It shares no code with the real one.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentDescription, AgentId, AppId, AppVersion, Constraint, ConstraintOperator, Event, Explanation, Filter, Filtered,
    GpuSlot, GpuSlots, OfferId, PortRanges, Resources, Scalar, TaskId, Workload,
};
use placement::{PortWanted, Request};

#[derive(Clone, Default)]
pub(crate) struct Reference {
    pub(crate) agents: BTreeMap<AgentId, RefAgent>,
    pub(crate) tasks: BTreeMap<TaskId, RefTask>,
    pub(crate) offers: BTreeMap<OfferId, (AgentId, Resources)>,
    /// What was asked for.
    pub(crate) apps: BTreeMap<AppId, Event>,
}

#[derive(Clone)]
pub(crate) struct RefAgent {
    pub(crate) description: AgentDescription,
    pub(crate) active: bool,
}

#[derive(Clone)]
pub(crate) struct RefTask {
    pub(crate) agent: AgentId,
    pub(crate) app: AppId,
    pub(crate) version: AppVersion,
    pub(crate) resources: Resources,
}

/// The highest score.
const HIGHEST: u32 = i32::MAX as u32;

/// How the reference scores: `(free, largest, request, own instances, id)`.
pub(crate) type Score = fn(&Resources, &Resources, &Request, u32, AgentId) -> u32;
pub(crate) type Refusal = fn(AgentId) -> Option<&'static str>;

impl Reference {
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::AgentRegistered { agent, description } => {
                self.agents.insert(*agent, RefAgent { description: description.clone(), active: true });
            }
            Event::AgentReconnected { agent, description } => {
                if let Some(known) = self.agents.get_mut(agent) {
                    *known = RefAgent { description: description.clone(), active: true };
                }
            }
            Event::AgentDisconnected { agent, .. } => {
                if let Some(known) = self.agents.get_mut(agent) {
                    known.active = false;
                }
            }
            Event::AgentRemoved { agent, .. } => {
                self.agents.remove(agent);
                self.tasks.retain(|_, task| task.agent != *agent);
                self.offers.retain(|_, offer| offer.0 != *agent);
            }
            Event::OffersMade { offers, .. } => {
                for ((offer, agent), resources) in offers.offers.iter().zip(&offers.agents).zip(&offers.resources) {
                    self.offers.insert(*offer, (*agent, resources.clone()));
                }
            }
            Event::OffersClosed { offers, .. } => self.offers.retain(|offer, _| !offers.contains(offer)),
            Event::TaskLaunched { task } => {
                if let Some((_, left)) = self.offers.get_mut(&task.offer) {
                    left.subtract(&task.resources);
                }
                let Workload::App { app, version } = &task.workload else { panic!("no task here is a framework's") };
                let held = RefTask {
                    agent: task.agent,
                    app: app.clone(),
                    version: *version,
                    resources: task.resources.clone(),
                };
                self.tasks.insert(task.id.clone(), held);
            }
            Event::AppChanged { app, .. } => {
                self.apps.insert(app.id.clone(), event.clone());
            }
            Event::TaskStatusChanged { task, status, .. } if status.state.is_terminal() => {
                self.tasks.remove(task);
            }
            _ => {}
        }
    }

    pub(crate) fn free(&self, agent: AgentId) -> Resources {
        let mut free = self.agents[&agent].description.resources.clone();
        let all = gpus(free.gpus);
        let mut slots = GpuSlots::none();
        let of_tasks = self.tasks.values().filter(|task| task.agent == agent).map(|task| &task.resources);
        let of_offers = self.offers.values().filter(|offer| offer.0 == agent).map(|offer| &offer.1);
        for held in of_tasks.chain(of_offers) {
            free.subtract(held);
            slots = slots.union(&held.gpu_slots);
        }
        free.gpu_slots = without(&all, &slots);
        free
    }

    /// What is chosen, and the explanation: with what `GROUP_BY` would like best, or without that when it is not to be had.
    pub(crate) fn place(
        &self,
        by: (&str, Score, Refusal),
        seed: u64,
        request: &Request,
    ) -> (Option<AgentId>, Explanation) {
        let (best, explanation) = self.attempt(by, seed, request, true);
        if best.is_some() { (best, explanation) } else { self.attempt(by, seed, request, false) }
    }

    fn attempt(
        &self,
        (policy, score, refusal): (&str, Score, Refusal),
        seed: u64,
        request: &Request,
        wishing: bool,
    ) -> (Option<AgentId>, Explanation) {
        let mut failed: BTreeMap<(Filter, usize, Option<String>), u32> = BTreeMap::new();
        let mut candidates = Vec::new();
        let largest = self.largest();
        for agent in self.agents.keys() {
            match self.first_failure(*agent, request, wishing).or_else(|| refused(refusal(*agent))) {
                Some(failure) => *failed.entry(failure).or_default() += 1,
                None => {
                    let own = self.own(request).filter(|task| task.agent == *agent).count() as u32;
                    candidates.push((*agent, score(&self.free(*agent), &largest, request, own, *agent)));
                }
            }
        }
        let first = self.first_of_equals(seed);
        let best = candidates.iter().min_by_key(|(agent, score)| (HIGHEST - score, *agent < first, *agent));
        let explanation = Explanation {
            policy: policy.to_owned(),
            score: best.map(|(_, score)| i64::from(*score)),
            considered: self.agents.len() as u32,
            feasible: Some(candidates.len() as u32),
            filtered: failed
                .into_iter()
                .map(|((filter, _, detail), agents)| Filtered { filter, detail, agents })
                .collect(),
        };
        (best.map(|(agent, _)| *agent), explanation)
    }

    fn own<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a RefTask> {
        let counts = |task: &&RefTask| task.app == request.app && task.version >= request.counted_since;
        self.tasks.values().filter(counts)
    }

    fn largest(&self) -> Resources {
        let mut largest = Resources::default();
        for all in self.agents.values().map(|agent| &agent.description.resources) {
            largest.cpus = largest.cpus.max(all.cpus);
            largest.mem = largest.mem.max(all.mem);
            largest.disk = largest.disk.max(all.disk);
            largest.gpus = largest.gpus.max(all.gpus);
        }
        largest
    }

    /// The id at which the order of equals begins, as the documentation has it.
    fn first_of_equals(&self, seed: u64) -> AgentId {
        let Some((lowest, highest)) = self.agents.keys().next().zip(self.agents.keys().next_back()) else {
            return AgentId(0);
        };
        let mut mixed = seed;
        for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb), (31, 1)] {
            mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
        }
        AgentId(lowest.0 + (mixed % (u64::from(highest.0 - lowest.0) + 1)) as u32)
    }

    fn first_failure(
        &self,
        agent: AgentId,
        request: &Request,
        wishing: bool,
    ) -> Option<(Filter, usize, Option<String>)> {
        if !self.agents[&agent].active {
            return Some((Filter::AgentInactive, 0, None));
        }
        let containerizers = &self.agents[&agent].description.containerizers;
        if request.is_container && !containerizers.contains(&"docker".to_owned()) {
            return Some((Filter::MissingContainerizer, 0, Some("docker".to_owned())));
        }
        for (index, constraint) in request.constraints.iter().enumerate() {
            if !self.fulfils(agent, constraint, request, wishing) {
                return Some((Filter::UnfulfilledConstraint, index, Some(constraint.to_string())));
            }
        }
        let free = self.free(agent);
        let lacks = |free: Scalar, wanted: Scalar| wanted > Scalar::ZERO && free < wanted;
        let failures = [
            (Filter::InsufficientCpus, lacks(free.cpus, request.cpus)),
            (Filter::InsufficientMemory, lacks(free.mem, request.mem)),
            (Filter::InsufficientDisk, lacks(free.disk, request.disk)),
            (Filter::InsufficientGpus, request.gpus > Scalar::ZERO && !has_gpus(&free.gpu_slots, request.gpus)),
            (Filter::InsufficientPorts, !has_ports(&free.ports, &request.ports)),
        ];
        failures.into_iter().find(|(_, fails)| *fails).map(|(filter, _)| (filter, 0, None))
    }

    fn field(&self, agent: AgentId, field: &str) -> Option<String> {
        let description = &self.agents.get(&agent)?.description;
        match field {
            "hostname" | "@hostname" => Some(description.hostname.clone()),
            _ => description.attributes.get(field).map(ToString::to_string),
        }
    }

    fn fulfils(&self, agent: AgentId, constraint: &Constraint, request: &Request, wishing: bool) -> bool {
        let Some(text) = self.field(agent, &constraint.field) else {
            return constraint.operator == ConstraintOperator::Unlike;
        };
        let texts = self.own(request).map(|task| self.field(task.agent, &constraint.field));
        let own: Vec<Option<String>> = texts.collect();
        let standing_on = |text: &str| own.iter().filter(|own| own.as_deref() == Some(text)).count();
        let value = constraint.value.as_deref().unwrap_or_default();
        match constraint.operator {
            ConstraintOperator::Unique => standing_on(&text) == 0,
            ConstraintOperator::Cluster if value.is_empty() => own.len() == standing_on(&text),
            ConstraintOperator::Cluster => text == value,
            ConstraintOperator::Like => like(value, &text),
            ConstraintOperator::Unlike => !like(value, &text),
            ConstraintOperator::Is => text == value || is_number(value, &text),
            ConstraintOperator::MaxPer => standing_on(&text) < value.parse().expect("a number"),
            ConstraintOperator::GroupBy => {
                let groups: BTreeSet<&str> = own.iter().flatten().map(String::as_str).collect();
                let smallest = groups.iter().map(|group| standing_on(group)).min();
                let connected = self.agents.iter().filter(|(_, agent)| agent.active);
                let mut seen = connected.filter_map(|(agent, _)| self.field(*agent, &constraint.field));
                if wishing && value.is_empty() && seen.any(|text| !groups.contains(text.as_str())) {
                    return !groups.contains(text.as_str());
                }
                let are_enough = value.is_empty() || groups.len() >= value.parse().expect("a number");
                !groups.contains(text.as_str()) || (are_enough && smallest == Some(standing_on(&text)))
            }
        }
    }
}

/// The tests' patterns are alternatives of texts, which may end in `.*`.
fn like(pattern: &str, text: &str) -> bool {
    let matches = |one: &str| one.strip_suffix(".*").map_or(one == text, |start| text.starts_with(start));
    pattern.split('|').any(matches)
}

/// The tests' numbers are not near the middle between two thousandths.
fn is_number(value: &str, text: &str) -> bool {
    let thousandths = |text: &str| text.parse::<f64>().ok().map(|number| (number * 1_000.0).round());
    thousandths(value).is_some() && thousandths(value) == thousandths(text)
}

fn refused(reason: Option<&'static str>) -> Option<(Filter, usize, Option<String>)> {
    reason.map(|reason| (Filter::RefusedByPolicy, 0, Some(reason.to_owned())))
}

/// All GPUs of an agent, of which the last may be less than a whole one.
fn gpus(total: Scalar) -> GpuSlots {
    let share = |gpu: u16| GpuSlot { gpu, share: Scalar((total.0 - i64::from(gpu) * 1_000).min(1_000)) };
    GpuSlots::new((0..64).map(share))
}

/// What is left of all GPUs. What is held of some that are gone is taken from the last that are free.
fn without(all: &GpuSlots, held: &GpuSlots) -> GpuSlots {
    let mut left: Vec<GpuSlot> = all.difference(held).iter().collect();
    let mut gone = held.difference(all).sum().0;
    for slot in left.iter_mut().rev() {
        let taken = gone.min(slot.share.0);
        slot.share.0 -= taken;
        gone -= taken;
    }
    GpuSlots::new(left)
}

/// As many whole ones as are wanted, and another one for the rest.
fn has_gpus(free: &GpuSlots, wanted: Scalar) -> bool {
    let mut shares: Vec<i64> = free.iter().map(|slot| slot.share.0).collect();
    for _ in 0..wanted.0 / 1_000 {
        match shares.iter().position(|share| *share == 1_000) {
            Some(whole) => shares.remove(whole),
            None => return false,
        };
    }
    wanted.0 % 1_000 == 0 || shares.iter().any(|share| *share >= wanted.0 % 1_000)
}

fn has_ports(free: &PortRanges, wanted: &[PortWanted]) -> bool {
    let fixed: Vec<u16> = wanted
        .iter()
        .filter_map(|port| match port {
            PortWanted::Fixed(port) => Some(*port),
            PortWanted::Any => None,
        })
        .collect();
    let distinct: BTreeSet<u16> = fixed.iter().copied().collect();
    distinct.len() == fixed.len()
        && fixed.iter().all(|port| free.contains(*port))
        && free.len() as usize >= wanted.len()
}

fn share(amount: Scalar, largest: Scalar) -> u32 {
    let (amount, largest) = (amount.0.max(0).min(largest.0), largest.0);
    if largest == 0 { 0 } else { (i128::from(amount) * ((1 << 20) - 1) / i128::from(largest)) as u32 }
}

/// By dimension: what is free less what is wanted, as shares of the largest agent's.
fn left_over(free: &Resources, largest: &Resources, request: &Request) -> [u32; 4] {
    let left = |free, wanted, largest| share(free, largest) - share(wanted, largest);
    [
        left(free.cpus, request.cpus, largest.cpus),
        left(free.mem, request.mem, largest.mem),
        left(free.disk, request.disk, largest.disk),
        left(free.gpus, request.gpus, largest.gpus),
    ]
}

pub(crate) fn first_fit(_: &Resources, _: &Resources, _: &Request, _: u32, agent: AgentId) -> u32 {
    HIGHEST - agent.0
}

pub(crate) fn best_fit(free: &Resources, largest: &Resources, request: &Request, _: u32, _: AgentId) -> u32 {
    HIGHEST - left_over(free, largest, request).iter().sum::<u32>() * 512
}

pub(crate) fn spread(free: &Resources, largest: &Resources, request: &Request, own: u32, _: AgentId) -> u32 {
    let [cpus, mem, disk, gpus] = left_over(free, largest, request);
    let gpus = if request.gpus > Scalar::ZERO { gpus } else { 0 };
    (511 - own.min(511)) * (1 << 22) + cpus + mem + disk + gpus
}

pub(crate) fn best_fit_gpu(free: &Resources, largest: &Resources, request: &Request, _: u32, _: AgentId) -> u32 {
    let left = |free: Scalar, wanted: Scalar| i128::from((free.0 - wanted.0.max(0)).max(0));
    let (cpus, gpus) = (left(free.cpus, request.cpus), left(free.gpus, request.gpus));
    let (most_cpus, most_gpus) = (i128::from(largest.cpus.0.max(1)), i128::from(largest.gpus.0.max(1)));
    let whole = 2 * most_cpus * most_gpus;
    HIGHEST / 100 * (100 * (whole - cpus * most_gpus - gpus * most_cpus) / whole) as u32
}

pub(crate) fn dot_product(free: &Resources, largest: &Resources, request: &Request, _: u32, _: AgentId) -> u32 {
    let products = pairs(free, largest, request).map(|(free, wanted)| free * wanted);
    (products.iter().sum::<u64>() / 2_048) as u32
}

pub(crate) fn l2_norm_greedy(free: &Resources, largest: &Resources, request: &Request, _: u32, _: AgentId) -> u32 {
    let squares = pairs(free, largest, request).map(|(free, wanted)| free.saturating_sub(wanted).pow(2));
    HIGHEST - (squares.iter().sum::<u64>() / 2_048) as u32
}

/// What is free and what is wanted of each, as shares of the largest agent.
fn pairs(free: &Resources, largest: &Resources, request: &Request) -> [(u64, u64); 4] {
    let pair = |free, largest, wanted| (u64::from(share(free, largest)), u64::from(share(wanted, largest)));
    [
        pair(free.cpus, largest.cpus, request.cpus),
        pair(free.mem, largest.mem, request.mem),
        pair(free.disk, largest.disk, request.disk),
        pair(free.gpus, largest.gpus, request.gpus),
    ]
}
