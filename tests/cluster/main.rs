//! What a user sees: a cluster on one machine, through its own command line and HTTP.
//!
//! The tests start the `bayplan` binary that lies beside them in the target folder; `make test` builds it first.

mod agents;
mod constraints;
mod dependencies;
mod docker;
mod explain;
mod failover;
mod frameworks;
mod full_disk;
mod gpus;
mod harness;
mod large_records;
mod log_commands;
mod looking_back;
mod many;
mod masters;
mod modules;
mod nats_store;
mod partitions;
mod profiles;
mod reboot;
mod recovery;
mod refusals;
mod safety;
mod sample_app;
mod separate_processes;
mod what_if;
