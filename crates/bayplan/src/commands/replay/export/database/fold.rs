//! How each event changes the tables.

use model::{
    AgentDescription, AgentId, AppId, AppSpec, AppVersion, DeploymentId, Event, FrameworkId, LaunchedTask, OfferId,
    Record, Resources, Task, TaskId, TaskState, TaskStatus, Timestamp, Waiting, WaitingCause, Workload,
};
use rusqlite::params;

use super::{Database, amounts, json, ms, number};

/// What an event is about, one of each at most.
#[derive(Default)]
pub(super) struct Ids<'a> {
    pub(super) task: Option<&'a TaskId>,
    pub(super) app: Option<&'a AppId>,
    pub(super) agent: Option<AgentId>,
    pub(super) framework: Option<FrameworkId>,
    pub(super) deployment: Option<&'a DeploymentId>,
}

pub(super) fn ids(event: &Event) -> Ids<'_> {
    let none = Ids::default();
    match event {
        Event::AgentRegistered { agent, .. }
        | Event::AgentReconnected { agent, .. }
        | Event::AgentDisconnected { agent, .. }
        | Event::AgentRemoved { agent, .. } => Ids { agent: Some(*agent), ..none },
        Event::OffersMade { framework, .. }
        | Event::OffersClosed { framework, .. }
        | Event::FrameworkSubscribed { framework, .. }
        | Event::FrameworkDisconnected { framework }
        | Event::FrameworkRemoved { framework, .. }
        | Event::OffersRevived { framework }
        | Event::OffersSuppressed { framework }
        | Event::UpdatesAcknowledged { framework, .. } => Ids { framework: Some(*framework), ..none },
        Event::LaunchRefused { framework, agent, .. } => Ids { framework: Some(*framework), agent: *agent, ..none },
        Event::TaskLaunched { task } => Ids {
            task: Some(&task.id),
            app: task.workload.app(),
            agent: Some(task.agent),
            framework: Some(task.framework),
            ..none
        },
        Event::TaskStatusChanged { task, agent, .. } | Event::TaskKillRequested { task, agent, .. } => {
            Ids { task: Some(task), agent: Some(*agent), ..none }
        }
        Event::AppChanged { app, .. } => Ids { app: Some(&app.id), ..none },
        Event::AppDestroyed { app }
        | Event::LaunchDelayed { app, .. }
        | Event::LaunchDelayReset { app }
        | Event::WaitingChanged { app, .. } => Ids { app: Some(app), ..none },
        Event::DeploymentStarted { deployment } => Ids { deployment: Some(&deployment.id), ..none },
        Event::DeploymentAdvanced { deployment, .. } | Event::DeploymentEnded { deployment, .. } => {
            Ids { deployment: Some(deployment), ..none }
        }
        Event::EpochStarted { .. }
        | Event::PlacementPolicyChosen { .. }
        | Event::ProfileDefined { .. }
        | Event::ProfileRemoved { .. }
        | Event::ProfileChosen { .. }
        | Event::ShadowChosen { .. }
        | Event::ModuleAdded { .. }
        | Event::ModuleRemoved { .. }
        | Event::ModuleDisabled { .. }
        | Event::OffersHeldBack { .. }
        | Event::OfferTimeoutChosen { .. }
        | Event::Restored { .. } => none,
    }
}

impl Database {
    pub(super) fn event(&mut self, record: &Record, event: &Event) -> anyhow::Result<()> {
        let (seq, at) = (number(record.seq.0), ms(record.cause.at));
        match event {
            Event::AgentRegistered { agent, description } | Event::AgentReconnected { agent, description } => {
                self.agent(*agent, description, Some(seq), at, true)
            }
            Event::AgentDisconnected { agent, .. } => {
                self.run("UPDATE agents SET connected = 0 WHERE id = ?1", params![agent.to_string()])
            }
            Event::AgentRemoved { agent, .. } => self.run(
                "UPDATE agents SET connected = 0, removed_seq = ?2 WHERE id = ?1",
                params![agent.to_string(), seq],
            ),
            Event::OffersMade { framework, offers } => {
                let columns = offers.offers.iter().zip(&offers.agents).zip(&offers.resources);
                columns.into_iter().try_for_each(|((offer, agent), resources)| {
                    self.offer((*offer, *framework, *agent), resources, Some(seq), record.cause.at)
                })
            }
            Event::OffersClosed { offers, outcome, .. } => offers.iter().try_for_each(|offer| {
                let outcome = serde_json::to_value(outcome)?;
                self.run(
                    "UPDATE offers SET closed_seq = ?2, closed_ms = ?3, outcome = ?4 WHERE id = ?1",
                    params![offer.to_string(), seq, at, outcome.as_str()],
                )
            }),
            Event::TaskLaunched { task } => self.launched(task, seq, at),
            Event::TaskStatusChanged { task, status, .. } => self.status(task, status, seq, at),
            Event::TaskKillRequested { task, reason, .. } => {
                let reason = serde_json::to_value(reason)?;
                self.run(
                    "UPDATE tasks SET kill_reason = coalesce(kill_reason, ?2) WHERE id = ?1",
                    params![task.to_string(), reason.as_str()],
                )
            }
            Event::AppChanged { app, version, .. } => self.app(app, *version, Some(seq), None),
            Event::AppDestroyed { app } => {
                self.run("UPDATE apps SET destroyed_seq = ?2 WHERE id = ?1", params![app.to_string(), seq])
            }
            Event::WaitingChanged { app, waiting } => self.run(
                "UPDATE apps SET waiting = ?2 WHERE id = ?1",
                params![app.to_string(), waiting.as_ref().map(waits_for)],
            ),
            Event::Restored { row } => self.row(row),
            _ => Ok(()),
        }
    }

    pub(super) fn agent(
        &mut self,
        agent: AgentId,
        description: &AgentDescription,
        seq: Option<i64>,
        at: i64,
        is_connected: bool,
    ) -> anyhow::Result<()> {
        let [cpus, mem, disk, gpus] = amounts(&description.resources);
        let attributes = description.attributes.iter().map(|(name, value)| (name.clone(), value.to_string()));
        let attributes: std::collections::BTreeMap<String, String> = attributes.collect();
        self.run(
            "INSERT INTO agents VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (id) DO UPDATE SET hostname = ?2, connected = ?5, cpus = ?6, mem = ?7, disk = ?8, gpus = ?9, \
             attributes = ?10",
            params![
                agent.to_string(),
                description.hostname,
                seq,
                at,
                is_connected,
                cpus,
                mem,
                disk,
                gpus,
                json(&attributes)?
            ],
        )
    }

    pub(super) fn app(
        &mut self,
        spec: &AppSpec,
        version: AppVersion,
        seq: Option<i64>,
        waiting: Option<&Waiting>,
    ) -> anyhow::Result<()> {
        let [cpus, mem, disk, gpus] = amounts(&spec.resources);
        self.run(
            "INSERT INTO apps VALUES (?1, ?2, NULL, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (id) DO UPDATE SET changed_seq = ?2, destroyed_seq = NULL, version_ms = ?3, instances = ?4, \
             cpus = ?5, mem = ?6, disk = ?7, gpus = ?8, role = ?9, json = ?11",
            params![
                spec.id.to_string(),
                seq,
                ms(version.0),
                spec.instances,
                cpus,
                mem,
                disk,
                gpus,
                spec.role.as_deref(),
                waiting.map(waits_for),
                json(spec)?
            ],
        )
    }

    pub(super) fn offer(
        &mut self,
        (offer, framework, agent): (OfferId, FrameworkId, AgentId),
        resources: &Resources,
        seq: Option<i64>,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        let [cpus, mem, disk, gpus] = amounts(resources);
        self.run(
            "INSERT OR REPLACE INTO offers VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, NULL, ?6, ?7, ?8, ?9)",
            params![offer.to_string(), framework.to_string(), agent.to_string(), seq, ms(at), cpus, mem, disk, gpus],
        )
    }

    fn launched(&mut self, task: &LaunchedTask, seq: i64, at: i64) -> anyhow::Result<()> {
        let [cpus, mem, disk, gpus] = amounts(&task.resources);
        let explanation = task.explanation.as_ref();
        self.run(
            "INSERT OR REPLACE INTO tasks (id, app, framework, agent, hostname, offer, cpus, mem, disk, gpus, host_ports, \
             policy, score, launched_seq, launched_ms, state) VALUES (?1, ?2, ?3, ?4, (SELECT hostname FROM agents WHERE \
             id = ?4), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                task.id.to_string(),
                app_of(&task.workload),
                task.framework.to_string(),
                task.agent.to_string(),
                task.offer.to_string(),
                cpus,
                mem,
                disk,
                gpus,
                json(&task.host_ports)?,
                explanation.map(|explanation| &explanation.policy),
                explanation.and_then(|explanation| explanation.score),
                seq,
                at,
                TaskState::Staging.name(),
            ],
        )
    }

    fn status(&mut self, task: &TaskId, status: &TaskStatus, seq: i64, at: i64) -> anyhow::Result<()> {
        let TaskStatus { state, reason, message, exit } = status;
        let reason = reason.map(serde_json::to_value).transpose()?;
        let (is_running, is_over) = (*state == TaskState::Running, state.is_terminal());
        self.run(
            "UPDATE tasks SET state = ?2, reason = ?3, message = ?4, exit = ?5, \
             running_ms = CASE WHEN ?6 THEN coalesce(running_ms, ?8) ELSE running_ms END, \
             ended_seq = CASE WHEN ?7 THEN ?9 END, ended_ms = CASE WHEN ?7 THEN ?8 END WHERE id = ?1",
            params![
                task.to_string(),
                state.name(),
                reason.as_ref().and_then(serde_json::Value::as_str),
                message,
                exit.as_ref().map(json).transpose()?,
                is_running,
                is_over,
                at,
                seq
            ],
        )
    }

    /// A task of which the slice has not the launch.
    pub(super) fn known_task(&mut self, task: &Task) -> anyhow::Result<()> {
        let launched = LaunchedTask {
            id: task.id.clone(),
            framework: task.framework,
            offer: task.offer,
            agent: task.agent,
            workload: task.workload.clone(),
            resources: task.resources.clone(),
            host_ports: task.host_ports.clone(),
            explanation: task.explanation.clone(),
        };
        self.launched(&launched, 0, ms(task.launched_at))?;
        let kill = task.kill.map(|kill| serde_json::to_value(kill.reason)).transpose()?;
        self.run(
            "UPDATE tasks SET launched_seq = NULL, hostname = ?2, running_ms = ?3, kill_reason = ?4 WHERE id = ?1",
            params![
                task.id.to_string(),
                task.hostname,
                task.running_since.map(ms),
                kill.as_ref().and_then(serde_json::Value::as_str)
            ],
        )?;
        self.status(&task.id, &task.status, 0, task.ended_at.map_or(0, ms))?;
        self.run(
            "UPDATE tasks SET ended_seq = NULL, running_ms = ?2 WHERE id = ?1",
            params![task.id.to_string(), task.running_since.map(ms)],
        )
    }
}

fn app_of(workload: &Workload) -> Option<String> {
    workload.app().map(ToString::to_string)
}

fn waits_for(waiting: &Waiting) -> String {
    match &waiting.cause {
        WaitingCause::NothingFits { explanation } => format!("nothing fits: {explanation}"),
        WaitingCause::Backoff { .. } => "backoff".to_owned(),
        WaitingCause::Dependency { app } => format!("dependency {app}"),
        WaitingCause::EarlierStep => "an earlier step of its deployment".to_owned(),
    }
}
