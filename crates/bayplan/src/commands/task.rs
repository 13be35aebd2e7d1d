//! `bayplan task …`

use std::time::Duration;

use model::TaskId;
use protocol::agent::FileChunk;
use protocol::operator::{TASKS_PATH, TaskList, TaskView};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Session, find_app};
use crate::cli::task::{Kill, List, Logs, Task};
use crate::client::{Body, Call, Client};
use crate::failure::Failure;
use crate::output::note;
use crate::render;

/// How often a follower asks for what was added.
const INTERVAL: Duration = Duration::from_millis(300);
/// How many candidates an ambiguous beginning of an id names.
const CANDIDATES: usize = 5;

pub(super) async fn run(session: &mut Session, command: Task) -> Result<(), Failure> {
    match command {
        Task::List(wish) => list(session, wish).await,
        Task::Show(wish) => show(session, &wish.task).await,
        Task::Logs(logs) => print_output(session, logs).await,
        Task::Kill(kill) => end(session, kill).await,
    }
}

async fn show(session: &mut Session, task: &str) -> Result<(), Failure> {
    let list: TaskList = session.client.get(TASKS_PATH, &[("ended", true.to_string())]).await?;
    let id = resolve(&of_interest(&list.tasks, task), task)?;
    let Some(task) = list.tasks.iter().find(|task| task.id == id) else { return Ok(()) };
    if session.out.is_json() {
        return session.out.document(task);
    }
    let text = render::tasks::show(task, list.now);
    session.out.text(&text)
}

async fn list(session: &mut Session, List { app, all, past: _ }: List) -> Result<(), Failure> {
    let mut query = vec![("ended", all.to_string())];
    if let Some(app) = &app {
        query.push(("app", app.to_string()));
    }
    let list: TaskList = session.client.get(TASKS_PATH, &query).await?;
    if let Some(app) = app.filter(|_| list.tasks.is_empty()) {
        // An app without tasks is fine, an app that does not exist is a mistake.
        find_app(&session.client, &app).await?;
    }
    if session.out.is_json() {
        return session.out.document(&list);
    }
    let text = render::tasks::list(&list, session.out.width());
    session.out.text(&text)
}

async fn print_output(session: &mut Session, logs: Logs) -> Result<(), Failure> {
    let tasks = all_tasks(&session.client).await?;
    let task = resolve(&of_interest(&tasks, &logs.task), &logs.task)?;
    if task.as_str() != logs.task {
        note(session.color, &format!("The {} of {task}:", if logs.stderr { "stderr" } else { "stdout" }));
    }
    let file = if logs.stderr { "stderr" } else { "stdout" };
    let path = format!("{TASKS_PATH}/{task}/files/{file}");
    let mut offset = 0;
    loop {
        // Asked before reading, so that what was written just before the end is still read.
        let ended = !logs.follow || has_ended(&session.client, &task).await?;
        offset = print_from(session, &path, offset).await?;
        if ended {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Prints everything after `offset`; returns where it ended.
async fn print_from(session: &mut Session, path: &str, mut offset: u64) -> Result<u64, Failure> {
    loop {
        let chunk: FileChunk = session.client.get(path, &[("offset", offset.to_string())]).await?;
        if chunk.next_offset <= offset {
            return Ok(offset);
        }
        if session.out.is_json() {
            session.out.line(&chunk)?;
        } else {
            session.out.bytes(chunk.data.as_bytes())?;
        }
        offset = chunk.next_offset;
    }
}

async fn has_ended(client: &Client, task: &TaskId) -> Result<bool, Failure> {
    match client.get::<TaskView>(&format!("{TASKS_PATH}/{task}"), &[]).await {
        Ok(task) => Ok(task.ended_at.is_some()),
        // It ended so long ago that it is forgotten.
        Err(Failure::NotFound(_)) => Ok(true),
        Err(failure) => Err(failure),
    }
}

async fn end(session: &mut Session, kill: Kill) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Ended<'a> {
        tasks: &'a [TaskId],
        #[serde(flatten)]
        answer: Value,
    }
    let known = all_tasks(&session.client).await?;
    let active: Vec<_> = known.into_iter().filter(|task| task.ended_at.is_none()).collect();
    let tasks = kill.tasks.iter().map(|task| resolve(&active, task)).collect::<Result<Vec<_>, _>>()?;
    let body = json!({ "ids": tasks });
    let query = [("scale", kill.scale.to_string()), ("force", kill.force.to_string())];
    let call = Call { method: Method::POST, path: "/v2/tasks/delete", query: &query, body: Some(Body::Json(&body)) };
    let answer: Value = session.client.call(call).await?;
    if session.out.is_json() {
        return session.out.document(&Ended { tasks: &tasks, answer });
    }
    let after = if kill.scale { "asked to end, and not to be replaced" } else { "asked to end" };
    let text: String = tasks.iter().map(|task| format!("{task}: {after}\n")).collect();
    session.out.text(&text)
}

pub(super) async fn all_tasks(client: &Client) -> Result<Vec<TaskView>, Failure> {
    let list: TaskList = client.get(TASKS_PATH, &[("ended", true.to_string())]).await?;
    Ok(list.tasks)
}

/// Of the tasks that a text may mean, those whose output somebody wants to read: the active ones, or else the one that ended
/// last. So an app's name is enough while one of its tasks runs, and in a crash loop.
fn of_interest(tasks: &[TaskView], text: &str) -> Vec<TaskView> {
    let candidates = || tasks.iter().filter(|task| task.id.as_str().starts_with(text));
    if tasks.iter().any(|task| task.id.as_str() == text) {
        return tasks.to_vec();
    }
    let active: Vec<_> = candidates().filter(|task| task.ended_at.is_none()).cloned().collect();
    if active.is_empty() {
        candidates().max_by_key(|task| task.ended_at).cloned().into_iter().collect()
    } else {
        active
    }
}

/// The task with this id, or the only one whose id begins like this.
pub(super) fn resolve(tasks: &[TaskView], text: &str) -> Result<TaskId, Failure> {
    if let Some(task) = tasks.iter().find(|task| task.id.as_str() == text) {
        return Ok(task.id.clone());
    }
    let candidates: Vec<_> = tasks.iter().filter(|task| task.id.as_str().starts_with(text)).collect();
    match candidates[..] {
        [one] => Ok(one.id.clone()),
        [] => Err(Failure::NotFound(format!(
            "no task's id begins with '{text}'; `bayplan task list --all` shows those that are remembered"
        ))),
        ref several => {
            let named = several.iter().take(CANDIDATES).map(|task| task.id.to_string()).collect::<Vec<_>>().join(", ");
            let more = if several.len() > CANDIDATES { ", …" } else { "" };
            Err(Failure::Usage(format!("'{text}' is the beginning of {} ids: {named}{more}", several.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{AgentId, AppId, AppVersion, FrameworkId, OfferId, TaskState, TaskStatus, Timestamp};
    use protocol::operator::Quantities;

    use super::*;

    fn task(id: &str) -> TaskView {
        TaskView {
            id: TaskId::new(id),
            app: AppId::parse("web").ok(),
            version: Some(AppVersion::default()),
            own_id: None,
            agent: AgentId(0),
            hostname: "h".into(),
            host_ports: vec![],
            resources: Quantities::default(),
            status: TaskStatus { state: TaskState::Running, reason: None, message: None, exit: None },
            status_at: Timestamp(0),
            launched_at: Timestamp(0),
            running_since: None,
            ended_at: None,
            kill: None,
            framework: FrameworkId(0),
            offer: OfferId(0),
            explanation: None,
        }
    }

    #[test]
    fn the_beginning_of_an_id_must_be_the_only_one() {
        let tasks = [task("web.1"), task("web.12"), task("db.1")];
        let resolved = |text| resolve(&tasks, text).map(|task| task.to_string()).map_err(|failure| failure.to_string());
        assert_eq!(resolved("web.1"), Ok("web.1".to_owned()));
        assert_eq!(resolved("d"), Ok("db.1".to_owned()));
        assert_eq!(resolved("web"), Err("'web' is the beginning of 2 ids: web.1, web.12".to_owned()));
        assert!(matches!(resolve(&tasks, "x"), Err(Failure::NotFound(_))));
    }

    #[test]
    fn logs_are_those_of_the_only_active_task_or_of_the_last_one() {
        let ended = |id: &str, at| TaskView { ended_at: Some(Timestamp(at)), ..task(id) };
        let read = |tasks: &[TaskView], text| {
            resolve(&of_interest(tasks, text), text).map(|task| task.to_string()).map_err(|failure| failure.to_string())
        };
        let mut tasks = vec![ended("web.1", 5), ended("web.2", 9), ended("web.3", 7), task("db.1")];
        assert_eq!(read(&tasks, "web"), Ok("web.2".to_owned()));
        assert_eq!(read(&tasks, "web.1"), Ok("web.1".to_owned()));
        tasks.push(task("web.4"));
        assert_eq!(read(&tasks, "web"), Ok("web.4".to_owned()));
        tasks.push(task("web.5"));
        assert_eq!(read(&tasks, "web"), Err("'web' is the beginning of 2 ids: web.4, web.5".to_owned()));
        assert!(read(&tasks, "x").is_err());
    }
}
