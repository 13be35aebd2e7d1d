//! `bayplan leader`

use protocol::operator::{HAND_OVER_PATH, HandOver, HandedOver, LEADER_PATH, LeaderView};
use reqwest::Method;

use super::{Session, look};
use crate::cli::look::{Leader, LeaderCommand};
use crate::client::{Body, Call};
use crate::failure::Failure;
use crate::render;

pub(super) async fn run(session: &mut Session, command: Leader) -> Result<(), Failure> {
    match command.command {
        None => look::show(session, LEADER_PATH, |view: &LeaderView, width| render::leader::view(view, width)).await,
        Some(LeaderCommand::HandOver(_)) if command.past.is_given() => {
            Err(Failure::Usage("hand-over: the past cannot be changed; leave out --at and --log".to_owned()))
        }
        Some(LeaderCommand::HandOver(wish)) => hand_over(session, wish.to).await,
    }
}

async fn hand_over(session: &mut Session, to: Option<String>) -> Result<(), Failure> {
    let body = serde_json::to_value(HandOver { to }).expect("plain data");
    let call = Call { method: Method::POST, path: HAND_OVER_PATH, query: &[], body: Some(Body::Json(&body)) };
    let handed_over: HandedOver = session.client.call(call).await?;
    if session.out.is_json() {
        return session.out.document(&handed_over);
    }
    session.out.text(&render::leader::handed_over(&handed_over))
}
