//! What a container says, copied from the engine's log into the sandbox.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;

use super::{engine_words, is_running};
use crate::sandbox::{Output, open_for_writing};

const FOLLOW_AGAIN: Duration = Duration::from_secs(1);

/// Copies from the beginning of the log to its end, which comes with the container's. When the engine goes away
/// meanwhile, it begins anew: the engine's log is the truth, and nothing is copied twice.
pub(super) async fn copy(docker: Docker, container: String, sandbox: std::path::PathBuf) {
    loop {
        match copy_once(&docker, &container, &sandbox).await {
            Ok(()) => match is_running(&docker, &container).await {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => tracing::debug!(container, error = engine_words(&error), "cannot see a container"),
            },
            Err(Stopped::Refused(words)) => {
                tracing::warn!(container, words, "the engine gives no output of a container");
                return;
            }
            Err(Stopped::Write(error)) => {
                tracing::warn!(container, %error, "cannot write a container's output to its sandbox");
                return;
            }
            Err(Stopped::Interrupted(words)) => tracing::debug!(container, words, "following the output anew"),
        }
        tokio::time::sleep(FOLLOW_AGAIN).await;
    }
}

enum Stopped {
    Refused(String),
    Write(io::Error),
    Interrupted(String),
}

async fn copy_once(docker: &Docker, container: &str, sandbox: &Path) -> Result<(), Stopped> {
    let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
    let mut log = docker.logs(container, Some(options));
    let mut files: Option<[File; 2]> = None;
    while let Some(piece) = log.next().await {
        let piece = piece.map_err(|error| match error {
            Error::DockerResponseServerError { status_code: 404 | 409 | 501, message } => Stopped::Refused(message),
            other => Stopped::Interrupted(engine_words(&other)),
        })?;
        let [stdout, stderr] = match &mut files {
            Some(files) => files,
            // Not before the engine has answered: until then the old copy is the better one.
            None => files.insert(emptied(sandbox).map_err(Stopped::Write)?),
        };
        // A write to the page cache; the pieces are small.
        match piece {
            LogOutput::StdErr { message } => stderr.write_all(&message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                stdout.write_all(&message)
            }
        }
        .map_err(Stopped::Write)?;
    }
    Ok(())
}

fn emptied(sandbox: &Path) -> io::Result<[File; 2]> {
    let files = [open_for_writing(sandbox, Output::Stdout)?, open_for_writing(sandbox, Output::Stderr)?];
    files.iter().try_for_each(|file| file.set_len(0))?;
    Ok(files)
}
