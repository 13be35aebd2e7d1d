//! `bayplan replay view`

use clap::Args;
use replay::Condition;

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Walk through a log on a full screen: its rates over time; the state, the events and their cause side by side
///
/// Steps forwards and back, jumps to a record or a time, searches texts, and stops where a condition begins to hold: an event's kind, an
/// id, an expression over the state (`bayplan replay conditions` lists what it may ask for). `?` shows the keys. It wants a terminal.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay view --log history.log
  bayplan replay view --log history.log --at 4711
  bayplan replay view --log /var/lib/bayplan/master --at -10m          also while the master runs
  bayplan replay view --log history.log --break 'instances_waiting > 0'  and `c` goes on to where it begins to hold")]
pub(crate) struct View {
    /// Begin with this record, or at this time; without it, with the first record
    #[arg(long, env = "BAYPLAN_VIEW_AT", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) at: Option<When>,

    /// Where `c` stops; `b` asks for another one
    #[arg(long = "break", env = "BAYPLAN_VIEW_BREAK", value_name = "CONDITION", value_parser = Condition::parse)]
    pub(crate) condition: Option<Condition>,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
