//! The frameworks' part of an allocation: offers that are out for too long come back, frameworks that are away for too long
//! go with their tasks, and what is free is offered to whoever has the smallest share.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AgentId, Event, FrameworkId, FrameworkRemovalReason, KillReason, OfferBatch, OfferFilter, OfferId, OfferOutcome,
    Resources, Scalar, Timestamp,
};
use placement::{Dimension, Node};

use crate::World;
use crate::draft::Draft;
use crate::shares::{Queue, dominant};

/// How many offers one allocation makes, or takes back, at most; the next one follows at once. It bounds the size of a
/// record.
pub const OFFERS_PER_ALLOCATION: usize = 2_000;
/// How many filters one allocation looks at; the next one goes on.
const FILTERS_LOOKED_AT: usize = 200_000;
/// How many tasks of frameworks that are gone one allocation asks to end.
const KILLS_PER_ALLOCATION: usize = 2_000;

/// How long frameworks may keep an offer unless the master says otherwise.
pub const DEFAULT_OFFER_TIMEOUT_MS: u64 = 30_000;

impl World {
    fn offer_timeout_ms(&self) -> u64 {
        self.state.header.offer_timeout_ms.unwrap_or(DEFAULT_OFFER_TIMEOUT_MS)
    }

    /// When frameworks and their offers give an allocation something to do that it cannot do yet.
    pub(crate) fn next_offering_at(&self) -> Option<Timestamp> {
        let oldest = self.state.offers.values().next();
        let expiry = oldest.map(|offer| offer.made_at.plus_ms(self.offer_timeout_ms()));
        let frameworks = self.state.frameworks.values();
        let removal = frameworks.filter_map(model::Framework::removed_at).min();
        let wanted = self.state.frameworks.values().any(model::Framework::wants_offers);
        let refused = self.book.next_end().filter(|_| wanted);
        [expiry, removal, refused].into_iter().flatten().min()
    }
}

impl Draft<'_> {
    pub(crate) fn expire_offers(&mut self) {
        let (now, timeout_ms) = (self.now(), self.world.offer_timeout_ms());
        let is_over = |made_at: Timestamp| made_at.plus_ms(timeout_ms) <= now;
        let mut expired: BTreeMap<FrameworkId, Vec<OfferId>> = BTreeMap::new();
        let over = self.state().offers.values().take_while(|offer| is_over(offer.made_at));
        for offer in over.take(OFFERS_PER_ALLOCATION) {
            expired.entry(offer.framework).or_default().push(offer.id);
        }
        for (framework, offers) in expired {
            self.close_offers(framework, offers, OfferOutcome::Expired);
        }
    }

    pub(crate) fn remove_overdue_frameworks(&mut self) {
        let now = self.now();
        let overdue = self.state().frameworks.values().filter(|row| row.removed_at().is_some_and(|at| at <= now));
        let overdue: Vec<FrameworkId> = overdue.map(|row| row.id).collect();
        for framework in overdue {
            self.remove_framework(framework, FrameworkRemovalReason::FailoverTimedOut);
        }
    }

    /// Asks tasks of frameworks that are gone to end.
    pub(crate) fn end_orphans(&mut self) {
        let state = self.state();
        let gone =
            state.all_holdings().filter(|(id, _)| *id != FrameworkId::SERVICES && !state.frameworks.contains(id));
        let tasks = gone.filter(|(_, of)| of.active.len() > of.killing as usize).flat_map(|(_, of)| &of.active);
        let left = tasks.filter_map(|id| state.tasks.get(id)).filter(|task| task.kill.is_none());
        let reason = KillReason::FrameworkRemoved;
        let kills = left.map(|task| Event::TaskKillRequested { task: task.id.clone(), agent: task.agent, reason });
        self.events.extend(kills.take(KILLS_PER_ALLOCATION));
    }

    /// Offers what is free, except on agents on which something was just placed. Returns the agents that were offered.
    pub(crate) fn offer_to_frameworks(&mut self, mut queue: Queue, just_placed_on: &BTreeSet<AgentId>) -> Vec<AgentId> {
        let mut made: BTreeMap<FrameworkId, OfferBatch> = BTreeMap::new();
        let (mut held_back, mut held_until) = (Vec::new(), Vec::new());
        let (mut count, mut looked_at) = (0, 0);
        let mut held: BTreeMap<FrameworkId, Resources> = BTreeMap::new();
        let world = self.world;
        let nodes = world.book.to_look_at(self.now()).filter_map(|agent| world.view.node(agent));
        for node in nodes.filter(|node| !just_placed_on.contains(&node.agent())) {
            if count == OFFERS_PER_ALLOCATION || looked_at >= FILTERS_LOOKED_AT || queue.by_share.is_empty() {
                break;
            }
            let refusals = self.refusals(node);
            looked_at += 1 + refusals.frameworks.len();
            let Some(first) = queue.first_but(&refusals.frameworks) else {
                held_back.push(node.agent());
                held_until.push(refusals.first_end);
                continue;
            };
            let framework = first.1;
            let resources = self.free_on(node);
            let sum = held.entry(framework).or_insert_with(|| world.state.holdings(framework).amounts.clone());
            add_amounts(sum, &resources);
            queue.raise(first, dominant(sum, &world.book.total));
            let batch = made.entry(framework).or_default();
            batch.offers.push(self.make_offer_id());
            batch.agents.push(node.agent());
            batch.resources.push(resources);
            count += 1;
        }
        if !held_back.is_empty() {
            self.events.push(Event::OffersHeldBack { agents: held_back, until: held_until });
        }
        let offered = made.values().flat_map(|offers| &offers.agents).copied().collect();
        self.events.extend(made.into_iter().map(|(framework, offers)| Event::OffersMade { framework, offers }));
        offered
    }

    fn free_on(&self, node: Node<'_>) -> Resources {
        let free = |dimension| node.free(dimension).max(Scalar::ZERO);
        Resources {
            cpus: free(Dimension::Cpus),
            mem: free(Dimension::Mem),
            disk: free(Dimension::Disk),
            gpus: free(Dimension::Gpus),
            ports: self.world.view.free_ports(node.agent()).cloned().unwrap_or_default(),
            gpu_slots: node.free_gpus(),
        }
    }

    /// Who does not want what this agent has free.
    fn refusals(&self, node: Node<'_>) -> Refusals {
        let agent = node.agent();
        let now = self.now();
        let covers = |filter: &OfferFilter| {
            let refused = [filter.cpus, filter.mem, filter.disk, filter.gpus];
            Dimension::ALL.into_iter().zip(refused).all(|(dimension, refused)| node.free(dimension) <= refused)
        };
        let of_agent = (agent, FrameworkId(0))..=(agent, FrameworkId(u32::MAX));
        let mut refusals = Refusals { frameworks: Vec::new(), first_end: Timestamp(u64::MAX) };
        for (_, filter) in self.state().filters.range(of_agent) {
            if filter.until > now && covers(filter) {
                refusals.frameworks.push(filter.framework);
                refusals.first_end = refusals.first_end.min(filter.until);
            }
        }
        refusals
    }
}

struct Refusals {
    /// Sorted.
    frameworks: Vec<FrameworkId>,
    first_end: Timestamp,
}

fn add_amounts(sum: &mut Resources, more: &Resources) {
    sum.cpus = sum.cpus.plus(more.cpus);
    sum.mem = sum.mem.plus(more.mem);
    sum.disk = sum.disk.plus(more.disk);
    sum.gpus = sum.gpus.plus(more.gpus);
}
