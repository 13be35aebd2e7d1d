//! A real Prometheus, which scrapes every second, and what one asks of it.

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

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Prometheus {
    _process: Running,
    address: String,
}

impl Prometheus {
    /// Scrapes masters and agents, with the rules of `dashboards` made quick.
    pub(crate) fn start(dashboards: &Path, masters: &[&str], agents: &[&str], folder: &Folder) -> anyhow::Result<Self> {
        let own = folder.make("prometheus")?;
        for name in ["recording.yml", "alerts.yml"] {
            let rules = std::fs::read_to_string(dashboards.join(name)).with_context(|| format!("dashboards/{name}"))?;
            std::fs::write(own.join(name), quick(&rules))?;
        }
        let mut config = "global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\n\
                          rule_files: [recording.yml, alerts.yml]\nscrape_configs:\n"
            .to_owned();
        for (job, targets) in [("bayplan", masters), ("bayplan-agents", agents)] {
            writeln!(config, "  - {{ job_name: {job}, static_configs: [{{ targets: {targets:?} }}] }}")?;
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
