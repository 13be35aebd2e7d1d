//! How much of the cluster's free GPUs is of no use for the typical task, kept agent by agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::AgentId;

use crate::typical::Typical;
use crate::{Node, View};

/// The fragmentation of the demand that was there when this was made. Agents that are not connected have nothing free.
pub struct Fragmentation {
    typical: Arc<Typical>,
    agents: BTreeMap<AgentId, i64>,
    sum: i64,
}

impl Fragmentation {
    #[must_use]
    pub fn of(view: &View) -> Self {
        let typical = Arc::new(Typical::of(&view.demand, &view.columns));
        let mut fragmentation = Self { typical, agents: BTreeMap::new(), sum: 0 };
        for node in view.nodes() {
            fragmentation.set(node);
        }
        fragmentation
    }

    /// Something on this agent has changed.
    pub fn follow(&mut self, view: &View, agent: AgentId) {
        match view.node(agent) {
            Some(node) => self.set(node),
            None => self.sum -= self.agents.remove(&agent).unwrap_or(0),
        }
    }

    fn set(&mut self, node: Node<'_>) {
        let now = if node.is_active() { self.typical.fragmentation(&self.typical.stand(node)) } else { 0 };
        let before = self.agents.insert(node.agent(), now).unwrap_or(0);
        self.sum += now - before;
    }

    /// In thousandths of a GPU, for the mean of what is asked for.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.sum.max(0).unsigned_abs() / self.typical.total().max(1)
    }
}
