//! Waits until apps are as wanted, and says what holds them back.

use std::time::{Duration, Instant};

use model::{AppId, Timestamp};
use protocol::operator::{APPS_PATH, AppList, AppView, TASKS_PATH, TaskList};

use crate::client::Client;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::render;

const INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Every instance runs, in the newest version.
    Settled,
    /// The app is forgotten and its tasks have ended.
    Gone,
}

/// How far one app is.
#[derive(Debug, Clone)]
struct Standing {
    app: AppId,
    reached: bool,
    /// What is there, out of what will be.
    done: u32,
    of: u32,
    told: String,
    view: Option<AppView>,
}

/// The apps as they are once the goal is reached; a failure that says what is missing when it is not in time.
pub(crate) async fn until(
    client: &Client,
    apps: &[AppId],
    goal: Goal,
    timeout: Duration,
    progress: &mut Progress,
) -> Result<Vec<AppView>, Failure> {
    let deadline = Instant::now() + timeout;
    let mut last_known;
    loop {
        match look(client, apps, goal).await {
            Ok(standings) => {
                for standing in &standings {
                    progress.show(&standing.app, standing.done, standing.of, &standing.told);
                }
                if standings.iter().all(|standing| standing.reached) {
                    progress.finish();
                    return Ok(standings.into_iter().filter_map(|standing| standing.view).collect());
                }
                let missing = standings.iter().filter(|standing| !standing.reached);
                last_known = missing.map(|one| format!("{}: {}", one.app, one.told)).collect::<Vec<_>>().join("; ");
            }
            // A master that restarts comes back; the deployment goes on meanwhile.
            Err(Failure::Unreachable(reason)) => last_known = reason,
            Err(failure) => return Err(failure),
        }
        if Instant::now() >= deadline {
            progress.finish();
            let time = render::time::span(timeout.as_millis().try_into().unwrap_or(u64::MAX));
            return Err(Failure::failed(format!(
                "not reached in {time}: {last_known}; it goes on, see `bayplan status`, or wait longer with --timeout"
            )));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn look(client: &Client, apps: &[AppId], goal: Goal) -> Result<Vec<Standing>, Failure> {
    let mut standings = Vec::with_capacity(apps.len());
    for app in apps {
        let found: AppList = client.get(APPS_PATH, &[("id", app.to_string())]).await?;
        let now = found.now;
        let view = found.apps.into_iter().next();
        standings.push(match goal {
            Goal::Settled => settled(app, view, now)?,
            Goal::Gone => {
                let left: TaskList = client.get(TASKS_PATH, &[("app", app.to_string())]).await?;
                gone(app, view.is_some(), u32::try_from(left.tasks.len()).unwrap_or(u32::MAX))
            }
        });
    }
    Ok(standings)
}

fn settled(app: &AppId, view: Option<AppView>, now: Timestamp) -> Result<Standing, Failure> {
    let view = view.ok_or_else(|| Failure::NotFound(format!("app '{app}' was destroyed meanwhile")))?;
    let told = match &view.waiting {
        None => format!("{} of {} run, {}", view.tasks.running, view.instances, render::apps::state(&view, now)),
        Some(_) => format!("{} of {} run; {}", view.tasks.running, view.instances, render::apps::state(&view, now)),
    };
    Ok(Standing {
        app: app.clone(),
        reached: view.settled,
        done: view.tasks.running.min(view.instances),
        of: view.instances,
        told,
        view: Some(view),
    })
}

fn gone(app: &AppId, known: bool, tasks: u32) -> Standing {
    let told = match (known, tasks) {
        (_, 1..) => format!("{} to end", render::count(tasks.into(), "task")),
        (true, 0) => "to be forgotten".to_owned(),
        (false, 0) => "gone".to_owned(),
    };
    Standing { app: app.clone(), reached: !known && tasks == 0, done: 0, of: tasks, told, view: None }
}
