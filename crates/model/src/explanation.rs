//! Why a task landed where it did, or nowhere.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The account of one placement decision. `considered` is the sum of `feasible` and all of `filtered`, where these were counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The policy's name.
    pub policy: String,
    /// The chosen agent's score; None when nothing was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    pub considered: u32,
    /// None when a faster way than a look at every agent was taken; then nothing is filtered either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feasible: Option<u32>,
    /// How many agents failed which filter first, in the order in which the filters are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filtered: Vec<Filtered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Filtered {
    pub filter: Filter,
    /// Which constraint, for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub agents: u32,
}

/// The filters, in the order in which they are asked; Marathon's names where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Filter {
    /// The agent is not connected.
    AgentInactive,
    /// The agent has no containerizer for such a task; the detail names it.
    MissingContainerizer,
    UnfulfilledConstraint,
    InsufficientCpus,
    InsufficientMemory,
    InsufficientDisk,
    InsufficientGpus,
    InsufficientPorts,
    /// The policy itself would not have it there; the detail says why.
    RefusedByPolicy,
}

impl Filter {
    pub const ALL: [Self; 9] = [
        Self::AgentInactive,
        Self::MissingContainerizer,
        Self::UnfulfilledConstraint,
        Self::InsufficientCpus,
        Self::InsufficientMemory,
        Self::InsufficientDisk,
        Self::InsufficientGpus,
        Self::InsufficientPorts,
        Self::RefusedByPolicy,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentInactive => "AgentInactive",
            Self::MissingContainerizer => "MissingContainerizer",
            Self::UnfulfilledConstraint => "UnfulfilledConstraint",
            Self::InsufficientCpus => "InsufficientCpus",
            Self::InsufficientMemory => "InsufficientMemory",
            Self::InsufficientDisk => "InsufficientDisk",
            Self::InsufficientGpus => "InsufficientGpus",
            Self::InsufficientPorts => "InsufficientPorts",
            Self::RefusedByPolicy => "RefusedByPolicy",
        }
    }
}

impl Explanation {
    /// The filter that kept most agents off; of those that kept the same number off, the one that is asked first.
    #[must_use]
    pub fn main_obstacle(&self) -> Option<Filter> {
        self.filtered.iter().rev().max_by_key(|filtered| filtered.agents).map(|filtered| filtered.filter)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.feasible {
            Some(feasible) => write!(f, "{feasible} of {} agents feasible", self.considered)?,
            None if self.considered == 1 => f.write_str("the only agent")?,
            None => write!(f, "the best of {} agents", self.considered)?,
        }
        for (index, Filtered { filter, detail, agents }) in self.filtered.iter().enumerate() {
            let lead = if index == 0 { ": " } else { ", " };
            write!(f, "{lead}{agents} {}", filter.name())?;
            if let Some(detail) = detail {
                write!(f, " ({detail})")?;
            }
        }
        Ok(())
    }
}
