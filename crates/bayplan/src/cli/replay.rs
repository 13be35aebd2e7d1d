//! `bayplan replay …`: what one finds out from a log afterwards.

mod bisect;
mod diff;
mod export;
mod grep;
mod history;
mod info;
mod stats;
mod verify;
mod view;
mod what_if;

use clap::Subcommand;

pub(crate) use bisect::{Bisect, Conditions};
pub(crate) use diff::Diff;
pub(crate) use export::{Export, Import, SliceFormat};
pub(crate) use grep::Grep;
pub(crate) use history::History;
pub(crate) use info::Info;
pub(crate) use stats::Stats;
pub(crate) use verify::Verify;
pub(crate) use view::View;
pub(crate) use what_if::WhatIf;

/// Find out from a log what happened, and how it came to that
///
/// The log is opened to read it: a master's folder, also while the master runs, NATS servers, or a file of `bayplan log export`.
/// Nothing is changed.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  bayplan replay info --log history.log                    from when to when it goes
  bayplan replay verify --log history.log                  is it sound? the first record that is not
  bayplan replay export --from 4000 --to 4711 --anonymise --out case.log
  bayplan replay what-if --log history.log --fork 4711 --profile spread
  bayplan replay stats --log history.log                   what is in it
  bayplan replay history /web --log history.log            the story of an app, a task, an agent or an offer
  bayplan replay bisect --log history.log --condition 'instances_waiting > 0'
  bayplan replay view --log history.log                    walk through it on a full screen
  bayplan --at 4711 --log history.log app list             every command that reads can look at a moment")]
pub(crate) enum Replay {
    Info(Info),
    View(Box<View>),
    History(History),
    Diff(Diff),
    Grep(Box<Grep>),
    Stats(Stats),
    Bisect(Box<Bisect>),
    Conditions(Conditions),
    Verify(Verify),
    Export(Export),
    Import(Import),
    WhatIf(Box<WhatIf>),
}
