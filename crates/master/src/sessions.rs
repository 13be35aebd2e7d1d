//! The agents' sessions: what each agent is told, and that it is told as soon as that changes.
//!
//! A session sends the whole desired list, made from durable records only. Changes that come faster than lists can be
//! sent are told together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{AgentId, AppId, AppVersion, CommandKind, DisconnectReason, Event, Principal, Workload};
use protocol::agent::{
    Acknowledgement, AgentEvent, AgentIdentity, Desired, DesiredTask, Kill, Mark, StatusReport, Subscribe, TaskSpec,
};
use scheduler::Rejection;
use state::State;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::config::Config;
use crate::frameworks::Frameworks;
use crate::handle::{Committed, Handle, SubmitError};

/// How many events may wait for an agent that reads slowly.
const EVENTS_WAITING: usize = 4;

pub(crate) struct Sessions {
    heartbeat_interval: Duration,
    pub(crate) frameworks: Frameworks,
    agents: Mutex<BTreeMap<AgentId, Contact>>,
}

/// When an agent was last heard of, and its session if there is one.
struct Contact {
    heard_at: Instant,
    session: Option<Session>,
    sessions_opened: u64,
}

struct Session {
    generation: u64,
    changed: Arc<Notify>,
}

impl Sessions {
    pub(crate) fn new(config: &Config) -> Self {
        let frameworks = Frameworks::new(Arc::clone(&config.environment));
        Self { heartbeat_interval: config.heartbeat_interval, frameworks, agents: Mutex::default() }
    }

    /// A leadership begins: nobody was heard of yet.
    pub(crate) fn begin(&self) {
        self.agents().clear();
    }

    /// A leadership is over: agents and frameworks go to the next leader.
    pub(crate) fn end(&self) {
        self.frameworks.end();
        let contacts = std::mem::take(&mut *self.agents());
        contacts.into_values().filter_map(|contact| contact.session).for_each(|session| session.changed.notify_one());
    }

    fn agents(&self) -> MutexGuard<'_, BTreeMap<AgentId, Contact>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        handle: &Handle,
        subscribe: Subscribe,
    ) -> Result<mpsc::Receiver<AgentEvent>, SubmitError> {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        let cluster = handle.read().header.cluster.clone().expect("a running master has started an epoch");
        if let Some(identity) = subscribe.identity.as_ref().filter(|identity| identity.cluster != cluster) {
            let message = format!(
                "the agent belongs to cluster {}, but this master leads {cluster}: point the agent to its own cluster, or \
                 give it another work folder to join this one as a new agent",
                identity.cluster
            );
            let _room = events.try_send(AgentEvent::Refused { message });
            return Ok(receiver);
        }
        let agent = enter(handle, subscribe).await?;
        let (generation, changed) = self.open(agent);
        let identity = AgentIdentity { cluster, agent };
        let heartbeat_interval_ms = u64::try_from(self.heartbeat_interval.as_millis()).unwrap_or(u64::MAX);
        let _room = events.try_send(AgentEvent::Subscribed { identity, heartbeat_interval_ms });
        handle.tasks.spawn(serve(Arc::clone(self), handle.clone(), agent, generation, changed, events));
        Ok(receiver)
    }

    fn open(&self, agent: AgentId) -> (u64, Arc<Notify>) {
        let mut agents = self.agents();
        let contact = agents.entry(agent).or_insert_with(Contact::fresh);
        contact.heard_at = Instant::now();
        contact.sessions_opened += 1;
        let changed = Arc::new(Notify::new());
        let session = Session { generation: contact.sessions_opened, changed: Arc::clone(&changed) };
        if let Some(old) = contact.session.replace(session) {
            old.changed.notify_one();
        }
        (contact.sessions_opened, changed)
    }

    /// Ends a session; false when it was not the current one any more.
    fn close(&self, agent: AgentId, generation: u64) -> bool {
        let mut agents = self.agents();
        let Some(contact) = agents.get_mut(&agent) else { return false };
        contact.session.take_if(|session| session.generation == generation).is_some()
    }

    fn is_current(&self, agent: AgentId, generation: u64) -> bool {
        let agents = self.agents();
        let session = agents.get(&agent).and_then(|contact| contact.session.as_ref());
        session.is_some_and(|session| session.generation == generation)
    }

    pub(crate) fn wake(&self, agents: &BTreeSet<AgentId>) {
        let contacts = self.agents();
        let sessions = agents.iter().filter_map(|agent| contacts.get(agent)?.session.as_ref());
        sessions.for_each(|session| session.changed.notify_one());
    }

    pub(crate) async fn report(&self, handle: &Handle, report: StatusReport) -> Result<Acknowledgement, SubmitError> {
        let StatusReport { identity: AgentIdentity { cluster, agent }, updates } = report;
        let is_known = {
            let state = handle.read();
            state.header.cluster.as_ref() == Some(&cluster) && state.agents.contains(&agent)
        };
        if !is_known {
            return Err(Rejection::UnknownAgent(agent).into());
        }
        if let Some(contact) = self.agents().get_mut(&agent) {
            contact.heard_at = Instant::now();
        }
        let acknowledged = updates.iter().map(|update| update.id.clone()).collect();
        let with_an_end = updates.iter().any(|update| update.status.state.is_terminal());
        let mark = if updates.is_empty() {
            mark_of(&handle.read())
        } else {
            let kind = CommandKind::UpdateStatus { agent, updates };
            let Committed { seq, epoch, .. } = handle.submit(principal_of(agent), kind).await?;
            if with_an_end {
                // The mark makes older lists void, one that is on its way just now among them; also when there was nothing
                // new to record.
                self.wake(&BTreeSet::from([agent]));
            }
            Mark { epoch, seq }
        };
        Ok(Acknowledgement { updates: acknowledged, mark })
    }

    /// How long ago each of the agents was heard of, and whether it has a session. An agent that was never heard of
    /// counts from now: a new master starts its contact timers afresh.
    pub(crate) fn silence(&self, agents: impl Iterator<Item = AgentId>) -> Vec<(AgentId, Duration, bool)> {
        let mut contacts = self.agents();
        agents
            .map(|agent| {
                let contact = contacts.entry(agent).or_insert_with(Contact::fresh);
                (agent, contact.heard_at.elapsed(), contact.session.is_some())
            })
            .collect()
    }

    /// Ends the session of an agent, whichever it is.
    pub(crate) fn hang_up(&self, agent: AgentId) {
        if let Some(session) = self.agents().get_mut(&agent).and_then(|contact| contact.session.take()) {
            session.changed.notify_one();
        }
    }

    /// As `hang_up`, for an agent that is no more.
    pub(crate) fn forget(&self, agent: AgentId) {
        if let Some(session) = self.agents().remove(&agent).and_then(|contact| contact.session) {
            session.changed.notify_one();
        }
    }
}

impl Contact {
    fn fresh() -> Self {
        Self { heard_at: Instant::now(), session: None, sessions_opened: 0 }
    }
}

/// Registers an agent, or takes one back that the cluster knows. One that was removed gets a new id.
async fn enter(handle: &Handle, subscribe: Subscribe) -> Result<AgentId, SubmitError> {
    let Subscribe { identity, description } = subscribe;
    if let Some(AgentIdentity { agent, .. }) = identity {
        let kind = CommandKind::ReconnectAgent { agent, description: description.clone() };
        match handle.submit(principal_of(agent), kind).await {
            Ok(_) => return Ok(agent),
            Err(SubmitError::Rejected(Rejection::UnknownAgent(_))) => {}
            Err(why) => return Err(why),
        }
    }
    let principal = Principal::new(format!("agent@{}", description.hostname));
    let committed = handle.submit(principal, CommandKind::RegisterAgent { description }).await?;
    let record = committed.record.expect("a registration always makes a record");
    let registered = record.events.iter().find_map(|event| match event {
        Event::AgentRegistered { agent, .. } => Some(*agent),
        _ => None,
    });
    Ok(registered.expect("a registration names the agent"))
}

/// Keeps an agent up to date until either side goes away.
async fn serve(
    sessions: Arc<Sessions>,
    handle: Handle,
    agent: AgentId,
    generation: u64,
    changed: Arc<Notify>,
    events: mpsc::Sender<AgentEvent>,
) {
    let mut heartbeat = tokio::time::interval(sessions.heartbeat_interval);
    changed.notify_one();
    loop {
        let event = tokio::select! {
            biased;
            () = events.closed() => break,
            () = changed.notified() => {
                if !sessions.is_current(agent, generation) {
                    break;
                }
                AgentEvent::Desired(desired(&handle.read(), agent))
            }
            _ = heartbeat.tick() => AgentEvent::Heartbeat,
        };
        if events.send(event).await.is_err() {
            break;
        }
    }
    if sessions.close(agent, generation) {
        let kind = CommandKind::DisconnectAgent { agent, reason: DisconnectReason::StreamClosed };
        if let Err(why) = handle.submit(principal_of(agent), kind).await {
            tracing::debug!(%agent, %why, "the end of an agent's stream was not recorded");
        }
    }
}

fn principal_of(agent: AgentId) -> Principal {
    Principal::new(format!("agent:{agent}"))
}

fn mark_of(state: &State) -> Mark {
    Mark { epoch: state.epoch, seq: state.seq }
}

/// Everything that should be on an agent.
fn desired(state: &State, agent: AgentId) -> Desired {
    let cluster = state.header.cluster.clone().expect("a running master has started an epoch");
    let mut specs: BTreeMap<(&AppId, AppVersion), Arc<TaskSpec>> = BTreeMap::new();
    let tasks = state.active_tasks_on(agent).filter_map(|task| {
        let spec = match &task.workload {
            Workload::App { app, version } => {
                let definition = state.definition(app, *version)?;
                let spec = specs.entry((app, *version));
                Arc::clone(spec.or_insert_with(|| Arc::new(TaskSpec::of_app(definition, *version))))
            }
            Workload::Own(info) => {
                let framework = protocol::mesos::framework_id(&cluster, task.framework);
                Arc::new(TaskSpec::of_framework(framework, info, &task.resources))
            }
        };
        Some(DesiredTask {
            id: task.id.clone(),
            state: task.status.state,
            kill: task.kill.map(|kill| Kill { reason: kill.reason, grace_ms: spec.kill_grace_ms }),
            spec,
            host_ports: task.host_ports.clone(),
            gpu_slots: task.resources.gpu_slots.clone(),
        })
    });
    let tasks = tasks.collect();
    Desired { cluster, mark: mark_of(state), tasks }
}
