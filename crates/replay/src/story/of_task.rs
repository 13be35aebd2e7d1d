//! The story of one task: what was wanted, what it waited for, its launch, its states, why it was asked to end, how it ended.

use model::{AgentId, Event, FrameworkId, Record, TaskId, TaskState, Timestamp};
use state::State;

use super::known::{Known, OpenOffers};
use super::wishes::{self, Wishes};
use super::{Said, Step, What, step};
use crate::words;

/// Steps before the launch: what was wanted, and what it waited for.
const STEPS_BEFORE: usize = 8;

#[derive(Debug)]
pub(super) struct OfTask {
    id: TaskId,
    /// None for a framework's.
    wishes: Option<Wishes>,
    /// What happened to the app before the task was there.
    before: Vec<Step>,
    agent: Option<AgentId>,
    is_over: bool,
    offers: OpenOffers,
    /// The task was there when the log begins.
    restored: Option<String>,
    silent_since: Option<Timestamp>,
}

impl OfTask {
    pub(super) fn new(id: &TaskId, state: &State) -> Self {
        let row = state.tasks.get(id);
        let restored = row.map(|task| {
            format!("{} on {} ({}) when the log begins", words::status(&task.status), task.agent, task.hostname)
        });
        Self {
            id: id.clone(),
            wishes: wishes::of_task(id, state),
            before: Vec::new(),
            agent: row.map(|task| task.agent),
            is_over: row.is_some_and(|task| !task.is_active()),
            offers: OpenOffers::default(),
            restored,
            silent_since: None,
        }
    }

    pub(super) fn see(&mut self, record: &Record, known: &Known) -> Vec<Step> {
        if let Some(wishes) = &mut self.wishes {
            wishes.see(record);
        }
        let mut said: Vec<Said> = self.restored.take().map(|text| Said::new(What::Note, text)).into_iter().collect();
        let mut launched_before = 0;
        for event in &record.events {
            match event {
                Event::OffersMade { framework, offers } if *framework != FrameworkId::SERVICES => {
                    offers.offers.iter().for_each(|offer| self.offers.open(*offer, *framework, record.cause.at));
                }
                Event::TaskLaunched { task } if task.id == self.id => {
                    self.agent = Some(task.agent);
                    said.extend(self.launched(task, record, launched_before, known));
                }
                Event::TaskLaunched { task } => {
                    launched_before += usize::from(self.wishes.as_ref().is_some_and(|wishes| wishes.is_of(&task.id)));
                }
                _ if self.agent.is_some() => said.extend(self.lives(event, record, known)),
                _ => {}
            }
        }
        said.extend(known.repeated(record, |_, task| *task == self.id));
        for event in &record.events {
            if let Event::OffersClosed { offers, .. } = event {
                for offer in offers {
                    let _open_for = self.offers.close(*offer, record.cause.at);
                }
            }
        }
        let mut steps = if self.agent.is_none() { Vec::new() } else { std::mem::take(&mut self.before) };
        if self.agent.is_none() {
            self.wait(record);
        } else if !said.is_empty() {
            steps.push(step(record, said));
        }
        if let Some(wishes) = &mut self.wishes {
            wishes.remember(record, known);
        }
        steps
    }

    /// What becomes of the app before the task is there, from the last wish on.
    fn wait(&mut self, record: &Record) {
        let Some(flat) = crate::mention::flat_app_of(&self.id) else { return };
        let mut said = Vec::new();
        for event in &record.events {
            match event {
                Event::AppChanged { app, .. } if app.id.flat() == flat => {
                    self.before.clear();
                    let wanted = words::count(app.instances as usize, "instance");
                    said.push(Said::new(What::Wish, format!("{} shall have {wanted}", app.id)));
                }
                Event::WaitingChanged { app, waiting } if app.flat() == flat => match waiting {
                    Some(waiting) => {
                        let (wait, cause) = (instances_wait(waiting.instances), words::waiting_cause(waiting));
                        said.push(Said::new(What::Waiting, format!("{wait}: {cause}")));
                    }
                    // Whatever it waited for was for the sake of others.
                    None => self.before.retain(|step| step.said.iter().any(|said| said.what == What::Wish)),
                },
                _ => {}
            }
        }
        if !said.is_empty() && self.before.len() < STEPS_BEFORE {
            self.before.push(step(record, said));
        }
    }

    fn launched(&self, task: &model::LaunchedTask, record: &Record, nth: usize, known: &Known) -> Vec<Said> {
        let ports: Vec<_> = task.host_ports.iter().map(ToString::to_string).collect();
        let ports = if ports.is_empty() { String::new() } else { format!(", with ports {}", ports.join(", ")) };
        let (agent, offer) = (known.agent(task.agent), task.offer);
        let (waited, because) = match &self.wishes {
            Some(wishes) => wishes.launch(record, nth),
            None => (String::new(), Vec::new()),
        };
        let decided = wishes::decided(task);
        let text = format!("launched on {agent} out of offer {offer}{ports}, {decided}{waited}");
        vec![Said::new(What::Progress, text).because(because)]
    }

    /// What an event says of the task once it is there.
    fn lives(&mut self, event: &Event, record: &Record, known: &Known) -> Option<Said> {
        let at = record.cause.at;
        match event {
            Event::TaskStatusChanged { task, status, .. } if *task == self.id => {
                self.is_over |= status.state.is_terminal();
                let after = known.after(task, status.state, at);
                let what = match status.state {
                    TaskState::Running | TaskState::Finished => What::Good,
                    TaskState::Killing | TaskState::Killed => What::Ending,
                    _ if wishes::is_failure(status) => What::Bad,
                    _ => What::Progress,
                };
                Some(Said::new(what, format!("{}{after}", words::status(status))))
            }
            Event::TaskKillRequested { task, reason, .. } if *task == self.id => {
                let because = self.wishes.as_ref().and_then(|wishes| wishes.kill(*reason, record));
                let text = format!("asked to end: {}", words::kill_reason(*reason));
                Some(Said::new(What::Ending, text).because(because))
            }
            Event::LaunchDelayed { app, delay_ms, .. } if Some(app.flat().as_str()) == self.flat() => {
                let ended_now = record
                    .events
                    .iter()
                    .any(|event| matches!(event, Event::TaskStatusChanged { task, .. } if *task == self.id));
                let text =
                    format!("{app} starts nothing for {}, because its tasks end by themselves", words::span(*delay_ms));
                ended_now.then(|| Said::new(What::Waiting, text))
            }
            _ if self.is_over => None,
            Event::AgentDisconnected { agent, reason } if Some(*agent) == self.agent => {
                self.silent_since = Some(at);
                let agent = known.agent(*agent);
                Some(Said::new(What::Bad, format!("its agent {agent} {}", words::disconnected(*reason))))
            }
            Event::AgentReconnected { agent, .. } if Some(*agent) == self.agent => {
                let away = self.silent_since.take().map(|since| words::span(at.ms_since(since)));
                let away = away.map(|away| format!(", after {away}")).unwrap_or_default();
                Some(Said::new(What::Good, format!("its agent {} is back{away}", known.agent(*agent))))
            }
            _ => None,
        }
    }

    fn flat(&self) -> Option<&str> {
        crate::mention::flat_app_of(&self.id)
    }
}

pub(super) fn instances_wait(instances: u32) -> String {
    let verb = if instances == 1 { "waits" } else { "wait" };
    format!("{} {verb}", words::count(instances as usize, "instance"))
}
