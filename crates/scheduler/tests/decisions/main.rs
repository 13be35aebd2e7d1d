//! Decisions: what a cluster decides, and what holds whatever happens.

mod cluster;
mod compare;
mod explain;
mod frameworks;
mod gpus;
mod laws;
mod profiles;
mod scenarios;
mod shadow;
mod trial;
mod why_not;
