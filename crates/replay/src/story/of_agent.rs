//! The story of an agent: when it came, was silent and went, what was offered of it, and the tasks on it.

use model::{AgentDescription, AgentId, Event, FrameworkId, Record, TaskState, Timestamp};
use state::State;

use super::known::{Known, OpenOffers, Tasks};
use super::wishes;
use super::{Said, What};
use crate::{diff, words};

#[derive(Debug)]
pub(super) struct OfAgent {
    id: AgentId,
    description: Option<AgentDescription>,
    silent_since: Option<Timestamp>,
    offers: OpenOffers,
    tasks: Tasks,
    restored: Option<String>,
}

impl OfAgent {
    pub(super) fn new(id: AgentId, state: &State) -> Self {
        let row = state.agents.get(&id);
        let restored = row.map(|agent| {
            let tasks = words::count(state.active_tasks_on(id).count(), "task");
            let here = if agent.is_connected() { "connected" } else { "not connected" };
            format!("{} is {here}, with {tasks}, when the log begins", agent.description.hostname)
        });
        Self {
            id,
            description: row.map(|agent| agent.description.clone()),
            silent_since: row.and_then(|agent| match agent.connection {
                model::Connection::Connected => None,
                model::Connection::Disconnected { since, .. } => Some(since),
            }),
            offers: OpenOffers::default(),
            tasks: state.active_tasks_on(id).map(|task| task.id.clone()).collect(),
            restored,
        }
    }

    pub(super) fn see(&mut self, record: &Record, known: &Known) -> Vec<Said> {
        let mut said: Vec<Said> = self.restored.take().map(|text| Said::new(What::Note, text)).into_iter().collect();
        for event in &record.events {
            said.extend(self.of_itself(event, record.cause.at));
            said.extend(self.of_task(event, record, known));
            said.extend(self.of_offer(event, record.cause.at, known));
        }
        said.extend(known.repeated(record, |agent, _| agent == self.id));
        said
    }

    fn of_itself(&mut self, event: &Event, at: Timestamp) -> Option<Said> {
        match event {
            Event::AgentRegistered { agent, description } if *agent == self.id => {
                let (host, has) = (words::one_line(&description.hostname), words::resources(&description.resources));
                let attributes: Vec<_> =
                    description.attributes.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                let attributes =
                    if attributes.is_empty() { String::new() } else { format!("; {}", attributes.join(" ")) };
                self.description = Some(description.clone());
                Some(Said::new(What::Good, format!("{host} registers, with {has}{attributes}")))
            }
            Event::AgentReconnected { agent, description } if *agent == self.id => {
                let away = self.silent_since.take().map(|since| words::span(at.ms_since(since)));
                let away = away.map(|away| format!(", after {away}")).unwrap_or_default();
                let json = |description| serde_json::to_value(description).unwrap_or_default();
                let changes = self.description.as_ref().map(|old| diff::fields(&json(old), &json(description)));
                let changes: Vec<_> = changes
                    .iter()
                    .flatten()
                    .map(|change| format!("{} {} -> {}", change.field, change.before, change.after))
                    .collect();
                let changes = if changes.is_empty() { String::new() } else { format!("; {}", changes.join("; ")) };
                self.description = Some(description.clone());
                Some(Said::new(What::Good, words::one_line(&format!("it is back{away}{changes}"))))
            }
            Event::AgentDisconnected { agent, reason } if *agent == self.id => {
                self.silent_since = Some(at);
                let active = words::count(self.tasks.len(), "task");
                let text = format!("it {}, with {active} on it", words::disconnected(*reason));
                Some(Said::new(What::Bad, text))
            }
            Event::AgentRemoved { agent, reason } if *agent == self.id => {
                let silent = self.silent_since.take().map(|since| words::span(at.ms_since(since)));
                let silent = silent.map(|silent| format!(", after {silent}")).unwrap_or_default();
                Some(Said::new(What::Bad, format!("removed: it {}{silent}", words::removed(*reason))))
            }
            _ => None,
        }
    }

    fn of_task(&mut self, event: &Event, record: &Record, known: &Known) -> Option<Said> {
        match event {
            Event::TaskLaunched { task } if task.agent == self.id => {
                self.tasks.insert(task.id.clone());
                let (name, takes) = (words::short(&task.id), words::resources(&task.resources));
                let text = format!("{name} is launched, {}; it takes {takes}", wishes::decided(task));
                Some(Said::new(What::Progress, text))
            }
            Event::TaskStatusChanged { task, agent, status, .. } if *agent == self.id => {
                let what = match status.state {
                    TaskState::Running => What::Good,
                    TaskState::Killed | TaskState::Finished => What::Ending,
                    _ if wishes::is_failure(status) => What::Bad,
                    _ => return None,
                };
                if status.state.is_terminal() {
                    self.tasks.remove(task);
                }
                let after = known.after(task, status.state, record.cause.at);
                Some(Said::new(what, format!("{} {}{after}", words::short(task), words::status(status))))
            }
            Event::TaskKillRequested { task, agent, reason } if *agent == self.id => {
                let text = format!("{} is asked to end: {}", words::short(task), words::kill_reason(*reason));
                Some(Said::new(What::Ending, text))
            }
            _ => None,
        }
    }

    /// What the built-in framework is offered it takes at once; that is told with the launch.
    fn of_offer(&mut self, event: &Event, at: Timestamp, known: &Known) -> Option<Said> {
        match event {
            Event::OffersMade { framework, offers } if *framework != FrameworkId::SERVICES => {
                let own = (0..offers.offers.len()).filter(|index| offers.agents[*index] == self.id);
                let mut told = Vec::new();
                for index in own {
                    let (offer, resources) = (offers.offers[index], words::resources(&offers.resources[index]));
                    self.offers.open(offer, *framework, at);
                    told.push(format!("{offer} ({resources})"));
                }
                let to = known.framework(*framework);
                (!told.is_empty()).then(|| Said::new(What::Progress, format!("{to} is offered {}", told.join(", "))))
            }
            Event::OffersClosed { framework, offers, outcome, .. } => {
                let own: Vec<_> =
                    offers.iter().filter_map(|offer| Some((*offer, self.offers.close(*offer, at)?))).collect();
                let told: Vec<_> =
                    own.iter().map(|(offer, open)| format!("{offer}, open for {}", words::span(*open))).collect();
                let (of, how) = (known.framework(*framework), words::outcome(*outcome));
                (!told.is_empty()).then(|| Said::new(What::Progress, format!("{how}, of {of}: {}", told.join(", "))))
            }
            _ => None,
        }
    }
}
