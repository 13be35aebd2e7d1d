//! `bayplan replay …`: what one finds out from a log afterwards.

mod bisect;
mod diff;
mod export;
mod fixture;
mod grep;
mod history;
mod import;
mod info;
mod stats;
mod stretch;
mod view;
pub(crate) mod what_if;

use super::log::verify;
use crate::cli::Global;
use crate::cli::replay::{Info, Replay, Verify};
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;

pub(crate) async fn run(command: Replay, global: Global) -> Result<(), Failure> {
    let mut out = Output::new(global.color, global.json);
    match command {
        Replay::Export(export) => export::run(export, &global, &mut out).await,
        Replay::Import(import) => import::run(import, &global, &mut out).await,
        Replay::History(wish) => history::run(wish, &mut out).await,
        Replay::Diff(wish) => diff::run(wish, &mut out).await,
        Replay::Grep(wish) => grep::run(*wish, &mut out).await,
        Replay::Stats(wish) => stats::run(wish, &mut out).await,
        Replay::Bisect(wish) => bisect::run(*wish, &mut out).await,
        Replay::Conditions(_) => bisect::conditions(&mut out),
        Replay::Info(Info { log }) => info::run(&PastLog::open(&log).await?, &mut out).await,
        Replay::Verify(Verify { check_every, log }) => {
            let log = PastLog::open(&log).await?;
            verify::run(log.log().as_ref(), check_every, || log.check_file(), &mut out).await
        }
        Replay::View(wish) => view::run(*wish, &global).await,
        Replay::WhatIf(wish) => what_if::run(*wish, &mut out).await,
    }
}
