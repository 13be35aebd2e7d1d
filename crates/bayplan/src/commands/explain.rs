//! `bayplan explain` and `bayplan why-not`: of a running master, or of a log.

use master::{Moment, Past};
use model::TaskId;
use protocol::explain::{EXPLANATION, ExplanationView, WHY_NOT_PATH, WhyNotView};
use protocol::operator::TASKS_PATH;
use scheduler::{Unasked, Unexplained, World};

use super::{Session, log, task};
use crate::cli::explain::{Explain, PastLog, WhyNot};
use crate::failure::Failure;
use crate::modules;
use crate::render;

pub(super) async fn task(session: &mut Session, wish: Explain) -> Result<(), Failure> {
    let Explain { task, all, past } = wish;
    let told = match &past.log {
        Some(_) => of_log(&TaskId::new(task), &past).await?,
        None => of_master(session, &task).await?,
    };
    if session.out.is_json() {
        return session.out.document(&told);
    }
    let text = render::explanation::explanation(&told, all, session.out.width());
    session.out.text(&text)
}

async fn of_master(session: &Session, task: &str) -> Result<ExplanationView, Failure> {
    // The log knows tasks that the state has forgotten, by their whole ids.
    let task = match task::resolve(&task::all_tasks(&session.client).await?, task) {
        Err(Failure::NotFound(_)) => TaskId::new(task),
        resolved => resolved?,
    };
    session.client.get(&format!("{TASKS_PATH}/{task}/{EXPLANATION}"), &[]).await
}

async fn of_log(task: &TaskId, PastLog { log, cluster }: &PastLog) -> Result<ExplanationView, Failure> {
    let Some(source) = log else { return Err(Failure::Usage("--log is missing".to_owned())) };
    let Past { state, next } = log::past::look_back(source, cluster, &Moment::Launch(task.clone())).await?;
    let record = next.ok_or_else(|| unexplained(&Unexplained::NotLaunched(task.clone())))?;
    let explained = scheduler::explain(&World::of(state), &record, task, &modules::policies()?);
    Ok(api::explained::explanation(explained.map_err(|why| unexplained(&why))?, &record))
}

fn unexplained(why: &Unexplained) -> Failure {
    Failure::NotFound(why.to_string())
}

pub(super) async fn why_not(session: &mut Session, wish: WhyNot) -> Result<(), Failure> {
    let WhyNot { what, agent, count, at, past } = wish;
    let told: WhyNotView = match &past.log {
        Some(source) => {
            let moment = at.map_or(Moment::End, Moment::After);
            let Past { state, next: _ } = log::past::look_back(source, &past.cluster, &moment).await?;
            let (seq, at) = (state.seq, state.at);
            let told = scheduler::why_not(&World::of(state), &what, &agent, count, &modules::policies()?);
            api::explained::why_not(told.map_err(|why| unasked(&why))?, seq, at)
        }
        None => {
            let query = [("what", what), ("agent", agent), ("count", count.to_string())];
            session.client.get(WHY_NOT_PATH, &query).await?
        }
    };
    if session.out.is_json() {
        return session.out.document(&told);
    }
    let text = render::why_not::why_not(&told, session.out.width());
    session.out.text(&text)
}

fn unasked(why: &Unasked) -> Failure {
    match why {
        Unasked::Nobody(_) | Unasked::NoAgent(_) | Unasked::Forgotten { .. } => Failure::NotFound(why.to_string()),
        _ => Failure::Usage(why.to_string()),
    }
}
