//! Why an agent cannot start, or cannot go on.

use std::net::SocketAddr;
use std::path::PathBuf;

use model::ClusterId;

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A setting is wrong; `setting` is its name on the command line.
    #[error("--{setting}: {reason}")]
    Setting { setting: &'static str, reason: String },
    #[error(
        "the agent would listen on {listen}, which other machines can reach, without a token: whoever may start a \
         task owns the machine; give --token-file, or listen on 127.0.0.1"
    )]
    Unprotected { listen: SocketAddr },
    #[error("cannot listen on {listen}: {source}")]
    Listen { listen: SocketAddr, source: std::io::Error },
    #[error("work folder {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: std::io::Error },
    #[error("work folder {} is in use by another agent; give each agent a folder of its own", folder.display())]
    FolderInUse { folder: PathBuf },
    #[error(
        "{} is damaged in line {line} ({reason}), so it is unknown which tasks were started; to begin anew, stop \
         what is left of them and move the folder {} away: the agent then registers as a new one",
        path.display(), folder.display()
    )]
    DamagedJournal { path: PathBuf, folder: PathBuf, line: usize, reason: String },
    #[error(
        "work folder {} belongs to an agent of cluster {ours}, but this master's cluster is {theirs}; give another \
         master, or another work folder",
        folder.display()
    )]
    ForeignCluster { folder: PathBuf, ours: ClusterId, theirs: ClusterId },
    #[error("the master refuses this agent: {message} (work folder {})", folder.display())]
    Refused { message: String, folder: PathBuf },
}
