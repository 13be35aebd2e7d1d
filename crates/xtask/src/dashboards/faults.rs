//! Faults that are made for real, and the alerts that they have to raise.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use super::cluster::Cluster;
use super::prometheus::Prometheus;
use super::say;

const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the log stands still at a time, and moves in between, when commits are to be slow.
const STANDS_STILL: Duration = Duration::from_millis(1_200);
const MOVES: Duration = Duration::from_millis(300);
/// A policy that gives up on everything.
const TRAPS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "bayplan_abi_version") (result i32) (i32.const 1))
    (func (export "bayplan_assess") (param i32) (result i32) unreachable))"#;
const ROW_BYTES: usize = 1_000_000;
/// More than any disk here has: all of it is free again.
const EVERYTHING_MB: u64 = 1 << 20;

struct Trial<'a, 'b> {
    prometheus: &'a Prometheus,
    cluster: &'a mut Cluster<'b>,
    found: Found,
}

#[derive(Default)]
pub(crate) struct Found {
    pub(crate) fired: BTreeSet<String>,
    /// Faults that raised no alert.
    pub(crate) troubles: Vec<String>,
    /// Faults that cannot be made here.
    pub(crate) left_out: Vec<&'static str>,
}

/// Makes one fault after the other.
pub(crate) fn make(prometheus: &Prometheus, cluster: &mut Cluster<'_>) -> anyhow::Result<Found> {
    let mut trial = Trial { prometheus, cluster, found: Found::default() };
    trial.apps()?;
    trial.modules()?;
    trial.disks()?;
    trial.log()?;
    trial.agents()?;
    trial.masters()?;
    Ok(trial.found)
}

impl Trial<'_, '_> {
    fn expect(&mut self, fault: &str, alerts: &[&str]) -> anyhow::Result<()> {
        self.expect_while(fault, alerts, |_| ())
    }

    /// Waits until all of these fire; `meanwhile` is done again and again.
    fn expect_while(
        &mut self,
        fault: &str,
        alerts: &[&str],
        mut meanwhile: impl FnMut(&Cluster<'_>),
    ) -> anyhow::Result<()> {
        let began_at = Instant::now();
        let mut missing: BTreeSet<&str> = alerts.iter().copied().collect();
        loop {
            let firing = self.prometheus.firing()?;
            missing.retain(|alert| !firing.contains(*alert));
            self.found.fired.extend(firing);
            if missing.is_empty() {
                break;
            }
            if began_at.elapsed() > PATIENCE {
                let trouble = format!("{fault}: {missing:?} did not fire within {} s", PATIENCE.as_secs());
                say(&trouble);
                self.found.troubles.push(trouble);
                return Ok(());
            }
            meanwhile(self.cluster);
            thread::sleep(LOOK_AGAIN);
        }
        say(&format!("{fault}: {} after {:.0} s", alerts.join(", "), began_at.elapsed().as_secs_f64()));
        Ok(())
    }

    fn apps(&mut self) -> anyhow::Result<()> {
        self.cluster.deploy(&json!({"id": "/crash", "cmd": "sleep 0.2; exit 1", "cpus": 0.1, "mem": 32}))?;
        self.expect("an app whose task ends by itself", &["BayplanCrashLoop"])?;
        let missing = json!({"id": "/missing", "args": ["/no/such/program"], "cpus": 0.01, "mem": 32, "instances": 20});
        self.cluster.deploy(&missing)?;
        self.expect("an app whose program is not there", &["BayplanLaunchesFail"])?;
        self.cluster.deploy(&json!({"id": "/huge", "cmd": "sleep 1", "cpus": 1000, "mem": 32}))?;
        self.expect("an app that is too large", &["BayplanInstancesFitNowhere", "BayplanDeploymentStuck"])
    }

    fn modules(&mut self) -> anyhow::Result<()> {
        let file = self.cluster.write("traps.wasm", &wat::parse_str(TRAPS)?)?;
        self.cluster.command(&["placement", "add", &file])?;
        self.cluster.command(&["placement", "use", "traps", "--role", "traps"])?;
        self.cluster
            .deploy(&json!({"id": "/trapped", "cmd": "exec sleep 1000", "cpus": 0.01, "mem": 32, "role": "traps"}))?;
        self.expect("a policy module that traps", &["BayplanModuleDisabled"])
    }

    fn disks(&mut self) -> anyhow::Result<()> {
        let Some(disk) = self.cluster.agents.iter().find_map(|agent| agent.disk.as_ref()) else {
            self.found.left_out.push("a full disk (mounting is not permitted: run it as root)");
            return Ok(());
        };
        disk.fill(10);
        self.expect("an agent whose disk fills", &["BayplanDiskNearlyFull"])?;
        if let Some(disk) = self.cluster.agents.iter().find_map(|agent| agent.disk.as_ref()) {
            disk.fill(0);
        }
        let mut round = 0;
        // It has to have something to write down.
        let stir = |cluster: &Cluster<'_>| {
            round += 1;
            let _ = cluster.stir(round);
        };
        self.expect_while("an agent whose disk is full", &["BayplanAgentCannotWriteJournal"], stir)?;
        let of_leader =
            self.cluster.leader().and_then(|leader| leader.disk.as_ref()).context("the leader has a disk")?;
        of_leader.fill(0);
        // RocksDB has taken some megabytes in advance.
        let stir = |cluster: &Cluster<'_>| {
            round += 1;
            let env = json!({"ROUND": round.to_string(), "MUCH": "x".repeat(ROW_BYTES)});
            let _ = cluster.deploy(&json!({"id": "/much", "cmd": "true", "cpus": 0.01, "instances": 0, "env": env}));
        };
        self.expect_while("a snapshot whose disk is full", &["BayplanSnapshotBehind"], stir)?;
        self.cluster.masters.iter().filter_map(|master| master.disk.as_ref()).for_each(|disk| disk.fill(EVERYTHING_MB));
        Ok(())
    }

    fn log(&mut self) -> anyhow::Result<()> {
        if self.cluster.nats.is_none() {
            self.found.left_out.push("a log that is slow, a standby that is cut off (no nats-server)");
            return Ok(());
        }
        let standby = self.cluster.standby().and_then(|standby| standby.way.as_ref()).context("nobody follows")?;
        standby.block(true);
        self.expect("a standby that is cut off", &["BayplanStandbyBehind"])?;
        self.cluster.masters.iter().filter_map(|master| master.way.as_ref()).for_each(|way| way.block(false));
        let nats = self.cluster.nats.take().context("there is a NATS server")?;
        let slow = |_: &Cluster<'_>| {
            nats.signal("STOP");
            thread::sleep(STANDS_STILL);
            nats.signal("CONT");
            thread::sleep(MOVES);
        };
        self.expect_while("a log that is slow", &["BayplanCommitSlow"], slow)?;
        nats.signal("STOP");
        self.expect("a log that stands still", &["BayplanLogRefusesWrites", "BayplanNoLeader"])?;
        nats.signal("CONT");
        self.cluster.nats = Some(nats);
        super::processes::eventually("a master leads again", PATIENCE, || self.cluster.leader().map(|_| ()))
    }

    fn agents(&mut self) -> anyhow::Result<()> {
        self.cluster.agents.last_mut().context("there are agents")?.process.kill();
        self.expect("an agent that dies", &["BayplanAgentLost"])?;
        self.cluster.agents.iter_mut().for_each(|agent| agent.process.kill());
        self.expect("no agent left", &["BayplanNoAgent", "BayplanTasksLost"])
    }

    fn masters(&mut self) -> anyhow::Result<()> {
        if self.cluster.masters.len() > 1 {
            for _ in 0..3 {
                self.cluster.command(&["leader", "hand-over"])?;
                // Each is seen by a scrape of its own.
                thread::sleep(5 * LOOK_AGAIN);
            }
            self.expect("a leadership that changes hands", &["BayplanLeadershipUnsteady"])?;
        }
        self.cluster.masters.iter_mut().for_each(|master| master.process.kill());
        self.expect("no master left", &["BayplanNoLeader", "BayplanMasterDown"])
    }
}
