//! Decides: turns a command into the events that carry it out, or into a rejection.
//!
//! [`decide`] is pure: the same world and command give the same events, in the master, in a replay and in the
//! simulator. Time, ids and randomness come with the command. Nothing here applies an event; the shell does, when
//! it has put them into a record.

mod accept;
mod agents;
mod allocate;
mod apps;
mod backoff;
mod book;
mod compare;
mod dependencies;
mod deployments;
mod draft;
mod explain;
mod frameworks;
mod offers;
mod profiles;
mod rejection;
mod service_ports;
mod shadow;
mod shares;
mod tasks;
mod trial;
mod why_not;

use model::{Command, CommandKind, Event, Record};
use placement::View;
use state::State;

pub use allocate::{LAUNCHES_PER_ALLOCATION, WORK_PER_ALLOCATION};
pub use book::Book;
pub use compare::{Comparison, FirstDifference, Sums};
pub use explain::{Again, Asked, Explained, Observer, Unexplained, difference, explain, is_decided};
pub use offers::{DEFAULT_OFFER_TIMEOUT_MS, OFFERS_PER_ALLOCATION};
pub use profiles::{MAX_CHOICES, MAX_MODULE_BYTES, MAX_MODULES, MAX_PROFILES, Modules, Policies, profile_of};
pub use rejection::Rejection;
pub use shadow::{Difference, Packing, Shadow, ShadowCounts};
pub use trial::{Trial, TrialPoint};
pub use why_not::{COUNT_LIMIT, Change, GoingOn, Unasked, WhyNot, why_not, why_not_while};

use draft::Draft;

/// The policy of a cluster whose configuration names none, and of those whose profile cannot decide.
pub const DEFAULT_PLACEMENT_POLICY: &str = "best-fit";

/// What decisions are made from: the state, placement's picture, and what there is to offer, of the same records.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub state: State,
    pub view: View,
    pub book: Book,
}

impl World {
    pub fn apply(&mut self, record: &Record) {
        self.state.apply(record);
        for event in &record.events {
            let concerned = Book::concerned(event, &self.view);
            self.view.apply(event);
            self.book.follow(event, &concerned, &self.view);
        }
    }

    /// The world of a state that was folded elsewhere.
    #[must_use]
    pub fn of(state: State) -> Self {
        let mut view = View::default();
        for event in &state.baseline() {
            view.apply(event);
        }
        let book = Book::of(&view);
        Self { state, view, book }
    }
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub events: Vec<Event>,
    /// An allocation had done as much as one may before it had asked for everything: the next one goes on, even when this one has
    /// no events.
    pub is_unfinished: bool,
}

/// The events that carry a command out; none when there is nothing to do.
pub fn decide(world: &World, command: &Command, policies: &Policies) -> Result<Vec<Event>, Rejection> {
    decision(world, command, policies).map(|decision| decision.events)
}

/// The same, for those who see to it that an allocation is followed by another.
pub fn decision(world: &World, command: &Command, policies: &Policies) -> Result<Decision, Rejection> {
    let Draft { events, is_unfinished, .. } = draft(world, command, policies, None)?;
    Ok(Decision { events, is_unfinished })
}

/// The same, watched by somebody who wants to know how it comes about; it makes no difference to the events.
pub fn decide_observed<'a>(
    world: &'a World,
    command: &'a Command,
    policies: &'a Policies,
    observer: Option<&'a mut Observer<'a>>,
) -> Result<Vec<Event>, Rejection> {
    draft(world, command, policies, observer).map(|draft| draft.events)
}

fn draft<'a>(
    world: &'a World,
    command: &'a Command,
    policies: &'a Policies,
    observer: Option<&'a mut Observer<'a>>,
) -> Result<Draft<'a>, Rejection> {
    let mut draft = Draft::new(world, command, policies, observer);
    match &command.kind {
        CommandKind::StartEpoch { cluster, leader, addresses, placement_policy, profile } => {
            draft.start_epoch(cluster, leader, addresses.as_ref(), placement_policy.as_deref(), profile.as_ref())?;
        }
        CommandKind::Allocate => draft.allocate(),
        CommandKind::CreateApp { app } => draft.create_app(app)?,
        CommandKind::PutApps { apps, force } => draft.put_apps(apps, *force)?,
        CommandKind::ScaleApp { app, instances, force } => draft.scale_app(app, *instances, *force)?,
        CommandKind::RestartApp { app, force } => draft.restart_app(app, *force)?,
        CommandKind::DestroyApp { app, force } => draft.destroy_app(app, *force)?,
        CommandKind::KillTasks { selection, scale, force } => draft.kill_tasks(selection, *scale, *force)?,
        CommandKind::RegisterAgent { description } => draft.register_agent(description),
        CommandKind::ReconnectAgent { agent, description } => draft.reconnect_agent(*agent, description)?,
        CommandKind::DisconnectAgent { agent, reason } => draft.disconnect_agent(*agent, *reason)?,
        CommandKind::RemoveAgent { agent, reason } => draft.remove_agent(*agent, *reason)?,
        CommandKind::UpdateStatus { agent, updates } => draft.update_status(*agent, updates)?,
        CommandKind::ChooseOfferTimeout { offer_timeout_ms } => draft.choose_offer_timeout(*offer_timeout_ms),
        CommandKind::SubscribeFramework { framework, info } => draft.subscribe_framework(*framework, info)?,
        CommandKind::DisconnectFramework { framework } => draft.disconnect_framework(*framework)?,
        CommandKind::TeardownFramework { framework } => draft.teardown_framework(*framework)?,
        CommandKind::AcceptOffers { framework, offers, launches, refuse_ms } => {
            draft.accept_offers(*framework, offers, launches, *refuse_ms)?;
        }
        CommandKind::DeclineOffers { framework, offers, refuse_ms } => {
            draft.decline_offers(*framework, offers, *refuse_ms)?;
        }
        CommandKind::ReviveOffers { framework } => draft.revive_offers(*framework)?,
        CommandKind::SuppressOffers { framework } => draft.suppress_offers(*framework)?,
        CommandKind::AcknowledgeUpdates { framework, receipts } => draft.acknowledge_updates(*framework, receipts)?,
        CommandKind::KillFrameworkTask { framework, task } => draft.kill_framework_task(*framework, task)?,
        CommandKind::DefineProfile { profile } => draft.redefine_profile(profile)?,
        CommandKind::RemoveProfile { profile } => draft.remove_profile(profile)?,
        CommandKind::ChooseProfile { scope, profile } => draft.choose_profile(scope.as_ref(), profile.as_ref())?,
        CommandKind::ChooseShadow { profile } => draft.choose_shadow(profile.as_ref())?,
        CommandKind::AddModule { name, bytes } => draft.add_module(name, bytes)?,
        CommandKind::RemoveModule { module } => draft.remove_module(module)?,
    }
    Ok(draft)
}
