//! Who leads, as far as a master knows, and the door through which commands come in.

use std::fmt;

use model::LeaderAddresses;
use tokio::sync::mpsc;

use crate::batch::Submission;

/// What a master does at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Leading,
    /// It folds what the leader writes, and answers questions.
    Following {
        /// None while nobody is known to lead.
        leader: Option<KnownLeader>,
    },
}

/// A leader that was heard of a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLeader {
    pub name: String,
    pub addresses: Option<LeaderAddresses>,
}

impl fmt::Display for KnownLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.addresses {
            Some(addresses) => write!(f, "{} at {}", self.name, addresses.operator),
            None => f.write_str(&self.name),
        }
    }
}

/// Where commands go.
#[derive(Clone)]
pub(crate) enum Door {
    /// This master leads.
    Open(mpsc::Sender<Submission>),
    Shut,
    Stopping,
}
