//! `bayplan dev --deploy`: brings the apps of a file up and finds out where they answer.
//!
//! It asks the cluster over HTTP like any other client.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::{AppId, TaskState};
use protocol::operator::{APPS_PATH, AppList, TASKS_PATH, TaskList};
use tokio::net::TcpStream;

use crate::cli::ColorWhen;
use crate::client::Client;
use crate::commands::definition::Definitions;
use crate::failure::Failure;
use crate::output::note;
use crate::progress::Progress;
use crate::render;
use crate::render::ready::{Address, ReadyApp};
use crate::wait::{self, Goal};

/// After so long the user is told what there is; the cluster goes on trying.
const RUNNING_TIMEOUT: Duration = Duration::from_secs(60);
/// A task that runs may take a moment to open its port; many never open one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_INTERVAL: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The apps of the file, as far as they came, and how many others there are.
pub(super) async fn bring_up(
    client: &Client,
    definitions: Option<&Definitions>,
    color: ColorWhen,
) -> Result<(Vec<ReadyApp>, usize), Failure> {
    let known: AppList = client.get(APPS_PATH, &[]).await?;
    let known: Vec<AppId> = known.apps.into_iter().map(|app| app.id).collect();
    let Some(definitions) = definitions else { return Ok((Vec::new(), known.len())) };
    let others = known.iter().filter(|app| !definitions.ids().contains(app)).count();
    if let Some(missing) = definitions.without(&known) {
        crate::commands::deploy(client, &missing, false).await?;
    }
    for app in definitions.ids().iter().filter(|app| known.contains(app)) {
        note(color, &format!("{app} is in the log already; `bayplan app deploy` changes it to what the file says."));
    }
    let mut progress = Progress::new(definitions.ids());
    let held_back = match wait::until(client, definitions.ids(), Goal::Settled, RUNNING_TIMEOUT, &mut progress).await {
        Ok(_) => None,
        Err(failure @ Failure::Failed(_)) => Some(failure.to_string()),
        Err(failure) => return Err(failure),
    };
    Ok((until_answering(client, definitions.ids(), held_back.as_deref()).await?, others))
}

/// Looks again until every task answers. After a restart that takes two looks: the log's last word is that the old tasks
/// run, until the agent has said how they ended and others have taken their place.
async fn until_answering(client: &Client, ids: &[AppId], held_back: Option<&str>) -> Result<Vec<ReadyApp>, Failure> {
    let give_up_at = Instant::now() + RUNNING_TIMEOUT;
    let (mut tasks_before, mut answer_by) = (BTreeSet::new(), Instant::now() + ANSWER_TIMEOUT);
    loop {
        let mut apps = Vec::new();
        for id in ids {
            apps.extend(look(client, id, held_back).await?);
        }
        let addresses = || apps.iter().flat_map(|app| &app.addresses);
        let tasks: BTreeSet<String> = addresses().map(|address| address.task.clone()).collect();
        if tasks != tasks_before {
            (tasks_before, answer_by) = (tasks, Instant::now() + ANSWER_TIMEOUT);
        }
        let complete = addresses().all(|address| address.answers) && apps.iter().all(|app| app.held_back.is_none());
        if complete || Instant::now() >= answer_by.min(give_up_at) {
            return Ok(apps);
        }
        tokio::time::sleep(ANSWER_INTERVAL).await;
    }
}

async fn look(client: &Client, id: &AppId, held_back: Option<&str>) -> Result<Option<ReadyApp>, Failure> {
    let found: AppList = client.get(APPS_PATH, &[("id", id.to_string())]).await?;
    let Some(app) = found.apps.into_iter().next() else { return Ok(None) };
    let of_app: TaskList = client.get(TASKS_PATH, &[("app", id.to_string())]).await?;
    let mut addresses = Vec::new();
    for task in of_app.tasks.iter().filter(|task| task.status.state == TaskState::Running) {
        if let Some(port) = task.host_ports.first() {
            let url = format!("http://localhost:{port}");
            addresses.push(Address { task: task.id.to_string(), url, answers: answers(*port).await });
        }
    }
    addresses.sort_by(|a, b| a.url.cmp(&b.url));
    let why = || held_back.map_or_else(|| render::apps::state(&app, found.now), str::to_owned);
    let held_back = (!app.settled).then(why);
    Ok(Some(ReadyApp { id: app.id, instances: app.instances, running: app.tasks.running, held_back, addresses }))
}

/// Whether something on this machine accepts connections on a port.
async fn answers(port: u16) -> bool {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(("localhost", port))).await;
    matches!(connected, Ok(Ok(_)))
}
