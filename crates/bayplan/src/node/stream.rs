//! Opens a master's log on NATS servers. One is begun where there is none, unless a snapshot or a baseline tells of one: that one was
//! lost, and to begin anew would hide it.

use std::path::PathBuf;

use ::master::StartError;
use eventlog::{EventLog, JetStreamLog, JetStreamOptions, OpenError};
use snapshot::{Mark, SnapshotError};

use crate::failure::Failure;

/// `snapshot` is the master's own.
pub(super) async fn open(options: JetStreamOptions, snapshot: PathBuf) -> Result<JetStreamLog, Failure> {
    let followed = snapshot::peek(&snapshot);
    let create = matches!(followed, Ok(None));
    let log = match (JetStreamLog::open(JetStreamOptions { create, ..options }).await, followed) {
        (Err(OpenError::NoStream { stream }), Ok(Some(mark))) => return Err(lost(&stream, &mark, snapshot)),
        (Err(missing @ OpenError::NoStream { .. }), Err(error)) => return Err(doubtful(&missing, &error, &snapshot)),
        (opened, _) => opened?,
    };
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    if !log.bounds().await.map_err(|error| failed(&error))?.is_empty() {
        return Ok(log);
    }
    match log.baselines().await.map_err(|error| failed(&error))?.last() {
        None => Ok(log),
        Some(newest) => Err(Failure::failed(format!(
            "the log on the NATS servers is empty, but a baseline of record {} of it is left: it was lost. Put it back \
             (`bayplan log restore`, with --remove-baselines), or choose another --cluster to begin a new one",
            newest.seq
        ))),
    }
}

fn lost(stream: &str, mark: &Mark, folder: PathBuf) -> Failure {
    let reason = format!("the stream {stream} is not there");
    Failure::failed(StartError::OtherLog { seq: mark.tip.seq, reason, folder }.to_string())
}

fn doubtful(missing: &OpenError, error: &SnapshotError, folder: &std::path::Path) -> Failure {
    Failure::failed(format!(
        "{missing}, and the snapshot in {} cannot be read, so nobody can tell what was there ({error}); put the log back, or remove \
         that folder to begin a new one",
        folder.display()
    ))
}
