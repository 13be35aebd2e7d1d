//! The story of an offer: to whom it was made, what became of it and by whom, and of the tasks that were launched out of it.

use model::{Event, FrameworkId, OfferId, OfferOutcome, Record, TaskState, Timestamp};
use state::State;

use super::known::{Known, Tasks};
use super::wishes;
use super::{Said, What};
use crate::words;

#[derive(Debug)]
pub(super) struct OfOffer {
    id: OfferId,
    made_at: Option<Timestamp>,
    tasks: Tasks,
    timeout_ms: Option<u64>,
    restored: Option<String>,
}

impl OfOffer {
    pub(super) fn new(id: OfferId, state: &State) -> Self {
        let row = state.offers.get(&id);
        let restored = row.map(|offer| {
            format!(
                "open to {} on {}, with {}, when the log begins",
                offer.framework,
                offer.agent,
                words::resources(&offer.resources)
            )
        });
        Self { id, made_at: None, tasks: Tasks::new(), timeout_ms: state.header.offer_timeout_ms, restored }
    }

    pub(super) fn see(&mut self, record: &Record, known: &Known) -> Vec<Said> {
        let mut said: Vec<Said> = self.restored.take().map(|text| Said::new(What::Note, text)).into_iter().collect();
        for event in &record.events {
            said.extend(self.of_event(event, record, known));
        }
        said
    }

    fn of_event(&mut self, event: &Event, record: &Record, known: &Known) -> Option<Said> {
        let at = record.cause.at;
        match event {
            Event::OfferTimeoutChosen { offer_timeout_ms } => {
                self.timeout_ms = Some(*offer_timeout_ms);
                None
            }
            Event::OffersMade { framework, offers } => {
                let index = offers.offers.iter().position(|offer| *offer == self.id)?;
                self.made_at = Some(at);
                let to = if *framework == FrameworkId::SERVICES {
                    "the services framework, which is offered what it takes".to_owned()
                } else {
                    known.framework(*framework)
                };
                let (agent, holds) = (known.agent(offers.agents[index]), words::resources(&offers.resources[index]));
                Some(Said::new(What::Good, format!("made on {agent}, with {holds}, to {to}")))
            }
            Event::OffersClosed { framework, offers, outcome, refused_until } if offers.contains(&self.id) => {
                let (what, how) = (self.closed(*framework, *outcome, known), self.open_for(at));
                let refused = refused_until.map(|until| words::span(until.ms_since(at)));
                let refused = refused.map(|span| format!("; what is left is not offered to it again for {span}"));
                let kind = if *outcome == OfferOutcome::Accepted { What::Good } else { What::Ending };
                Some(Said::new(kind, format!("{what}{how}{}", refused.unwrap_or_default())))
            }
            Event::TaskLaunched { task } if task.offer == self.id => {
                self.tasks.insert(task.id.clone());
                let takes = words::resources(&task.resources);
                Some(Said::new(What::Progress, format!("{} is launched out of it, with {takes}", task.id)))
            }
            Event::TaskStatusChanged { task, status, .. } if self.tasks.contains(task) => {
                let what = match status.state {
                    TaskState::Running | TaskState::Finished => What::Good,
                    _ if wishes::is_failure(status) => What::Bad,
                    _ if status.state.is_terminal() => What::Ending,
                    _ => return None,
                };
                let after = known.after(task, status.state, at);
                Some(Said::new(what, format!("{task} {}{after}", words::status(status))))
            }
            _ => None,
        }
    }

    fn closed(&self, framework: FrameworkId, outcome: OfferOutcome, known: &Known) -> String {
        let framework = known.framework(framework);
        match outcome {
            OfferOutcome::Accepted => format!("accepted by {framework}"),
            OfferOutcome::Declined => format!("declined by {framework}"),
            OfferOutcome::Rescinded => format!("taken back from {framework} by this command"),
            OfferOutcome::Expired => {
                let kept = self.timeout_ms.map(|ms| format!(" {}", words::span(ms))).unwrap_or_default();
                format!("expired: {framework} kept it for longer than{kept}")
            }
        }
    }

    fn open_for(&self, at: Timestamp) -> String {
        let open = self.made_at.map(|made_at| at.ms_since(made_at));
        open.filter(|ms| *ms > 0).map(|ms| format!(", {} after it was made", words::span(ms))).unwrap_or_default()
    }
}
