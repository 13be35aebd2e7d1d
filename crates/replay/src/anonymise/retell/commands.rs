//! What was asked.

use std::sync::Arc;

use model::{ClusterId, CommandKind, LaunchRequest, StatusUpdate, TaskSelection, UpdateId, UpdateReceipt};

use super::specs::{
    agent_description, app_spec, framework_info, leader_addresses, profile, profile_name, resources, scope, status,
    task_info,
};
use super::{bits, optional, shared};
use crate::anonymise::names::{Kind, Names};

pub(super) fn kind(names: &mut dyn Names, kind: &CommandKind) -> CommandKind {
    match kind {
        CommandKind::StartEpoch { cluster, leader, addresses, placement_policy, profile } => CommandKind::StartEpoch {
            cluster: ClusterId::new(names.text(Kind::Cluster, cluster.as_str())),
            leader: names.text(Kind::Leader, leader),
            addresses: addresses.as_ref().map(|addresses| leader_addresses(names, addresses)),
            placement_policy: optional(names, Kind::Profile, placement_policy.as_ref()),
            profile: profile.as_ref().map(|profile| self::profile(names, profile)),
        },
        CommandKind::Allocate => CommandKind::Allocate,
        CommandKind::CreateApp { .. }
        | CommandKind::PutApps { .. }
        | CommandKind::ScaleApp { .. }
        | CommandKind::RestartApp { .. }
        | CommandKind::DestroyApp { .. }
        | CommandKind::KillTasks { .. } => of_owners(names, kind),
        CommandKind::RegisterAgent { description } => {
            CommandKind::RegisterAgent { description: agent_description(names, description) }
        }
        CommandKind::ReconnectAgent { agent, description } => {
            CommandKind::ReconnectAgent { agent: bits(agent), description: agent_description(names, description) }
        }
        CommandKind::DisconnectAgent { agent, reason } => {
            CommandKind::DisconnectAgent { agent: bits(agent), reason: bits(reason) }
        }
        CommandKind::RemoveAgent { agent, reason } => {
            CommandKind::RemoveAgent { agent: bits(agent), reason: bits(reason) }
        }
        CommandKind::UpdateStatus { agent, updates } => CommandKind::UpdateStatus {
            agent: bits(agent),
            updates: updates.iter().map(|update| status_update(names, update)).collect(),
        },
        CommandKind::ChooseOfferTimeout { offer_timeout_ms } => {
            CommandKind::ChooseOfferTimeout { offer_timeout_ms: bits(offer_timeout_ms) }
        }
        CommandKind::DefineProfile { profile } => CommandKind::DefineProfile { profile: self::profile(names, profile) },
        CommandKind::RemoveProfile { profile } => {
            CommandKind::RemoveProfile { profile: shared(names, Kind::Profile, profile) }
        }
        CommandKind::ChooseProfile { scope, profile } => CommandKind::ChooseProfile {
            scope: scope.as_ref().map(|scope| self::scope(names, scope)),
            profile: profile_name(names, profile.as_ref()),
        },
        CommandKind::ChooseShadow { profile } => {
            CommandKind::ChooseShadow { profile: profile_name(names, profile.as_ref()) }
        }
        CommandKind::AddModule { name, bytes } => {
            CommandKind::AddModule { name: shared(names, Kind::Profile, name), bytes: names.module(bytes) }
        }
        CommandKind::RemoveModule { module } => {
            CommandKind::RemoveModule { module: shared(names, Kind::Profile, module) }
        }
        CommandKind::SubscribeFramework { .. }
        | CommandKind::DisconnectFramework { .. }
        | CommandKind::TeardownFramework { .. }
        | CommandKind::AcceptOffers { .. }
        | CommandKind::DeclineOffers { .. }
        | CommandKind::ReviveOffers { .. }
        | CommandKind::SuppressOffers { .. }
        | CommandKind::AcknowledgeUpdates { .. }
        | CommandKind::KillFrameworkTask { .. } => of_frameworks(names, kind),
    }
}

fn of_owners(names: &mut dyn Names, kind: &CommandKind) -> CommandKind {
    match kind {
        CommandKind::CreateApp { app } => CommandKind::CreateApp { app: app_spec(names, app) },
        CommandKind::PutApps { apps, force } => {
            CommandKind::PutApps { apps: apps.iter().map(|app| app_spec(names, app)).collect(), force: bits(force) }
        }
        CommandKind::ScaleApp { app, instances, force } => {
            CommandKind::ScaleApp { app: names.app(app), instances: bits(instances), force: bits(force) }
        }
        CommandKind::RestartApp { app, force } => CommandKind::RestartApp { app: names.app(app), force: bits(force) },
        CommandKind::DestroyApp { app, force } => CommandKind::DestroyApp { app: names.app(app), force: bits(force) },
        CommandKind::KillTasks { selection, scale, force } => CommandKind::KillTasks {
            selection: self::selection(names, selection),
            scale: bits(scale),
            force: bits(force),
        },
        _ => unreachable!("only commands of service owners come here"),
    }
}

fn of_frameworks(names: &mut dyn Names, kind: &CommandKind) -> CommandKind {
    match kind {
        CommandKind::SubscribeFramework { framework, info } => {
            CommandKind::SubscribeFramework { framework: bits(framework), info: framework_info(names, info) }
        }
        CommandKind::DisconnectFramework { framework } => {
            CommandKind::DisconnectFramework { framework: bits(framework) }
        }
        CommandKind::TeardownFramework { framework } => CommandKind::TeardownFramework { framework: bits(framework) },
        CommandKind::AcceptOffers { framework, offers, launches, refuse_ms } => CommandKind::AcceptOffers {
            framework: bits(framework),
            offers: offers.iter().map(bits).collect(),
            launches: launches.iter().map(|launch| self::launch(names, launch)).collect(),
            refuse_ms: bits(refuse_ms),
        },
        CommandKind::DeclineOffers { framework, offers, refuse_ms } => CommandKind::DeclineOffers {
            framework: bits(framework),
            offers: offers.iter().map(bits).collect(),
            refuse_ms: bits(refuse_ms),
        },
        CommandKind::ReviveOffers { framework } => CommandKind::ReviveOffers { framework: bits(framework) },
        CommandKind::SuppressOffers { framework } => CommandKind::SuppressOffers { framework: bits(framework) },
        CommandKind::AcknowledgeUpdates { framework, receipts } => CommandKind::AcknowledgeUpdates {
            framework: bits(framework),
            receipts: receipts.iter().map(|receipt| self::receipt(names, receipt)).collect(),
        },
        CommandKind::KillFrameworkTask { framework, task } => {
            CommandKind::KillFrameworkTask { framework: bits(framework), task: shared(names, Kind::OwnTask, task) }
        }
        _ => unreachable!("only commands of frameworks come here"),
    }
}

fn selection(names: &mut dyn Names, selection: &TaskSelection) -> TaskSelection {
    match selection {
        TaskSelection::Tasks(tasks) => TaskSelection::Tasks(tasks.iter().map(|task| names.task(task)).collect()),
        TaskSelection::App { app, host } => {
            TaskSelection::App { app: names.app(app), host: optional(names, Kind::Host, host.as_ref()) }
        }
    }
}

fn status_update(names: &mut dyn Names, update: &StatusUpdate) -> StatusUpdate {
    let StatusUpdate { id, task, observed_at, status } = update;
    StatusUpdate {
        id: UpdateId::new(names.text(Kind::Update, id.as_str())),
        task: names.task(task),
        observed_at: bits(observed_at),
        status: self::status(names, status),
    }
}

fn launch(names: &mut dyn Names, launch: &LaunchRequest) -> LaunchRequest {
    match launch {
        LaunchRequest::Task { info, agent, resources } => LaunchRequest::Task {
            info: task_info(names, info),
            agent: bits(agent),
            resources: self::resources(resources),
        },
        LaunchRequest::Invalid { task, agent, reason } => LaunchRequest::Invalid {
            task: shared(names, Kind::OwnTask, task),
            agent: bits(agent),
            reason: names.text(Kind::Message, reason),
        },
    }
}

fn receipt(names: &mut dyn Names, receipt: &UpdateReceipt) -> UpdateReceipt {
    let UpdateReceipt { task, update } = receipt;
    let task: Arc<str> = shared(names, Kind::OwnTask, task);
    UpdateReceipt { task, update: names.receipt(*update) }
}
