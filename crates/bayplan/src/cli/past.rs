//! A moment of the past, and where its log is, as every command takes them that looks back.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use model::{Seq, Timestamp};

use super::log::{LogPlace, parse_place};
use super::when::{When, parse_when};

const DEFAULT_CLUSTER: &str = "default";

/// What a command that only reads takes, to answer for another moment than the present one.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options for the past")]
pub(crate) struct PastArgs {
    /// Answer as it was after this record, or at this time: 4711, 2026-11-26T10:00:00Z, '2026-11-26 10:00', 02:27, -10m; in UTC
    #[arg(long, env = "BAYPLAN_AT", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) at: Option<When>,

    /// Open this log instead of asking a master: a master's folder, NATS servers, or a file of `log export`
    #[arg(long, env = "BAYPLAN_PAST_LOG", value_name = "PLACE", value_parser = parse_source)]
    pub(crate) log: Option<LogSource>,

    /// The cluster's name on the NATS servers of --log: its stream is BAYPLAN_<NAME>
    #[arg(long, env = "BAYPLAN_CLUSTER", value_name = "NAME")]
    pub(crate) cluster: Option<String>,

    /// Neither use nor keep states that were folded before
    #[arg(long, env = "BAYPLAN_NO_CACHE", value_parser = BoolishValueParser::new())]
    pub(crate) no_cache: bool,
}

impl PastArgs {
    /// What stands behind the command goes before what stands in front of it.
    pub(crate) fn or(self, before: Self) -> Self {
        Self {
            at: self.at.or(before.at),
            log: self.log.or(before.log),
            cluster: self.cluster.or(before.cluster),
            no_cache: self.no_cache || before.no_cache,
        }
    }

    /// None without --log.
    pub(crate) fn replay_log(&self) -> Option<ReplayLog> {
        let log = self.log.clone()?;
        let cluster = self.cluster.clone().unwrap_or_else(|| DEFAULT_CLUSTER.to_owned());
        Some(ReplayLog { log, cluster, no_cache: self.no_cache })
    }

    pub(crate) fn is_given(&self) -> bool {
        self.at.is_some() || self.log.is_some()
    }
}

/// A log that is opened to look at it, and not changed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log options")]
pub(crate) struct ReplayLog {
    /// The log: a master's folder, running or not, NATS servers, or a file of `log export`; without it, the folder of `bayplan
    /// master`
    #[arg(long, env = "BAYPLAN_REPLAY_LOG", value_name = "PLACE", default_value = "folder", value_parser = parse_source)]
    pub(crate) log: LogSource,

    /// The cluster's name on the NATS servers: its stream is BAYPLAN_<NAME>
    #[arg(long, env = "BAYPLAN_CLUSTER", value_name = "NAME", default_value = DEFAULT_CLUSTER)]
    pub(crate) cluster: String,

    /// Neither use nor keep states that were folded before
    #[arg(long, env = "BAYPLAN_NO_CACHE", value_parser = BoolishValueParser::new())]
    pub(crate) no_cache: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogSource {
    /// On NATS servers, or in the folder of `bayplan master`.
    Place(LogPlace),
    /// A master's folder, or a file.
    Path(PathBuf),
}

pub(crate) fn parse_source(text: &str) -> Result<LogSource, String> {
    match parse_place(text) {
        Ok(place) => Ok(LogSource::Place(place)),
        Err(_) if !text.is_empty() && !text.contains("://") => Ok(LogSource::Path(text.into())),
        Err(_) => Err("is no folder, no file and no NATS servers such as nats://127.0.0.1:4222".to_owned()),
    }
}

/// What a [`When`] means, when it is known where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    End,
    Seq(Seq),
    /// The last record that is not later.
    Time(Timestamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_in_a_folder_in_a_file_or_on_servers() {
        let nats = LogPlace::Nats(vec!["nats://a:1".to_owned()]);
        assert_eq!(parse_source("nats://a:1"), Ok(LogSource::Place(nats)));
        assert_eq!(parse_source("folder"), Ok(LogSource::Place(LogPlace::Folder)));
        assert_eq!(parse_source("./folder"), Ok(LogSource::Path("./folder".into())));
        assert_eq!(parse_source("history.log"), Ok(LogSource::Path("history.log".into())));
        for wrong in ["", "http://a:1"] {
            assert!(parse_source(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_stands_behind_a_command_goes_before_what_stands_in_front() {
        let of = |at, cluster: Option<&str>| PastArgs {
            at: Some(When::Seq(Seq(at))),
            cluster: cluster.map(str::to_owned),
            ..PastArgs::default()
        };
        let both = of(2, None).or(of(1, Some("shop")));
        assert_eq!((both.at, both.cluster.as_deref()), (Some(When::Seq(Seq(2))), Some("shop")));
    }
}
