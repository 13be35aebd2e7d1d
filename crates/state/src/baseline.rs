//! The events that rebuild a state without its history.

use model::{Epoch, Event, Row, Seq, Timestamp};

use crate::State;

impl State {
    /// Events which, folded into a new state by [`State::from_baseline`], give this state exactly, and which tell a
    /// placement view all that it would know.
    #[must_use]
    pub fn baseline(&self) -> Vec<Event> {
        self.rows().map(|row| Event::Restored { row: Box::new(row) }).collect()
    }

    /// Every row, in an order in which a placement view can fold them.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        std::iter::once(Row::Header(self.header.clone()))
            .chain(self.agents.values().cloned().map(Row::Agent))
            .chain(self.definitions.iter().map(|((_, version), spec)| Row::Definition(spec.clone(), *version)))
            .chain(self.tasks.values().cloned().map(Row::Task))
            .chain(self.offers.values().cloned().map(Row::Offer))
            .chain(self.apps.values().cloned().map(Row::App))
            .chain(self.deployments.values().cloned().map(Row::Deployment))
            .chain(self.frameworks.values().cloned().map(Row::Framework))
            .chain(self.filters.values().copied().map(Row::Filter))
            .chain(self.profiles.values().cloned().map(Row::Profile))
            .chain(self.modules.values().cloned().map(Row::Module))
    }

    /// Folds a baseline that was made after record `seq`.
    #[must_use]
    pub fn from_baseline(seq: Seq, epoch: Epoch, at: Timestamp, events: &[Event]) -> Self {
        let mut state = Self { seq, epoch, at, ..Self::default() };
        for event in events {
            state.apply_event(event);
        }
        state
    }
}
