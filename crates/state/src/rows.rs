//! Rows apart from their tables: what names one, and how many of them become a state.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AgentId, AppId, AppVersion, DeploymentId, Epoch, FrameworkId, OfferId, Row, Seq, TaskId, Timestamp};

use crate::State;
use crate::table::hash_of;

/// Names a row of a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    Header,
    Agent(AgentId),
    App(AppId),
    Definition(AppId, AppVersion),
    Task(TaskId),
    Offer(OfferId),
    Deployment(DeploymentId),
    Framework(FrameworkId),
    Filter(AgentId, FrameworkId),
    Profile(Arc<str>),
    Module(Arc<str>),
}

impl RowKey {
    #[must_use]
    pub fn of(row: &Row) -> Self {
        match row {
            Row::Header(_) => Self::Header,
            Row::Agent(agent) => Self::Agent(agent.id),
            Row::App(app) => Self::App(app.spec.id.clone()),
            Row::Definition(spec, version) => Self::Definition(spec.id.clone(), *version),
            Row::Task(task) => Self::Task(task.id.clone()),
            Row::Offer(offer) => Self::Offer(offer.id),
            Row::Deployment(deployment) => Self::Deployment(deployment.id.clone()),
            Row::Framework(framework) => Self::Framework(framework.id),
            Row::Filter(filter) => Self::Filter(filter.agent, filter.framework),
            Row::Profile(profile) => Self::Profile(Arc::clone(&profile.name)),
            Row::Module(module) => Self::Module(Arc::clone(&module.name)),
        }
    }
}

/// A row with its hash, which is most of the work of adding a row to a table. The shell may do that for many at a time.
#[derive(Debug, Clone)]
pub struct HashedRow {
    row: Row,
    hash: u128,
}

impl HashedRow {
    #[must_use]
    pub fn of(row: Row) -> Self {
        let hash = match &row {
            Row::Header(_) => 0,
            Row::Agent(agent) => hash_of(&agent.id, agent),
            Row::App(app) => hash_of(&app.spec.id, app),
            Row::Definition(spec, version) => hash_of(&(&spec.id, version), spec),
            Row::Task(task) => hash_of(&task.id, task),
            Row::Offer(offer) => hash_of(&offer.id, offer),
            Row::Deployment(deployment) => hash_of(&deployment.id, deployment),
            Row::Framework(framework) => hash_of(&framework.id, framework),
            Row::Filter(filter) => hash_of(&(filter.agent, filter.framework), filter),
            Row::Profile(profile) => hash_of(&profile.name, profile),
            Row::Module(module) => hash_of(&module.name, module),
        };
        Self { row, hash }
    }

    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }
}

impl State {
    /// The state that has exactly these rows, in any order: the same as [`State::from_baseline`] of them.
    #[must_use]
    pub fn from_rows(seq: Seq, epoch: Epoch, at: Timestamp, rows: impl IntoIterator<Item = HashedRow>) -> Self {
        let mut state = Self { seq, epoch, at, ..Self::default() };
        let mut concerned = BTreeSet::new();
        for HashedRow { row, hash } in rows {
            match row {
                Row::Header(header) => state.header = header,
                Row::Agent(agent) => state.agents.insert_hashed(agent.id, agent, hash),
                Row::App(app) => {
                    concerned.insert(app.spec.id.clone());
                    state.apps.insert_hashed(app.spec.id.clone(), app, hash);
                }
                Row::Definition(spec, version) => {
                    state.definitions.insert_hashed((spec.id.clone(), version), spec, hash);
                }
                Row::Task(task) => {
                    if let Some(app) = task.app().filter(|app| !concerned.contains(*app)) {
                        concerned.insert(app.clone());
                    }
                    state.index.enter(&task);
                    state.tasks.insert_hashed(task.id.clone(), task, hash);
                }
                Row::Offer(offer) => {
                    state.index.enter_offer(&offer);
                    state.offers.insert_hashed(offer.id, offer, hash);
                }
                Row::Framework(framework) => state.frameworks.insert_hashed(framework.id, framework, hash),
                Row::Filter(filter) => {
                    state.index.enter_filter(&filter);
                    state.filters.insert_hashed((filter.agent, filter.framework), filter, hash);
                }
                Row::Profile(profile) => state.profiles.insert_hashed(Arc::clone(&profile.name), profile, hash),
                Row::Module(module) => state.modules.insert_hashed(Arc::clone(&module.name), module, hash),
                Row::Deployment(deployment) => {
                    for action in deployment.actions() {
                        concerned.insert(action.app.clone());
                        state.index.enter_deployment(&action.app, &deployment.id);
                    }
                    state.deployments.insert_hashed(deployment.id.clone(), deployment, hash);
                }
            }
        }
        for app in &concerned {
            state.settle(app);
        }
        state
    }
}
