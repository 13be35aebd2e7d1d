//! `bayplan app …`

use std::time::Duration;

use model::AppId;
use protocol::operator::{APPS_PATH, AppList, AppView, TASKS_PATH, TaskList};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::definition::Definitions;
use super::{Session, find_app};
use crate::cli::app::{App, Deploy, Destroy, Restart, Scale, Show, Waiting};
use crate::client::{Body, Call, Client, app_path};
use crate::failure::Failure;
use crate::output::note;
use crate::progress::Progress;
use crate::render;
use crate::wait::{self, Goal};

/// What Marathon's routes answer to a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeploymentReference {
    pub(crate) version: String,
    /// Empty when there was nothing to change.
    #[serde(rename = "deploymentId")]
    pub(crate) deployment: String,
}

/// What --json prints after a change.
#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    reference: DeploymentReference,
    /// With --wait: how the apps are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    apps: Option<Vec<AppView>>,
}

pub(super) async fn run(session: &mut Session, command: App) -> Result<(), Failure> {
    match command {
        App::Deploy(Deploy { file, change }) => {
            let definitions = Definitions::read(&file)?;
            let reference = deploy(&session.client, &definitions, change.force).await?;
            finish(session, reference, definitions.ids(), Goal::Settled, &change.waiting).await
        }
        App::List(_) => {
            let list: AppList = session.client.get(APPS_PATH, &[]).await?;
            if session.out.is_json() {
                return session.out.document(&list);
            }
            let text = render::apps::list(&list, session.out.width());
            session.out.text(&text)
        }
        App::Show(Show { app, past: _ }) => show(session, &app).await,
        App::Scale(Scale { app, instances, change }) => {
            // A PUT would create an app that is not there, and then complain about its missing command.
            find_app(&session.client, &app).await?;
            let body = json!({ "instances": instances });
            let reference = send(&session.client, Method::PUT, &app_path(&app), change.force, Some(&body)).await?;
            finish(session, reference, &[app], Goal::Settled, &change.waiting).await
        }
        App::Restart(Restart { app, change }) => {
            let path = format!("{}/restart", app_path(&app));
            let reference = send(&session.client, Method::POST, &path, change.force, None).await?;
            finish(session, reference, &[app], Goal::Settled, &change.waiting).await
        }
        App::Destroy(Destroy { app, waiting }) => {
            let reference = send(&session.client, Method::DELETE, &app_path(&app), true, None).await?;
            finish(session, reference, &[app], Goal::Gone, &waiting).await
        }
    }
}

/// Creates the apps or changes them to exactly what the definitions say.
pub(crate) async fn deploy(
    client: &Client,
    definitions: &Definitions,
    force: bool,
) -> Result<DeploymentReference, Failure> {
    let (path, body) = match definitions {
        Definitions::One(app, definition) => (app_path(app), definition.clone()),
        Definitions::Several(_, all) => ("/v2/apps".to_owned(), all.clone().into()),
    };
    let query = [("force", force.to_string()), ("partialUpdate", "false".to_owned())];
    client.call(Call { method: Method::PUT, path: &path, query: &query, body: Some(Body::Json(&body)) }).await
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    force: bool,
    body: Option<&serde_json::Value>,
) -> Result<DeploymentReference, Failure> {
    client.call(Call { method, path, query: &[("force", force.to_string())], body: body.map(Body::Json) }).await
}

/// Waits when asked to, and says what was done.
async fn finish(
    session: &mut Session,
    reference: DeploymentReference,
    apps: &[AppId],
    goal: Goal,
    waiting: &Waiting,
) -> Result<(), Failure> {
    let names = apps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !waiting.wait {
        if session.out.is_json() {
            return session.out.document(&Changed { reference, apps: None });
        }
        if reference.deployment.is_empty() {
            return session.out.text(&format!("{names}: nothing to change\n"));
        }
        session.out.text(&format!("{names}: deployment {} started\n", reference.deployment))?;
        note(session.color, "Add --wait to see it through, or look with `bayplan status`.");
        return Ok(());
    }
    let reached = until(session, apps, goal, waiting.timeout).await?;
    if session.out.is_json() {
        return session.out.document(&Changed { reference, apps: Some(reached) });
    }
    let text = match goal {
        Goal::Settled => reached.iter().map(|app| format!("{}: {}\n", app.id, running(app))).collect(),
        Goal::Gone => format!("{names}: destroyed\n"),
    };
    session.out.text(&text)
}

async fn until(session: &Session, apps: &[AppId], goal: Goal, timeout: Duration) -> Result<Vec<AppView>, Failure> {
    let mut progress = Progress::new(apps);
    wait::until(&session.client, apps, goal, timeout, &mut progress).await
}

fn running(app: &AppView) -> String {
    match app.instances {
        0 => "stopped".to_owned(),
        instances => format!("{} running", render::count(instances.into(), "instance")),
    }
}

async fn show(session: &mut Session, app: &AppId) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        app: &'a AppView,
        task_list: &'a TaskList,
    }
    let found = find_app(&session.client, app).await?;
    let query = [("app", app.to_string())];
    let task_list: TaskList = session.client.get(TASKS_PATH, &query).await?;
    let Some(app) = found.apps.first() else { return Ok(()) };
    if session.out.is_json() {
        return session.out.document(&Shown { app, task_list: &task_list });
    }
    let text = render::apps::show(app, &task_list, session.out.width());
    session.out.text(&text)
}
