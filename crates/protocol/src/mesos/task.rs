//! A task as a framework describes it, and what it becomes here. What is not built is refused by name, not left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, LaunchRequest, TaskInfo};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Id;
use super::container::{Command, WireCommand, WireContainer};
use super::resources::{self, WireResource};

/// Mesos' own, when a task names none.
const DEFAULT_KILL_GRACE_MS: u64 = 3_000;
const NANOSECONDS_PER_MS: u64 = 1_000_000;

#[derive(Deserialize)]
pub(super) struct WireTask {
    #[serde(default)]
    name: String,
    task_id: Id<Arc<str>>,
    agent_id: Option<Id>,
    #[serde(default)]
    resources: Vec<WireResource>,
    command: Option<WireCommand>,
    container: Option<WireContainer>,
    labels: Option<WireLabels>,
    kill_policy: Option<WireKillPolicy>,
    executor: Option<IgnoredAny>,
    health_check: Option<IgnoredAny>,
    check: Option<IgnoredAny>,
    max_completion_time: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireLabels {
    #[serde(default)]
    labels: Vec<WireLabel>,
}

#[derive(Deserialize)]
struct WireLabel {
    key: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct WireKillPolicy {
    grace_period: Option<WireDuration>,
}

#[derive(Deserialize)]
struct WireDuration {
    nanoseconds: i64,
}

impl WireTask {
    pub(super) fn request(self) -> LaunchRequest {
        let task = Arc::clone(&self.task_id.value);
        let agent = self.agent_id.as_ref().and_then(|id| id.value.parse().ok());
        match self.read(agent) {
            Ok(request) => request,
            Err(reason) => LaunchRequest::Invalid { task, agent, reason },
        }
    }

    fn read(self, agent: Option<AgentId>) -> Result<LaunchRequest, String> {
        for (name, is_there) in [
            ("executor", self.executor.is_some()),
            ("health_check", self.health_check.is_some()),
            ("check", self.check.is_some()),
            ("max_completion_time", self.max_completion_time.is_some()),
        ] {
            if is_there {
                return Err(format!("{name} is not built yet: leave it out"));
            }
        }
        let agent = agent.ok_or("agent_id is missing, or not one that was offered")?;
        let resources = resources::read(self.resources)?;
        let (container, ports) = match self.container {
            Some(container) => {
                let (container, ports) = container.read()?;
                (Some(container), ports)
            }
            None => (None, Vec::new()),
        };
        let command = self.command.ok_or("command is missing")?;
        let Command { invocation, env, user } = command.read(container.is_some())?;
        let labels = self.labels.into_iter().flat_map(|labels| labels.labels);
        let grace = self.kill_policy.and_then(|policy| policy.grace_period);
        let grace_ms = grace.map(|grace| grace.nanoseconds.max(0).unsigned_abs() / NANOSECONDS_PER_MS);
        let info = TaskInfo {
            id: self.task_id.value,
            name: self.name,
            invocation,
            container,
            user,
            env,
            labels: labels.map(|label| (label.key, label.value.unwrap_or_default())).collect::<BTreeMap<_, _>>(),
            ports,
            kill_grace_ms: grace_ms.unwrap_or(DEFAULT_KILL_GRACE_MS),
        };
        Ok(LaunchRequest::Task { info: Arc::new(info), agent, resources })
    }
}
