//! What goes on inside, for people, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::{ColorWhen, Global};
use crate::failure::Failure;

/// Beside `bayplan dev`'s own words.
pub(super) const QUIET: &str = "warn";
/// For a master or an agent that runs on its own.
pub(super) const TALKATIVE: &str = "info";

/// `--log-level`, else RUST_LOG, else the default.
pub(super) fn start(global: &Global, default: &str) -> Result<(), Failure> {
    let from_environment = || std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let (name, wanted) = match &global.log_level {
        Some(level) => ("--log-level", level.clone()),
        None => ("RUST_LOG", from_environment().unwrap_or_else(|| default.to_owned())),
    };
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        Failure::Usage(format!("{name} '{wanted}' is neither a level such as info nor of RUST_LOG's form: {error}"))
    })?;
    let colours = match global.color {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    };
    tracing_subscriber::fmt()
        .compact()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .try_init()
        .map_err(|error| Failure::failed(format!("cannot log: {error}")))
}
