//! The first record after which a condition holds.

use model::{Record, Seq, Timestamp};
use serde::Serialize;
use state::State;

use crate::{Condition, Worth};

/// Looks at a fold, record by record.
#[derive(Debug)]
pub struct Bisect<'a> {
    condition: &'a Condition,
    /// After every so many records it is asked, and after the last one.
    every: u64,
    last: Option<Seq>,
    /// A record came that may have made it hold, and it was not asked since.
    is_due: bool,
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
    #[must_use]
    pub const fn new(condition: &'a Condition) -> Self {
        Self { condition, every: 1, last: None, is_due: false, records: 0, asked: 0 }
    }

    /// Asks only after every so many records, and after the last one. What it finds is then not the first one, and what holds for a
    /// while between two of them is not found. Of no use for conditions on records themselves.
    #[must_use]
    pub const fn asking_every(self, every: u64, last: Seq) -> Self {
        Self { every, last: Some(last), ..self }
    }

    /// Looks at one more record, and at the state after it. True when the condition holds, and may not have held before.
    pub fn see(&mut self, record: &Record, state: &State) -> bool {
        self.records += 1;
        self.is_due |= self.condition.may_change(record);
        let is_its_turn = record.seq.0.is_multiple_of(self.every) || self.last == Some(record.seq);
        if !self.is_due || !is_its_turn {
            return false;
        }
        self.is_due = false;
        self.asked += 1;
        self.condition.holds(state, Some(record))
    }
}

impl Turn {
    /// Of a record after which the condition holds, and the states before and after it.
    #[must_use]
    pub fn of(condition: &Condition, record: &Record, before: &State, after: &State) -> Self {
        let pairs = condition.worth(before, None).into_iter().zip(condition.worth(after, Some(record)));
        let change =
            |(before, after): (Worth, Worth)| Change { part: before.part, before: before.value, after: after.value };
        Self { seq: record.seq, at: record.cause.at, parts: pairs.map(change).collect() }
    }
}
