//! What the agent remembers: a fold of facts, which the journal keeps on the disk.
//!
//! A task is in the ledger from its intent, written before it is started, until the master has acknowledged its
//! end. So a task id that is here was started already, or never will be. Nothing here touches the disk, the
//! clock or a process.

use std::collections::BTreeMap;

use model::{KillReason, StatusUpdate, TaskId, UpdateId};
use protocol::agent::{AgentIdentity, Mark};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fact {
    /// The first fact of all: a name for this work folder that no other one has.
    FolderMade {
        folder: String,
    },
    /// The agent was started, for the how manieth time.
    AgentStarted {
        starts: u64,
    },
    Identified {
        identity: AgentIdentity,
    },
    /// A desired list of this age was obeyed.
    Marked {
        mark: Mark,
    },
    /// The task is about to be started, and never will be again.
    Intended {
        task: TaskId,
        containerizer: Kind,
        kill_grace_ms: u64,
    },
    StopAsked {
        task: TaskId,
        stop: Stop,
    },
    /// The task is over; the update is kept until it is acknowledged.
    Ended {
        update: StatusUpdate,
    },
    /// The master knows these ends, and lists older than `mark` do not.
    Acknowledged {
        tasks: Vec<TaskId>,
        mark: Mark,
    },
}

/// Which containerizer a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Process,
    Docker,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) cause: StopCause,
    pub(crate) grace_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopCause {
    /// The master asked for it.
    Kill(KillReason),
    /// The master does not list it any more.
    Unwanted,
    /// The agent is stopped together with its tasks.
    AgentStopped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) containerizer: Kind,
    pub(crate) kill_grace_ms: u64,
    pub(crate) stop: Option<Stop>,
    pub(crate) end: Option<StatusUpdate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ledger {
    pub(crate) folder: String,
    /// How often an agent was started on this folder.
    pub(crate) starts: u64,
    pub(crate) identity: Option<AgentIdentity>,
    pub(crate) mark: Mark,
    pub(crate) tasks: BTreeMap<TaskId, Entry>,
}

impl Ledger {
    pub(crate) fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::FolderMade { folder } => self.folder.clone_from(folder),
            Fact::AgentStarted { starts } => self.starts = *starts,
            Fact::Identified { identity } => self.identity = Some(identity.clone()),
            Fact::Marked { mark } => self.mark = self.mark.max(*mark),
            Fact::Intended { task, containerizer, kill_grace_ms } => {
                let entry =
                    Entry { containerizer: *containerizer, kill_grace_ms: *kill_grace_ms, stop: None, end: None };
                self.tasks.entry(task.clone()).or_insert(entry);
            }
            Fact::StopAsked { task, stop } => {
                if let Some(entry) = self.tasks.get_mut(task) {
                    // The first cause is the true one; a later order may only shorten the grace.
                    let grace_ms = entry.stop.map_or(stop.grace_ms, |before| before.grace_ms.min(stop.grace_ms));
                    let cause = entry.stop.map_or(stop.cause, |before| before.cause);
                    entry.stop = Some(Stop { cause, grace_ms });
                }
            }
            Fact::Ended { update } => {
                if let Some(entry) = self.tasks.get_mut(&update.task) {
                    entry.end.get_or_insert_with(|| update.clone());
                }
            }
            Fact::Acknowledged { tasks, mark } => {
                for task in tasks {
                    self.tasks.remove(task);
                }
                self.mark = self.mark.max(*mark);
            }
        }
    }

    /// The shortest list of facts that folds to this ledger.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let mut facts = vec![Fact::FolderMade { folder: self.folder.clone() }];
        facts.push(Fact::AgentStarted { starts: self.starts });
        facts.extend(self.identity.clone().map(|identity| Fact::Identified { identity }));
        facts.push(Fact::Marked { mark: self.mark });
        for (task, entry) in &self.tasks {
            let (containerizer, kill_grace_ms) = (entry.containerizer, entry.kill_grace_ms);
            facts.push(Fact::Intended { task: task.clone(), containerizer, kill_grace_ms });
            facts.extend(entry.stop.map(|stop| Fact::StopAsked { task: task.clone(), stop }));
            facts.extend(entry.end.clone().map(|update| Fact::Ended { update }));
        }
        facts
    }

    /// The `ordinal`th update of this start; no other update has its id.
    pub(crate) fn update_id(&self, ordinal: u64) -> UpdateId {
        UpdateId::new(format!("{}-{}-{ordinal}", self.folder, self.starts))
    }

    /// Ends that the master does not know yet.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &StatusUpdate> {
        self.tasks.values().filter_map(|entry| entry.end.as_ref())
    }
}
