//! Commands of and about frameworks outside, except what they do with offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentId, Event, FrameworkId, FrameworkInfo, FrameworkRemovalReason, KillReason, OfferId, OfferOutcome, TaskId,
    UpdateReceipt, UpdateUuid,
};

use crate::Rejection;
use crate::draft::Draft;

impl Draft<'_> {
    pub(crate) fn choose_offer_timeout(&mut self, offer_timeout_ms: u64) {
        if self.state().header.offer_timeout_ms != Some(offer_timeout_ms) {
            self.events.push(Event::OfferTimeoutChosen { offer_timeout_ms });
        }
    }

    /// The process that subscribes knows no offers, so those that are open are taken back.
    pub(crate) fn subscribe_framework(
        &mut self,
        framework: Option<FrameworkId>,
        info: &Arc<FrameworkInfo>,
    ) -> Result<(), Rejection> {
        let framework = match framework {
            Some(framework) => {
                self.framework(framework)?;
                self.rescind_offers_of(framework);
                framework
            }
            None => FrameworkId(self.state().header.next_framework.0.max(FrameworkId::SERVICES.0 + 1)),
        };
        self.events.push(Event::FrameworkSubscribed { framework, info: Arc::clone(info) });
        Ok(())
    }

    pub(crate) fn disconnect_framework(&mut self, framework: FrameworkId) -> Result<(), Rejection> {
        if self.framework(framework)?.is_subscribed() {
            self.rescind_offers_of(framework);
            self.events.push(Event::FrameworkDisconnected { framework });
        }
        Ok(())
    }

    pub(crate) fn teardown_framework(&mut self, framework: FrameworkId) -> Result<(), Rejection> {
        self.framework(framework)?;
        self.remove_framework(framework, FrameworkRemovalReason::TornDown);
        Ok(())
    }

    /// Its tasks are asked to end by the allocations that follow.
    pub(crate) fn remove_framework(&mut self, framework: FrameworkId, reason: FrameworkRemovalReason) {
        self.rescind_offers_of(framework);
        self.events.push(Event::FrameworkRemoved { framework, reason });
    }

    pub(crate) fn revive_offers(&mut self, framework: FrameworkId) -> Result<(), Rejection> {
        let is_suppressed = self.framework(framework)?.is_suppressed;
        if is_suppressed || !self.state().holdings(framework).refused.is_empty() {
            self.events.push(Event::OffersRevived { framework });
        }
        Ok(())
    }

    pub(crate) fn suppress_offers(&mut self, framework: FrameworkId) -> Result<(), Rejection> {
        if !self.framework(framework)?.is_suppressed {
            self.events.push(Event::OffersSuppressed { framework });
        }
        Ok(())
    }

    /// Receipts of anything but the oldest update that a task waits with are late, or wrong, and count for nothing.
    pub(crate) fn acknowledge_updates(
        &mut self,
        framework: FrameworkId,
        receipts: &[UpdateReceipt],
    ) -> Result<(), Rejection> {
        self.framework(framework)?;
        let state = self.state();
        let mut taken: BTreeMap<&TaskId, usize> = BTreeMap::new();
        let mut tasks = Vec::new();
        for receipt in receipts {
            let Some(task) = state.task_of_framework(framework, &receipt.task) else { continue };
            let next = taken.entry(&task.id).or_default();
            let oldest = task.unacknowledged.get(*next);
            if oldest.is_some_and(|oldest| UpdateUuid::of(&task.id, oldest.status.state) == receipt.update) {
                *next += 1;
                tasks.push(task.id.clone());
            }
        }
        if !tasks.is_empty() {
            self.events.push(Event::UpdatesAcknowledged { framework, tasks });
        }
        Ok(())
    }

    pub(crate) fn kill_framework_task(&mut self, framework: FrameworkId, own: &str) -> Result<(), Rejection> {
        self.framework(framework)?;
        let task = self.state().task_of_framework(framework, own);
        if let Some(task) = task.filter(|task| task.is_active() && task.kill.is_none()) {
            let (task, agent, reason) = (task.id.clone(), task.agent, KillReason::FrameworkRequest);
            self.events.push(Event::TaskKillRequested { task, agent, reason });
        }
        Ok(())
    }

    fn rescind_offers_of(&mut self, framework: FrameworkId) {
        let offers: Vec<OfferId> = self.state().holdings(framework).offers.iter().copied().collect();
        self.close_offers(framework, offers, OfferOutcome::Rescinded);
    }

    /// Takes offers back that promise what the agent may not have any more.
    pub(crate) fn rescind_offers_on(&mut self, agent: AgentId) {
        let mut rescinded: BTreeMap<FrameworkId, Vec<OfferId>> = BTreeMap::new();
        for offer in self.state().offers_on(agent) {
            rescinded.entry(offer.framework).or_default().push(offer.id);
        }
        for (framework, offers) in rescinded {
            self.close_offers(framework, offers, OfferOutcome::Rescinded);
        }
    }

    pub(crate) fn close_offers(&mut self, framework: FrameworkId, offers: Vec<OfferId>, outcome: OfferOutcome) {
        if !offers.is_empty() {
            self.events.push(Event::OffersClosed { framework, offers, outcome, refused_until: None });
        }
    }

    pub(crate) fn framework(&self, framework: FrameworkId) -> Result<&model::Framework, Rejection> {
        self.world.state.frameworks.get(&framework).ok_or(Rejection::UnknownFramework(framework))
    }
}
