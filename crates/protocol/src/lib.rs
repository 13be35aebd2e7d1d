//! Wire types: what clients, agents and masters say to each other, and how it maps to the model.
//!
//! This crate knows nothing of sockets, of HTTP servers or of the state; it only gives shapes and translations.

pub mod agent;
pub mod explain;
pub mod marathon;
pub mod mesos;
pub mod operator;
