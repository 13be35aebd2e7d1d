//! Processes, ports, folders and disks of a trial, gone with the values that stand for them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A process; killed when this is dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// What it says goes into `NAME.log` in the folder.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(folder.join(format!("{name}.log")))?;
        let command = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child })
    }

    /// By name, as `kill` has it: STOP, CONT, TERM.
    pub(crate) fn signal(&self, signal: &str) {
        send(signal, self.child.id());
    }

    pub(crate) fn kill(&mut self) {
        // One that has ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("CONT");
        self.kill();
    }
}

pub(crate) fn send(signal: &str, pid: u32) {
    let _ = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).stderr(Stdio::null()).status();
}

/// Ports of this machine that nobody listens on.
pub(crate) fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let listeners: Vec<TcpListener> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let ports = listeners.iter().map(|listener| listener.local_addr().map(|address| address.port()));
    let ports: Vec<u16> = ports.collect::<Result<_, _>>()?;
    ports.try_into().map_err(|_| anyhow::anyhow!("ports are missing"))
}

pub(crate) fn eventually<T>(what: &str, patience: Duration, look: impl Fn() -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{what}: not within {} s", patience.as_secs());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A folder for everything; removed when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("bayplan-dashboards-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn make(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A small disk of its own that can be filled; unmounted when this is dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where mounting is not permitted; the folder is on the disk that it was on.
    pub(crate) fn on(folder: &Path, megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m");
        let mut command = Command::new("mount");
        let mounted = command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }

    /// Takes all the space but so many megabytes.
    pub(crate) fn fill(&self, spare_mb: u64) {
        let mut free = Command::new("df");
        let free = free.args(["--output=avail", "-BM"]).arg(&self.0).output();
        let free = free.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let free = free.lines().last().and_then(|line| line.trim().trim_end_matches('M').parse::<u64>().ok());
        let bytes = free.unwrap_or(0).saturating_sub(spare_mb) << 20;
        let size = format!("if=/dev/zero bs=1M count={}", bytes >> 20);
        let ballast = format!("of={}", self.0.join("ballast").display());
        let _ = Command::new("dd").args(size.split(' ')).arg(&ballast).stderr(Stdio::null()).status();
        if spare_mb == 0 {
            // To the last block.
            let rest = ["if=/dev/zero", "bs=4k", "oflag=append", "conv=notrunc"];
            let _ = Command::new("dd").args(rest).arg(&ballast).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).stderr(Stdio::null()).status();
    }
}
