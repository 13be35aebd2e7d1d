//! How events about frameworks and their offers change the state.

use std::sync::Arc;

use model::{
    Framework, FrameworkConnection, FrameworkId, FrameworkInfo, LaunchedTask, Offer, OfferBatch, OfferFilter, OfferId,
    OfferOutcome, Resources, Scalar, Task, TaskId, Timestamp,
};

use crate::State;

impl State {
    pub(crate) fn subscribe_framework(&mut self, id: FrameworkId, info: &Arc<FrameworkInfo>) {
        self.header.next_framework = self.header.next_framework.max(id.next());
        if self.frameworks.contains(&id) {
            self.frameworks.update(&id, |row| {
                row.info = Arc::clone(info);
                row.connection = FrameworkConnection::Subscribed;
            });
        } else {
            let row = Framework {
                id,
                info: Arc::clone(info),
                registered_at: self.at,
                connection: FrameworkConnection::Subscribed,
                is_suppressed: false,
            };
            self.frameworks.insert(id, row);
        }
    }

    /// Forgets a framework and what was to be told to it. Its tasks remain until they end.
    pub(crate) fn remove_framework(&mut self, id: FrameworkId) {
        self.frameworks.remove(&id);
        self.forget_filters_of(id);
        let untold = self.index.frameworks.get(&id).map(|of| of.untold.clone()).unwrap_or_default();
        for task in untold {
            self.change_task(&task, |row| row.unacknowledged.clear());
        }
    }

    pub(crate) fn revive(&mut self, id: FrameworkId) {
        self.forget_filters_of(id);
        self.frameworks.update(&id, |row| row.is_suppressed = false);
    }

    pub(crate) fn make_offers(&mut self, framework: FrameworkId, batch: &OfferBatch) {
        self.header.totals.offers_made += batch.offers.len() as u64;
        for ((id, agent), resources) in batch.offers.iter().zip(&batch.agents).zip(&batch.resources) {
            self.header.next_offer = self.header.next_offer.max(id.next());
            self.forget_filter(*agent, framework);
            self.enter_offer(Offer {
                id: *id,
                framework,
                agent: *agent,
                resources: resources.clone(),
                made_at: self.at,
            });
        }
    }

    pub(crate) fn enter_offer(&mut self, offer: Offer) {
        self.index.enter_offer(&offer);
        self.offers.insert(offer.id, offer);
    }

    pub(crate) fn close_offers(&mut self, offers: &[OfferId], outcome: OfferOutcome, refused_until: Option<Timestamp>) {
        let mut closed = 0;
        for id in offers {
            let Some(offer) = self.offers.remove(id) else { continue };
            closed += 1;
            self.index.leave_offer(&offer);
            if let Some(until) = refused_until.filter(|until| *until > self.at) {
                let Resources { cpus, mem, disk, gpus, ports: _, gpu_slots: _ } = offer.resources;
                let (agent, framework) = (offer.agent, offer.framework);
                self.enter_filter(OfferFilter { agent, framework, until, cpus, mem, disk, gpus });
            }
        }
        *self.header.totals.offers_closed.entry(outcome).or_default() += closed;
    }

    /// While its offer is open, a task takes from what the offer holds.
    pub(crate) fn take_from_offer(&mut self, task: &LaunchedTask) {
        let changed = self.offers.change(&task.offer, |offer| {
            let before = offer.resources.clone();
            let (left, taken) = (&mut offer.resources, &task.resources);
            let minus = |left: Scalar, taken: Scalar| left.minus(taken.min(left));
            left.cpus = minus(left.cpus, taken.cpus);
            left.mem = minus(left.mem, taken.mem);
            left.disk = minus(left.disk, taken.disk);
            left.gpus = minus(left.gpus, taken.gpus);
            left.ports = left.ports.difference(&taken.ports);
            left.gpu_slots = left.gpu_slots.difference(&taken.gpu_slots);
            before
        });
        if let Some((before, offer)) = changed {
            self.index.follow_offer(offer, &before);
        }
    }

    pub(crate) fn acknowledge(&mut self, tasks: &[TaskId]) {
        for id in tasks {
            self.change_task(id, |row| {
                if !row.unacknowledged.is_empty() {
                    row.unacknowledged.remove(0);
                }
            });
            let is_over = |task: &&Task| !task.is_active() && task.unacknowledged.is_empty();
            if let Some(framework) = self.tasks.get(id).filter(is_over).map(|task| task.framework) {
                self.forget_oldest_ended_of(framework);
            }
        }
    }

    pub(crate) fn enter_filter(&mut self, filter: OfferFilter) {
        self.forget_filter(filter.agent, filter.framework);
        self.index.enter_filter(&filter);
        self.filters.insert((filter.agent, filter.framework), filter);
    }

    fn forget_filter(&mut self, agent: model::AgentId, framework: FrameworkId) {
        if let Some(filter) = self.filters.remove(&(agent, framework)) {
            self.index.leave_filter(&filter);
        }
    }

    fn forget_filters_of(&mut self, framework: FrameworkId) {
        let agents = self.index.frameworks.get(&framework).map(|of| of.refused.clone()).unwrap_or_default();
        for agent in agents {
            self.forget_filter(agent, framework);
        }
    }

    pub(crate) fn forget_filters_on(&mut self, agent: model::AgentId) {
        let of_agent = (agent, FrameworkId(0))..=(agent, FrameworkId(u32::MAX));
        let frameworks: Vec<FrameworkId> = self.filters.range(of_agent).map(|((_, framework), _)| *framework).collect();
        for framework in frameworks {
            self.forget_filter(agent, framework);
        }
    }

    /// Filters end with the time of a record, so that none is kept that says nothing any more.
    pub(crate) fn forget_ended_filters(&mut self) {
        while let Some((until, agent, framework)) = self.index.filters_by_end.first().copied() {
            if until > self.at {
                return;
            }
            self.forget_filter(agent, framework);
        }
    }
}
