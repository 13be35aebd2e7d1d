//! What decides where tasks go: looking at it, and choosing it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Path, State};
use master::{Handle, ShadowReport};
use model::{AppId, CommandKind, ModuleBytes, Principal, Profile, ProfileScope};
use protocol::operator::{
    Changed, DifferenceView, ModuleView, PolicyList, PolicyView, ShadowReportView, ShadowView, UseProfile, UseShadow,
};

use super::Operator;
use crate::Error;
use crate::auth::Caller;
use crate::explained;

/// Takes a choice back, where a profile's name is expected.
const DEFAULT: &str = "default";

pub(super) async fn list(State(operator): State<Operator>) -> Json<PolicyList> {
    let state = operator.handle.read();
    let active = state.header.placement_policy.clone();
    let built_in = Handle::placement_policies().iter().chain(Handle::placement_profiles());
    let policies = built_in.map(|(name, description)| PolicyView {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        active: *name == active,
    });
    let modules = state.modules.values().map(|module| ModuleView {
        name: module.name.to_string(),
        hash: module.hash,
        bytes: module.bytes.0.len(),
        disabled: module.disabled.as_ref().map(ToString::to_string),
    });
    Json(PolicyList {
        policies: policies.collect(),
        profiles: state.profiles.values().map(|profile| Profile::clone(profile)).collect(),
        modules: modules.collect(),
        choices: state.header.profiles.clone(),
        active,
    })
}

pub(super) async fn choose(
    State(operator): State<Operator>,
    Caller(principal): Caller,
    wish: Result<Json<UseProfile>, JsonRejection>,
) -> Result<Json<Changed>, Error> {
    let Json(UseProfile { profile, app, role }) = wish?;
    let scope = match (app, role) {
        (Some(_), Some(_)) => {
            return Err(Error::BadRequest("app and role exclude each other: give one of them, or none".to_owned()));
        }
        (Some(app), None) => {
            let app = AppId::parse(&app).map_err(|error| Error::BadRequest(format!("app {error}")))?;
            Some(ProfileScope::App(app))
        }
        (None, Some(role)) => Some(ProfileScope::Role(role.into())),
        (None, None) => None,
    };
    let profile = Some(profile).filter(|profile| profile != DEFAULT).map(Into::into);
    submit(&operator, principal, CommandKind::ChooseProfile { scope, profile }).await
}

pub(super) async fn define(
    State(operator): State<Operator>,
    Caller(principal): Caller,
    profile: Result<Json<Profile>, JsonRejection>,
) -> Result<Json<Changed>, Error> {
    let Json(profile) = profile?;
    submit(&operator, principal, CommandKind::DefineProfile { profile: profile.into() }).await
}

pub(super) async fn remove(
    State(operator): State<Operator>,
    Caller(principal): Caller,
    Path(name): Path<String>,
) -> Result<Json<Changed>, Error> {
    submit(&operator, principal, CommandKind::RemoveProfile { profile: name.into() }).await
}

pub(super) async fn shadow(State(operator): State<Operator>) -> Json<ShadowView> {
    let state = operator.handle.read();
    let profile = state.header.profiles.shadow.as_ref().map(ToString::to_string);
    let active = state.header.placement_policy.clone();
    drop(state);
    let report = operator.handle.shadow().filter(|report| profile.as_deref() == Some(&*report.profile));
    Json(ShadowView { profile, active, report: report.map(of_report) })
}

pub(super) async fn choose_shadow(
    State(operator): State<Operator>,
    Caller(principal): Caller,
    wish: Result<Json<UseShadow>, JsonRejection>,
) -> Result<Json<Changed>, Error> {
    let Json(UseShadow { profile }) = wish?;
    submit(&operator, principal, CommandKind::ChooseShadow { profile: profile.map(Into::into) }).await
}

pub(super) async fn add_module(
    State(operator): State<Operator>,
    Caller(principal): Caller,
    Path(name): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Changed>, Error> {
    let bytes = ModuleBytes(bytes?.as_ref().into());
    submit(&operator, principal, CommandKind::AddModule { name: name.into(), bytes }).await
}

pub(super) async fn remove_module(
    State(operator): State<Operator>,
    Caller(principal): Caller,
    Path(name): Path<String>,
) -> Result<Json<Changed>, Error> {
    submit(&operator, principal, CommandKind::RemoveModule { module: name.into() }).await
}

async fn submit(operator: &Operator, principal: Principal, kind: CommandKind) -> Result<Json<Changed>, Error> {
    let committed = operator.handle.submit(principal, kind).await?;
    let changed = committed.record.is_some_and(|record| !record.events.is_empty());
    Ok(Json(Changed { seq: committed.seq, changed }))
}

fn of_report(report: ShadowReport) -> ShadowReportView {
    let differences = report.differences.into_iter().map(|difference| DifferenceView {
        task: difference.task,
        agent: difference.agent,
        shadow: difference.shadow,
    });
    ShadowReportView {
        since: report.since,
        seq: report.seq,
        decisions: report.counts.decisions,
        agreed: report.counts.agreed,
        nowhere: report.counts.nowhere,
        without_room: report.counts.without_room,
        live: explained::packing(report.live),
        shadow: explained::packing(report.own),
        differences: differences.collect(),
        fault: report.fault,
    }
}
