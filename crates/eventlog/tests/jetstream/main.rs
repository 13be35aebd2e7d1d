//! The log on real NATS servers.

mod ambiguous;
mod cluster;
mod fencing;
mod full_disk;
mod proxy;
mod restart;
mod server;
mod servers_fit;
mod stream;
mod suite;
mod writer;
