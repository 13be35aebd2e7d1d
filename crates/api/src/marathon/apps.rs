//! Apps: listed, shown, created, changed, restarted and destroyed.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{App, AppId, AppSpec, CommandKind, Constraint};
use protocol::marathon::{self, AppAnswer, LabelSelector, Problems, Update, parse_timestamp, write_timestamp};
use serde_json::Value;
use state::State;

use super::call::{Call, Head, existing};
use super::views::{self, With};
use super::{changes, tasks};
use crate::Error;

/// What a change does to an app that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    IsCreated,
    IsAnError,
}

/// What placement says of a constraint.
fn rule(constraint: &Constraint) -> Result<(), String> {
    placement::validate_constraint(constraint).map_err(|error| error.to_string())
}

pub(super) fn list(call: &Call) -> Result<Response, Error> {
    let selector = call.head.first("label").map(str::parse::<LabelSelector>).transpose();
    let selector = selector.map_err(|error| Error::BadRequest(format!("the parameter label: {error}")))?;
    let [cmd, id] = ["cmd", "id"].map(|name| call.head.first(name).map(str::to_lowercase));
    let holds = |text: &str, part: &Option<String>| part.as_ref().is_none_or(|part| text.to_lowercase().contains(part));
    let is_wanted = |app: &&App| {
        let line = match &app.spec.invocation {
            model::Invocation::Shell(line) => line.as_str(),
            _ => "",
        };
        holds(line, &cmd)
            && holds(app.spec.id.as_str(), &id)
            && selector.as_ref().is_none_or(|selector| selector.matches(&app.spec.labels))
    };
    let apps: Vec<AppAnswer> = {
        let state = call.state();
        state.apps.values().filter(is_wanted).map(|app| views::app(&state, app, embedded(&call.head))).collect()
    };
    Ok(changes::named("apps", &apps))
}

fn embedded(head: &Head) -> With {
    let embeds = head.embeds();
    With {
        tasks: embeds.contains("tasks") || embeds.contains("failures"),
        last_task_failure: embeds.contains("lastTaskFailure") || embeds.contains("failures"),
    }
}

/// `{"*": […]}`: the apps whose ids begin with the group's.
pub(super) fn list_under(call: &Call, group: &str) -> Result<Response, Error> {
    let prefix = format!("{}/", group.trim_end_matches('/'));
    let apps: Vec<AppAnswer> = {
        let state = call.state();
        let below = state.apps.values().filter(|app| app.spec.id.as_str().starts_with(&prefix));
        below.map(|app| views::app(&state, app, embedded(&call.head))).collect()
    };
    Ok(changes::named("*", &apps))
}

pub(super) fn show(call: &Call, id: &str) -> Result<Response, Error> {
    let id = existing(id)?;
    let answer = {
        let state = call.state();
        let app = state.apps.get(&id).ok_or_else(|| Error::unknown_app(&id))?;
        views::app(&state, app, With { tasks: true, last_task_failure: true })
    };
    Ok(changes::named("app", &answer))
}

pub(super) async fn create(call: &Call) -> Result<Response, Error> {
    let spec = marathon::create(call.json()?, &rule)?;
    let location = format!("/v2/apps{}", spec.id);
    let committed = call.submit(CommandKind::CreateApp { app: spec.into() }).await?;
    let deployment = changes::deployment(&committed);
    let Some(app) = changes::changed_app(&committed) else {
        return Err(Error::Conflict("the app was accepted, but its record does not say so".to_owned()));
    };
    let body = Json(views::new_app(&app, deployment));
    let mut response = (StatusCode::CREATED, body).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(match deployment {
        Some(deployment) => changes::with_deployment(response, deployment),
        None => response,
    })
}

pub(super) async fn put(call: &Call, id: &str, missing: Missing) -> Result<Response, Error> {
    let id = match missing {
        Missing::IsCreated => AppId::parse(id).map_err(|error| Error::invalid("/id", error.to_string()))?,
        Missing::IsAnError => existing(id)?,
    };
    let body = call.json()?;
    let how = how(&call.head)?;
    let force = call.head.flag("force", false)?;
    let _turn = call.updating().await;
    let (command, status) = {
        let state = call.state();
        let present = state.apps.get(&id);
        let next = changed(&id, present, body, how, missing)?;
        let status = if present.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        (command(present, next, force), status)
    };
    let committed = call.submit(command).await?;
    Ok(changes::answer(status, &committed, &call.state()))
}

fn how(head: &Head) -> Result<Update, Error> {
    Ok(if head.flag("partialUpdate", true)? { Update::Merge } else { Update::Replace })
}

fn changed(id: &AppId, present: Option<&App>, body: Value, how: Update, missing: Missing) -> Result<AppSpec, Error> {
    match present {
        None if missing == Missing::IsAnError => return Err(Error::unknown_app(id)),
        None => {}
        Some(app) => check_version(app, &body)?,
    }
    Ok(marathon::update(id, present.map(|app| &*app.spec), body, how, &rule)?)
}

/// A change of nothing but the number of instances is said as that, so that it undoes nothing else that changes at
/// the same time.
fn command(present: Option<&App>, next: AppSpec, force: bool) -> CommandKind {
    let instances = next.instances;
    let scales = present.is_some_and(|app| AppSpec { instances, ..AppSpec::clone(&app.spec) } == next);
    if scales {
        CommandKind::ScaleApp { app: next.id, instances, force }
    } else {
        CommandKind::PutApps { apps: vec![Arc::new(next)], force }
    }
}

/// A version in the body says which one the change was made from. On its own it would mean to go back to it.
fn check_version(app: &App, body: &Value) -> Result<(), Error> {
    let Some(version) = body.get("version").filter(|version| !version.is_null()) else { return Ok(()) };
    let says_more = body.as_object().is_some_and(|fields| fields.keys().any(|key| key != "id" && key != "version"));
    if !says_more {
        return Err(Error::invalid("/version", "going back to a version is not built yet: send the definition itself"));
    }
    let Some(from) = version.as_str().and_then(parse_timestamp) else {
        return Err(Error::invalid("/version", "must be a time such as 2014-11-24T09:08:07.006Z"));
    };
    if from == app.version.0 {
        return Ok(());
    }
    let (id, now, from) = (&app.spec.id, write_timestamp(app.version.0), write_timestamp(from));
    Err(Error::Conflict(format!(
        "App '{id}' has version {now}, but the change was made from {from}: read it again, or leave version out"
    )))
}

/// Several apps in one deployment.
pub(super) async fn put_many(call: &Call, missing: Missing) -> Result<Response, Error> {
    let bodies = match call.json()? {
        Value::Array(bodies) if bodies.is_empty() => return Err(Error::invalid("/", "must hold at least one app")),
        Value::Array(bodies) => bodies,
        _ => return Err(Error::invalid("/", "must be an array of apps")),
    };
    let how = how(&call.head)?;
    let force = call.head.flag("force", false)?;
    let _turn = call.updating().await;
    let apps = {
        let state = call.state();
        all_changed(&state, bodies, how, missing)?
    };
    let committed = call.submit(CommandKind::PutApps { apps, force }).await?;
    Ok(changes::answer(StatusCode::OK, &committed, &call.state()))
}

fn all_changed(state: &State, bodies: Vec<Value>, how: Update, missing: Missing) -> Result<Vec<Arc<AppSpec>>, Error> {
    let mut problems = Problems::default();
    let mut named = BTreeSet::new();
    let mut apps = Vec::with_capacity(bodies.len());
    for (index, body) in bodies.into_iter().enumerate() {
        let at = format!("({index})");
        let id = match body.get("id").and_then(Value::as_str).map(AppId::parse) {
            Some(Ok(id)) => id,
            Some(Err(error)) => {
                problems.add(format!("{at}/id"), error.to_string());
                continue;
            }
            None => {
                problems.add(format!("{at}/id"), "is missing, or is no string");
                continue;
            }
        };
        if !named.insert(id.clone()) {
            problems.add(format!("{at}/id"), format!("'{id}' is named by an earlier app too"));
            continue;
        }
        match changed(&id, state.apps.get(&id), body, how, missing) {
            Ok(spec) => apps.push(Arc::new(spec)),
            Err(Error::Invalid(more)) => problems.add_all(&at, more),
            Err(error) => return Err(error),
        }
    }
    if problems.is_empty() { Ok(apps) } else { Err(problems.into()) }
}

pub(super) async fn restart(call: &Call, id: &str) -> Result<Response, Error> {
    let app = existing(id)?;
    let force = call.head.flag("force", false)?;
    let committed = call.submit(CommandKind::RestartApp { app, force }).await?;
    Ok(changes::answer(StatusCode::OK, &committed, &call.state()))
}

/// An id with a segment `tasks` in it looks like a task of another app; the app wins if it is there.
pub(super) async fn destroy(call: &Call, id: &str) -> Result<Response, Error> {
    let app = existing(id)?;
    let force = call.head.flag("force", true)?;
    let committed = call.submit(CommandKind::DestroyApp { app, force }).await?;
    Ok(changes::answer(StatusCode::OK, &committed, &call.state()))
}

/// A `DELETE` below `…/tasks/`: of a task, unless an app has just this id.
pub(super) async fn destroy_or_kill(call: &Call, app: &str, task: &str) -> Result<Response, Error> {
    let whole = format!("{app}/tasks/{task}");
    let is_app = AppId::parse(&whole).is_ok_and(|id| call.state().apps.contains(&id));
    if is_app { destroy(call, &whole).await } else { tasks::kill_one(call, app, task).await }
}
