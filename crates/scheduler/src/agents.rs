//! Commands about agents.

use model::{AgentDescription, AgentId, DisconnectReason, Event, RemovalReason, StatusReason, TaskState, TaskStatus};

use crate::Rejection;
use crate::draft::Draft;

impl Draft<'_> {
    pub(crate) fn register_agent(&mut self, description: &AgentDescription) {
        let agent = self.state().header.next_agent;
        self.events.push(Event::AgentRegistered { agent, description: description.clone() });
    }

    pub(crate) fn reconnect_agent(&mut self, agent: AgentId, description: &AgentDescription) -> Result<(), Rejection> {
        let known = self.agent(agent)?;
        if !known.is_connected() || known.description != *description {
            self.rescind_offers_on(agent);
            self.events.push(Event::AgentReconnected { agent, description: description.clone() });
        }
        Ok(())
    }

    pub(crate) fn disconnect_agent(&mut self, agent: AgentId, reason: DisconnectReason) -> Result<(), Rejection> {
        if self.agent(agent)?.is_connected() {
            self.rescind_offers_on(agent);
            self.events.push(Event::AgentDisconnected { agent, reason });
        }
        Ok(())
    }

    /// Gives an agent and all its tasks up.
    pub(crate) fn remove_agent(&mut self, agent: AgentId, reason: RemovalReason) -> Result<(), Rejection> {
        let row = self.agent(agent)?;
        if reason == RemovalReason::TimedOut && row.is_connected() {
            // It came back before this was decided.
            return Ok(());
        }
        let hostname = row.description.hostname.clone();
        let why = match reason {
            RemovalReason::TimedOut => format!("agent {agent} on {hostname} was silent for too long"),
            RemovalReason::Gone => format!("agent {agent} on {hostname} is gone for good"),
        };
        self.rescind_offers_on(agent);
        for task in self.world.state.active_tasks_on(agent) {
            let status = TaskStatus {
                state: TaskState::Lost,
                reason: Some(StatusReason::AgentRemoved),
                message: Some(why.clone()),
                exit: None,
            };
            self.events.push(Event::TaskStatusChanged { task: task.id.clone(), agent, update: None, status });
        }
        self.events.push(Event::AgentRemoved { agent, reason });
        Ok(())
    }

    fn agent(&self, agent: AgentId) -> Result<&model::Agent, Rejection> {
        self.world.state.agents.get(&agent).ok_or(Rejection::UnknownAgent(agent))
    }
}
