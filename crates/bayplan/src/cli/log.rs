//! Where a log is, as every command takes it that opens one.

use std::time::Duration;

use clap::Args;
use eventlog::JetStreamOptions;
use master::Retention;

use super::parse_duration_within;

/// How often a leader looks how large the log is.
const LOOK_AT_SIZE_INTERVAL: Duration = Duration::from_secs(30);

const LEAST_STREAM_BYTES: u64 = 1 << 20;

/// Where the cluster's log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogPlace {
    /// In the process's own folder, kept by RocksDB.
    Folder,
    /// On NATS servers.
    Nats(Vec<String>),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Log options")]
pub(crate) struct LogArgs {
    /// Where the log is: folder (in --dir, for one master), or NATS servers, separated by commas, that several masters share:
    /// nats://host:4222,nats://other:4222
    #[arg(long, env = "BAYPLAN_LOG", value_name = "LOG", default_value = "folder", value_parser = parse_place)]
    pub(crate) log: LogPlace,

    /// The cluster's name on the NATS servers: its stream is BAYPLAN_<NAME>
    #[arg(long, env = "BAYPLAN_CLUSTER", value_name = "NAME", default_value = "default")]
    pub(crate) cluster: String,

    /// How many NATS servers keep a copy of the stream, when it is made: 1, 3 or 5
    #[arg(long, env = "BAYPLAN_LOG_REPLICAS", value_name = "N", default_value = "1", value_parser = parse_replicas)]
    pub(crate) log_replicas: usize,

    /// How large the stream may get, when it is made: bytes, or as 512MB or 16GB; when it is full, changes are refused
    #[arg(long, env = "BAYPLAN_LOG_MAX_BYTES", value_name = "SIZE", default_value = "4GB", value_parser = parse_stream_size)]
    pub(crate) log_max_bytes: u64,

    /// Where the NATS servers answer monitoring, separated by commas: only there they tell whether they sync what they
    /// acknowledge
    #[arg(long, env = "BAYPLAN_LOG_MONITORING", value_name = "URL", value_delimiter = ',')]
    pub(crate) log_monitoring: Vec<String>,

    /// Refuse to start unless every NATS server is known to sync before it acknowledges
    #[arg(long, env = "BAYPLAN_STRICT_DURABILITY")]
    pub(crate) strict_durability: bool,

    /// After how much silence of the leader another master tries to lead
    #[arg(long, env = "BAYPLAN_LEADER_TIMEOUT", value_name = "TIME", default_value = "600ms", value_parser = parse_leader_timeout)]
    pub(crate) leader_timeout: Duration,
}

impl LogArgs {
    /// The log's stream; None when the log is in a folder.
    pub(crate) fn stream(&self) -> Option<String> {
        self.jetstream().map(|options| options.stream())
    }

    /// None when the log is in a folder.
    pub(crate) fn jetstream(&self) -> Option<JetStreamOptions> {
        let LogPlace::Nats(servers) = &self.log else { return None };
        Some(JetStreamOptions {
            servers: servers.clone(),
            cluster: self.cluster.clone(),
            replicas: self.log_replicas,
            max_bytes: self.log_max_bytes,
            monitoring: self.log_monitoring.clone(),
            strict_durability: self.strict_durability,
            ..JetStreamOptions::default()
        })
    }
}

pub(crate) fn parse_place(text: &str) -> Result<LogPlace, String> {
    if text == "folder" {
        return Ok(LogPlace::Folder);
    }
    let servers: Vec<String> = text.split(',').map(|server| server.trim().to_owned()).collect();
    let is_nats = |server: &String| ["nats://", "tls://"].iter().any(|scheme| server.starts_with(scheme));
    if servers.iter().all(is_nats) {
        return Ok(LogPlace::Nats(servers));
    }
    Err("is neither 'folder' nor NATS servers such as nats://127.0.0.1:4222".to_owned())
}

/// How large a log may get before it is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    Bytes(u64),
}

pub(crate) fn parse_keep(text: &str) -> Result<Keep, String> {
    if text == "all" { Ok(Keep::All) } else { parse_size(text).map(Keep::Bytes) }
}

impl LogArgs {
    /// What a master keeps of this log that was told so; None for all of it.
    pub(crate) fn retention(&self, keep: Option<Keep>, max_age: Option<Duration>) -> Option<Retention> {
        let max_bytes = match (keep, &self.log) {
            (Some(Keep::Bytes(bytes)), _) => Some(bytes),
            // A full stream refuses changes.
            (None, LogPlace::Nats(_)) => Some(self.log_max_bytes / 2),
            (Some(Keep::All), _) | (None, LogPlace::Folder) => None,
        };
        let is_limited = max_bytes.is_some() || max_age.is_some();
        is_limited.then_some(Retention { max_bytes, max_age, check_interval: LOOK_AT_SIZE_INTERVAL })
    }
}

/// Below it, leaders would be deposed by an ordinary append.
fn parse_leader_timeout(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::from_millis(100), Duration::from_secs(600))
}

pub(crate) fn parse_replicas(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|copies| [1, 3, 5].contains(copies)).ok_or_else(|| "is none of 1, 3 and 5".to_owned())
}

/// A stream that holds less than a few records would refuse everything.
pub(crate) fn parse_stream_size(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        bytes if bytes < LEAST_STREAM_BYTES => Err("is too small for a log; use 1MB or more".to_owned()),
        bytes => Ok(bytes),
    }
}

pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        unit => return Err(format!("has the unit '{unit}'; use B, KB, MB or GB")),
    };
    let count: u64 = digits.parse().map_err(|_| "is no size such as 512MB".to_owned())?;
    count.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(|| "is out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_in_a_folder_or_on_servers() {
        assert_eq!(parse_place("folder"), Ok(LogPlace::Folder));
        let two = vec!["nats://a:1".to_owned(), "tls://b".to_owned()];
        assert_eq!(parse_place("nats://a:1, tls://b"), Ok(LogPlace::Nats(two)));
        for wrong in ["", "kafka://a", "nats://a,http://b"] {
            assert!(parse_place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn servers_keep_an_odd_number_of_copies() {
        assert_eq!(parse_replicas("3"), Ok(3));
        for wrong in ["0", "2", "4", "7", "three"] {
            assert!(parse_replicas(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("1024"), Ok(1024));
        assert_eq!(parse_size("512MB"), Ok(512 << 20));
        assert_eq!(parse_stream_size("1MB"), Ok(1 << 20));
        assert!(parse_stream_size("1000").is_err_and(|error| error.contains("1MB")));
        assert_eq!((parse_keep("all"), parse_keep("2GB")), (Ok(Keep::All), Ok(Keep::Bytes(2 << 30))));
        for wrong in ["", "GB", "1TB", "0", "-1", "99999999999999GB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
