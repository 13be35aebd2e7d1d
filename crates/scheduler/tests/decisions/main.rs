//! Decisions: what a cluster decides, and what holds whatever happens.

mod cluster;
mod laws;
mod scenarios;
