//! What the agent and a supervising process tell each other about one task, as files in a folder of its own.
//!
//! ```text
//! plan      what is to be run, written by the agent before it starts the supervising process
//! claim     who runs it: made once, by the supervising process, or by an agent that gives the start up
//! running   the process id of the command, once it has been executed
//! grace     how long the command may take to end when asked, in milliseconds
//! end       how it ended, durable
//! ```
//! The claim decides every race: a start that was interrupted is given up by claiming it, and a supervising
//! process that comes too late then starts nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use model::{ExitStatus, TaskId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::containerizer::cgroup::TaskCgroup;
use crate::folder::write_durably;
use crate::proc::ProcessName;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) task: TaskId,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) sandbox: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) cgroup: Option<TaskCgroup>,
    pub(crate) kill_grace_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Claim {
    Supervisor(ProcessName),
    /// Nobody will run it.
    GivenUp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Exited { status: ExitStatus, out_of_memory: bool },
    NotStarted { message: String },
}

#[derive(Debug, Clone)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Not durable: after a crash of the machine nothing runs any more.
    pub(crate) fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        self.replace("plan", &serde_json::to_vec(plan)?)
    }

    pub(crate) fn plan(&self) -> io::Result<Option<Plan>> {
        self.read("plan")
    }

    /// False when it was claimed before.
    pub(crate) fn make_claim(&self, claim: &Claim) -> io::Result<bool> {
        let own = self.0.join(format!("claim.{}", std::process::id()));
        std::fs::write(&own, serde_json::to_vec(claim)?)?;
        let made = std::fs::hard_link(&own, self.0.join("claim"));
        std::fs::remove_file(&own)?;
        match made {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn claim(&self) -> io::Result<Option<Claim>> {
        self.read("claim")
    }

    pub(crate) fn set_running(&self, pid: i32) -> io::Result<()> {
        self.replace("running", &serde_json::to_vec(&pid)?)
    }

    pub(crate) fn running(&self) -> io::Result<Option<i32>> {
        self.read("running")
    }

    /// Only ever shortened.
    pub(crate) fn shorten_grace(&self, grace_ms: u64) -> io::Result<()> {
        let shortest = self.grace_ms()?.map_or(grace_ms, |before| before.min(grace_ms));
        self.replace("grace", &serde_json::to_vec(&shortest)?)
    }

    pub(crate) fn grace_ms(&self) -> io::Result<Option<u64>> {
        self.read("grace")
    }

    pub(crate) fn set_end(&self, end: &End) -> io::Result<()> {
        write_durably(&self.0.join("end"), &serde_json::to_vec(end)?)
    }

    pub(crate) fn end(&self) -> io::Result<Option<End>> {
        self.read("end")
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.0.join(format!("{name}.new"));
        std::fs::write(&temporary, content)?;
        std::fs::rename(&temporary, self.0.join(name))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match std::fs::read(self.0.join(name)) {
            Ok(content) => Ok(Some(serde_json::from_slice(&content)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_claimed_once() {
        let root = tempfile::tempdir().expect("a folder");
        let run = RunFolder::at(root.path().to_owned());
        assert_eq!(run.claim().expect("readable"), None);
        let mine = Claim::Supervisor(ProcessName::of_self().expect("a name"));
        assert!(run.make_claim(&mine).expect("claimed"));
        assert!(!run.make_claim(&Claim::GivenUp).expect("too late"));
        assert_eq!(run.claim().expect("readable"), Some(mine));
    }
}
