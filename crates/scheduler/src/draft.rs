//! A decision in the making: the world as it was, and the events so far.

use std::sync::Arc;

use model::{ClusterId, Command, Event, LeaderAddresses, OfferId, Timestamp};
use placement::Policy;
use state::State;

use crate::{DEFAULT_PLACEMENT_POLICY, Rejection, World};

pub(crate) struct Draft<'a> {
    pub(crate) world: &'a World,
    pub(crate) command: &'a Command,
    pub(crate) events: Vec<Event>,
    ids_made: u64,
    offers_made: u64,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(world: &'a World, command: &'a Command) -> Self {
        Self { world, command, events: Vec::new(), ids_made: 0, offers_made: 0 }
    }

    pub(crate) fn state(&self) -> &'a State {
        &self.world.state
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.command.at
    }

    /// A new id, derived from the command's.
    pub(crate) fn make_id(&mut self) -> String {
        self.ids_made += 1;
        self.command.id.derive(self.ids_made)
    }

    pub(crate) fn make_offer_id(&mut self) -> OfferId {
        self.offers_made += 1;
        OfferId(self.state().header.next_offer.0 + self.offers_made - 1)
    }

    pub(crate) fn start_epoch(
        &mut self,
        cluster: &ClusterId,
        leader: &str,
        addresses: Option<&LeaderAddresses>,
        placement_policy: Option<&str>,
    ) -> Result<(), Rejection> {
        let in_force = &self.state().header.placement_policy;
        let wanted = match placement_policy {
            Some(name) => name,
            None if in_force.is_empty() => DEFAULT_PLACEMENT_POLICY,
            None => in_force,
        };
        policy_named(wanted)?;
        let cluster = self.state().header.cluster.as_ref().unwrap_or(cluster).clone();
        self.events.push(Event::EpochStarted {
            cluster,
            leader: leader.to_owned(),
            addresses: addresses.cloned(),
            state_version: state::VERSION,
        });
        if wanted != in_force {
            self.events.push(Event::PlacementPolicyChosen { policy: wanted.to_owned() });
        }
        Ok(())
    }

    pub(crate) fn active_policy(&self) -> Result<Arc<dyn Policy>, Rejection> {
        policy_named(&self.state().header.placement_policy)
    }
}

fn policy_named(name: &str) -> Result<Arc<dyn Policy>, Rejection> {
    placement::by_name(name).ok_or_else(|| Rejection::UnknownPolicy {
        name: name.to_owned(),
        known: placement::POLICIES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })
}
