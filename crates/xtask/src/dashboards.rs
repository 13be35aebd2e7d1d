//! `cargo xtask dashboards`: what Grafana and Prometheus are given, tried on a real Prometheus and a real, loaded cluster.
//!
//! It knows metrics and alerts by their names only, and the cluster by its binary and its HTTP.

mod cluster;
mod faults;
mod framework;
mod http;
mod normal;
mod panels;
mod processes;
mod prometheus;
mod recorded;
mod way;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use crate::{metrics, workspace};
use cluster::Cluster;
use panels::{Question, names_in, questions};
use processes::Folder;
use prometheus::{Pace, Prometheus, Target};

/// How long a panel may take to have something to show.
const PATIENCE: Duration = Duration::from_secs(90);
const ROUND: Duration = Duration::from_secs(1);
/// After so many rounds something changes in the cluster.
const STIR_EVERY: u32 = 3;

/// Try dashboards, alerts and metrics on a real Prometheus and a real, loaded cluster
///
/// Starts two masters on a NATS server (one with its log in a folder, where there is no nats-server), three agents, apps, frameworks
/// and a shadow. Fails on a panel that shows nothing, on a metric that does not exist or that the code describes and does not show,
/// on an alert that fires without a fault, and on one that does not fire in its fault. Everything is removed at the end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo build -p bayplan && cargo xtask dashboards      all of it, in some five minutes
  cargo xtask dashboards --no-faults                    panels and metrics only
  cargo xtask dashboards --rules-only                   promtool's checks and tests, without a cluster
  cargo xtask dashboards --record-normal 60             an hour without a fault, for promtool's tests

It needs prometheus and promtool (apt-get install prometheus), and as root it also fills disks of its own.")]
pub(crate) struct Dashboards {
    /// The binary; without it, the one that was built last, of the profiles dev and release
    #[arg(long, env = "BAYPLAN_BINARY", value_name = "FILE")]
    binary: Option<PathBuf>,

    /// The nats-server; without it, or an empty one, there is one master with its log in a folder
    #[arg(long, env = "BAYPLAN_NATS_SERVER", value_name = "FILE")]
    nats_server: Option<PathBuf>,

    /// Make no faults
    #[arg(long, env = "BAYPLAN_NO_FAULTS")]
    no_faults: bool,

    /// Check and test the rules only
    #[arg(long, env = "BAYPLAN_RULES_ONLY")]
    rules_only: bool,

    /// Run for so long as on a normal day, with the rules as they are, and write what Prometheus saw as `recorded_test.yml`
    #[arg(long, env = "BAYPLAN_RECORD_NORMAL", value_name = "MINUTES", conflicts_with_all = ["no_faults", "rules_only"])]
    record_normal: Option<u32>,
}

pub(crate) fn run(args: &Dashboards, root: &Path) -> anyhow::Result<ExitCode> {
    let dashboards = root.join("dashboards");
    if args.record_normal.is_none() {
        check_rules(&dashboards)?;
    }
    if args.rules_only {
        return Ok(ExitCode::SUCCESS);
    }
    let binary = args.binary.clone().map_or_else(|| built(root), Ok)?;
    let nats = args.nats_server.as_deref().filter(|program| !program.as_os_str().is_empty());
    say(&format!("starting a cluster of {}", binary.display()));
    if nats.is_none() {
        say("no nats-server (BAYPLAN_NATS_SERVER): one master, and no faults of several");
    }
    let folder = Folder::new()?;
    let mut cluster = Cluster::start(&binary, nats, &folder)?;
    let named = |name: &str, (number, address): (usize, &String)| (format!("{name}-{number}"), address.clone());
    let masters = cluster.masters.iter().map(|master| &master.address).enumerate();
    let masters: Vec<Target> = masters.map(|master| named("master", master)).collect();
    let agents = cluster.agents.iter().map(|agent| &agent.address).enumerate();
    let agents: Vec<Target> = agents.map(|agent| named("agent", agent)).collect();
    let pace = if args.record_normal.is_some() { Pace::AsWritten } else { Pace::Quick };
    let prometheus = Prometheus::start(&dashboards, [&masters, &agents], pace, &folder)?;
    cluster.load()?;
    if let Some(minutes) = args.record_normal {
        normal::record(&prometheus, &mut cluster, &dashboards, minutes)?;
        check_rules(&dashboards)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut troubles = silent_panels(&dashboards, &prometheus, &cluster)?;
    troubles.extend(missing_metrics(root, &prometheus)?);
    if !args.no_faults {
        troubles.extend(false_alarms(&prometheus)?);
        let faults::Found { fired, troubles: silent, left_out } = faults::make(&prometheus, &mut cluster)?;
        troubles.extend(silent);
        let without: Vec<String> = alerts(&dashboards)?.into_iter().filter(|alert| !fired.contains(alert)).collect();
        say(&format!(
            "{} alerts fired; without a fault here, and tested by promtool only: {}",
            fired.len(),
            without.join(", ")
        ));
        left_out.iter().for_each(|fault| say(&format!("LEFT OUT: {fault}")));
    }
    troubles.iter().for_each(|trouble| println!("error: {trouble}"));
    say(&format!("{} errors", troubles.len()));
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn say(what: &str) {
    eprintln!("dashboards: {what}");
}

fn check_rules(dashboards: &Path) -> anyhow::Result<()> {
    let checks: [&[&str]; 2] = [
        &["check", "config", "prometheus.yml"],
        &["test", "rules", "alerts_test.yml", "normal_test.yml", "recorded_test.yml"],
    ];
    for check in checks {
        let output = Command::new("promtool").args(check).current_dir(dashboards).output();
        let output = output.context("cannot run promtool: apt-get install prometheus has it")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("promtool {}:\n{}", check.join(" "), String::from_utf8_lossy(&said));
        }
        say(&format!("promtool {}: fine", check.join(" ")));
    }
    Ok(())
}

/// The newest of what cargo built.
fn built(root: &Path) -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let candidates = ["debug", "release"].map(|profile| target.join(profile).join("bayplan"));
    let newest = candidates.into_iter().filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file))).max();
    newest.map(|(_, file)| file).with_context(|| {
        format!("there is no bayplan below {}: cargo build -p bayplan, or name it with --binary", target.display())
    })
}

fn boards(dashboards: &Path) -> anyhow::Result<Vec<Question>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dashboards)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "json") {
            let text = std::fs::read_to_string(&path)?;
            let board = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            found.extend(questions(&board));
        }
    }
    Ok(found)
}

/// Questions of panels that have no answer in the end.
fn silent_panels(dashboards: &Path, prometheus: &Prometheus, cluster: &Cluster<'_>) -> anyhow::Result<Vec<String>> {
    let mut open = boards(dashboards)?;
    let (asked, began_at) = (open.len(), Instant::now());
    let mut round = 0;
    while !open.is_empty() && began_at.elapsed() < PATIENCE {
        thread::sleep(ROUND);
        round += 1;
        if round % STIR_EVERY == 0 {
            cluster.stir(round)?;
        }
        let mut unanswered = Vec::new();
        for question in open {
            if prometheus.ask(&question.expression).with_context(|| question.place.clone())?.is_empty() {
                unanswered.push(question);
            }
        }
        open = unanswered;
    }
    say(&format!(
        "{} of {asked} questions of panels answered in {:.0} s",
        asked - open.len(),
        began_at.elapsed().as_secs_f64()
    ));
    Ok(open.into_iter().map(|Question { place, expression }| format!("{place} shows nothing: {expression}")).collect())
}

/// Names in dashboards and rules that no series has, and metrics that the code describes and nobody shows.
fn missing_metrics(root: &Path, prometheus: &Prometheus) -> anyhow::Result<Vec<String>> {
    let (files, shown) = (workspace::source_files(root)?, prometheus.names()?);
    let is_meant = |path: &str| path.starts_with("dashboards/") && !path.ends_with("_test.yml");
    let mut troubles = BTreeSet::new();
    let mut names = 0;
    for file in files.iter().filter(|file| is_meant(&file.path)) {
        for name in names_in(&file.text) {
            names += 1;
            if !shown.contains(name) {
                troubles.insert(format!("{}: there is no series {name}", file.path));
            }
        }
    }
    let described = metrics::described(&files);
    for metric in &described {
        let series = if metric.kind == "histogram" { format!("{}_bucket", metric.name) } else { metric.name.clone() };
        if !shown.contains(&series) {
            troubles.insert(format!("{}: {} is described, and nobody shows it", metric.place, metric.name));
        }
    }
    say(&format!("{names} names in dashboards and rules, {} metrics in the code", described.len()));
    Ok(troubles.into_iter().collect())
}

/// What fires although nothing is wrong. What fired while all began may go on for a moment.
fn false_alarms(prometheus: &Prometheus) -> anyhow::Result<Vec<String>> {
    let began_at = Instant::now();
    loop {
        let firing = prometheus.firing()?;
        if firing.is_empty() {
            return Ok(Vec::new());
        }
        if began_at.elapsed() > PATIENCE {
            return Ok(firing.into_iter().map(|alert| format!("{alert} fires without a fault")).collect());
        }
        thread::sleep(ROUND);
    }
}

fn alerts(dashboards: &Path) -> anyhow::Result<Vec<String>> {
    let rules = std::fs::read_to_string(dashboards.join("alerts.yml"))?;
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    Ok(names.map(str::to_owned).collect())
}
