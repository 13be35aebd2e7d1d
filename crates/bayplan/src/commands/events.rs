//! `bayplan events`

use std::time::Duration;

use model::{Record, Seq};
use protocol::operator::{ClusterStatus, EVENTS_PATH, EventsEnd, STATUS_PATH};
use serde::Deserialize;

use super::Session;
use crate::cli::look::Events;
use crate::failure::Failure;
use crate::output::note;
use crate::render;

/// How long a follower waits before it asks a master again that went away.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Record(Box<Record>),
    End(EventsEnd),
}

/// Whether a master answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contact {
    Never,
    Present,
    /// It did, and the user was told that it went away.
    Away,
}

pub(super) async fn run(session: &mut Session, events: Events) -> Result<(), Failure> {
    let mut next = match events.from {
        Some(from) => from,
        None => {
            let status: ClusterStatus = session.client.get(STATUS_PATH, &[]).await?;
            Seq((status.seq.0 + 1).saturating_sub(events.last).max(1))
        }
    };
    let mut contact = Contact::Never;
    loop {
        match read(session, &mut next, events.follow, &mut contact).await {
            Ok(()) if !events.follow => return Ok(()),
            // The master stopped, or the connection broke: go on where it ended, once there is a master again.
            Ok(()) => {}
            Err(Failure::Unreachable(_)) if events.follow && contact != Contact::Never => {}
            Err(failure) => return Err(failure),
        }
        if contact == Contact::Present {
            note(session.color, "The master went away; waiting for it to come back. Ctrl-C ends this.");
            contact = Contact::Away;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Prints records as they come; `next` is the number of the one that is to come.
async fn read(session: &mut Session, next: &mut Seq, follow: bool, contact: &mut Contact) -> Result<(), Failure> {
    let query = [("from", next.to_string()), ("follow", follow.to_string())];
    let mut lines = session.client.lines(EVENTS_PATH, &query).await?;
    *contact = Contact::Present;
    while let Some(line) = lines.next().await? {
        match serde_json::from_slice(&line) {
            Ok(Line::Record(record)) => {
                *next = record.seq.next();
                if session.out.is_json() {
                    session.out.bytes(&[&line[..], b"\n"].concat())?;
                } else {
                    session.out.text(&render::event::lines(&record))?;
                }
            }
            Ok(Line::End(end)) => {
                return Err(Failure::failed(format!("{}; go on with --from {}", end.error, end.resume_from)));
            }
            Err(error) => {
                return Err(Failure::failed(format!(
                    "a record after number {} is not understood ({error}); is this bayplan older than the master?",
                    next.0.saturating_sub(1)
                )));
            }
        }
    }
    Ok(())
}
