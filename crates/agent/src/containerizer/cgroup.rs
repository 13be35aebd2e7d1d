//! Control groups, version 1 and 2 behind one trait: limits for plain processes, and a sure way to find and kill
//! everything that a task started.
//!
//! Where no cgroup may be written (not root, nothing delegated), tasks run without, and the agent says so once.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::proc::kill_hard;

/// The name of the group that all tasks' groups are in.
const PARENT: &str = "bayplan";
/// How often a group is swept until nothing is left in it, and the pause between.
const MAX_SWEEPS: u32 = 400;
const SWEEP_PAUSE: Duration = Duration::from_millis(5);

/// Mesos' least limits.
pub(crate) const MIN_CPU_SHARES: i64 = 2;
pub(crate) const MIN_MEMORY_MB: i64 = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// 1024 is one cpu.
    pub(crate) cpu_shares: i64,
    pub(crate) memory_bytes: i64,
}

impl Limits {
    pub(crate) fn of(resources: &model::Resources) -> Self {
        let memory_bytes = (resources.mem.0.saturating_mul(1 << 20) / 1000).max(MIN_MEMORY_MB << 20);
        Self { cpu_shares: (resources.cpus.0.saturating_mul(1024) / 1000).max(MIN_CPU_SHARES), memory_bytes }
    }

    /// The shares on version 2's scale from 1 to 10000.
    fn cpu_weight(self) -> i64 {
        1 + (self.cpu_shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
    }
}

/// A place to make groups for tasks in.
pub(crate) trait Hierarchy: Send + Sync + std::fmt::Debug {
    fn create(&self, name: &str, limits: Limits) -> io::Result<TaskCgroup>;
    /// Which limits are applied and where, for the log.
    fn describe(&self) -> String;
}

/// A task's group: plain data, so that the supervising process and a later life of the agent can use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskCgroup {
    /// One folder for each hierarchy it is in; one only in version 2.
    folders: Vec<PathBuf>,
    /// The file that counts kills for want of memory, as `oom_kill N`.
    oom_counts: Option<PathBuf>,
    /// Version 1: stops everything while it is being killed.
    freezer: Option<PathBuf>,
    /// Version 2: kills everything at once.
    kill: Option<PathBuf>,
}

impl TaskCgroup {
    /// Whoever writes `0` into these files is in the group, with one thread. Version 1 has a file for single threads:
    /// to move a whole process, even one of a single thread, the kernel stops all forks and exits first, and waits for
    /// some 10 ms until that is so.
    pub(crate) fn entrances(&self) -> io::Result<Vec<File>> {
        let open = |path: PathBuf| File::options().write(true).open(path);
        let entrance = |folder: &PathBuf| open(folder.join("tasks")).or_else(|_| open(folder.join("cgroup.procs")));
        self.folders.iter().map(entrance).collect()
    }

    fn pids(&self) -> Vec<Pid> {
        let mut pids = Vec::new();
        for folder in &self.folders {
            let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse().ok()).map(Pid::from_raw));
        }
        pids
    }

    /// Kills everything in the group, and what that starts meanwhile.
    pub(crate) fn kill_all(&self) {
        for _ in 0..MAX_SWEEPS {
            let pids = self.pids();
            if pids.is_empty() {
                return;
            }
            self.freeze("FROZEN");
            if self.kill.as_ref().is_none_or(|file| std::fs::write(file, "1").is_err()) {
                pids.into_iter().chain(self.pids()).for_each(kill_hard);
            }
            self.freeze("THAWED");
            std::thread::sleep(SWEEP_PAUSE);
        }
        tracing::warn!(cgroup = ?self.folders.first(), "processes of a task do not die");
    }

    fn freeze(&self, state: &str) {
        if let Some(file) = &self.freezer
            && let Err(error) = std::fs::write(file, state)
        {
            tracing::debug!(%error, state, "the freezer did not obey");
        }
    }

    /// How often the kernel killed something of this group because the memory limit was reached.
    pub(crate) fn oom_kills(&self) -> u64 {
        let counts = self.oom_counts.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let count = counts.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        count.unwrap_or(0)
    }

    /// The kernel keeps a group busy for a moment after its last process.
    pub(crate) fn remove(&self) {
        for folder in &self.folders {
            for _ in 0..MAX_SWEEPS {
                match std::fs::remove_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(SWEEP_PAUSE),
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(cgroup = %folder.display(), %error, "cannot remove a task's cgroup");
                        break;
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Finds where this process may make groups; None when nowhere. `parent` overrides the name of the group that
/// all are made in.
pub(crate) fn find(parent: Option<&str>) -> Option<Box<dyn Hierarchy>> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    find_in(&mounts, &own, parent.unwrap_or(PARENT))
}

fn find_in(mounts: &str, own: &str, parent: &str) -> Option<Box<dyn Hierarchy>> {
    let mounts = parse_mounts(mounts);
    let unified = mounts.iter().find(|mount| mount.kind == "cgroup2");
    let has_controllers = |mount: &&Mount| {
        let controllers = std::fs::read_to_string(mount.path.join("cgroup.controllers")).unwrap_or_default();
        controllers.split_whitespace().any(|name| name == "memory" || name == "cpu")
    };
    if let Some(mount) = unified.filter(has_controllers) {
        return V2::open(mount, own, parent).map(|found| Box::new(found) as Box<dyn Hierarchy>);
    }
    let v1 = V1::open(&mounts, own, parent).map(|found| Box::new(found) as Box<dyn Hierarchy>);
    v1.or_else(|| Some(Box::new(V2::open(unified?, own, parent)?)))
}

#[derive(Debug)]
struct Mount {
    /// Which part of the hierarchy is mounted here.
    root: String,
    path: PathBuf,
    kind: String,
    options: String,
}

/// Lines such as `36 25 0:31 / /sys/fs/cgroup/memory rw shared:18 - cgroup cgroup rw,memory`.
fn parse_mounts(table: &str) -> Vec<Mount> {
    let parse = |line: &str| {
        let (head, tail) = line.split_once(" - ")?;
        let (head, tail): (Vec<&str>, Vec<&str>) = (head.split(' ').collect(), tail.split(' ').collect());
        Some(Mount {
            root: (*head.get(3)?).to_owned(),
            path: PathBuf::from(head.get(4)?),
            kind: (*tail.first()?).to_owned(),
            options: (*tail.get(2)?).to_owned(),
        })
    };
    table.lines().filter_map(parse).filter(|mount| mount.kind.starts_with("cgroup")).collect()
}

/// This process's group in the hierarchy of a controller (empty for version 2), as a folder under its mount.
fn own_folder(mount: &Mount, own: &str, controller: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (names, path) = rest.split_once(':')?;
        names.split(',').any(|name| name == controller).then_some(path)
    })?;
    let below = Path::new(path).strip_prefix(&mount.root).ok()?;
    Some(mount.path.join(below))
}

#[derive(Debug)]
struct V1 {
    /// Controller and the folder that its groups are made in.
    parents: Vec<(&'static str, PathBuf)>,
}

impl V1 {
    fn open(mounts: &[Mount], own: &str, parent: &str) -> Option<Self> {
        let mut parents: Vec<(&'static str, PathBuf)> = Vec::new();
        for controller in ["freezer", "memory", "cpu"] {
            let is_of = |mount: &&Mount| mount.kind == "cgroup" && mount.options.split(',').any(|o| o == controller);
            let Some(mount) = mounts.iter().find(is_of) else { continue };
            let own = own_folder(mount, own, controller);
            let candidates = [Some(mount.path.clone()), own].into_iter().flatten().map(|folder| folder.join(parent));
            let usable = candidates.into_iter().find(|folder| can_hold_groups(folder));
            parents.extend(usable.map(|folder| (controller, folder)));
        }
        (!parents.is_empty()).then_some(Self { parents })
    }

    fn has(&self, controller: &str) -> bool {
        self.parents.iter().any(|(name, _)| *name == controller)
    }
}

impl Hierarchy for V1 {
    fn create(&self, name: &str, limits: Limits) -> io::Result<TaskCgroup> {
        let mut group = TaskCgroup { folders: Vec::new(), oom_counts: None, freezer: None, kill: None };
        for (controller, parent) in &self.parents {
            let folder = parent.join(name);
            make_folder(&folder)?;
            match *controller {
                "memory" => {
                    std::fs::write(folder.join("memory.limit_in_bytes"), limits.memory_bytes.to_string())?;
                    group.oom_counts = Some(folder.join("memory.oom_control"));
                }
                "cpu" => std::fs::write(folder.join("cpu.shares"), limits.cpu_shares.to_string())?,
                _ => group.freezer = Some(folder.join("freezer.state")),
            }
            group.folders.push(folder);
        }
        Ok(group)
    }

    fn describe(&self) -> String {
        let folders: Vec<String> = self.parents.iter().map(|(_, folder)| folder.display().to_string()).collect();
        describe("v1", self.has("cpu"), self.has("memory"), &folders.join(", "))
    }
}

#[derive(Debug)]
struct V2 {
    parent: PathBuf,
    cpu: bool,
    memory: bool,
}

impl V2 {
    /// Tries the top of the hierarchy, and beside this process's own group: a group that holds processes can have
    /// no limited groups inside.
    fn open(mount: &Mount, own: &str, parent: &str) -> Option<Self> {
        let beside = own_folder(mount, own, "").and_then(|folder| folder.parent().map(Path::to_owned));
        let beside = beside.filter(|folder| folder.starts_with(&mount.path));
        let candidates = [Some(mount.path.clone()), beside].into_iter().flatten();
        candidates.map(|above| Self::open_below(&above, parent)).find_map(|found| found)
    }

    fn open_below(above: &Path, parent: &str) -> Option<Self> {
        let folder = above.join(parent);
        // It may be on already, and what cannot be had is missed below.
        let enable = |folder: &Path| {
            for controller in ["+cpu", "+memory"] {
                if let Err(error) = std::fs::write(folder.join("cgroup.subtree_control"), controller) {
                    tracing::debug!(folder = %folder.display(), controller, %error, "cannot enable a controller");
                }
            }
        };
        make_folder(&folder).ok()?;
        enable(above);
        enable(&folder);
        let probe = folder.join(probe_name());
        make_folder(&probe).ok()?;
        let usable = |file: &str| File::options().write(true).open(probe.join(file)).is_ok();
        let found = usable("cgroup.procs").then(|| Self {
            parent: folder.clone(),
            cpu: usable("cpu.weight"),
            memory: usable("memory.max"),
        });
        std::fs::remove_dir(&probe).ok()?;
        found
    }
}

impl Hierarchy for V2 {
    fn create(&self, name: &str, limits: Limits) -> io::Result<TaskCgroup> {
        let folder = self.parent.join(name);
        make_folder(&folder)?;
        if self.cpu {
            std::fs::write(folder.join("cpu.weight"), limits.cpu_weight().to_string())?;
        }
        if self.memory {
            std::fs::write(folder.join("memory.max"), limits.memory_bytes.to_string())?;
        }
        let kill = folder.join("cgroup.kill");
        Ok(TaskCgroup {
            oom_counts: self.memory.then(|| folder.join("memory.events")),
            freezer: None,
            kill: kill.exists().then_some(kill),
            folders: vec![folder],
        })
    }

    fn describe(&self) -> String {
        describe("v2", self.cpu, self.memory, &self.parent.display().to_string())
    }
}

fn describe(version: &str, cpu: bool, memory: bool, folders: &str) -> String {
    let limits = match (cpu, memory) {
        (true, true) => "cpu and memory limits are applied",
        (true, false) => "cpu limits are applied, memory limits are not",
        (false, true) => "memory limits are applied, cpu limits are not",
        (false, false) => "cpu and memory limits are not applied",
    };
    format!("cgroup {version}: {limits} to plain processes, in {folders}")
}

fn can_hold_groups(folder: &Path) -> bool {
    let probe = folder.join(probe_name());
    let usable = make_folder(folder).is_ok()
        && make_folder(&probe).is_ok()
        && File::options().write(true).open(probe.join("cgroup.procs")).is_ok();
    std::fs::remove_dir(&probe).is_ok() && usable
}

/// Agents that start at the same time do not disturb each other.
fn probe_name() -> String {
    static PROBES: AtomicU32 = AtomicU32::new(0);
    format!("probe-{}-{}", std::process::id(), PROBES.fetch_add(1, Ordering::Relaxed))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use model::{Resources, Scalar};

    use super::*;

    #[test]
    fn limits_have_mesos_lower_bounds() {
        let limits =
            |cpus, mem| Limits::of(&Resources { cpus: Scalar(cpus), mem: Scalar(mem), ..Resources::default() });
        assert_eq!(limits(500, 300_000), Limits { cpu_shares: 512, memory_bytes: 300 << 20 });
        assert_eq!(limits(1, 1_000), Limits { cpu_shares: 2, memory_bytes: 32 << 20 });
        assert_eq!(limits(1_000, 0).cpu_weight(), 39);
        assert_eq!((limits(0, 0).cpu_weight(), limits(i64::MAX / 2000, 0).cpu_weight()), (1, 10_000));
    }

    /// What the kernel would show, as plain folders, so that both versions are tested on every machine.
    #[test]
    fn both_versions_are_found_and_limited_where_they_may_be_written() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |path: &str| root.path().join(path);
        for folder in ["unified/user/me", "memory/bayplan", "cpu"] {
            std::fs::create_dir_all(at(folder)).expect("a folder");
        }
        let mount = |kind: &str, name: &str| {
            format!("36 25 0:31 / {} rw shared:18 - {kind} cgroup rw,{name}\n", at(name).display())
        };
        let own = "2:memory:/\n0::/user/me\n";
        let v1 = mount("cgroup", "memory") + &mount("cgroup", "cpu") + &mount("cgroup2", "unified");
        // Plain folders hold no cgroup.procs, so nothing may be written.
        assert!(find_in(&v1, own, "bayplan").is_none());

        let hierarchy = V1 { parents: vec![("memory", at("memory/bayplan")), ("cpu", at("cpu"))] };
        let group = hierarchy.create("t", Limits { cpu_shares: 512, memory_bytes: 1 << 26 }).expect("made");
        let read = |path: &str| std::fs::read_to_string(at(path)).expect(path);
        assert_eq!(read("memory/bayplan/t/memory.limit_in_bytes"), "67108864");
        assert_eq!(read("cpu/t/cpu.shares"), "512");
        std::fs::write(at("memory/bayplan/t/memory.oom_control"), "under_oom 0\noom_kill 2\n").expect("written");
        assert_eq!(group.oom_kills(), 2);

        let hierarchy = V2 { parent: at("unified"), cpu: true, memory: true };
        hierarchy.create("t", Limits { cpu_shares: 1024, memory_bytes: 1 << 26 }).expect("made");
        assert_eq!((read("unified/t/memory.max"), read("unified/t/cpu.weight")), ("67108864".into(), "39".into()));
    }

    /// With the kernel's own groups, of whatever version this machine has.
    #[test]
    fn everything_in_a_group_is_killed() {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let own = std::fs::read_to_string("/proc/self/cgroup").expect("own groups");
        let mounts = parse_mounts(&mounts);
        let v1 = V1::open(&mounts, &own, "bayplan-test").map(|found| Box::new(found) as Box<dyn Hierarchy>);
        let unified = mounts.iter().find(|mount| mount.kind == "cgroup2");
        let v2 = unified.and_then(|mount| V2::open(mount, &own, "bayplan-test"));
        let both = [v1, v2.map(|found| Box::new(found) as Box<dyn Hierarchy>)];
        if both.iter().all(Option::is_none) {
            eprintln!("SKIPPED: no cgroup may be written here; run the tests as root");
        }
        for hierarchy in both.into_iter().flatten() {
            let limits = Limits { cpu_shares: 100, memory_bytes: 64 << 20 };
            let group = hierarchy.create(&format!("t-{}", std::process::id()), limits).expect("made");
            let files: Vec<String> =
                group.folders.iter().map(|folder| folder.join("cgroup.procs").display().to_string()).collect();
            let script = format!("for f in {}; do echo 0 > $f; done; setsid sleep 300 & sleep 300", files.join(" "));
            let mut child = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().expect("a shell");
            let deadline = std::time::Instant::now() + Duration::from_secs(10);
            while group.pids().len() < 2 * group.folders.len() {
                assert!(std::time::Instant::now() < deadline, "the shell never joined {}", hierarchy.describe());
                std::thread::sleep(SWEEP_PAUSE);
            }
            // A killed child stays in its group until its parent has waited for it.
            let reaper = std::thread::spawn(move || child.wait());
            group.kill_all();
            assert!(group.pids().is_empty(), "{}", hierarchy.describe());
            reaper.join().expect("no panic").expect("reaped");
            group.remove();
            assert!(group.folders.iter().all(|folder| !folder.exists()));
        }
    }
}
