//! `bayplan replay export` and `bayplan replay import`

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Write a slice of a log into a file: as a log, as JSON lines, or as an SQLite database; anonymised if wanted
///
/// A slice that does not begin with record 1 begins with the state before it, so it opens like any log. An anonymised one has
/// pseudonyms for every name, image, variable, label, command and text, in the order of what they stand for; constraints say the
/// same of the pseudonyms, so every decision is the same. Times, amounts and ports stay.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay export --out history.log --log /var/lib/bayplan/master
  bayplan replay export --from 4000 --to 4711 --anonymise --out case.log
  bayplan replay export --from '2026-11-26 02:00' --to 02:30 --format sqlite --out night.db
  bayplan replay export --format jsonl --out - | jq .cause.principal

Nothing in the log is changed. docs/replay.md says what an anonymised log still tells, and has queries for the database.")]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) log: ReplayLog,

    /// The first record, or the first one after a time: 4711, 2026-11-26T10:00:00Z, '2026-11-26 10:00', 02:27, -10m; the log's first
    #[arg(long, env = "BAYPLAN_EXPORT_FROM", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) from: Option<When>,

    /// The last record, or the last one that is not after a time; the log's last
    #[arg(long, env = "BAYPLAN_EXPORT_TO", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) to: Option<When>,

    /// What is written
    #[arg(long, env = "BAYPLAN_EXPORT_FORMAT", value_name = "FORMAT", default_value = "log")]
    pub(crate) format: SliceFormat,

    /// The file, which must not exist yet; - is stdout, for JSON lines
    #[arg(long, env = "BAYPLAN_EXPORT_OUT", value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Say all of it in other words, so that the file may leave the house
    #[arg(long, env = "BAYPLAN_EXPORT_ANONYMISE", value_parser = BoolishValueParser::new())]
    pub(crate) anonymise: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SliceFormat {
    /// As `bayplan log export` writes it; every --log takes it
    Log,
    /// A record per line, as of `bayplan events --json`
    Jsonl,
    /// Tables of records, events, tasks, apps, agents and offers
    Sqlite,
}

/// Make a test fixture of a log that was exported
///
/// All of the file is checked first: its checksum, the chain, hashes, invariants. Every command is decided again; what this version
/// would decide otherwise than the one that wrote the log is told. The tests of bayplan open every fixture in the folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay import case.log --as crash-loop
  bayplan replay import case.log --as crash-loop --strict --json
  cargo test -p bayplan fixture")]
pub(crate) struct Import {
    /// A file of `bayplan replay export`, `bayplan log export` or `backup`
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The fixture's name: lowercase letters, digits and '-'
    #[arg(long = "as", env = "BAYPLAN_IMPORT_AS", value_name = "NAME")]
    pub(crate) name: String,

    /// The folder of fixtures
    #[arg(long, env = "BAYPLAN_IMPORT_INTO", value_name = "FOLDER", default_value = "tests/fixtures")]
    pub(crate) into: PathBuf,

    /// Refuse a log that this version would decide otherwise
    #[arg(long, env = "BAYPLAN_IMPORT_STRICT", value_parser = BoolishValueParser::new())]
    pub(crate) strict: bool,
}
