//! How a command fails: what is said, and the exit status that tells a script.

use std::io;
use std::process::ExitCode;

use eventlog::OpenError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0:#}")]
    Failed(anyhow::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Refused(String),
    /// Whoever read our output has enough, as `head` does. That is no failure.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::NotFound(_) => 4,
            Self::Refused(_) => 5,
        })
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(anyhow::Error::msg(message.into()))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoServer { .. } => Self::Unreachable(format!(
                "{error}; --log says where they are, and who asks: nats://host:4222, nats://user:password@host:4222"
            )),
            OpenError::NotReady { .. } => Self::Unreachable(error.to_string()),
            OpenError::NotDurable { .. } => Self::failed(format!(
                "{error}; --log-monitoring names where all of them answer monitoring, and without --strict-durability this is a warning"
            )),
            OpenError::NoStream { .. } => Self::NotFound(format!("{error}; --cluster says which is meant")),
            OpenError::NoRoom { .. } => {
                Self::failed(format!("{error}; --log-max-bytes and --log-replicas say how it is made"))
            }
            OpenError::BadOption { .. } => Self::Usage(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Only writing to stdout and stderr gives a bare I/O error; files are read with their name as context.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::failed(format!("cannot write the output: {error}"))
        }
    }
}
