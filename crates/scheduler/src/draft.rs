//! A decision in the making: the world as it was, and the events so far.

use std::sync::Arc;

use model::{ClusterId, Command, Event, LeaderAddresses, OfferId, Profile, Timestamp};
use state::State;

use crate::explain::Observer;
use crate::{DEFAULT_PLACEMENT_POLICY, Policies, Rejection, World};

pub(crate) struct Draft<'a> {
    pub(crate) world: &'a World,
    pub(crate) command: &'a Command,
    pub(crate) policies: &'a Policies,
    pub(crate) events: Vec<Event>,
    /// Who watches, if anybody does.
    pub(crate) observer: Option<&'a mut Observer<'a>>,
    /// Modules that this very decision disables.
    pub(crate) disabled: Vec<Arc<str>>,
    /// Whether an allocation had to stop before it had asked for everything.
    pub(crate) is_unfinished: bool,
    ids_made: u64,
    offers_made: u64,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        world: &'a World,
        command: &'a Command,
        policies: &'a Policies,
        observer: Option<&'a mut Observer<'a>>,
    ) -> Self {
        let (events, disabled) = (Vec::new(), Vec::new());
        let is_unfinished = false;
        Self { world, command, policies, events, observer, disabled, is_unfinished, ids_made: 0, offers_made: 0 }
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
        profile: Option<&Arc<Profile>>,
    ) -> Result<(), Rejection> {
        let state = self.state();
        let in_force = &state.header.placement_policy;
        let wanted = match placement_policy {
            Some(name) => name,
            None if in_force.is_empty() => DEFAULT_PLACEMENT_POLICY,
            None => in_force,
        };
        let cluster = state.header.cluster.as_ref().unwrap_or(cluster).clone();
        self.events.push(Event::EpochStarted {
            cluster,
            leader: leader.to_owned(),
            addresses: addresses.cloned(),
            state_version: state::VERSION,
        });
        if let Some(profile) = profile {
            self.define_profile(profile)?;
        }
        let is_defined = profile.is_some_and(|profile| *profile.name == *wanted);
        if !is_defined && placement_policy.is_some() && !self.exists(wanted) {
            return Err(self.unknown_profile(wanted));
        }
        if wanted != in_force {
            self.events.push(Event::PlacementPolicyChosen { policy: wanted.to_owned() });
        }
        Ok(())
    }
}
