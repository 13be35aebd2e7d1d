//! `bayplan replay diff`

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Show what differs between two moments: apps, tasks, agents, offers, deployments, resources and profiles, field by field
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay diff 40 80 --log history.log
  bayplan replay diff 08:00 08:05 --log /var/lib/bayplan/master --only apps,resources
  bayplan replay diff 1000 end --log nats://127.0.0.1:4222 --json")]
pub(crate) struct Diff {
    /// The earlier moment: after this record, or at this time
    #[arg(value_name = "A", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) from: When,

    /// The later moment
    #[arg(value_name = "B", value_parser = parse_when, allow_hyphen_values = true)]
    pub(crate) to: When,

    /// Show only these, separated by commas
    #[arg(long, env = "BAYPLAN_DIFF_ONLY", value_name = "TABLES", value_delimiter = ',')]
    pub(crate) only: Vec<DiffTable>,

    /// Show every row, not only the first twenty of a kind
    #[arg(long, env = "BAYPLAN_DIFF_ALL", value_parser = BoolishValueParser::new())]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) log: ReplayLog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffTable {
    Apps,
    Tasks,
    Agents,
    Offers,
    Deployments,
    Frameworks,
    Profiles,
    Modules,
    Resources,
    Cluster,
}

impl DiffTable {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Tasks => "tasks",
            Self::Agents => "agents",
            Self::Offers => "offers",
            Self::Deployments => "deployments",
            Self::Frameworks => "frameworks",
            Self::Profiles => "profiles",
            Self::Modules => "modules",
            Self::Resources => "resources",
            Self::Cluster => "cluster",
        }
    }
}
