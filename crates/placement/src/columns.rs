//! The cluster's agents as columns, in blocks of [`LANES`] rows.
//!
//! Rows are in the order of agent ids, and there are at most about twice as many as agents: the rows of removed agents
//! are given up together. What changes with every launch (a block's [`Stock`]) is apart from what changes when agents
//! come and go (its [`Roster`]), so that a scratch copies no more than it changes. Must not know tasks or offers.

mod node;
mod stock;

use std::collections::BTreeMap;

use model::{AgentDescription, AgentId, GpuSlots, PortRanges, Scalar};

use crate::fields::Fields;
use crate::gpus::AgentGpus;
use crate::ports::AgentPorts;
use crate::request::DOCKER;

pub use node::Node;
pub(crate) use stock::{GPU_SHARE, NARROW_COLUMNS, NARROWED, PORTS, Scale, Stock, WHOLE_GPUS};

/// How many agents are looked at together.
pub const LANES: usize = 128;
/// How many rows of removed agents may remain, and once more as many as there are agents.
const VACANT_ROWS_KEPT: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    Cpus,
    Mem,
    Disk,
    Gpus,
}

impl Dimension {
    pub const ALL: [Self; 4] = [Self::Cpus, Self::Mem, Self::Disk, Self::Gpus];
}

/// Thousandths, by dimension.
pub(crate) type Amounts = [i64; 4];

/// The log's amounts, held to what sums cannot overflow with.
pub(crate) fn amounts(resources: &model::Resources) -> Amounts {
    [resources.cpus, resources.mem, resources.disk, resources.gpus].map(|scalar| scalar.0.clamp(0, Scalar::LIMIT.0))
}

/// What a task or an offer holds of one agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holding {
    pub(crate) amounts: Amounts,
    pub(crate) ports: PortRanges,
    pub(crate) gpu_slots: GpuSlots,
}

impl Holding {
    pub(crate) fn of(resources: &model::Resources) -> Self {
        let (ports, gpu_slots) = (resources.ports.clone(), resources.gpu_slots.clone());
        Self { amounts: amounts(resources), ports, gpu_slots }
    }

    pub(crate) const fn gpus(&self) -> i64 {
        self.amounts[Dimension::Gpus as usize]
    }

    fn has_gpus(&self) -> bool {
        self.gpus() != 0 || !self.gpu_slots.is_empty()
    }

    /// Takes out what both this and `other` have, and returns it.
    pub(crate) fn split_off(&mut self, other: &Self) -> Self {
        let taken = Self {
            amounts: std::array::from_fn(|dimension| self.amounts[dimension].min(other.amounts[dimension])),
            ports: self.ports.intersection(&other.ports),
            gpu_slots: self.gpu_slots.intersection(&other.gpu_slots),
        };
        for (left, taken) in self.amounts.iter_mut().zip(taken.amounts) {
            *left -= taken;
        }
        self.ports = self.ports.difference(&taken.ports);
        self.gpu_slots = self.gpu_slots.difference(&taken.gpu_slots);
        taken
    }
}

/// Who is in a block.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    pub(crate) ids: [u32; LANES],
    /// All ones when the agent is connected, else zero.
    pub(crate) active: [i32; LANES],
    /// All ones when the agent runs containers, else zero.
    pub(crate) containers: [i32; LANES],
    /// False for rows of removed agents and for rows after the last.
    pub(crate) live: [bool; LANES],
    pub(crate) total: [[i64; LANES]; 4],
}

impl Roster {
    const EMPTY: Self = Self {
        ids: [0; LANES],
        active: [0; LANES],
        containers: [0; LANES],
        live: [false; LANES],
        total: [[0; LANES]; 4],
    };

    fn set_total(&mut self, lane: usize, total: Amounts) {
        for (column, total) in self.total.iter_mut().zip(total) {
            column[lane] = total;
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    pub(crate) roster: Vec<Roster>,
    pub(crate) stock: Vec<Stock>,
    /// By row, as all that follows.
    ids: Vec<AgentId>,
    pub(crate) ports: Vec<AgentPorts>,
    pub(crate) gpus: Vec<AgentGpus>,
    pub(crate) fields: Fields,
    pub(crate) scale: Scale,
    /// Rises when rows or shares are no longer what they were, so that what was derived from them must be made anew.
    pub(crate) generation: u64,
    /// Rises when there are other agents, or they have other things in all.
    pub(crate) revision: u64,
    live: u32,
    active: u32,
    /// By how much an agent came back with less than its tasks hold; absent when it did not.
    pub(crate) overdrawn: BTreeMap<AgentId, Amounts>,
}

const fn split(row: usize) -> (usize, usize) {
    (row / LANES, row % LANES)
}

impl Columns {
    /// How many agents there are, connected or not.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    pub(crate) fn active(&self) -> u32 {
        self.active
    }

    pub(crate) fn rows(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn row_of(&self, agent: AgentId) -> Option<usize> {
        self.find(agent).ok().filter(|row| self.is_live(*row))
    }

    /// As a binary search does. Most rows are where they would be if no agent had ever gone.
    fn find(&self, agent: AgentId) -> Result<usize, usize> {
        let guess = agent.0.wrapping_sub(self.ids.first().map_or(0, |first| first.0)) as usize;
        if self.ids.get(guess) == Some(&agent) { Ok(guess) } else { self.ids.binary_search(&agent) }
    }

    fn is_live(&self, row: usize) -> bool {
        let (block, lane) = split(row);
        self.roster[block].live[lane]
    }

    pub(crate) fn first_row_from(&self, agent: AgentId) -> usize {
        self.find(agent).unwrap_or_else(|row| row)
    }

    pub(crate) fn live_rows(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.ids.len()).filter(|row| self.is_live(*row))
    }

    /// The lowest and the highest id.
    pub(crate) fn id_bounds(&self) -> Option<(AgentId, AgentId)> {
        let mut rows = self.live_rows();
        let lowest = rows.next()?;
        Some((self.ids[lowest], self.ids[rows.next_back().unwrap_or(lowest)]))
    }

    pub(crate) fn agent_at(&self, row: usize) -> AgentId {
        self.ids[row]
    }

    pub(crate) fn node(&self, row: usize) -> Node<'_> {
        let (block, lane) = split(row);
        Node::new(self, &self.roster[block], &self.stock[block], row, lane)
    }

    pub(crate) fn is_active(&self, row: usize) -> bool {
        let (block, lane) = split(row);
        self.roster[block].active[lane] != 0
    }

    pub(crate) fn total(&self, row: usize) -> Amounts {
        let (block, lane) = split(row);
        self.roster[block].total.map(|column| column[lane])
    }

    pub(crate) fn free(&self, row: usize) -> Amounts {
        let (block, lane) = split(row);
        self.stock[block].free(lane)
    }

    /// Makes room for an agent that has none, with nothing and disconnected.
    pub(crate) fn add(&mut self, agent: AgentId) -> usize {
        let row = match self.find(agent) {
            Ok(row) => row,
            Err(row) if row == self.ids.len() => {
                self.push_row(agent);
                row
            }
            Err(_) => {
                self.rebuild(Some(agent));
                return self.find(agent).expect("the rebuilt columns have the agent");
            }
        };
        self.enter(row);
        row
    }

    fn push_row(&mut self, agent: AgentId) {
        let (block, lane) = split(self.ids.len());
        if lane == 0 {
            self.roster.push(Roster::EMPTY);
            self.stock.push(Stock::EMPTY);
        }
        self.roster[block].ids[lane] = agent.0;
        self.ids.push(agent);
        self.ports.push(AgentPorts::default());
        self.gpus.push(AgentGpus::default());
        self.fields.push_row();
    }

    fn enter(&mut self, row: usize) {
        let (block, lane) = split(row);
        if !std::mem::replace(&mut self.roster[block].live[lane], true) {
            self.live += 1;
            self.scale.add([0; 4]);
        }
    }

    /// What an agent says of itself replaces what it said before; what its tasks hold stays held.
    pub(crate) fn describe(&mut self, row: usize, description: &AgentDescription) {
        if self.differs(row, description) {
            self.revision += 1;
        }
        self.fields.describe(row, description);
        self.set_containers(row, description.containerizers.iter().any(|name| name == DOCKER));
        self.set_total(row, amounts(&description.resources));
        self.ports[row].describe(&description.resources.ports);
        self.refresh_ports(row);
        self.gpus[row].describe(description.resources.gpus);
        self.refresh_gpus(row);
        let agent = self.ids[row];
        let owed = self.free(row).map(|free| free.saturating_neg().max(0));
        self.settle_overdrawn(agent, owed);
    }

    fn differs(&self, row: usize, description: &AgentDescription) -> bool {
        let fields: Vec<(&str, &str)> = self.fields.of_row(row).collect();
        self.total(row) != amounts(&description.resources)
            || fields.len() != description.attributes.len() + 1
            || self.fields.hostname(row) != description.hostname
            || description.attributes.iter().any(|(name, value)| !fields.contains(&(name, &value.to_string())))
    }

    fn settle_overdrawn(&mut self, agent: AgentId, owed: Amounts) {
        if owed == [0; 4] {
            self.overdrawn.remove(&agent);
        } else {
            self.overdrawn.insert(agent, owed);
        }
    }

    fn set_total(&mut self, row: usize, total: Amounts) {
        let before = self.total(row);
        let (block, lane) = split(row);
        self.roster[block].set_total(lane, total);
        // In this order, so that the largest agent may come back without all shares being computed twice.
        let added = self.scale.add(total);
        let removed = self.scale.remove(before);
        self.change_free(row, std::array::from_fn(|dimension| total[dimension] - before[dimension]));
        if removed || added {
            self.generation += 1;
            for stock in &mut self.stock {
                stock.weigh(&self.scale);
            }
        }
    }

    pub(crate) fn set_active(&mut self, row: usize, active: bool) {
        let (block, lane) = split(row);
        let lane = &mut self.roster[block].active[lane];
        self.active = self.active - u32::from(*lane != 0) + u32::from(active);
        *lane = -i32::from(active);
    }

    pub(crate) fn runs_containers(&self, row: usize) -> bool {
        let (block, lane) = split(row);
        self.roster[block].containers[lane] != 0
    }

    fn set_containers(&mut self, row: usize, runs_containers: bool) {
        let (block, lane) = split(row);
        self.roster[block].containers[lane] = -i32::from(runs_containers);
    }

    /// Forgets an agent and all that it had. Rows may change.
    pub(crate) fn remove(&mut self, row: usize) {
        self.set_active(row, false);
        self.set_containers(row, false);
        self.set_total(row, [0; 4]);
        let (block, lane) = split(row);
        self.stock[block].clear(lane);
        self.roster[block].live[lane] = false;
        self.scale.remove([0; 4]);
        self.ports[row] = AgentPorts::default();
        self.gpus[row] = AgentGpus::default();
        self.fields.clear_row(row);
        self.overdrawn.remove(&self.ids[row]);
        self.live -= 1;
        self.revision += 1;
        if self.ids.len() > VACANT_ROWS_KEPT + 2 * self.live as usize {
            self.rebuild(None);
        }
    }

    pub(crate) fn take(&mut self, row: usize, taken: &Holding) {
        self.change_free(row, taken.amounts.map(|amount| -amount));
        if !taken.ports.is_empty() {
            self.ports[row].take(&taken.ports);
            self.refresh_ports(row);
        }
        if taken.has_gpus() {
            self.gpus[row].take(taken.gpus(), &taken.gpu_slots);
            self.refresh_gpus(row);
        }
    }

    pub(crate) fn give_back(&mut self, row: usize, given: &Holding) {
        self.change_free(row, given.amounts);
        if !given.ports.is_empty() {
            self.ports[row].give_back(&given.ports);
            self.refresh_ports(row);
        }
        if given.has_gpus() {
            self.gpus[row].give_back(given.gpus(), &given.gpu_slots);
            self.refresh_gpus(row);
        }
        let agent = self.ids[row];
        if let Some(owed) = self.overdrawn.get(&agent) {
            let (owed, free) = (*owed, self.free(row));
            let owed = std::array::from_fn(|dimension| owed[dimension].min(free[dimension].saturating_neg()).max(0));
            self.settle_overdrawn(agent, owed);
        }
    }

    fn change_free(&mut self, row: usize, change: Amounts) {
        let (block, lane) = split(row);
        self.stock[block].change(lane, change, &self.scale);
    }

    fn refresh_ports(&mut self, row: usize) {
        let (block, lane) = split(row);
        self.stock[block].set_free_ports(lane, self.ports[row].free().len());
    }

    fn refresh_gpus(&mut self, row: usize) {
        let (block, lane) = split(row);
        self.stock[block].set_gpus(lane, &self.gpus[row].free());
    }

    /// Writes all rows anew, without those of removed agents, and with one for `newcomer`.
    fn rebuild(&mut self, newcomer: Option<AgentId>) {
        let mut old = std::mem::take(self);
        let mut waiting = newcomer;
        let rows: Vec<usize> = old.live_rows().collect();
        for row in rows {
            if let Some(agent) = waiting.take_if(|agent| *agent < old.ids[row]) {
                self.push_row(agent);
                self.enter(self.ids.len() - 1);
            }
            self.push_copy(&mut old, row);
        }
        if let Some(agent) = waiting {
            self.push_row(agent);
            self.enter(self.ids.len() - 1);
        }
        self.overdrawn = old.overdrawn;
        self.generation = old.generation + 1;
        self.revision = old.revision;
        for stock in &mut self.stock {
            stock.weigh(&self.scale);
        }
    }

    fn push_copy(&mut self, old: &mut Self, row: usize) {
        self.push_row(old.ids[row]);
        let copy = self.ids.len() - 1;
        self.enter(copy);
        self.set_active(copy, old.is_active(row));
        self.set_containers(copy, old.runs_containers(row));
        let (block, lane) = split(copy);
        let total = old.total(row);
        self.roster[block].set_total(lane, total);
        self.scale.add(total);
        self.scale.remove([0; 4]);
        self.change_free(copy, old.free(row));
        self.ports[copy] = std::mem::take(&mut old.ports[row]);
        self.refresh_ports(copy);
        self.gpus[copy] = std::mem::take(&mut old.gpus[row]);
        self.refresh_gpus(copy);
        for (name, text) in old.fields.of_row(row) {
            self.fields.set(copy, name, text);
        }
    }
}
