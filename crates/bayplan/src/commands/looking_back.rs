//! Answers for another moment than the present one: of a log that is opened here, or of a running master.

use std::sync::Arc;

use model::{Seq, Timestamp};
use protocol::marathon::{parse_timestamp, write_timestamp};
use protocol::operator::{ClusterStatus, STATUS_PATH};

use super::Session;
use crate::cli::Global;
use crate::cli::past::{Meant, PastArgs};
use crate::cli::when::When;
use crate::client::Client;
use crate::failure::Failure;
use crate::modules;
use crate::output::{Output, note};
use crate::past::PastLog;
use crate::render::time::{moment, record};
use crate::token::Token;

/// What a command works with, for the moment that is wanted.
pub(super) async fn session(global: Global, past: &PastArgs) -> Result<Session, Failure> {
    let (out, color) = (Output::new(global.color, global.json), global.color);
    let said = |seq: Seq, at: Timestamp| {
        let after = if seq == Seq::default() { "" } else { "after " };
        note(color, &format!("As {after}{}.", record(seq, &format!(", at {}", moment(at)))));
    };
    if let Some(place) = past.replay_log() {
        let log = PastLog::open(&place).await?;
        let client = over(&log, past.at.as_ref(), said).await?;
        return Ok(Session { client, out, color, past: Some(log) });
    }
    let token = global.token_file.as_deref().map(Token::read).transpose()?;
    let mut client = Client::new(global.master, token)?;
    if let Some(when) = past.at {
        let (seq, time) = of_master(&mut client, when).await?;
        said(seq, parse_timestamp(&time).unwrap_or_default());
    }
    Ok(Session { client, out, color, past: None })
}

async fn over(log: &PastLog, at: Option<&When>, said: impl Fn(Seq, Timestamp)) -> Result<Client, Failure> {
    let (cursor, asked) = match at {
        None | Some(When::End) => (log.open_at_end().await?, None),
        Some(when) => {
            let (seq, asked) = log.meant_by(when).await?;
            (log.open_at(seq).await?, asked)
        }
    };
    let (tip, position) = (cursor.tip(), cursor.position());
    let state = cursor.into_state();
    said(state.seq, state.at);
    let (all, kept) = (Arc::clone(log.log()), log.kept().clone());
    let handle = ::master::Handle::over_past(all, kept, modules::policies()?, state, tip, position, asked);
    Client::over(api::past::router(handle))
}

async fn of_master(client: &mut Client, when: When) -> Result<(Seq, String), Failure> {
    let meant = match when {
        When::Seq(seq) => Meant::Seq(seq),
        When::Time(at) => Meant::Time(at),
        When::End | When::Ago(_) | When::TimeOfDay(_) => {
            let status: ClusterStatus = client.get(STATUS_PATH, &[]).await?;
            match when.before(status.now) {
                Meant::End => Meant::Seq(status.seq),
                meant => meant,
            }
        }
    };
    let at = match meant {
        Meant::Time(at) => write_timestamp(at),
        Meant::Seq(seq) => seq.to_string(),
        Meant::End => return Err(Failure::Usage("--at end is the present: leave it out".to_owned())),
    };
    client.look_back(at.clone()).await.map_err(|failure| match (failure, meant) {
        // Perhaps only a time of day was asked for.
        (Failure::NotFound(why), Meant::Time(_)) => Failure::NotFound(format!("{at}: {why}")),
        (failure, _) => failure,
    })
}
