//! A real Prometheus, and what one asks of it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::http;
use super::panels::quick;
use super::processes::{Folder, Running, eventually, free_ports};
use super::recorded::Recorded;

const PATIENCE: Duration = Duration::from_secs(30);
/// As `prometheus.yml` has it.
pub(crate) const SCRAPE_S: u32 = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Scrapes every second, with rules that act in seconds.
    Quick,
    /// As in a cluster.
    AsWritten,
}

/// What is scraped: its name, and where it shows its metrics.
pub(crate) type Target = (String, String);

pub(crate) struct Prometheus {
    _process: Running,
    address: String,
}

impl Prometheus {
    /// Scrapes masters and agents, with the rules of `dashboards`.
    pub(crate) fn start(
        dashboards: &Path,
        [masters, agents]: [&[Target]; 2],
        pace: Pace,
        folder: &Folder,
    ) -> anyhow::Result<Self> {
        let own = folder.make("prometheus")?;
        for name in ["recording.yml", "alerts.yml"] {
            let rules = std::fs::read_to_string(dashboards.join(name)).with_context(|| format!("dashboards/{name}"))?;
            std::fs::write(own.join(name), if pace == Pace::Quick { quick(&rules) } else { rules })?;
        }
        let (every_s, within_s) = if pace == Pace::Quick { (1, 1) } else { (SCRAPE_S, 10) };
        let mut config = format!(
            "global: {{ scrape_interval: {every_s}s, scrape_timeout: {within_s}s, evaluation_interval: {every_s}s }}\n\
             rule_files: [recording.yml, alerts.yml]\nscrape_configs:\n"
        );
        for (job, targets) in [("bayplan", masters), ("bayplan-agents", agents)] {
            writeln!(config, "  - job_name: {job}\n    static_configs:")?;
            for (name, address) in targets {
                writeln!(config, "      - {{ targets: ['{address}'], labels: {{ instance: {name} }} }}")?;
            }
        }
        std::fs::write(own.join("prometheus.yml"), config)?;
        let [port] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", own.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", own.join("data").display()));
        command.arg(format!("--web.listen-address={address}")).arg("--log.level=warn");
        let process = Running::start("prometheus", &mut command, folder.path())?;
        let prometheus = Self { _process: process, address };
        let ready =
            || http::get(&prometheus.address, "/-/ready").ok().filter(|answer| answer.status == 200).map(|_| ());
        eventually("Prometheus is ready", PATIENCE, ready)?;
        Ok(prometheus)
    }

    /// The samples that an expression has now.
    pub(crate) fn ask(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/v1/query?query={}", http::encoded(expression));
        let answer: Value = serde_json::from_str(&http::get(&self.address, &path)?.body)?;
        if answer["status"] != "success" {
            bail!("{}: {expression}", answer["error"].as_str().unwrap_or("Prometheus does not understand"));
        }
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// The samples of all series of a name, one for each [`SCRAPE_S`] of the last seconds.
    pub(crate) fn samples(&self, name: &str, span_s: u64) -> anyhow::Result<Vec<Recorded>> {
        let end = self.ask("time()")?.first().and_then(|sample| sample.as_f64()).context("Prometheus knows no time")?;
        let step = u64::from(SCRAPE_S);
        let begin = end as u64 - span_s;
        let path = format!("/api/v1/query_range?query={name}&start={begin}&end={}&step={step}", begin + span_s);
        let answer: Value = serde_json::from_str(&http::get(&self.address, &path)?.body)?;
        let recorded = answer["data"]["result"].as_array().into_iter().flatten().map(|series| {
            let mut samples = vec![None; (span_s / step) as usize + 1];
            for sample in series["values"].as_array().into_iter().flatten() {
                let place = (sample[0].as_f64()? as u64).checked_sub(begin)? / step;
                *samples.get_mut(place as usize)? = Some(sample[1].as_str()?.parse().ok()?);
            }
            let labels = series["metric"].as_object()?.iter().filter(|(label, _)| *label != "__name__");
            let labels = labels.map(|(label, value)| Some((label.clone(), value.as_str()?.to_owned())));
            Some(Recorded { name: name.to_owned(), labels: labels.collect::<Option<_>>()?, samples })
        });
        recorded.collect::<Option<_>>().with_context(|| format!("what Prometheus says of {name} is not understood"))
    }

    /// The names of all series that there are.
    pub(crate) fn names(&self) -> anyhow::Result<BTreeSet<String>> {
        let answer: Value = serde_json::from_str(&http::get(&self.address, "/api/v1/label/__name__/values")?.body)?;
        let names = answer["data"].as_array().into_iter().flatten();
        Ok(names.filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// The names of the alerts that fire.
    pub(crate) fn firing(&self) -> anyhow::Result<BTreeSet<String>> {
        let alerts = self.ask("ALERTS{alertstate=\"firing\"}")?;
        Ok(alerts.iter().filter_map(|alert| alert["metric"]["alertname"].as_str().map(str::to_owned)).collect())
    }
}
