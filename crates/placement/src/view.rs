//! The picture of the cluster: how each event changes it.
//!
//! Total: an event about an unknown agent, task or offer changes nothing, and no order of events panics. Each event
//! costs what it changes, not what there is; only a new largest agent makes all shares be computed again.

use std::collections::BTreeMap;

use model::{
    AgentDescription, AgentId, AppId, AppVersion, Event, GpuSlots, LaunchedTask, OfferBatch, OfferId, PortRanges,
    Resources, Row, Task, TaskId, Workload,
};

use crate::cache::CacheCell;
use crate::columns::{Columns, Holding, Node};
use crate::demand::Demand;

/// Agents and what is free on them, as columns, folded from events alone.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub(crate) columns: Columns,
    /// Tasks that have not ended, by their agent.
    pub(crate) tasks: BTreeMap<(AgentId, TaskId), Held>,
    pub(crate) offers: BTreeMap<OfferId, OpenOffer>,
    /// How many tasks of which version of an app are where.
    pub(crate) apps: BTreeMap<AppId, BTreeMap<(AgentId, AppVersion), u32>>,
    /// What the cluster is asked for.
    pub(crate) demand: Demand,
    /// What decisions keep for the next ones; the same view gives the same answers with any cache, or none.
    pub(crate) cache: CacheCell,
}

/// What a task holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// None for what a framework launched: its tasks are no instances of an app.
    pub(crate) app: Option<(AppId, AppVersion)>,
    pub(crate) holding: Holding,
}

/// What an open offer still reserves: launches have taken their share out of it.
#[derive(Debug, Clone)]
pub(crate) struct OpenOffer {
    pub(crate) agent: AgentId,
    pub(crate) holding: Holding,
}

impl View {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::AgentRegistered { agent, description } => self.register(*agent, description),
            Event::AgentReconnected { agent, description } => {
                if self.columns.row_of(*agent).is_some() {
                    self.register(*agent, description);
                }
            }
            Event::AgentDisconnected { agent, reason: _ } => {
                if let Some(row) = self.columns.row_of(*agent) {
                    self.columns.set_active(row, false);
                    self.cache.note(row);
                }
            }
            Event::AgentRemoved { agent, reason: _ } => self.remove(*agent),
            Event::OffersMade { framework: _, offers } => self.make_offers(offers),
            Event::OffersClosed { framework: _, offers, outcome: _, refused_until: _ } => {
                for offer in offers {
                    self.close_offer(*offer);
                }
            }
            Event::TaskLaunched { task } => self.launch(task),
            Event::TaskStatusChanged { task, agent, status, update: _ } => {
                if status.state.is_terminal() {
                    self.end_task(*agent, task);
                }
            }
            Event::AppChanged { app, .. } => self.demand.ask(app),
            Event::AppDestroyed { app } => self.demand.forget(app),
            Event::Restored { row } => self.restore(row),
            Event::EpochStarted { .. }
            | Event::PlacementPolicyChosen { .. }
            | Event::ProfileDefined { .. }
            | Event::ProfileRemoved { .. }
            | Event::ProfileChosen { .. }
            | Event::ShadowChosen { .. }
            | Event::ModuleAdded { .. }
            | Event::ModuleRemoved { .. }
            | Event::ModuleDisabled { .. }
            | Event::TaskKillRequested { .. }
            | Event::LaunchDelayed { .. }
            | Event::LaunchDelayReset { .. }
            | Event::WaitingChanged { .. }
            | Event::DeploymentStarted { .. }
            | Event::DeploymentAdvanced { .. }
            | Event::DeploymentEnded { .. }
            | Event::OffersHeldBack { .. }
            | Event::OfferTimeoutChosen { .. }
            | Event::FrameworkSubscribed { .. }
            | Event::FrameworkDisconnected { .. }
            | Event::FrameworkRemoved { .. }
            | Event::OffersRevived { .. }
            | Event::OffersSuppressed { .. }
            | Event::LaunchRefused { .. }
            | Event::UpdatesAcknowledged { .. } => {}
        }
    }

    /// All agents, connected or not, in the order of their ids.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.columns.live_rows().map(|row| self.columns.node(row))
    }

    #[must_use]
    pub fn node(&self, agent: AgentId) -> Option<Node<'_>> {
        self.columns.row_of(agent).map(|row| self.columns.node(row))
    }

    /// The ports of an agent that neither a task nor an open offer holds.
    #[must_use]
    pub fn free_ports(&self, agent: AgentId) -> Option<&PortRanges> {
        self.columns.row_of(agent).map(|row| self.columns.ports[row].free())
    }

    /// What is free of each of an agent's GPUs.
    #[must_use]
    pub fn free_gpus(&self, agent: AgentId) -> Option<GpuSlots> {
        self.node(agent).map(|node| node.free_gpus())
    }

    /// How many tasks of an app are where, by agent and version, whether the app still exists or not.
    pub fn instances(&self, app: &AppId) -> impl Iterator<Item = (AgentId, AppVersion, u32)> {
        let counts = self.apps.get(app).into_iter().flatten();
        counts.map(|((agent, version), count)| (*agent, *version, *count))
    }

    /// The agent of an open offer.
    #[must_use]
    pub fn agent_of_offer(&self, offer: OfferId) -> Option<AgentId> {
        self.offers.get(&offer).map(|offer| offer.agent)
    }

    /// Of agents with equal scores, the first one from this id on is chosen, going round. None without agents.
    #[must_use]
    pub fn first_in_turn(&self, seed: u64) -> Option<AgentId> {
        crate::scan::first_in_turn(&self.columns, seed)
    }

    /// How many rows a scan looks at: more than there are agents while rows of removed ones remain.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    fn register(&mut self, agent: AgentId, description: &AgentDescription) {
        let row = self.columns.row_of(agent).unwrap_or_else(|| self.columns.add(agent));
        self.columns.describe(row, description);
        self.columns.set_active(row, true);
        self.cache.note(row);
    }

    fn remove(&mut self, agent: AgentId) {
        let Some(row) = self.columns.row_of(agent) else { return };
        let first = (agent, TaskId::new(""));
        let of_agent = self.tasks.range(first..).take_while(|((held_by, _), _)| *held_by == agent);
        let tasks: Vec<TaskId> = of_agent.map(|((_, task), _)| task.clone()).collect();
        for task in tasks {
            self.end_task(agent, &task);
        }
        self.offers.retain(|_, offer| offer.agent != agent);
        self.columns.remove(row);
        self.cache.note(row);
    }

    fn make_offers(&mut self, batch: &OfferBatch) {
        for ((offer, agent), resources) in batch.offers.iter().zip(&batch.agents).zip(&batch.resources) {
            self.make_offer(*offer, *agent, resources);
        }
    }

    fn make_offer(&mut self, offer: OfferId, agent: AgentId, resources: &Resources) {
        let Some(row) = self.columns.row_of(agent) else { return };
        if !self.offers.contains_key(&offer) {
            let holding = Holding::of(resources);
            self.take(row, &holding);
            self.offers.insert(offer, OpenOffer { agent, holding });
        }
    }

    fn take(&mut self, row: usize, taken: &Holding) {
        self.columns.take(row, taken);
        self.cache.note(row);
    }

    fn give_back(&mut self, row: usize, given: &Holding) {
        self.columns.give_back(row, given);
        self.cache.note(row);
    }

    fn close_offer(&mut self, offer: OfferId) {
        let Some(open) = self.offers.remove(&offer) else { return };
        if let Some(row) = self.columns.row_of(open.agent) {
            self.give_back(row, &open.holding);
        }
    }

    fn launch(&mut self, task: &LaunchedTask) {
        let Some(row) = self.columns.row_of(task.agent) else { return };
        if self.tasks.contains_key(&(task.agent, task.id.clone())) {
            return;
        }
        self.release_from_offer(task.offer, task.agent, &task.resources);
        self.hold(row, task.id.clone(), Held::of(&task.workload, &task.resources));
    }

    /// While its offer is open, a task takes from what the offer reserves, not from what is free.
    fn release_from_offer(&mut self, offer: OfferId, agent: AgentId, wanted: &Resources) {
        let Some(open) = self.offers.get_mut(&offer).filter(|open| open.agent == agent) else { return };
        let Some(row) = self.columns.row_of(agent) else { return };
        let covered = open.holding.split_off(&Holding::of(wanted));
        self.give_back(row, &covered);
    }

    fn hold(&mut self, row: usize, task: TaskId, held: Held) {
        let agent = self.columns.agent_at(row);
        self.take(row, &held.holding);
        match &held.app {
            Some((app, version)) => {
                *self.apps.entry(app.clone()).or_default().entry((agent, *version)).or_default() += 1;
            }
            None => self.demand.hold(held.holding.amounts),
        }
        self.tasks.insert((agent, task), held);
    }

    fn end_task(&mut self, agent: AgentId, task: &TaskId) {
        let Some(held) = self.tasks.remove(&(agent, task.clone())) else { return };
        if let Some(row) = self.columns.row_of(agent) {
            self.give_back(row, &held.holding);
        }
        let Some((app, version)) = held.app else { return self.demand.end(held.holding.amounts) };
        let Some(counts) = self.apps.get_mut(&app) else { return };
        if let Some(count) = counts.get_mut(&(agent, version)) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&(agent, version));
            }
        }
        if counts.is_empty() {
            self.apps.remove(&app);
        }
    }

    fn restore(&mut self, row: &Row) {
        match row {
            Row::Agent(agent) => {
                self.register(agent.id, &agent.description);
                if let Some(row) = self.columns.row_of(agent.id) {
                    self.columns.set_active(row, agent.is_connected());
                    self.cache.note(row);
                }
            }
            Row::Task(task) => self.restore_task(task),
            Row::Offer(offer) => self.make_offer(offer.id, offer.agent, &offer.resources),
            Row::App(app) => self.demand.ask(&app.spec),
            Row::Header(_)
            | Row::Definition(..)
            | Row::Deployment(_)
            | Row::Framework(_)
            | Row::Filter(_)
            | Row::Profile(_)
            | Row::Module(_) => {}
        }
    }

    fn restore_task(&mut self, task: &Task) {
        let Some(row) = self.columns.row_of(task.agent) else { return };
        if task.is_active() && !self.tasks.contains_key(&(task.agent, task.id.clone())) {
            self.hold(row, task.id.clone(), Held::of(&task.workload, &task.resources));
        }
    }
}

impl Held {
    fn of(workload: &Workload, resources: &Resources) -> Self {
        let app = match workload {
            Workload::App { app, version } => Some((app.clone(), *version)),
            Workload::Own(_) => None,
        };
        Self { app, holding: Holding::of(resources) }
    }
}
