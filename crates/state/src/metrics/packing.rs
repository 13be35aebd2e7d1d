//! What there is, what is used, and how well what is free can be used.

use std::collections::BTreeMap;

use model::{AgentId, Resources};

use super::Family;
use crate::State;

/// By dimension.
const RESOURCES: [&str; 4] = ["cpus", "mem", "disk", "gpus"];
/// Prometheus counts in bytes, resources in MB.
const BYTES_PER_MB: f64 = (1 << 20) as f64;

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// In thousandths, by dimension.
    amounts: [i64; 4],
    ports: u64,
}

impl Sum {
    fn add(&mut self, resources: &Resources) {
        let Resources { cpus, mem, disk, gpus, ports, gpu_slots: _ } = resources;
        for (sum, more) in self.amounts.iter_mut().zip([cpus, mem, disk, gpus]) {
            *sum += more.0;
        }
        self.ports += u64::from(ports.len());
    }

    fn amount(&self, dimension: usize) -> f64 {
        self.amounts[dimension] as f64 / 1000.0
    }
}

pub(super) fn families(state: &State) -> Vec<Family> {
    let (mut total, mut used, mut offered) = (Sum::default(), Sum::default(), Sum::default());
    let (mut taken, mut active) = (BTreeMap::<AgentId, Sum>::new(), 0);
    state.agents.values().for_each(|agent| total.add(&agent.description.resources));
    for task in state.tasks.values().filter(|task| task.is_active()) {
        active += 1;
        used.add(&task.resources);
        taken.entry(task.agent).or_default().add(&task.resources);
    }
    let in_use = taken.len();
    for offer in state.offers.values() {
        offered.add(&offer.resources);
        taken.entry(offer.agent).or_default().add(&offer.resources);
    }
    let mut families = sums(&[("total", &total), ("used", &used), ("offered", &offered)]);
    families.push(
        Family::gauge("bayplan_agents_in_use", None, "Agents on which at least one task is active.").of(in_use as f64),
    );
    let mut ratio = Family::gauge(
        "bayplan_used_ratio",
        Some("resource"),
        "The share of what all agents have that tasks take, as 0 to 1: how full the cluster is packed.",
    );
    let mut stranded = Family::gauge(
        "bayplan_stranded_ratio",
        Some("resource"),
        "The share of what is free on agents where a task of the mean size of those that are active does not fit, as 0 to 1: \
         fragmentation.",
    );
    let shares = stranded_shares(state, &taken, &used, active);
    for (dimension, resource) in RESOURCES.into_iter().enumerate() {
        ratio = ratio.with(resource, share(used.amounts[dimension], total.amounts[dimension]));
        stranded = stranded.with(resource, shares[dimension]);
    }
    families.extend([ratio, stranded]);
    families
}

fn sums(kinds: &[(&str, &Sum)]) -> Vec<Family> {
    let mut families = [
        Family::gauge(
            "bayplan_resource_cpus",
            Some("kind"),
            "Cpus of all agents: total, used by tasks, and out in open offers.",
        ),
        Family::gauge("bayplan_resource_memory_bytes", Some("kind"), "Memory of all agents, as bayplan_resource_cpus."),
        Family::gauge("bayplan_resource_disk_bytes", Some("kind"), "Disk of all agents, as bayplan_resource_cpus."),
        Family::gauge("bayplan_resource_gpus", Some("kind"), "GPUs of all agents, as bayplan_resource_cpus."),
        Family::gauge("bayplan_resource_ports", Some("kind"), "Ports of all agents, as bayplan_resource_cpus."),
    ];
    for (kind, sum) in kinds {
        let values = [
            sum.amount(0),
            sum.amount(1) * BYTES_PER_MB,
            sum.amount(2) * BYTES_PER_MB,
            sum.amount(3),
            sum.ports as f64,
        ];
        families = std::array::from_fn(|index| families[index].clone().with(kind, values[index]));
    }
    families.into()
}

fn stranded_shares(state: &State, taken: &BTreeMap<AgentId, Sum>, used: &Sum, active: i64) -> [f64; 4] {
    let (mut free_in_all, mut stranded) = ([0; 4], [0; 4]);
    let mean = used.amounts.map(|amount| if active == 0 { 0 } else { amount / active });
    for agent in state.agents.values().filter(|agent| agent.is_connected()) {
        let mut free = Sum::default();
        free.add(&agent.description.resources);
        let taken = taken.get(&agent.id).copied().unwrap_or_default();
        let free: [i64; 4] = std::array::from_fn(|index| (free.amounts[index] - taken.amounts[index]).max(0));
        let fits = free.iter().zip(mean).all(|(free, mean)| *free >= mean);
        for (index, free) in free.into_iter().enumerate() {
            free_in_all[index] += free;
            stranded[index] += if fits { 0 } else { free };
        }
    }
    std::array::from_fn(|index| share(stranded[index], free_in_all[index]))
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
