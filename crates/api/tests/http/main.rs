//! The HTTP APIs against a real master with a log in memory. Agents are played: whatever they are told to run, runs.

mod cluster;
mod curl;
mod errors;
mod explain;
mod frameworks;
mod guard;
mod help;
mod marathon;
mod past;
mod races;
mod tasks;
