//! The JSON Schema of everything the log keeps, generated from the types.

use crate::{Part, Record};

/// The schema of a record's body. In MessagePack, byte strings are `bin`; all else has the same shape.
#[must_use]
pub fn record_schema() -> schemars::Schema {
    schemars::schema_for!(Record)
}

/// The schema of the body of a part of a record.
#[must_use]
pub fn part_schema() -> schemars::Schema {
    schemars::schema_for!(Part)
}
