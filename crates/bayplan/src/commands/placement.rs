//! `bayplan placement …`, as far as it asks a cluster.

use model::Profile;
use protocol::operator::{
    Changed, MODULES_PATH, POLICIES_PATH, PROFILES_PATH, PolicyList, SHADOW_PATH, ShadowView, USE_PROFILE_PATH,
    UseProfile, UseShadow,
};
use reqwest::Method;
use serde::Serialize;

use super::{Session, look};
use crate::cli::placement::{Add, Placement, ShadowOf, Use};
use crate::client::{Body, Call};
use crate::failure::Failure;
use crate::profiles::{is_file, read_profile};
use crate::render;

pub(super) async fn run(session: &mut Session, command: Placement) -> Result<(), Failure> {
    match command {
        Placement::List(_) => {
            let render = |list: &PolicyList, width| render::placement::list(list, width);
            look::show(session, POLICIES_PATH, render).await
        }
        Placement::Use(wish) => choose(session, wish).await,
        Placement::Define(wish) => {
            let profile = read_profile(&wish.file)?;
            let changed = define(session, &profile).await?;
            tell(session, &changed, &format!("profile '{}' is {profile}", profile.name))
        }
        Placement::Add(wish) => add(session, wish).await,
        Placement::Remove(wish) => remove(session, &wish.name).await,
        Placement::Shadow(wish) => shadow(session, wish).await,
        Placement::Compare(wish) => super::compare::run(session, *wish).await,
        Placement::Simulate(wish) => super::trial::run(session, &wish).await,
    }
}

async fn choose(session: &mut Session, wish: Use) -> Result<(), Failure> {
    let Use { mut profile, app, role } = wish;
    if is_file(&profile) {
        let defined = read_profile(profile.as_ref())?;
        define(session, &defined).await?;
        profile = defined.name.to_string();
    }
    let whom = match (&app, &role) {
        (Some(app), _) => format!("app {app}"),
        (None, Some(role)) => format!("apps of role {role}"),
        (None, None) => "the cluster".to_owned(),
    };
    let text = match profile.as_str() {
        "default" => format!("what decides for {whom} is the default again"),
        profile => format!("{profile} decides for {whom}"),
    };
    let body = UseProfile { profile, app, role };
    let changed = change(session, Method::POST, USE_PROFILE_PATH, Some(&body)).await?;
    tell(session, &changed, &text)
}

async fn define(session: &Session, profile: &Profile) -> Result<Changed, Failure> {
    change(session, Method::POST, PROFILES_PATH, Some(profile)).await
}

async fn add(session: &mut Session, wish: Add) -> Result<(), Failure> {
    let Add { file, name } = wish;
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
    let bytes = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
    let of_file = file.file_stem().and_then(|stem| stem.to_str()).map(ToOwned::to_owned);
    let name = name.or(of_file).ok_or_else(|| wrong("has no name that a module could have: give --name".to_owned()))?;
    let changed: Changed = session.client.upload(&path_of(MODULES_PATH, &name)?, &bytes).await?;
    tell(session, &changed, &format!("module '{name}' can decide; try it with `bayplan placement shadow {name}`"))
}

async fn remove(session: &mut Session, name: &str) -> Result<(), Failure> {
    let list: PolicyList = session.client.get(POLICIES_PATH, &[]).await?;
    let below = if list.modules.iter().any(|module| module.name == name) { MODULES_PATH } else { PROFILES_PATH };
    let changed = change(session, Method::DELETE, &path_of(below, name)?, None::<&()>).await?;
    tell(session, &changed, &format!("'{name}' is removed"))
}

async fn shadow(session: &mut Session, wish: ShadowOf) -> Result<(), Failure> {
    let profile = match wish {
        ShadowOf { off: true, .. } => None,
        ShadowOf { profile: Some(profile), .. } => Some(profile),
        ShadowOf { profile: None, off: false } => {
            let render = |view: &ShadowView, _| render::placement::shadow(view);
            return look::show(session, SHADOW_PATH, render).await;
        }
    };
    let text = match &profile {
        Some(profile) => format!("{profile} decides in the shadow; `bayplan placement shadow` shows how it compares"),
        None => "nothing decides in the shadow".to_owned(),
    };
    let changed = change(session, Method::PUT, SHADOW_PATH, Some(&UseShadow { profile })).await?;
    tell(session, &changed, &text)
}

/// A name has no slash: that would be another path.
fn path_of(below: &str, name: &str) -> Result<String, Failure> {
    match name.contains(['/', '?', '#', '%']) {
        true => Err(Failure::Usage(format!("'{name}' is no name of a profile or module"))),
        false => Ok(format!("{below}/{name}")),
    }
}

async fn change<T: Serialize + Sync>(
    session: &Session,
    method: Method,
    path: &str,
    body: Option<&T>,
) -> Result<Changed, Failure> {
    let body = body.map(|body| serde_json::to_value(body).expect("plain data"));
    session.client.call(Call { method, path, query: &[], body: body.as_ref().map(Body::Json) }).await
}

fn tell(session: &mut Session, changed: &Changed, text: &str) -> Result<(), Failure> {
    if session.out.is_json() {
        return session.out.document(changed);
    }
    let when = match changed.changed {
        true => format!("since record {}", changed.seq),
        false => "as before".to_owned(),
    };
    session.out.text(&format!("{text} ({when})\n"))
}
