//! What changed since somebody asked: what a copy of the state on disk has to be told.
//!
//! It costs nothing while nobody asks, and changes neither the fold nor the state's hash. A clone of a state is not asked.

use std::collections::BTreeMap;

use model::{Epoch, Hash, Row, Seq, Timestamp};

use crate::{RowKey, State};

/// The rows that changed up to record `seq`, as they were after it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub seq: Seq,
    pub epoch: Epoch,
    pub at: Timestamp,
    /// Of the whole state, after all of these.
    pub state_hash: Hash,
    /// None for a row that is gone.
    pub rows: BTreeMap<RowKey, Option<Row>>,
}

impl Changes {
    /// Adds what changed after these. Of a row that changed again, only the newest form is kept.
    pub fn absorb(&mut self, later: Self) {
        let Self { seq, epoch, at, state_hash, rows } = later;
        (self.seq, self.epoch, self.at, self.state_hash) = (seq, epoch, at, state_hash);
        if self.rows.is_empty() {
            self.rows = rows;
        } else {
            self.rows.extend(rows);
        }
    }
}

impl State {
    /// Begins to remember which rows change, or stops to.
    pub fn track_changes(&mut self, on: bool) {
        self.agents.track(on);
        self.apps.track(on);
        self.definitions.track(on);
        self.tasks.track(on);
        self.offers.track(on);
        self.deployments.track(on);
        self.frameworks.track(on);
        self.filters.track(on);
        self.profiles.track(on);
        self.modules.track(on);
    }

    /// What changed since this was last called, or since tracking began.
    pub fn take_changes(&mut self) -> Changes {
        let mut rows = BTreeMap::from([(RowKey::Header, Some(Row::Header(self.header.clone())))]);
        rows.extend(self.agents.take_touched().map(|(id, row)| (RowKey::Agent(id), row.cloned().map(Row::Agent))));
        rows.extend(self.apps.take_touched().map(|(id, row)| (RowKey::App(id), row.cloned().map(Row::App))));
        rows.extend(self.definitions.take_touched().map(|((id, version), spec)| {
            (RowKey::Definition(id, version), spec.map(|spec| Row::Definition(spec.clone(), version)))
        }));
        rows.extend(self.tasks.take_touched().map(|(id, row)| (RowKey::Task(id), row.cloned().map(Row::Task))));
        rows.extend(self.offers.take_touched().map(|(id, row)| (RowKey::Offer(id), row.cloned().map(Row::Offer))));
        rows.extend(
            self.deployments
                .take_touched()
                .map(|(id, row)| (RowKey::Deployment(id), row.cloned().map(Row::Deployment))),
        );
        rows.extend(
            self.frameworks.take_touched().map(|(id, row)| (RowKey::Framework(id), row.cloned().map(Row::Framework))),
        );
        rows.extend(
            self.filters
                .take_touched()
                .map(|((agent, framework), row)| (RowKey::Filter(agent, framework), row.copied().map(Row::Filter))),
        );
        rows.extend(
            self.profiles.take_touched().map(|(name, row)| (RowKey::Profile(name), row.cloned().map(Row::Profile))),
        );
        rows.extend(
            self.modules.take_touched().map(|(name, row)| (RowKey::Module(name), row.cloned().map(Row::Module))),
        );
        Changes { seq: self.seq, epoch: self.epoch, at: self.at, state_hash: self.kept_hash(), rows }
    }

    /// Every row as a change: what a new copy has to be told.
    #[must_use]
    pub fn all_changes(&self) -> Changes {
        let rows = self.rows().map(|row| (RowKey::of(&row), Some(row))).collect();
        Changes { seq: self.seq, epoch: self.epoch, at: self.at, state_hash: self.hash(), rows }
    }
}
