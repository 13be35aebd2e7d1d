//! Records as older versions of this code wrote them, read as what they mean today. A form that was ever written stays
//! readable: what it lacks is given by a default, and what is said in another way now is turned into that here.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{AgentId, AppId, AppVersion, Explanation, FrameworkId, LaunchedTask, OfferId, Resources, TaskId, Workload};

/// A launched task with `workload`, or with `app` and `version` as before there were frameworks outside of the cluster.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LaunchedTaskForm {
    id: TaskId,
    framework: FrameworkId,
    offer: OfferId,
    agent: AgentId,
    #[serde(default)]
    workload: Option<Workload>,
    #[serde(default)]
    app: Option<AppId>,
    #[serde(default)]
    version: Option<AppVersion>,
    resources: Resources,
    #[serde(default)]
    host_ports: Vec<u16>,
    #[serde(default)]
    explanation: Option<Explanation>,
}

impl TryFrom<LaunchedTaskForm> for LaunchedTask {
    type Error = &'static str;

    fn try_from(form: LaunchedTaskForm) -> Result<Self, Self::Error> {
        let LaunchedTaskForm {
            id,
            framework,
            offer,
            agent,
            workload,
            app,
            version,
            resources,
            host_ports,
            explanation,
        } = form;
        let workload = match (workload, app, version) {
            (Some(workload), None, None) => workload,
            (None, Some(app), Some(version)) => Workload::App { app, version },
            _ => return Err("a launched task has either a workload, or an app and its version"),
        };
        Ok(Self { id, framework, offer, agent, workload, resources, host_ports, explanation })
    }
}
