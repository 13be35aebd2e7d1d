//! The fold: what the cluster looks like after a record.
//!
//! [`State::apply`] is total and pure, so the same records give the same state everywhere: in the master, in
//! a standby, in a replay. Nothing else changes a state. This crate knows the model and nothing of why an event
//! was decided.

mod apply;
mod baseline;
mod changes;
mod check;
mod counting;
mod frameworks;
mod index;
pub mod metrics;
mod rows;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Agent, AgentId, App, AppId, AppSpec, AppVersion, Deployment, DeploymentId, Epoch, Framework, FrameworkId, Hash,
    Header, Module, Offer, OfferFilter, OfferId, Profile, Resources, Seq, Task, TaskId, Timestamp,
};

pub use changes::Changes;
pub use check::Violation;
pub use index::{AppTasks, ENDED_TASKS_KEPT, ENDED_TASKS_KEPT_PER_OWNER, FrameworkHoldings};
pub use rows::{HashedRow, RowKey};
pub use table::Table;

/// Counts the changes of what [`State::hash`] gives for the same records. A hash that a leader of another version recorded
/// says nothing about this one's fold.
pub const VERSION: u32 = 4;
/// The first version that keeps [`model::Counts`]. Epochs of older leaders count nothing, so their hashes are what version 3
/// made them, and a baseline that one of them wrote lacks nothing.
pub const COUNTED_SINCE: u32 = 4;
const SAME_WITHOUT_COUNTS: u32 = 3;

/// Everything the log says so far.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub seq: Seq,
    pub epoch: Epoch,
    /// The time of the last command.
    pub at: Timestamp,
    pub header: Header,
    pub agents: Table<AgentId, Agent>,
    pub apps: Table<AppId, App>,
    /// Every app definition that an app or a task that is not over refers to.
    pub definitions: Table<(AppId, AppVersion), Arc<AppSpec>>,
    /// Active tasks, and the newest of those that ended.
    pub tasks: Table<TaskId, Task>,
    /// Offers that are still open.
    pub offers: Table<OfferId, Offer>,
    /// Deployments that are under way.
    pub deployments: Table<DeploymentId, Deployment>,
    /// Frameworks outside of the cluster that are subscribed, or may come back.
    pub frameworks: Table<FrameworkId, Framework>,
    /// What frameworks do not want to be offered for a while.
    pub filters: Table<(AgentId, FrameworkId), OfferFilter>,
    /// Profiles that somebody defined, by name; every policy that is built in is one too.
    pub profiles: Table<Arc<str>, Arc<Profile>>,
    /// Policies that came as modules, by name.
    pub modules: Table<Arc<str>, Arc<Module>>,
    index: index::Index,
}

impl State {
    /// The definition that a task runs.
    #[must_use]
    pub fn definition(&self, app: &AppId, version: AppVersion) -> Option<&Arc<AppSpec>> {
        self.definitions.get(&(app.clone(), version))
    }

    /// The tasks of an app, counted and listed.
    #[must_use]
    pub fn tasks_of_app(&self, app: &AppId) -> &AppTasks {
        self.index.apps.get(app).unwrap_or(AppTasks::none())
    }

    pub fn active_tasks_of_app<'a>(&'a self, app: &AppId) -> impl Iterator<Item = &'a Task> {
        self.tasks_of_app(app).active.iter().filter_map(|id| self.tasks.get(id))
    }

    pub fn active_tasks_on(&self, agent: AgentId) -> impl Iterator<Item = &Task> {
        self.index.active_on_agent.get(&agent).into_iter().flatten().filter_map(|id| self.tasks.get(id))
    }

    /// What the active tasks of an agent take.
    #[must_use]
    pub fn used_on(&self, agent: AgentId) -> Resources {
        let mut used = Resources::default();
        for task in self.active_tasks_on(agent) {
            used.add(&task.resources);
        }
        used
    }

    /// Apps for which something is still to be done: instances to start or to end, or a deployment to finish.
    #[must_use]
    pub fn unsettled_apps(&self) -> &BTreeSet<AppId> {
        &self.index.unsettled
    }

    /// Whether an app runs exactly what is wanted.
    #[must_use]
    pub fn is_settled(&self, app: &AppId) -> bool {
        !self.index.unsettled.contains(app)
    }

    /// The open deployments that hold an app.
    pub fn deployments_of(&self, app: &AppId) -> impl Iterator<Item = &Deployment> {
        self.index.deployments.get(app).into_iter().flatten().filter_map(|id| self.deployments.get(id))
    }

    /// What a framework holds and is offered; the built-in one too.
    #[must_use]
    pub fn holdings(&self, framework: FrameworkId) -> &FrameworkHoldings {
        self.index.frameworks.get(&framework).unwrap_or(FrameworkHoldings::none())
    }

    /// Every framework that holds anything, whether it is there or not.
    pub fn all_holdings(&self) -> impl Iterator<Item = (FrameworkId, &FrameworkHoldings)> {
        self.index.frameworks.iter().map(|(framework, holdings)| (*framework, holdings))
    }

    /// A task by the id that its framework gave it: the active one, or the last that ended and is remembered.
    #[must_use]
    pub fn task_of_framework(&self, framework: FrameworkId, own: &str) -> Option<&Task> {
        self.tasks.get(self.holdings(framework).by_own_id.get(own)?)
    }

    /// The open offers on an agent.
    pub fn offers_on(&self, agent: AgentId) -> impl Iterator<Item = &Offer> {
        self.index.offers_on_agent.get(&agent).into_iter().flatten().filter_map(|id| self.offers.get(id))
    }

    /// How many tasks are active, by state.
    #[must_use]
    pub fn active_by_state(&self) -> &BTreeMap<model::TaskState, u32> {
        &self.index.active_by_state
    }

    /// Whether a hash that the present leader recorded is another one than this state's.
    #[must_use]
    pub fn differs_from(&mut self, recorded: Option<Hash>) -> bool {
        matches!(self.header.state_version, VERSION | SAME_WITHOUT_COUNTS)
            && recorded.is_some_and(|recorded| recorded != self.kept_hash())
    }

    /// For a fold of many records at once: with `late`, rows that change are hashed when the hash is asked for, and not before.
    pub fn hash_late(&mut self, late: bool) {
        self.agents.hash_late(late);
        self.apps.hash_late(late);
        self.definitions.hash_late(late);
        self.tasks.hash_late(late);
        self.offers.hash_late(late);
        self.deployments.hash_late(late);
        self.frameworks.hash_late(late);
        self.filters.hash_late(late);
        self.profiles.hash_late(late);
        self.modules.hash_late(late);
    }

    /// As [`State::hash`], and what it took is kept for the next time.
    pub fn kept_hash(&mut self) -> Hash {
        self.agents.hash_changes();
        self.apps.hash_changes();
        self.definitions.hash_changes();
        self.tasks.hash_changes();
        self.offers.hash_changes();
        self.deployments.hash_changes();
        self.frameworks.hash_changes();
        self.filters.hash_changes();
        self.profiles.hash_changes();
        self.modules.hash_changes();
        self.hash()
    }

    /// The hash of everything that a baseline rebuilds; kept incrementally, the same after the same records.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        let header = rmp_serde::to_vec(&(self.seq, self.epoch, self.at, &self.header)).expect("plain data");
        hasher.update(&header);
        for sum in [
            self.agents.sum(),
            self.apps.sum(),
            self.definitions.sum(),
            self.tasks.sum(),
            self.offers.sum(),
            self.deployments.sum(),
        ] {
            hasher.update(&sum.to_le_bytes());
        }
        // Only where there are any, so that clusters without such rows keep the hashes that they had before there were any.
        let later = [self.frameworks.sum(), self.filters.sum(), self.profiles.sum(), self.modules.sum()];
        for sum in later.into_iter().filter(|sum| *sum != 0) {
            hasher.update(&sum.to_le_bytes());
        }
        Hash(*hasher.finalize().as_bytes())
    }
}
