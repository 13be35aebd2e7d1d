//! Why a task is where it is, and why an instance would not go somewhere: the operator API's answers.
//!
//! Scores are whole numbers; the highest wins. Amounts are decimals, as everywhere in the operator API.

use model::{AgentId, AppId, AppVersion, CommandId, Explanation, Filter, Filtered, Principal, Seq, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

/// Below a task's path: `GET` is answered with an [`ExplanationView`].
pub const EXPLANATION: &str = "explanation";
/// `?what=/shop/cart&agent=S3&count=4`, with the id of an app or a task, and the id or hostname of an agent; answered with a
/// [`WhyNotView`].
pub const WHY_NOT_PATH: &str = "/api/v1/placement/why-not";

/// The placement of one task, as it was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplanationView {
    pub task: TaskId,
    pub app: AppId,
    pub version: AppVersion,
    /// The record that launches it, and the command that led to that.
    pub seq: Seq,
    pub at: Timestamp,
    pub command: CommandId,
    pub principal: Principal,
    /// How many tasks of apps the same record launches before it.
    pub earlier: u64,
    /// Where the record has it, and what it says of that.
    pub agent: AgentId,
    pub recorded: Explanation,
    pub profile: String,
    pub seed: u64,
    /// Of agents with the same score, the first one from this id on is chosen, going round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_in_turn: Option<AgentId>,
    /// In which way this version of the code would decide otherwise; None when it decides as was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    pub account: AccountView,
}

/// What became of every agent in one decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountView {
    /// What was weighed.
    pub terms: Vec<TermView>,
    /// All agents: those that are filtered and those that are feasible.
    pub agents: u32,
    pub feasible: u32,
    /// Feasible ones that the sample did not draw.
    pub not_drawn: u32,
    /// How many have the highest score.
    pub equals: u32,
    /// Whether constraints that are wishes were left aside, because nobody fulfils them.
    pub without_wishes: bool,
    /// How many agents failed which filter first, in the order in which the filters are asked.
    pub filtered: Vec<Filtered>,
    /// The agents that were compared, the best first; the first one is chosen, the second would be without it.
    pub candidates: Vec<CandidateView>,
    /// All other agents, by their ids.
    pub others: Vec<OtherView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermView {
    pub policy: String,
    pub weight: u32,
    /// Whether its scores are spread over the whole range before they are weighed.
    pub normalise: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateView {
    pub agent: AgentId,
    pub hostname: String,
    pub score: u32,
    /// By term.
    pub terms: Vec<TermScoreView>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermScoreView {
    /// As the policy gave it.
    pub raw: u32,
    /// As it counts, before its weight.
    pub counted: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherView {
    pub agent: AgentId,
    pub hostname: String,
    /// The first filter that it does not pass; None when the sample did not draw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What stands between an app, or a task if it were placed anew, and an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyNotView {
    pub app: AppId,
    pub version: AppVersion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The last record that is looked at.
    pub seq: Seq,
    pub at: Timestamp,
    pub agent: AgentId,
    pub hostname: String,
    pub profile: String,
    /// The first filter that one instance does not pass there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_filter: Option<Filter>,
    /// Its place among the candidates, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u64>,
    /// All that keeps one instance off the agent.
    pub lacks: Vec<LackView>,
    /// Of so many instances, so many fit there, one after the other.
    pub count: u32,
    pub fit: u32,
    /// The smallest change of amounts with which all of them would fit.
    pub changes: Vec<ChangeView>,
    /// What would be lacking still after that change.
    pub beyond: Vec<LackView>,
    /// Of one instance.
    pub account: AccountView,
}

/// One thing that keeps an instance off an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum LackView {
    Connection,
    Containerizer {
        name: String,
    },
    Constraint {
        constraint: String,
        /// What the agent has in its field.
        has: Option<String>,
        /// What agents have that fulfil it; null for not having the field.
        would_do: Vec<Option<String>>,
    },
    Amount {
        resource: Resource,
        wanted: f64,
        /// Of GPUs, the most that one task could get.
        free: f64,
        /// What is free of each GPU: `0-1,3:0.25`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        gpus: String,
    },
    Ports {
        wanted: u32,
        free: u32,
        /// Host ports that somebody else has.
        held: Vec<u16>,
        /// Host ports that are none of the agent's.
        not_offered: Vec<u16>,
    },
    Policy {
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    Cpus,
    Mem,
    Disk,
    Gpus,
}

/// So much less for each instance, or so much more free on the agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangeView {
    pub resource: Resource,
    pub less: f64,
    pub more: f64,
}
