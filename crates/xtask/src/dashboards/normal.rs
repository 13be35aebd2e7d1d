//! An hour in which nothing is wrong, on a real cluster: what Prometheus sees of it becomes a test that no alert fires then.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use super::cluster::Cluster;
use super::panels::names_in;
use super::prometheus::{Prometheus, SCRAPE_S};
use super::recorded::{Recorded, written};
use super::say;

const MINUTE: Duration = Duration::from_secs(60);

/// Goes on for so many minutes, and writes the test; refuses to when an alert fired.
pub(crate) fn record(
    prometheus: &Prometheus,
    cluster: &mut Cluster<'_>,
    dashboards: &Path,
    minutes: u32,
) -> anyhow::Result<()> {
    let began_at = Instant::now();
    for minute in 0..minutes {
        happen(cluster, minute).with_context(|| format!("in minute {minute}"))?;
        say(&format!("minute {minute} of {minutes} of a normal run"));
        thread::sleep(((minute + 1) * MINUTE).saturating_sub(began_at.elapsed()));
    }
    let span_s = u64::from(minutes) * MINUTE.as_secs();
    let fired = prometheus
        .ask(&format!("count by (alertname) (count_over_time(ALERTS{{alertstate=\"firing\"}}[{span_s}s]))"))?;
    if !fired.is_empty() {
        bail!("alerts fired in a normal run: {fired:?}");
    }
    let rules = ["recording.yml", "alerts.yml"].map(|file| fs::read_to_string(dashboards.join(file)));
    let rules = rules.into_iter().collect::<Result<String, _>>()?;
    let mut names: Vec<&str> = names_in(&rules).into_iter().filter(|name| name.starts_with("bayplan_")).collect();
    names.push("up");
    let mut series: Vec<Recorded> = Vec::new();
    for name in names {
        series.extend(prometheus.samples(name, span_s)?);
    }
    let test = written(&series, minutes, SCRAPE_S);
    let file = dashboards.join("recorded_test.yml");
    fs::write(&file, &test).with_context(|| file.display().to_string())?;
    say(&format!("{} series of {minutes} minutes are in {}, {} bytes", series.len(), file.display(), test.len()));
    Ok(())
}

/// What people do on any day: each minute an app is scaled, and now and then something larger happens.
fn happen(cluster: &mut Cluster<'_>, minute: u32) -> anyhow::Result<()> {
    match minute % 30 {
        5 => cluster.deploy(&json!({"id": "/shop", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 8})),
        9 => cluster.command(&["app", "restart", "/shop", "--force"]),
        // Its tasks are done after a while, and started anew.
        12 => cluster.deploy(&json!({"id": "/jobs", "cmd": "sleep 400", "cpus": 0.1, "mem": 32, "instances": 3})),
        16 => cluster.restart_agent(1),
        20 => cluster.command(&["leader", "hand-over"]),
        24 => cluster.command(&["app", "destroy", "/shop"]),
        // More than there is room for, and taken back after a minute.
        26 => cluster.deploy(&json!({"id": "/web", "cpus": 2, "instances": 8})),
        27 => cluster.deploy(&json!({"id": "/web", "cpus": 0.2, "instances": 4})),
        _ => cluster.stir(minute),
    }
}
