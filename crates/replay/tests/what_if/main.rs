//! Forks of recorded histories: where they part from the record, and what they come to.

#[path = "../../../scheduler/tests/decisions/cluster.rs"]
#[expect(dead_code, reason = "the scheduler's tests do more with it")]
mod cluster;
mod history;
mod laws;
mod scenarios;
