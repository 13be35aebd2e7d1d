//! Invariants of a state. A violation means a bug in `decide` or `apply`, never bad input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AgentId, AppId, FrameworkId, Resources, Scalar, Workload};

use crate::State;
use crate::index::Index;

/// An invariant that does not hold, in words that name the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl State {
    /// Every invariant that does not hold.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_references(&mut found);
        self.check_commitments(&mut found);
        self.check_derived(&mut found);
        found
    }

    fn check_references(&self, found: &mut Vec<Violation>) {
        for task in self.tasks.values().filter(|task| task.is_active()) {
            if !self.agents.contains(&task.agent) {
                found.push(Violation(format!("task {} is active on agent {}, which is unknown", task.id, task.agent)));
            }
            if let Workload::App { app, version } = &task.workload
                && self.definition(app, *version).is_none()
            {
                found.push(Violation(format!("task {} has no definition of {app}", task.id)));
            }
            if task.ended_at.is_some() {
                found.push(Violation(format!("task {} is active, but has an end", task.id)));
            }
        }
        for (id, app) in self.apps.iter() {
            if *id != app.spec.id || app.config_version > app.version {
                found.push(Violation(format!("app {id} is entered under a wrong id or version")));
            }
            if self.definition(id, app.version).is_none() {
                found.push(Violation(format!("app {id} has no definition of its version")));
            }
        }
        for task in self.tasks.values().filter(|task| !task.unacknowledged.is_empty()) {
            if !self.frameworks.contains(&task.framework) {
                found.push(Violation(format!("task {} has updates for {}, which is gone", task.id, task.framework)));
            }
        }
        for offer in self.offers.values().filter(|offer| offer.framework != FrameworkId::SERVICES) {
            if !self.frameworks.get(&offer.framework).is_some_and(model::Framework::is_subscribed) {
                found.push(Violation(format!("offer {} is open, but {} is away", offer.id, offer.framework)));
            }
            if !self.agents.get(&offer.agent).is_some_and(model::Agent::is_connected) {
                found.push(Violation(format!("offer {} is open, but agent {} is away", offer.id, offer.agent)));
            }
        }
        for (agent, framework) in self.filters.keys() {
            if !self.agents.contains(agent) || !self.frameworks.contains(framework) {
                found.push(Violation(format!("{framework} refuses {agent}, but one of them is gone")));
            }
        }
        for deployment in self.deployments.values() {
            if deployment.current_step as usize >= deployment.steps.len() {
                found.push(Violation(format!("deployment {} is past its last step", deployment.id)));
            }
        }
    }

    /// No agent is promised more than it has, and no port twice.
    fn check_commitments(&self, found: &mut Vec<Violation>) {
        let mut promised: BTreeMap<AgentId, (Resources, u32)> = BTreeMap::new();
        let tasks = self.tasks.values().filter(|task| task.is_active()).map(|task| (task.agent, &task.resources));
        let offers = self.offers.values().map(|offer| (offer.agent, &offer.resources));
        for (agent, resources) in tasks.chain(offers) {
            let (sum, ports) = promised.entry(agent).or_default();
            sum.add(resources);
            *ports += resources.ports.len();
        }
        for (id, (sum, ports)) in &promised {
            let Some(agent) = self.agents.get(id) else { continue };
            let total = &agent.description.resources;
            let over = |what: &str, taken: Scalar, has: Scalar| {
                (taken > has).then(|| Violation(format!("agent {id} has {what} {has}, but {taken} is promised")))
            };
            found.extend(over("cpus", sum.cpus, total.cpus));
            found.extend(over("mem", sum.mem, total.mem));
            found.extend(over("disk", sum.disk, total.disk));
            found.extend(over("gpus", sum.gpus, total.gpus));
            if *ports != sum.ports.len() {
                found.push(Violation(format!("agent {id} has promised a port twice")));
            }
            if sum.ports.iter().any(|port| !total.ports.contains(port)) {
                found.push(Violation(format!("agent {id} has promised a port that it does not have")));
            }
            if let Some(slot) = sum.gpu_slots.iter().find(|slot| slot.share > model::WHOLE_GPU) {
                found.push(Violation(format!("agent {id} has promised {} of GPU {}", slot.share, slot.gpu)));
            }
        }
    }

    /// What is kept incrementally equals what is made anew.
    fn check_derived(&self, found: &mut Vec<Violation>) {
        let mut index = Index::default();
        for task in self.tasks.values() {
            index.enter(task);
        }
        self.offers.values().for_each(|offer| index.enter_offer(offer));
        self.filters.values().for_each(|filter| index.enter_filter(filter));
        for deployment in self.deployments.values() {
            for action in deployment.actions() {
                index.enter_deployment(&action.app, &deployment.id);
            }
        }
        let mentioned: BTreeSet<&AppId> = self.apps.keys().chain(self.index.apps.keys()).collect();
        let mentioned = mentioned.into_iter().chain(self.index.deployments.keys());
        for app in mentioned {
            index.settle(app, self.apps.get(app));
        }
        if index != self.index {
            found.push(Violation("the indexes differ from the tables".to_owned()));
        }
        let sums = [
            ("agents", self.agents.sum(), self.agents.recomputed_sum()),
            ("apps", self.apps.sum(), self.apps.recomputed_sum()),
            ("definitions", self.definitions.sum(), self.definitions.recomputed_sum()),
            ("tasks", self.tasks.sum(), self.tasks.recomputed_sum()),
            ("offers", self.offers.sum(), self.offers.recomputed_sum()),
            ("deployments", self.deployments.sum(), self.deployments.recomputed_sum()),
            ("frameworks", self.frameworks.sum(), self.frameworks.recomputed_sum()),
            ("filters", self.filters.sum(), self.filters.recomputed_sum()),
        ];
        for (table, kept, made_anew) in sums {
            if kept != made_anew {
                found.push(Violation(format!("the hash of table {table} is off")));
            }
        }
    }
}
