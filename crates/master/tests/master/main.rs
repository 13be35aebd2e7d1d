//! A running master over logs that fail, hold and come back.

mod agents;
mod durability;
mod leadership;
mod support;
