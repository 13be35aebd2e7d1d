//! `bayplan bench`: puts a load on a master of its own, and says what it came to and what limited it.

mod history;
mod limits;
mod master;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use load::{Load, Measured, Stage};

use crate::cli::Global;
use crate::cli::bench::{Bench, Offers};
use crate::failure::Failure;
use crate::output::{Output, note};
use crate::render::bench::{document, table};
use master::BenchMaster;

const TICK: Duration = Duration::from_millis(100);

pub(crate) async fn run(bench: Bench, global: Global) -> Result<(), Failure> {
    match bench {
        Bench::Offers(args) => offers(args, global).await,
        Bench::History(args) => history::run(&args, &global),
    }
}

async fn offers(args: Offers, global: Global) -> Result<(), Failure> {
    let most = args.frameworks.iter().max().copied().unwrap_or(1);
    limits::check_open_files(args.agents, most)?;
    let mut rows = Vec::new();
    for frameworks in args.frameworks.iter().copied() {
        note(global.color, &format!("{frameworks} frameworks, {} agents", args.agents));
        rows.push((frameworks, with_frameworks(&args, frameworks).await?));
    }
    let mut out = Output::new(global.color, global.json);
    if out.is_json() { out.document(&document(&args, &mut rows)) } else { out.text(&table(&args, &mut rows)) }
}

async fn with_frameworks(args: &Offers, frameworks: usize) -> Result<Measured, Failure> {
    let parent = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = folder_in(&parent)?;
    let master = BenchMaster::start(args, folder.path()).await?;
    let load = Load {
        master: master.url().to_owned(),
        master_process: master.process(),
        agents: args.agents,
        frameworks,
        decline_for: args.decline_for,
        tasks: args.tasks,
        tasks_per_accept: args.tasks_per_accept,
    };
    let progress = Shown::new();
    let measured = load::run(&load, |stage| progress.show(stage, &load)).await;
    progress.bar.finish_and_clear();
    let stopped = master.stop().await;
    let measured = measured.map_err(|error| Failure::failed(error.to_string()))?;
    stopped.map(|()| measured)
}

fn folder_in(parent: &PathBuf) -> Result<tempfile::TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("bayplan-bench-").tempdir_in(parent);
    made.map_err(|error| Failure::failed(format!("--dir {}: no folder can be made there: {error}", parent.display())))
}

/// A bar on a terminal; elsewhere nothing, as the stages are short.
struct Shown {
    bar: ProgressBar,
}

impl Shown {
    fn new() -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{spinner} [{bar:20}] {wide_msg}");
        let bar = ProgressBar::with_draw_target(Some(1), target);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    fn show(&self, stage: Stage, load: &Load) {
        let (done, of, told) = match stage {
            Stage::Joining { joined } => (joined as u64, load.agents as u64, format!("{joined} agents have joined")),
            Stage::Declining { offers } => {
                let passed = self.bar.elapsed().min(load.decline_for).as_millis() as u64;
                (passed, load.decline_for.as_millis() as u64, format!("{offers} offers declined"))
            }
            Stage::Launching { running } => (running, load.tasks, format!("{running} of {} tasks run", load.tasks)),
        };
        self.bar.set_length(of.max(1));
        self.bar.set_position(done);
        self.bar.set_message(told);
    }
}
