//! `bayplan replay grep`

use clap::Args;
use clap::builder::{BoolishValueParser, PossibleValuesParser};
use regex::Regex;
use replay::kinds::{COMMAND_KINDS, EVENT_KINDS};

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Find records: by the kinds of their events and commands, who gave them, whom they name, when, and any text
///
/// What is asked for by different flags has to be so at once; of the values of --event, --command and --by one is enough, of --id and
/// of texts all have to be there. With --json, one record per line, complete. The exit status is 1 when nothing is found.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay grep --log history.log --event task_status_changed --id S3 --text FAILED
  bayplan replay grep --log history.log --command scale_app,put_apps --by 'token@*'
  bayplan replay grep --log history.log --id /web --from 08:00 --until 08:05 --count
  bayplan replay grep --log history.log --regex 'exit.*\\b74\\b' --json")]
pub(crate) struct Grep {
    /// Records with such an event; only these events are shown
    #[arg(long, env = "BAYPLAN_GREP_EVENT", value_name = "KIND", value_delimiter = ',', hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(EVENT_KINDS.iter().copied()))]
    pub(crate) event: Vec<String>,

    /// Records of such a command
    #[arg(long, env = "BAYPLAN_GREP_COMMAND", value_name = "KIND", value_delimiter = ',', hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(COMMAND_KINDS.iter().copied()))]
    pub(crate) command: Vec<String>,

    /// Whose command it was; 'agent:*' stands for all that begin so
    #[arg(long, env = "BAYPLAN_GREP_BY", value_name = "PRINCIPAL", value_delimiter = ',')]
    pub(crate) by: Vec<String>,

    /// Whom it names: /app, S3, O17, F1, or the beginning of the id of a task, a deployment, a profile
    #[arg(long, env = "BAYPLAN_GREP_ID", value_name = "ID", value_delimiter = ',')]
    pub(crate) id: Vec<String>,

    /// A text in the command or the event, as JSON has it
    #[arg(long, env = "BAYPLAN_GREP_TEXT", value_name = "TEXT")]
    pub(crate) text: Option<String>,

    /// A regular expression for the same
    #[arg(long, env = "BAYPLAN_GREP_REGEX", value_name = "REGEX")]
    pub(crate) regex: Option<Regex>,

    /// Begin with this record, or at this time
    #[arg(long, env = "BAYPLAN_GREP_FROM", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) from: Option<When>,

    /// End with this record, or at this time
    #[arg(long, env = "BAYPLAN_GREP_UNTIL", value_name = "SEQ|TIME", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) until: Option<When>,

    /// Show every event of a record that is found
    #[arg(long, env = "BAYPLAN_GREP_WHOLE", value_parser = BoolishValueParser::new())]
    pub(crate) whole: bool,

    /// Only count records and events
    #[arg(long, env = "BAYPLAN_GREP_COUNT", value_parser = BoolishValueParser::new())]
    pub(crate) count: bool,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}
