//! How each event changes the state.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{
    Agent, AgentDescription, AgentId, App, AppId, AppSpec, AppVersion, Connection, Deployment, DeploymentId, Event,
    FrameworkConnection, FrameworkId, Header, KillRequest, LaunchDelay, LaunchedTask, PendingUpdate, ProfileScope,
    Record, Row, Task, TaskFailure, TaskId, TaskState, TaskStatus, Timestamp, Waiting, Workload,
};

use crate::State;
use crate::index::{ENDED_TASKS_KEPT, ENDED_TASKS_KEPT_PER_OWNER, Standing};

impl State {
    /// Folds one accepted record. Total: an event about something unknown changes nothing.
    pub fn apply(&mut self, record: &Record) {
        self.begin(record);
        for event in &record.events {
            self.count(&record.cause.kind, event);
            self.apply_event(event);
        }
    }

    /// The record's own place and time; its events follow by [`State::apply_event`].
    fn begin(&mut self, record: &Record) {
        self.seq = record.seq;
        self.epoch = record.epoch;
        self.at = self.at.max(record.cause.at);
        self.forget_ended_filters();
    }

    pub(crate) fn apply_event(&mut self, event: &Event) {
        self.header.totals.events += u64::from(!matches!(event, Event::Restored { .. }));
        match event {
            Event::EpochStarted { cluster, leader, addresses, state_version } => {
                self.header.cluster.get_or_insert_with(|| cluster.clone());
                self.header.leader.clone_from(leader);
                self.header.leader_addresses.clone_from(addresses);
                self.header.led_since = self.at;
                self.header.state_version = *state_version;
                self.begin_counting();
            }
            Event::PlacementPolicyChosen { policy } => self.header.placement_policy.clone_from(policy),
            Event::ProfileDefined { profile } => {
                self.profiles.insert(Arc::clone(&profile.name), Arc::clone(profile));
            }
            Event::ProfileRemoved { profile } => {
                self.profiles.remove(profile);
            }
            Event::ProfileChosen { scope, profile } => self.choose_profile(scope, profile.as_ref()),
            Event::ShadowChosen { profile } => self.header.profiles.shadow.clone_from(profile),
            Event::ModuleAdded { module } => self.modules.insert(Arc::clone(&module.name), Arc::clone(module)),
            Event::ModuleRemoved { module } => {
                self.modules.remove(module);
            }
            Event::ModuleDisabled { module, reason } => {
                let reason = Some(Arc::clone(reason));
                self.modules.update(module, |row| Arc::make_mut(row).disabled = reason);
            }
            Event::AgentRegistered { agent, description } => self.register(*agent, description),
            Event::AgentReconnected { agent, description } => self.agents.update(agent, |row| {
                row.description.clone_from(description);
                row.connection = Connection::Connected;
            }),
            Event::AgentDisconnected { agent, reason } => {
                let since = self.at;
                self.agents.update(agent, |row| row.connection = Connection::Disconnected { since, reason: *reason });
            }
            Event::AgentRemoved { agent, reason: _ } => {
                self.agents.remove(agent);
                self.forget_filters_on(*agent);
            }
            Event::OffersMade { framework, offers } => self.make_offers(*framework, offers),
            Event::OffersClosed { framework: _, offers, outcome, refused_until } => {
                self.close_offers(offers, *outcome, *refused_until);
            }
            Event::OfferTimeoutChosen { offer_timeout_ms } => self.header.offer_timeout_ms = Some(*offer_timeout_ms),
            Event::FrameworkSubscribed { framework, info } => self.subscribe_framework(*framework, info),
            Event::FrameworkDisconnected { framework } => {
                let since = self.at;
                self.frameworks.update(framework, |row| row.connection = FrameworkConnection::Away { since });
            }
            Event::FrameworkRemoved { framework, reason: _ } => self.remove_framework(*framework),
            Event::OffersRevived { framework } => self.revive(*framework),
            Event::OffersSuppressed { framework } => self.frameworks.update(framework, |row| row.is_suppressed = true),
            Event::UpdatesAcknowledged { framework: _, tasks } => self.acknowledge(tasks),
            // What is told of them is in the record; nothing follows from it.
            Event::OffersHeldBack { .. } | Event::LaunchRefused { .. } => {}
            Event::TaskLaunched { task } => self.launch(task),
            Event::TaskStatusChanged { task, status, .. } => self.change_status(task, status),
            Event::TaskKillRequested { task, reason, .. } => {
                let kill = KillRequest { reason: *reason, at: self.at };
                self.change_task(task, |row| {
                    row.kill.get_or_insert(kill);
                });
            }
            Event::AppChanged { app, version, config_version } => self.change_app(app, *version, *config_version),
            Event::AppDestroyed { app } => self.destroy_app(app),
            Event::LaunchDelayed { app, delay_ms, until } => {
                let delay = Some(LaunchDelay { delay_ms: *delay_ms, until: *until });
                self.apps.update(app, |row| row.delay = delay);
            }
            Event::LaunchDelayReset { app } => self.apps.update(app, |row| row.delay = None),
            Event::WaitingChanged { app, waiting } => self.change_waiting(app, waiting.as_ref()),
            Event::DeploymentStarted { deployment } => self.start_deployment(deployment),
            Event::DeploymentAdvanced { deployment, current_step } => {
                self.deployments.update(deployment, |row| row.current_step = *current_step);
            }
            Event::DeploymentEnded { deployment, outcome: _ } => self.end_deployment(deployment),
            Event::Restored { row } => self.restore(row),
        }
    }

    fn choose_profile(&mut self, scope: &ProfileScope, profile: Option<&Arc<str>>) {
        let choices = &mut self.header.profiles;
        match (scope, profile) {
            (ProfileScope::Role(role), Some(profile)) => {
                choices.roles.insert(Arc::clone(role), Arc::clone(profile));
            }
            (ProfileScope::Role(role), None) => {
                choices.roles.remove(role);
            }
            (ProfileScope::App(app), Some(profile)) => {
                choices.apps.insert(app.clone(), Arc::clone(profile));
            }
            (ProfileScope::App(app), None) => {
                choices.apps.remove(app);
            }
        }
    }

    fn register(&mut self, agent: AgentId, description: &AgentDescription) {
        self.header.next_agent = self.header.next_agent.max(agent.next());
        let row = Agent {
            id: agent,
            description: description.clone(),
            registered_at: self.at,
            connection: Connection::Connected,
        };
        self.agents.insert(agent, row);
    }

    fn launch(&mut self, task: &LaunchedTask) {
        self.take_from_offer(task);
        let Some(agent) = self.agents.get(&task.agent) else { return };
        let row = Task {
            id: task.id.clone(),
            framework: task.framework,
            offer: task.offer,
            agent: task.agent,
            hostname: agent.description.hostname.clone(),
            workload: task.workload.clone(),
            resources: task.resources.clone(),
            host_ports: task.host_ports.clone(),
            explanation: task.explanation.clone(),
            launched_at: self.at,
            running_since: None,
            ended_at: None,
            kill: None,
            status: TaskStatus { state: TaskState::Staging, reason: None, message: None, exit: None },
            status_at: self.at,
            unacknowledged: Vec::new(),
        };
        self.header.totals.tasks_launched += 1;
        self.index.enter(&row);
        self.tasks.insert(row.id.clone(), row);
        if let Some(app) = task.workload.app() {
            self.settle(app);
        }
    }

    fn change_status(&mut self, id: &TaskId, status: &TaskStatus) {
        let at = self.at;
        let Some(task) = self.tasks.get(id).filter(|task| task.is_active()) else { return };
        let is_told = task.workload.own().is_some() && self.frameworks.contains(&task.framework);
        self.change_task(id, |row| {
            if status.state == TaskState::Running {
                row.running_since.get_or_insert(at);
            }
            row.ended_at = status.state.is_terminal().then_some(at);
            row.status.clone_from(status);
            row.status_at = at;
            if is_told {
                row.unacknowledged.push(PendingUpdate { status: status.clone(), at });
            }
        });
        if status.state.is_terminal() {
            self.end_task(id, status, at);
        }
    }

    fn end_task(&mut self, id: &TaskId, status: &TaskStatus, at: Timestamp) {
        *self.header.totals.tasks_ended.entry(status.state).or_default() += 1;
        let Some(task) = self.tasks.get(id) else { return };
        let (app, version) = match &task.workload {
            Workload::App { app, version } => (app.clone(), *version),
            Workload::Own(_) => return self.forget_oldest_ended_of(task.framework),
        };
        if matches!(status.state, TaskState::Failed | TaskState::Lost | TaskState::Error) {
            let failure = TaskFailure {
                task: id.clone(),
                agent: task.agent,
                hostname: task.hostname.clone(),
                version,
                at,
                status: status.clone(),
            };
            self.apps.update(&app, |row| row.last_failure = Some(failure));
        }
        self.forget_definition(&app, version);
        self.forget_oldest_ended(&app);
    }

    pub(crate) fn change_task(&mut self, id: &TaskId, change: impl FnOnce(&mut Task)) {
        let changed = self.tasks.change(id, |row| {
            let before = Standing::of(row);
            change(row);
            before
        });
        let Some((before, row)) = changed else { return };
        self.index.follow(row, before);
        if let Some(app) = row.app() {
            self.index.settle(app, self.apps.get(app));
        }
    }

    fn forget_oldest_ended(&mut self, app: &AppId) {
        let forgotten = oldest_beyond_limit(&self.tasks_of_app(app).ended);
        self.forget_ended(forgotten);
    }

    pub(crate) fn forget_oldest_ended_of(&mut self, framework: FrameworkId) {
        let forgotten = oldest_beyond_limit(&self.holdings(framework).ended);
        self.forget_ended(forgotten);
    }

    /// And those that are too many over all.
    fn forget_ended(&mut self, mut forgotten: BTreeSet<TaskId>) {
        let excess = self.index.ended.len().saturating_sub(ENDED_TASKS_KEPT);
        forgotten.extend(self.index.ended.iter().take(excess).map(|(_, id)| id.clone()));
        for id in forgotten {
            if let Some(task) = self.tasks.remove(&id) {
                self.index.leave(&task);
            }
        }
    }

    fn change_app(&mut self, spec: &Arc<AppSpec>, version: AppVersion, config_version: AppVersion) {
        let id = &spec.id;
        self.definitions.insert((id.clone(), version), Arc::clone(spec));
        match self.apps.get(id).cloned() {
            None => self.apps.insert(
                id.clone(),
                App {
                    spec: Arc::clone(spec),
                    version,
                    config_version,
                    last_scaled_at: self.at,
                    delay: None,
                    waiting: None,
                    last_failure: None,
                },
            ),
            Some(old) => {
                let at = self.at;
                self.apps.update(id, |row| {
                    if row.spec.instances != spec.instances {
                        row.last_scaled_at = at;
                    }
                    if row.config_version != config_version {
                        row.delay = None;
                    }
                    row.spec = Arc::clone(spec);
                    row.version = version;
                    row.config_version = config_version;
                });
                self.forget_definition(id, old.version);
            }
        }
        self.settle(id);
    }

    fn destroy_app(&mut self, id: &AppId) {
        if let Some(app) = self.apps.remove(id) {
            self.forget_definition(id, app.version);
        }
        self.header.profiles.apps.remove(id);
        self.settle(id);
    }

    /// Drops a definition that neither the app nor an active task refers to.
    fn forget_definition(&mut self, app: &AppId, version: AppVersion) {
        let current = self.apps.get(app).is_some_and(|row| row.version == version);
        if !current && !self.tasks_of_app(app).by_version.contains_key(&version) {
            self.definitions.remove(&(app.clone(), version));
        }
    }

    fn change_waiting(&mut self, app: &AppId, waiting: Option<&Waiting>) {
        self.apps.update(app, |row| row.waiting = waiting.cloned());
        self.settle(app);
    }

    fn start_deployment(&mut self, deployment: &Deployment) {
        self.deployments.insert(deployment.id.clone(), deployment.clone());
        for action in deployment.actions() {
            self.index.enter_deployment(&action.app, &deployment.id);
            self.settle(&action.app);
        }
    }

    fn end_deployment(&mut self, id: &DeploymentId) {
        if let Some(deployment) = self.deployments.remove(id) {
            for action in deployment.actions() {
                self.index.leave_deployment(&action.app, id);
                self.settle(&action.app);
            }
        }
    }

    pub(crate) fn settle(&mut self, app: &AppId) {
        self.index.settle(app, self.apps.get(app));
    }

    fn restore(&mut self, row: &Row) {
        match row.clone() {
            Row::Header(header) => self.restore_header(header),
            Row::Agent(agent) => self.agents.insert(agent.id, agent),
            Row::App(app) => {
                let id = app.spec.id.clone();
                self.apps.insert(id.clone(), app);
                self.settle(&id);
            }
            Row::Definition(spec, version) => self.definitions.insert((spec.id.clone(), version), spec),
            Row::Task(task) => {
                let app = task.app().cloned();
                self.index.enter(&task);
                self.tasks.insert(task.id.clone(), task);
                if let Some(app) = app {
                    self.settle(&app);
                }
            }
            Row::Offer(offer) => self.enter_offer(offer),
            Row::Framework(framework) => self.frameworks.insert(framework.id, framework),
            Row::Filter(filter) => self.enter_filter(filter),
            Row::Deployment(deployment) => self.start_deployment(&deployment),
            Row::Profile(profile) => self.profiles.insert(Arc::clone(&profile.name), profile),
            Row::Module(module) => self.modules.insert(Arc::clone(&module.name), module),
        }
    }

    fn restore_header(&mut self, header: Header) {
        self.header = header;
    }
}

fn oldest_beyond_limit(ended: &BTreeSet<(Timestamp, TaskId)>) -> BTreeSet<TaskId> {
    let excess = ended.len().saturating_sub(ENDED_TASKS_KEPT_PER_OWNER);
    ended.iter().take(excess).map(|(_, id)| id.clone()).collect()
}
