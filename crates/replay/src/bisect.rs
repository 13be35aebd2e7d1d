//! The first record after which a condition holds.

use model::{Record, Seq, Timestamp};
use serde::Serialize;
use state::State;

use crate::{Condition, Worth};

/// Looks at a fold, record by record.
#[derive(Debug)]
pub struct Bisect<'a> {
    condition: &'a Condition,
    /// What its parts were worth when it was asked last.
    worth: Vec<Worth>,
    pub records: u64,
    /// How often the condition had to be asked.
    pub asked: u64,
}

/// The record after which it holds, and what its parts were worth before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub seq: Seq,
    pub at: Timestamp,
    pub parts: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub part: String,
    pub before: String,
    pub after: String,
}

impl<'a> Bisect<'a> {
    /// Begins behind a state, with the last record of it where that is at hand.
    #[must_use]
    pub fn new(condition: &'a Condition, state: &State, record: Option<&Record>) -> Self {
        Self { condition, worth: condition.worth(state, record), records: 0, asked: 0 }
    }

    /// What the parts of the condition are worth now.
    #[must_use]
    pub fn worth(&self) -> &[Worth] {
        &self.worth
    }

    /// Looks at one more record, and at the state after it.
    pub fn see(&mut self, record: &Record, state: &State) -> Option<Turn> {
        self.records += 1;
        if !self.condition.may_change(record) {
            return None;
        }
        self.asked += 1;
        let holds = self.condition.holds(state, Some(record));
        let before = std::mem::replace(&mut self.worth, self.condition.worth(state, Some(record)));
        if !holds {
            return None;
        }
        let pairs = before.into_iter().zip(&self.worth);
        let change = |(before, after): (Worth, &Worth)| Change {
            part: before.part,
            before: before.value,
            after: after.value.clone(),
        };
        Some(Turn { seq: record.seq, at: record.cause.at, parts: pairs.map(change).collect() })
    }
}
