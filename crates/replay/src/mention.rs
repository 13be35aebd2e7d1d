//! What a record is about: every app, task, agent, offer, framework and deployment that its command and its events name.

use model::{
    AgentId, AppId, CommandKind, DeploymentId, Event, FrameworkId, LaunchRequest, OfferId, Record, Row, TaskId,
    TaskSelection, Workload,
};

/// Somebody whom a record names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mention<'a> {
    App(&'a AppId),
    Task(&'a TaskId),
    /// A task by its framework's own id.
    OwnTask(FrameworkId, &'a str),
    Agent(AgentId),
    Offer(OfferId),
    Framework(FrameworkId),
    Deployment(&'a DeploymentId),
    /// A profile or a module.
    Policy(&'a str),
}

/// What stands between an app's flat name and the rest of a task's id.
const INSTANCE: &str = ".instance-";

/// The flat name of the app that a task is an instance of, as its id says.
#[must_use]
pub fn flat_app_of(task: &TaskId) -> Option<&str> {
    let (flat, _) = task.as_str().rsplit_once(INSTANCE)?;
    (task.framework().is_none()).then_some(flat)
}

/// The app that a task is an instance of, as its id says.
#[must_use]
pub fn app_of(task: &TaskId) -> Option<AppId> {
    AppId::parse(&flat_app_of(task)?.replace('_', "/")).ok()
}

/// Tells everybody whom an event names; somebody may be told twice.
pub fn of_event<'a>(event: &'a Event, tell: &mut impl FnMut(Mention<'a>)) {
    match event {
        Event::EpochStarted { .. } | Event::OfferTimeoutChosen { .. } => {}
        Event::PlacementPolicyChosen { policy } => tell(Mention::Policy(policy)),
        Event::ProfileDefined { profile } => tell(Mention::Policy(&profile.name)),
        Event::ProfileRemoved { profile } => tell(Mention::Policy(profile)),
        Event::ProfileChosen { scope, profile } => {
            if let model::ProfileScope::App(app) = scope {
                tell(Mention::App(app));
            }
            profile.iter().for_each(|profile| tell(Mention::Policy(profile)));
        }
        Event::ShadowChosen { profile } => profile.iter().for_each(|profile| tell(Mention::Policy(profile))),
        Event::ModuleAdded { module } => tell(Mention::Policy(&module.name)),
        Event::ModuleRemoved { module } | Event::ModuleDisabled { module, .. } => tell(Mention::Policy(module)),
        Event::AgentRegistered { agent, .. }
        | Event::AgentReconnected { agent, .. }
        | Event::AgentDisconnected { agent, .. }
        | Event::AgentRemoved { agent, .. } => tell(Mention::Agent(*agent)),
        Event::OffersMade { framework, offers } => {
            tell(Mention::Framework(*framework));
            offers.offers.iter().for_each(|offer| tell(Mention::Offer(*offer)));
            offers.agents.iter().for_each(|agent| tell(Mention::Agent(*agent)));
        }
        Event::OffersClosed { framework, offers, .. } => {
            tell(Mention::Framework(*framework));
            offers.iter().for_each(|offer| tell(Mention::Offer(*offer)));
        }
        Event::OffersHeldBack { agents, .. } => agents.iter().for_each(|agent| tell(Mention::Agent(*agent))),
        Event::FrameworkSubscribed { framework, .. }
        | Event::FrameworkDisconnected { framework }
        | Event::FrameworkRemoved { framework, .. }
        | Event::OffersRevived { framework }
        | Event::OffersSuppressed { framework } => tell(Mention::Framework(*framework)),
        Event::LaunchRefused { framework, task, agent, .. } => {
            tell(Mention::Framework(*framework));
            tell(Mention::OwnTask(*framework, task));
            agent.iter().for_each(|agent| tell(Mention::Agent(*agent)));
        }
        Event::UpdatesAcknowledged { framework, tasks } => {
            tell(Mention::Framework(*framework));
            tasks.iter().for_each(|task| tell(Mention::Task(task)));
        }
        Event::TaskLaunched { task } => {
            tell(Mention::Task(&task.id));
            tell(Mention::Agent(task.agent));
            tell(Mention::Offer(task.offer));
            tell(Mention::Framework(task.framework));
            of_workload(&task.workload, task.framework, tell);
        }
        Event::TaskStatusChanged { task, agent, .. } | Event::TaskKillRequested { task, agent, .. } => {
            tell(Mention::Task(task));
            tell(Mention::Agent(*agent));
        }
        Event::AppChanged { app, .. } => tell(Mention::App(&app.id)),
        Event::AppDestroyed { app }
        | Event::LaunchDelayed { app, .. }
        | Event::LaunchDelayReset { app }
        | Event::WaitingChanged { app, .. } => tell(Mention::App(app)),
        Event::DeploymentStarted { deployment } => {
            tell(Mention::Deployment(&deployment.id));
            deployment.actions().for_each(|action| tell(Mention::App(&action.app)));
        }
        Event::DeploymentAdvanced { deployment, .. } | Event::DeploymentEnded { deployment, .. } => {
            tell(Mention::Deployment(deployment));
        }
        Event::Restored { row } => of_row(row, tell),
    }
}

fn of_workload<'a>(workload: &'a Workload, framework: FrameworkId, tell: &mut impl FnMut(Mention<'a>)) {
    match workload {
        Workload::App { app, .. } => tell(Mention::App(app)),
        Workload::Own(info) => tell(Mention::OwnTask(framework, &info.id)),
    }
}

fn of_row<'a>(row: &'a Row, tell: &mut impl FnMut(Mention<'a>)) {
    match row {
        Row::Header(_) => {}
        Row::Agent(agent) => tell(Mention::Agent(agent.id)),
        Row::App(app) => tell(Mention::App(&app.spec.id)),
        Row::Definition(spec, _) => tell(Mention::App(&spec.id)),
        Row::Task(task) => {
            tell(Mention::Task(&task.id));
            tell(Mention::Agent(task.agent));
            of_workload(&task.workload, task.framework, tell);
        }
        Row::Offer(offer) => {
            tell(Mention::Offer(offer.id));
            tell(Mention::Agent(offer.agent));
            tell(Mention::Framework(offer.framework));
        }
        Row::Deployment(deployment) => tell(Mention::Deployment(&deployment.id)),
        Row::Framework(framework) => tell(Mention::Framework(framework.id)),
        Row::Filter(filter) => tell(Mention::Framework(filter.framework)),
        Row::Profile(profile) => tell(Mention::Policy(&profile.name)),
        Row::Module(module) => tell(Mention::Policy(&module.name)),
    }
}

/// Tells everybody whom a command names.
pub fn of_command<'a>(kind: &'a CommandKind, tell: &mut impl FnMut(Mention<'a>)) {
    match kind {
        CommandKind::StartEpoch { .. }
        | CommandKind::Allocate
        | CommandKind::RegisterAgent { .. }
        | CommandKind::ChooseOfferTimeout { .. } => {}
        CommandKind::CreateApp { app } => tell(Mention::App(&app.id)),
        CommandKind::PutApps { apps, .. } => apps.iter().for_each(|app| tell(Mention::App(&app.id))),
        CommandKind::ScaleApp { app, .. }
        | CommandKind::RestartApp { app, .. }
        | CommandKind::DestroyApp { app, .. } => tell(Mention::App(app)),
        CommandKind::KillTasks { selection: TaskSelection::App { app, .. }, .. } => tell(Mention::App(app)),
        CommandKind::KillTasks { selection: TaskSelection::Tasks(tasks), .. } => {
            tasks.iter().for_each(|task| tell(Mention::Task(task)));
        }
        CommandKind::ReconnectAgent { agent, .. }
        | CommandKind::DisconnectAgent { agent, .. }
        | CommandKind::RemoveAgent { agent, .. } => tell(Mention::Agent(*agent)),
        CommandKind::UpdateStatus { agent, updates } => {
            tell(Mention::Agent(*agent));
            updates.iter().for_each(|update| tell(Mention::Task(&update.task)));
        }
        CommandKind::SubscribeFramework { framework, .. } => {
            framework.iter().for_each(|framework| tell(Mention::Framework(*framework)));
        }
        CommandKind::DisconnectFramework { framework }
        | CommandKind::TeardownFramework { framework }
        | CommandKind::ReviveOffers { framework }
        | CommandKind::SuppressOffers { framework } => tell(Mention::Framework(*framework)),
        CommandKind::AcceptOffers { framework, offers, launches, .. } => {
            tell(Mention::Framework(*framework));
            offers.iter().for_each(|offer| tell(Mention::Offer(*offer)));
            launches.iter().for_each(|launch| {
                tell(match launch {
                    LaunchRequest::Task { info, .. } => Mention::OwnTask(*framework, &info.id),
                    LaunchRequest::Invalid { task, .. } => Mention::OwnTask(*framework, task),
                });
            });
        }
        CommandKind::DeclineOffers { framework, offers, .. } => {
            tell(Mention::Framework(*framework));
            offers.iter().for_each(|offer| tell(Mention::Offer(*offer)));
        }
        CommandKind::AcknowledgeUpdates { framework, receipts } => {
            tell(Mention::Framework(*framework));
            receipts.iter().for_each(|receipt| tell(Mention::OwnTask(*framework, &receipt.task)));
        }
        CommandKind::KillFrameworkTask { framework, task } => {
            tell(Mention::Framework(*framework));
            tell(Mention::OwnTask(*framework, task));
        }
        CommandKind::DefineProfile { profile } => tell(Mention::Policy(&profile.name)),
        CommandKind::RemoveProfile { profile } => tell(Mention::Policy(profile)),
        CommandKind::ChooseProfile { scope, profile } => {
            if let Some(model::ProfileScope::App(app)) = scope {
                tell(Mention::App(app));
            }
            profile.iter().for_each(|profile| tell(Mention::Policy(profile)));
        }
        CommandKind::ChooseShadow { profile } => profile.iter().for_each(|profile| tell(Mention::Policy(profile))),
        CommandKind::AddModule { name, .. } => tell(Mention::Policy(name)),
        CommandKind::RemoveModule { module } => tell(Mention::Policy(module)),
    }
}

/// The reports of an agent from which nothing followed, because the cluster knew as much or more: reports that came twice, or late.
pub fn ignored_reports(record: &Record) -> impl Iterator<Item = &model::StatusUpdate> {
    let updates = match &record.cause.kind {
        CommandKind::UpdateStatus { updates, .. } => updates.as_slice(),
        _ => &[],
    };
    updates.iter().filter(|update| {
        let is_told = |event: &Event| {
            matches!(event, Event::TaskStatusChanged { task, update: Some(id), .. } if *id == update.id && *task == update.task)
        };
        !record.events.iter().any(is_told)
    })
}
