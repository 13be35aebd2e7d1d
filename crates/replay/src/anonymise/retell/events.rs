//! What happened.

use model::{
    ClusterId, Deployment, DeploymentAction, DeploymentId, DeploymentStep, Event, LaunchedTask, OfferBatch, UpdateId,
    Waiting, WaitingCause,
};

use super::specs::{
    agent_description, app_spec, explanation, framework_info, leader_addresses, module, profile, profile_name,
    resources, scope, status, workload,
};
use super::{bits, rows, shared};
use crate::anonymise::names::{Kind, Names};

pub(in crate::anonymise) fn event(names: &mut dyn Names, event: &Event) -> Event {
    match event {
        // The hashes are made anew, by this fold.
        Event::EpochStarted { cluster, leader, addresses, state_version: _ } => Event::EpochStarted {
            cluster: ClusterId::new(names.text(Kind::Cluster, cluster.as_str())),
            leader: names.text(Kind::Leader, leader),
            addresses: addresses.as_ref().map(|addresses| leader_addresses(names, addresses)),
            state_version: state::VERSION,
        },
        Event::PlacementPolicyChosen { .. }
        | Event::ProfileDefined { .. }
        | Event::ProfileRemoved { .. }
        | Event::ProfileChosen { .. }
        | Event::ShadowChosen { .. }
        | Event::ModuleAdded { .. }
        | Event::ModuleRemoved { .. }
        | Event::ModuleDisabled { .. } => of_profiles(names, event),
        Event::AgentRegistered { .. }
        | Event::AgentReconnected { .. }
        | Event::AgentDisconnected { .. }
        | Event::AgentRemoved { .. } => of_agents(names, event),
        Event::OffersMade { .. }
        | Event::OffersClosed { .. }
        | Event::OffersHeldBack { .. }
        | Event::OfferTimeoutChosen { .. } => of_offers(event),
        Event::FrameworkSubscribed { .. }
        | Event::FrameworkDisconnected { .. }
        | Event::FrameworkRemoved { .. }
        | Event::OffersRevived { .. }
        | Event::OffersSuppressed { .. }
        | Event::LaunchRefused { .. }
        | Event::UpdatesAcknowledged { .. } => of_frameworks(names, event),
        Event::TaskLaunched { task } => Event::TaskLaunched { task: Box::new(launched(names, task)) },
        Event::TaskStatusChanged { task, agent, update, status } => Event::TaskStatusChanged {
            task: names.task(task),
            agent: bits(agent),
            update: update.as_ref().map(|update| UpdateId::new(names.text(Kind::Update, update.as_str()))),
            status: self::status(names, status),
        },
        Event::TaskKillRequested { task, agent, reason } => {
            Event::TaskKillRequested { task: names.task(task), agent: bits(agent), reason: bits(reason) }
        }
        Event::AppChanged { .. }
        | Event::AppDestroyed { .. }
        | Event::LaunchDelayed { .. }
        | Event::LaunchDelayReset { .. }
        | Event::WaitingChanged { .. }
        | Event::DeploymentStarted { .. }
        | Event::DeploymentAdvanced { .. }
        | Event::DeploymentEnded { .. } => of_apps(names, event),
        Event::Restored { row } => Event::Restored { row: Box::new(rows::row(names, row)) },
    }
}

fn of_profiles(names: &mut dyn Names, event: &Event) -> Event {
    match event {
        Event::PlacementPolicyChosen { policy } => {
            Event::PlacementPolicyChosen { policy: names.text(Kind::Profile, policy) }
        }
        Event::ProfileDefined { profile } => Event::ProfileDefined { profile: self::profile(names, profile) },
        Event::ProfileRemoved { profile } => Event::ProfileRemoved { profile: shared(names, Kind::Profile, profile) },
        Event::ProfileChosen { scope, profile } => {
            Event::ProfileChosen { scope: self::scope(names, scope), profile: profile_name(names, profile.as_ref()) }
        }
        Event::ShadowChosen { profile } => Event::ShadowChosen { profile: profile_name(names, profile.as_ref()) },
        Event::ModuleAdded { module } => Event::ModuleAdded { module: self::module(names, module) },
        Event::ModuleRemoved { module } => Event::ModuleRemoved { module: shared(names, Kind::Profile, module) },
        Event::ModuleDisabled { module, reason } => Event::ModuleDisabled {
            module: shared(names, Kind::Profile, module),
            reason: shared(names, Kind::Message, reason),
        },
        _ => unreachable!("only events about profiles and modules come here"),
    }
}

fn of_agents(names: &mut dyn Names, event: &Event) -> Event {
    match event {
        Event::AgentRegistered { agent, description } => {
            Event::AgentRegistered { agent: bits(agent), description: agent_description(names, description) }
        }
        Event::AgentReconnected { agent, description } => {
            Event::AgentReconnected { agent: bits(agent), description: agent_description(names, description) }
        }
        Event::AgentDisconnected { agent, reason } => {
            Event::AgentDisconnected { agent: bits(agent), reason: bits(reason) }
        }
        Event::AgentRemoved { agent, reason } => Event::AgentRemoved { agent: bits(agent), reason: bits(reason) },
        _ => unreachable!("only events about agents come here"),
    }
}

fn of_offers(event: &Event) -> Event {
    match event {
        Event::OffersMade { framework, offers } => {
            let OfferBatch { offers, agents, resources } = offers;
            let offers = OfferBatch {
                offers: offers.iter().map(bits).collect(),
                agents: agents.iter().map(bits).collect(),
                resources: resources.iter().map(self::resources).collect(),
            };
            Event::OffersMade { framework: bits(framework), offers }
        }
        Event::OffersClosed { framework, offers, outcome, refused_until } => Event::OffersClosed {
            framework: bits(framework),
            offers: offers.iter().map(bits).collect(),
            outcome: bits(outcome),
            refused_until: bits(refused_until),
        },
        Event::OffersHeldBack { agents, until } => {
            Event::OffersHeldBack { agents: agents.iter().map(bits).collect(), until: until.iter().map(bits).collect() }
        }
        Event::OfferTimeoutChosen { offer_timeout_ms } => {
            Event::OfferTimeoutChosen { offer_timeout_ms: bits(offer_timeout_ms) }
        }
        _ => unreachable!("only events about offers come here"),
    }
}

fn of_frameworks(names: &mut dyn Names, event: &Event) -> Event {
    match event {
        Event::FrameworkSubscribed { framework, info } => {
            Event::FrameworkSubscribed { framework: bits(framework), info: framework_info(names, info) }
        }
        Event::FrameworkDisconnected { framework } => Event::FrameworkDisconnected { framework: bits(framework) },
        Event::FrameworkRemoved { framework, reason } => {
            Event::FrameworkRemoved { framework: bits(framework), reason: bits(reason) }
        }
        Event::OffersRevived { framework } => Event::OffersRevived { framework: bits(framework) },
        Event::OffersSuppressed { framework } => Event::OffersSuppressed { framework: bits(framework) },
        Event::LaunchRefused { framework, task, agent, status } => Event::LaunchRefused {
            framework: bits(framework),
            task: shared(names, Kind::OwnTask, task),
            agent: bits(agent),
            status: self::status(names, status),
        },
        Event::UpdatesAcknowledged { framework, tasks } => Event::UpdatesAcknowledged {
            framework: bits(framework),
            tasks: tasks.iter().map(|task| names.task(task)).collect(),
        },
        _ => unreachable!("only events about frameworks come here"),
    }
}

fn of_apps(names: &mut dyn Names, event: &Event) -> Event {
    match event {
        Event::AppChanged { app, version, config_version } => Event::AppChanged {
            app: app_spec(names, app),
            version: bits(version),
            config_version: bits(config_version),
        },
        Event::AppDestroyed { app } => Event::AppDestroyed { app: names.app(app) },
        Event::LaunchDelayed { app, delay_ms, until } => {
            Event::LaunchDelayed { app: names.app(app), delay_ms: bits(delay_ms), until: bits(until) }
        }
        Event::LaunchDelayReset { app } => Event::LaunchDelayReset { app: names.app(app) },
        Event::WaitingChanged { app, waiting } => Event::WaitingChanged {
            app: names.app(app),
            waiting: waiting.as_ref().map(|waiting| self::waiting(names, waiting)),
        },
        Event::DeploymentStarted { deployment } => {
            Event::DeploymentStarted { deployment: self::deployment(names, deployment) }
        }
        Event::DeploymentAdvanced { deployment, current_step } => {
            Event::DeploymentAdvanced { deployment: deployment_id(names, deployment), current_step: bits(current_step) }
        }
        Event::DeploymentEnded { deployment, outcome } => {
            Event::DeploymentEnded { deployment: deployment_id(names, deployment), outcome: bits(outcome) }
        }
        _ => unreachable!("only events about apps and deployments come here"),
    }
}

fn launched(names: &mut dyn Names, task: &LaunchedTask) -> LaunchedTask {
    let LaunchedTask { id, framework, offer, agent, workload, resources, host_ports, explanation } = task;
    LaunchedTask {
        id: names.task(id),
        framework: bits(framework),
        offer: bits(offer),
        agent: bits(agent),
        workload: self::workload(names, workload),
        resources: self::resources(resources),
        host_ports: host_ports.iter().map(bits).collect(),
        explanation: explanation.as_ref().map(|explanation| self::explanation(names, explanation)),
    }
}

pub(super) fn waiting(names: &mut dyn Names, waiting: &Waiting) -> Waiting {
    let Waiting { instances, cause } = waiting;
    let cause = match cause {
        WaitingCause::NothingFits { explanation } => {
            WaitingCause::NothingFits { explanation: self::explanation(names, explanation) }
        }
        WaitingCause::Backoff { until } => WaitingCause::Backoff { until: bits(until) },
        WaitingCause::Dependency { app } => WaitingCause::Dependency { app: names.app(app) },
        WaitingCause::EarlierStep => WaitingCause::EarlierStep,
    };
    Waiting { instances: bits(instances), cause }
}

fn deployment_id(names: &mut dyn Names, id: &DeploymentId) -> DeploymentId {
    DeploymentId::new(names.text(Kind::Deployment, id.as_str()))
}

pub(super) fn deployment(names: &mut dyn Names, deployment: &Deployment) -> Deployment {
    let Deployment { id, version, steps, current_step } = deployment;
    let action = |names: &mut dyn Names, DeploymentAction { app, kind }: &DeploymentAction| DeploymentAction {
        app: names.app(app),
        kind: bits(kind),
    };
    let step = |names: &mut dyn Names, DeploymentStep { actions }: &DeploymentStep| DeploymentStep {
        actions: actions.iter().map(|it| action(names, it)).collect(),
    };
    Deployment {
        id: deployment_id(names, id),
        version: bits(version),
        steps: steps.iter().map(|it| step(names, it)).collect(),
        current_step: bits(current_step),
    }
}
