//! What is answered, beyond definitions. Fields that strict clients do not know are left out.

use serde::{Deserialize, Serialize};

use super::AppDefinition;

/// An app with what goes on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppAnswer {
    #[serde(flatten)]
    pub definition: AppDefinition,
    pub version: String,
    pub version_info: VersionInfo,
    pub tasks_staged: u32,
    pub tasks_running: u32,
    pub tasks_healthy: u32,
    pub tasks_unhealthy: u32,
    pub deployments: Vec<DeploymentRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<TaskAnswer>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_task_failure: Option<LastTaskFailure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    pub last_scaling_at: String,
    pub last_config_change_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRef {
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskAnswer {
    pub id: String,
    pub app_id: String,
    pub host: String,
    /// On the host, in the order of the app's ports.
    pub ports: Vec<u16>,
    pub service_ports: Vec<u16>,
    pub slave_id: String,
    pub state: String,
    pub staged_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastTaskFailure {
    pub app_id: String,
    pub host: String,
    pub message: String,
    pub slave_id: String,
    pub state: String,
    pub task_id: String,
    pub timestamp: String,
    pub version: String,
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeAnswer {
    pub version: String,
    pub deployment_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentAnswer {
    pub id: String,
    pub version: String,
    pub affected_apps: Vec<String>,
    pub affected_pods: Vec<String>,
    pub steps: Vec<DeploymentStepAnswer>,
    pub current_actions: Vec<DeploymentActionAnswer>,
    /// Counted from 1.
    pub current_step: u32,
    pub total_steps: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStepAnswer {
    pub actions: Vec<DeploymentActionAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentActionAnswer {
    pub action: String,
    pub app: String,
}

/// An app that waits, and what for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueItem {
    pub app: AppAnswer,
    pub count: u32,
    pub delay: QueueDelay,
    pub processed_offers_summary: OffersSummary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueDelay {
    /// Rounded up.
    pub time_left_seconds: u64,
    pub overdue: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OffersSummary {
    /// Agents that were asked, and those that would not do.
    pub processed_offers_count: u32,
    pub unused_offers_count: u32,
    pub reject_summary_last_offers: Vec<RejectSummary>,
    pub reject_summary_launch_attempt: Vec<RejectSummary>,
    /// In one sentence. Marathon does not have this; its clients take the summary as it is.
    pub reason: String,
}

/// How many agents came to a filter, and how many of these failed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectSummary {
    pub reason: String,
    pub declined: u32,
    pub processed: u32,
}
