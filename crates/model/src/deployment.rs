//! Deployments: how a change of the wanted state is carried out, step by step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AppId, DeploymentId, Timestamp};

/// A plan: steps in sequence, the actions of a step side by side.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    pub id: DeploymentId,
    pub version: Timestamp,
    pub steps: Vec<DeploymentStep>,
    /// Index of the step that is under way.
    pub current_step: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentStep {
    pub actions: Vec<DeploymentAction>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentAction {
    pub app: AppId,
    pub kind: ActionKind,
}

/// Marathon's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ActionKind {
    StartApplication,
    ScaleApplication,
    RestartApplication,
    StopApplication,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentOutcome {
    Succeeded,
    /// A later change took its place.
    Superseded,
}

impl Deployment {
    pub fn actions(&self) -> impl Iterator<Item = &DeploymentAction> {
        self.steps.iter().flat_map(|step| &step.actions)
    }

    pub fn current_actions(&self) -> impl Iterator<Item = &DeploymentAction> {
        self.steps.get(self.current_step as usize).into_iter().flat_map(|step| &step.actions)
    }
}
