//! A running master over logs that fail, hold and come back.

mod agents;
mod baselines;
mod durability;
mod leadership;
mod metrics;
mod modules;
mod parts;
mod snapshots;
mod support;
