//! Stories of recorded histories: which causes a launch names.

#[path = "../../../scheduler/tests/decisions/cluster.rs"]
#[expect(dead_code, reason = "the scheduler's tests do more with it")]
mod cluster;
mod launches;
mod reports;
mod subjects;
