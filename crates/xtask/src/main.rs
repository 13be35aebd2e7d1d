//! The project's own chores: structural checks that no compiler does, and generated files.
//!
//! Called as `cargo xtask …`. It must not know what the scheduler does; it looks at files, manifests and types.

mod dashboards;
mod metrics;
mod schema;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Bayplan workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check what no compiler checks: crate arrows, file sizes, names, schema drift, and more
    Tidy,
    /// Write the generated schemas into schemas/
    Schema,
    /// Write docs/metrics.md from the code
    Metrics,
    Dashboards(dashboards::Dashboards),
}

fn main() -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    match Arguments::parse().chore {
        Chore::Tidy => tidy::run(&root),
        Chore::Schema => schema::write(&root).map(|()| ExitCode::SUCCESS),
        Chore::Dashboards(args) => dashboards::run(&args, &root),
        Chore::Metrics => metrics::write(&root, &workspace::source_files(&root)?).map(|()| ExitCode::SUCCESS),
    }
}
