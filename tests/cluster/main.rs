//! What a user sees: a cluster on one machine, through its own command line and HTTP.
//!
//! The tests start the `bayplan` binary that lies beside them in the target folder; `make test` builds it first.

mod agents;
mod harness;
mod recovery;
mod refusals;
