//! The commands that run a part of a cluster: they choose the parts, connect them, and end them in the right order.
//!
//! What the parts do is not known here.

mod agent;
mod deploy;
mod dev;
pub(crate) mod folder;
mod listen;
mod logging;
pub(crate) mod master;
mod metrics;
pub(crate) mod open_files;
mod signals;
mod stream;
mod threads;

use crate::cli::Global;
use crate::cli::cluster::{AgentRun, Dev, Master};
use crate::failure::Failure;

pub(crate) async fn dev(args: Dev, global: Global) -> Result<(), Failure> {
    logging::start(&global, logging::QUIET)?;
    open_files::raise_limit();
    dev::run(args, global).await
}

pub(crate) async fn master(args: Master, global: Global) -> Result<(), Failure> {
    logging::start(&global, logging::TALKATIVE)?;
    open_files::raise_limit();
    master::run(args, global).await
}

pub(crate) async fn agent(args: AgentRun, global: Global) -> Result<(), Failure> {
    logging::start(&global, logging::TALKATIVE)?;
    open_files::raise_limit();
    agent::run(args, global).await
}
