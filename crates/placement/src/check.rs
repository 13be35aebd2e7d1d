//! The invariants of the view, computed again from the tasks and offers it knows. Slow; for tests and operators.

use std::collections::BTreeMap;

use model::{AgentId, AppId, AppVersion, GpuSlots, PortRanges};

use crate::View;
use crate::columns::{Amounts, Dimension, Holding, LANES};

/// What tasks and open offers hold on one agent.
#[derive(Default)]
struct Holdings {
    amounts: Amounts,
    ports: Vec<u16>,
    gpu_slots: GpuSlots,
}

impl Holdings {
    fn add(&mut self, held: &Holding) {
        for (sum, amount) in self.amounts.iter_mut().zip(held.amounts) {
            *sum = sum.wrapping_add(amount);
        }
        self.ports.extend(held.ports.iter());
        self.gpu_slots = self.gpu_slots.union(&held.gpu_slots);
    }
}

impl View {
    /// What is wrong, one sentence each; empty when all is well. Free and used add up to the total, nothing is
    /// used twice or beyond what there is, and every column agrees with what it is derived from.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut holdings = self.holdings(&mut wrong);
        for row in self.columns.live_rows() {
            let held = holdings.remove(&self.columns.agent_at(row)).unwrap_or_default();
            self.check_amounts(row, &held, &mut wrong);
            self.check_gpus(row, &held.gpu_slots, &mut wrong);
            self.check_ports(row, held.ports, &mut wrong);
            self.check_columns(row, &mut wrong);
        }
        for agent in holdings.keys() {
            wrong.push(format!("tasks or offers hold something on agent {agent}, which does not exist"));
        }
        self.check_counts(&mut wrong);
        wrong
    }

    fn holdings(&self, wrong: &mut Vec<String>) -> BTreeMap<AgentId, Holdings> {
        let mut holdings: BTreeMap<AgentId, Holdings> = BTreeMap::new();
        let mut counts: BTreeMap<&AppId, BTreeMap<(AgentId, AppVersion), u32>> = BTreeMap::new();
        for ((agent, _), held) in &self.tasks {
            holdings.entry(*agent).or_default().add(&held.holding);
            if let Some((app, version)) = &held.app {
                *counts.entry(app).or_default().entry((*agent, *version)).or_default() += 1;
            }
        }
        for offer in self.offers.values() {
            holdings.entry(offer.agent).or_default().add(&offer.holding);
        }
        if !self.apps.iter().eq(counts.iter().map(|(app, counts)| (*app, counts))) {
            wrong.push(format!("apps count {:?}, but their tasks are {counts:?}", self.apps));
        }
        holdings
    }

    fn check_amounts(&self, row: usize, held: &Holdings, wrong: &mut Vec<String>) {
        let agent = self.columns.agent_at(row);
        let (total, free) = (self.columns.total(row), self.columns.free(row));
        let owed = self.columns.overdrawn.get(&agent).copied().unwrap_or_default();
        for dimension in Dimension::ALL {
            let index = dimension as usize;
            let (total, free, held) = (total[index], free[index], held.amounts[index]);
            if free != total.wrapping_sub(held) {
                wrong.push(format!("agent {agent} has {free} free {dimension:?}, but {total} in all and {held} used"));
            }
            if free < -owed[index] {
                wrong.push(format!("agent {agent} has given {} {dimension:?} more than it has", free.saturating_neg()));
            }
        }
    }

    fn check_gpus(&self, row: usize, held: &GpuSlots, wrong: &mut Vec<String>) {
        let agent = self.columns.agent_at(row);
        for slot in held.iter().filter(|slot| slot.share > model::WHOLE_GPU) {
            wrong.push(format!("agent {agent} has given {} of GPU {}", slot.share, slot.gpu));
        }
        let overdrawn = self.columns.gpus[row].overdrawn();
        if !overdrawn.is_empty() && held.iter().all(|slot| slot.share <= model::WHOLE_GPU) {
            wrong.push(format!("agent {agent} has GPUs {overdrawn:?} overdrawn, which is not what its tasks hold"));
        }
    }

    fn check_ports(&self, row: usize, mut held: Vec<u16>, wrong: &mut Vec<String>) {
        let agent = self.columns.agent_at(row);
        let ports = &self.columns.ports[row];
        held.sort_unstable();
        let twice: Vec<u16> = held.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        if !twice.is_empty() {
            wrong.push(format!("agent {agent} has given ports {twice:?} twice"));
        }
        let mut doubled = ports.doubled().to_vec();
        doubled.sort_unstable();
        if *ports.taken() != PortRanges::from_ports(held) || doubled != twice {
            wrong.push(format!("agent {agent} has ports {} taken, which is not what its tasks hold", ports.taken()));
        }
        if !ports.is_consistent() {
            wrong.push(format!("agent {agent} has ports {} free, which is not what is left", ports.free()));
        }
    }

    fn check_columns(&self, row: usize, wrong: &mut Vec<String>) {
        let columns = &self.columns;
        let (agent, (block, lane)) = (columns.agent_at(row), (row / LANES, row % LANES));
        if row > 0 && columns.agent_at(row - 1) >= agent {
            wrong.push(format!("agent {agent} is not in the order of ids"));
        }
        if columns.roster[block].ids[lane] != agent.0 || columns.row_of(agent) != Some(row) {
            wrong.push(format!("agent {agent} is not found under its id"));
        }
        let free_ports = columns.ports[row].free().len();
        if !columns.stock[block].is_consistent(lane, free_ports, &columns.gpus[row].free(), &columns.scale) {
            wrong.push(format!("agent {agent} has narrow columns that differ from its exact ones"));
        }
    }

    fn check_counts(&self, wrong: &mut Vec<String>) {
        let columns = &self.columns;
        let live = columns.live_rows().count();
        let active = columns.live_rows().filter(|row| columns.is_active(*row)).count();
        if (live, active) != (columns.live() as usize, columns.active() as usize) {
            wrong.push(format!("there are {live} agents, {active} connected, but the counts say otherwise"));
        }
    }
}
