//! A real cluster on this machine, loaded: a NATS server where there is one, masters, agents, apps, frameworks, a shadow.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::processes::{Folder, Running, SmallDisk, eventually, free_ports, send};
use super::way::Way;
use super::{framework, http};

const PATIENCE: Duration = Duration::from_secs(30);
const AGENTS: usize = 3;
/// Ports that an agent's tasks are given, from here on.
const TASK_PORTS_FROM: u16 = 46_400;
const TASK_PORTS: u16 = 50;
const SMALL_DISK_MB: u32 = 256;

pub(crate) struct Cluster<'a> {
    binary: &'a Path,
    folder: &'a Folder,
    pub(crate) masters: Vec<Master>,
    pub(crate) agents: Vec<AgentProcess>,
    pub(crate) nats: Option<Running>,
}

pub(crate) struct Master {
    pub(crate) process: Running,
    /// Of the operator API.
    pub(crate) address: String,
    pub(crate) way: Option<Way>,
    /// Under its snapshot.
    pub(crate) disk: Option<SmallDisk>,
}

pub(crate) struct AgentProcess {
    pub(crate) process: Running,
    pub(crate) address: String,
    folder: PathBuf,
    pub(crate) disk: Option<SmallDisk>,
}

impl<'a> Cluster<'a> {
    /// Without `nats`, a program, there is one master with its log in a folder.
    pub(crate) fn start(binary: &'a Path, nats: Option<&Path>, folder: &'a Folder) -> anyhow::Result<Self> {
        let mut cluster = Self { binary, folder, masters: Vec::new(), agents: Vec::new(), nats: None };
        match nats {
            None => cluster.start_master(0, None)?,
            Some(program) => {
                let [port] = free_ports()?;
                let store = folder.make("nats")?;
                let mut command = Command::new(program);
                command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(store);
                cluster.nats = Some(Running::start("nats-server", &mut command, folder.path())?);
                let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
                eventually("the NATS server listens", PATIENCE, listens)?;
                for number in 0..2 {
                    cluster.start_master(number, Some(Way::to(port)?))?;
                }
            }
        }
        eventually("a master leads", PATIENCE, || cluster.leader())?;
        for number in 0..AGENTS {
            cluster.start_agent(number)?;
        }
        let all_there = || (cluster.metric("bayplan_agents{state=\"connected\"}") == Some(AGENTS as f64)).then_some(());
        eventually("all agents are connected", PATIENCE, all_there)?;
        Ok(cluster)
    }

    fn start_master(&mut self, number: usize, way: Option<Way>) -> anyhow::Result<()> {
        let [operator, marathon] = free_ports()?;
        let name = format!("master-{number}");
        let own = self.folder.make(&name)?;
        let address = format!("127.0.0.1:{operator}");
        let mut command = Command::new(self.binary);
        command.arg("master").arg("--dir").arg(own).args(["--listen", &address, "--leader", &name]);
        command.args(["--marathon-listen", &format!("127.0.0.1:{marathon}")]);
        command.args(["--heartbeat", "1s", "--agent-timeout", "5s", "--offer-timeout", "4s"]);
        if let Some(way) = &way {
            command.args(["--log", &format!("nats://127.0.0.1:{}", way.port), "--cluster", "dashboards"]);
        }
        let disk = SmallDisk::on(&self.folder.make(&format!("{name}/snapshot"))?, SMALL_DISK_MB);
        let process = Running::start(&name, &mut command, self.folder.path())?;
        self.masters.push(Master { process, address, way, disk });
        Ok(())
    }

    fn start_agent(&mut self, number: usize) -> anyhow::Result<()> {
        let [port] = free_ports()?;
        let own = self.folder.make(&agent_name(number))?;
        let disk = if number == 0 { SmallDisk::on(&own, SMALL_DISK_MB) } else { None };
        let address = format!("127.0.0.1:{port}");
        let process = self.run_agent(number, &address, &own)?;
        self.agents.push(AgentProcess { process, address, folder: own, disk });
        Ok(())
    }

    /// Its tasks go on meanwhile.
    pub(crate) fn restart_agent(&mut self, number: usize) -> anyhow::Result<()> {
        let agent = &mut self.agents[number];
        agent.process.kill();
        let (address, own) = (agent.address.clone(), agent.folder.clone());
        self.agents[number].process = self.run_agent(number, &address, &own)?;
        Ok(())
    }

    fn run_agent(&self, number: usize, address: &str, own: &Path) -> anyhow::Result<Running> {
        let name = agent_name(number);
        let masters: Vec<&str> = self.masters.iter().map(|master| master.address.as_str()).collect();
        let first = TASK_PORTS_FROM + TASK_PORTS * u16::try_from(number)?;
        let resources = format!("cpus:4;mem:2048;disk:2048;ports:[{first}-{}]", first + TASK_PORTS - 1);
        let mut command = Command::new(self.binary);
        command.args(["--master", &masters.join(","), "agent", "--docker", "off", "--listen", address, "--work-dir"]);
        command.arg(own).args(["--hostname", &name, "--resources", &resources]);
        Running::start(&name, &mut command, self.folder.path())
    }

    /// Apps that run, frameworks that take and decline, a shadow.
    pub(crate) fn load(&self) -> anyhow::Result<()> {
        self.deploy(&json!({"id": "/web", "cmd": "exec sleep 1000", "cpus": 0.2, "mem": 32, "instances": 6}))?;
        let busy = "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.1; done";
        self.deploy(&json!({"id": "/batch", "cmd": busy, "cpus": 0.1, "mem": 32, "instances": 1}))?;
        self.command(&["placement", "shadow", "spread"])?;
        let leader = self.leader().context("nobody leads")?;
        for name in ["load-1", "load-2"] {
            framework::start(&leader.address, name)?;
        }
        Ok(())
    }

    /// Again and again, so that rates have something to show.
    pub(crate) fn stir(&self, round: u32) -> anyhow::Result<()> {
        self.deploy(&json!({"id": "/web", "instances": 4 + round % 4}))
    }

    pub(crate) fn deploy(&self, app: &Value) -> anyhow::Result<()> {
        let id = app["id"].as_str().unwrap_or_default();
        let address = &self.leader().context("nobody leads")?.address;
        let path = format!("/v2/apps{id}?force=true");
        let answer = http::ask(address, "PUT", &path, &[], &app.to_string())?;
        if answer.status >= 300 {
            bail!("{address}{path} answered {}: {}", answer.status, answer.body);
        }
        Ok(())
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<String> {
        let file = self.folder.path().join(name);
        fs::write(&file, bytes)?;
        Ok(file.display().to_string())
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let masters: Vec<&str> = self.masters.iter().map(|master| master.address.as_str()).collect();
        let output = Command::new(self.binary).args(["--master", &masters.join(",")]).args(arguments).output()?;
        if !output.status.success() {
            bail!("bayplan {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    pub(crate) fn leader(&self) -> Option<&Master> {
        self.masters.iter().find(|master| shown(&master.address, "bayplan_leading") == Some(1.0))
    }

    pub(crate) fn standby(&self) -> Option<&Master> {
        self.masters.iter().find(|master| shown(&master.address, "bayplan_leading") == Some(0.0))
    }

    /// As the leader shows it.
    fn metric(&self, series: &str) -> Option<f64> {
        shown(&self.leader()?.address, series)
    }
}

fn agent_name(number: usize) -> String {
    format!("agent-{number}")
}

fn shown(address: &str, series: &str) -> Option<f64> {
    let text = http::get(address, "/metrics").ok()?.body;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

impl Drop for AgentProcess {
    /// Tasks outlive their agent, on purpose; here they end with it.
    fn drop(&mut self) {
        self.process.signal("CONT");
        self.process.kill();
        for run in fs::read_dir(self.folder.join("runs")).into_iter().flatten().flatten() {
            let claim = fs::read(run.path().join("claim")).unwrap_or_default();
            let claim: Value = serde_json::from_slice(&claim).unwrap_or_default();
            let Some(pid) = claim["supervisor"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()) else {
                continue;
            };
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.trim() == "bayplan-task" {
                send("TERM", pid);
            }
        }
    }
}
