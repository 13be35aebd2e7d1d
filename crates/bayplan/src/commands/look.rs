//! Commands that show one answer.

use protocol::operator::{AGENTS_PATH, AgentList, ClusterStatus, STATUS_PATH};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::failure::Failure;
use crate::render;

pub(super) async fn status(session: &mut Session) -> Result<(), Failure> {
    show(session, STATUS_PATH, |status: &ClusterStatus, _| render::status::status(status)).await
}

pub(super) async fn agents(session: &mut Session) -> Result<(), Failure> {
    show(session, AGENTS_PATH, |list: &AgentList, width| render::agents::list(list, width)).await
}

pub(super) async fn show<T: DeserializeOwned + Serialize>(
    session: &mut Session,
    path: &str,
    render: impl Fn(&T, Option<usize>) -> String,
) -> Result<(), Failure> {
    let answer: T = session.client.get(path, &[]).await?;
    if session.out.is_json() {
        return session.out.document(&answer);
    }
    let text = render(&answer, session.out.width());
    session.out.text(&text)
}
