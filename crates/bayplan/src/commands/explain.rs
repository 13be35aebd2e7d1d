//! `bayplan explain` and `bayplan why-not`: of a running master, or of a log.

use model::{Seq, TaskId};
use protocol::explain::{EXPLANATION, ExplanationView, WHY_NOT_PATH, WhyNotView};
use protocol::operator::TASKS_PATH;
use scheduler::{Unexplained, World};

use super::{Session, task};
use crate::cli::explain::{Explain, WhyNot};
use crate::failure::Failure;
use crate::modules;
use crate::past::PastLog;
use crate::render;

pub(super) async fn task(session: &mut Session, wish: Explain) -> Result<(), Failure> {
    let Explain { task, all, past: _ } = wish;
    let told = match (task::resolve(&task::all_tasks(&session.client).await?, &task), &session.past) {
        // The log knows tasks that the state has forgotten, by their whole ids.
        (Err(Failure::NotFound(_)), Some(log)) => of_log(log, &TaskId::new(task)).await?,
        (Err(Failure::NotFound(_)), None) => of_master(session, &TaskId::new(task)).await?,
        (resolved, _) => of_master(session, &resolved?).await?,
    };
    if session.out.is_json() {
        return session.out.document(&told);
    }
    let text = render::explanation::explanation(&told, all, session.out.width());
    session.out.text(&text)
}

async fn of_master(session: &Session, task: &TaskId) -> Result<ExplanationView, Failure> {
    session.client.get(&format!("{TASKS_PATH}/{task}/{EXPLANATION}"), &[]).await
}

/// As a master does it, with something to look at meanwhile.
async fn of_log(log: &PastLog, task: &TaskId) -> Result<ExplanationView, Failure> {
    let seq = log.launch_of(task).await?;
    let mut cursor = log.open_at(Seq(seq.0.saturating_sub(1))).await?;
    let record = cursor.peek().await?.ok_or_else(|| unexplained(&Unexplained::NotLaunched(task.clone())))?;
    let explained = scheduler::explain(&World::of(cursor.into_state()), &record, task, &modules::policies()?);
    Ok(api::explained::explanation(explained.map_err(|why| unexplained(&why))?, &record))
}

fn unexplained(why: &Unexplained) -> Failure {
    Failure::NotFound(why.to_string())
}

pub(super) async fn why_not(session: &mut Session, wish: WhyNot) -> Result<(), Failure> {
    let WhyNot { what, agent, count, past: _ } = wish;
    let query = [("what", what), ("agent", agent), ("count", count.to_string())];
    let told: WhyNotView = session.client.get(WHY_NOT_PATH, &query).await?;
    if session.out.is_json() {
        return session.out.document(&told);
    }
    let text = render::why_not::why_not(&told, session.out.width());
    session.out.text(&text)
}
