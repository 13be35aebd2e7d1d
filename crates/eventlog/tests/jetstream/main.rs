//! The log on real NATS servers.

mod server;
mod suite;
