//! What decides where tasks go, as the operator API tells and takes it.

use model::{AgentId, Hash, Profile, ProfileChoices, Seq, TaskId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyList {
    /// What decides where nothing else was chosen.
    pub active: String,
    /// What is built in.
    pub policies: Vec<PolicyView>,
    /// What somebody defined.
    pub profiles: Vec<Profile>,
    pub modules: Vec<ModuleView>,
    pub choices: ProfileChoices,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleView {
    pub name: String,
    /// Of its bytes.
    pub hash: Hash,
    pub bytes: usize,
    /// Why it decides nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
}

/// What shall decide for all tasks, or for those of an app or role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseProfile {
    /// `default` takes the choice back.
    pub profile: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseShadow {
    /// None ends it.
    pub profile: Option<String>,
}

/// A change is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The record that has it, or the last one when nothing was to be changed.
    pub seq: Seq,
    pub changed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowView {
    /// None without a shadow; then nothing else is there.
    pub profile: Option<String>,
    /// What decides where nothing else was chosen.
    pub active: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ShadowReportView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowReportView {
    /// The record after which it began on this master, and the last one that it has seen.
    pub since: Seq,
    pub seq: Seq,
    pub decisions: u64,
    /// In how many it would have chosen the same agent.
    pub agreed: u64,
    /// For how many no agent would have been good enough.
    pub nowhere: u64,
    /// For how many there was no room in a cluster of its own, in which its choices hold.
    pub without_room: u64,
    pub live: PackingView,
    pub shadow: PackingView,
    /// The newest first.
    pub differences: Vec<DifferenceView>,
    /// Why it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// How full a cluster is; shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PackingView {
    pub agents: u32,
    pub agents_in_use: u32,
    pub cpus: f64,
    pub mem: f64,
    pub disk: f64,
    pub gpus: f64,
    /// Of the free GPUs, what the typical task cannot use.
    pub fragmented: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceView {
    pub task: TaskId,
    pub agent: AgentId,
    /// Missing when no agent would have been good enough.
    pub shadow: Option<AgentId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyView {
    pub name: String,
    pub description: String,
    pub active: bool,
}
