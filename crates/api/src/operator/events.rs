//! The log as lines of JSON.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use master::{Follow, StreamError};
use model::{Record, Seq};
use protocol::operator::EventsEnd;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Operator;
use super::agents::NDJSON;
use crate::Error;

/// After so long without a record an empty line is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many records go out in one piece at most.
const TOGETHER: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    from: Seq,
    #[serde(default)]
    follow: bool,
}

struct Reader {
    records: mpsc::Receiver<Result<Arc<Record>, StreamError>>,
    next: Seq,
    stopping: CancellationToken,
}

pub(super) async fn records(
    State(operator): State<Operator>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Error> {
    let Query(Parameters { from, follow }) = parameters?;
    let from = from.max(Seq(1));
    let follow = if follow { Follow::Live } else { Follow::ToEnd };
    let records = operator.handle.records(from, follow);
    let reader = Reader { records, next: from, stopping: operator.stopping };
    let lines = stream::unfold(reader, |mut reader| async move {
        let lines = reader.next_lines().await?;
        Some((Ok::<_, Infallible>(lines), reader))
    });
    Ok((NDJSON, Body::from_stream(lines)).into_response())
}

impl Reader {
    async fn next_lines(&mut self) -> Option<Bytes> {
        let mut batch = Vec::new();
        tokio::select! {
            () = self.stopping.cancelled() => None,
            () = tokio::time::sleep(KEEP_ALIVE) => Some(Bytes::from_static(b"\n")),
            received = self.records.recv_many(&mut batch, TOGETHER) => (received > 0).then(|| self.write(batch)),
        }
    }

    fn write(&mut self, batch: Vec<Result<Arc<Record>, StreamError>>) -> Bytes {
        let mut lines = Vec::new();
        for item in batch {
            match item {
                Ok(record) => {
                    self.next = record.seq.next();
                    push_line(&mut lines, record.as_ref());
                }
                Err(error) => push_line(&mut lines, &EventsEnd { error: error.to_string(), resume_from: self.next }),
            }
        }
        lines.into()
    }
}

fn push_line<T: Serialize>(lines: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(&mut *lines, value).expect("plain data with text for keys, written to memory");
    lines.push(b'\n');
}
