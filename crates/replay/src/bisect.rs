//! The first record after which a condition holds.

use model::{Record, Seq, Timestamp};
use serde::Serialize;
use state::State;

use crate::{Condition, Worth};

/// Looks at a fold, record by record.
#[derive(Debug)]
pub struct Bisect<'a> {
    condition: &'a Condition,
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
        Self { condition, records: 0, asked: 0 }
    }

    /// Looks at one more record, and at the state after it. True when the condition holds, and may not have held before.
    pub fn see(&mut self, record: &Record, state: &State) -> bool {
        self.records += 1;
        if !self.condition.may_change(record) {
            return false;
        }
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
