//! Plain processes: the process containerizer beside fork and exec of the same command, alone and with cgroups.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use agent::containerizer::process::ProcessContainerizer;
use bayplan_benches::{Rate, Table, number, ratio};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::runtime::Runtime;

use crate::{AT_ONCE, CGROUP_PARENT, task};

const TASKS: usize = 200;
const ROUNDS: usize = 3;
const STAYS: &str = "exec sleep 300";
const ENDS: &str = "exit 0";
/// Tasks that are asked to end do so at once.
const GRACE: Duration = Duration::from_secs(10);
/// Where the process containerizer has made the parents of its groups, on version 1 and 2.
const CGROUPS: [&str; 4] = ["/sys/fs/cgroup/freezer", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];

/// What a round measures.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// All tasks have been started, and stay.
    Started,
    /// All tasks have been started and have ended.
    Ended,
}

impl Until {
    const fn command(self) -> &'static str {
        match self {
            Self::Started => STAYS,
            Self::Ended => ENDS,
        }
    }
}

const KINDS: [(Until, usize); 3] = [(Until::Started, 1), (Until::Started, AT_ONCE), (Until::Ended, AT_ONCE)];

pub(crate) fn measure(runtime: &Runtime, folder: &Path) -> String {
    let runs = folder.join("runs");
    std::fs::create_dir_all(&runs).expect("a folder");
    let containerizer = ProcessContainerizer::open(runs, None, Some(CGROUP_PARENT));
    let parents = cgroup_parents();
    let mut rates: Vec<[Vec<f64>; 3]> = vec![Default::default(); KINDS.len()];
    let mut cpu_ms = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        eprintln!("processes: round {} of {ROUNDS}", round + 1);
        for ((until, at_once), rates) in KINDS.into_iter().zip(&mut rates) {
            for (way, rates) in rates.iter_mut().enumerate() {
                let before = cpu_time_with_children();
                rates.push(match way {
                    0 => raw(until, at_once, &[]),
                    1 => raw(until, at_once, &parents),
                    _ => runtime.block_on(ours(&containerizer, folder, until, at_once)),
                });
                if matches!(until, Until::Ended) {
                    let took = cpu_time_with_children() - before;
                    cpu_ms[way].push(took.as_secs_f64() * 1_000.0 / TASKS as f64);
                }
            }
        }
    }
    let mut table = Table::new(
        1,
        [
            "way",
            "start, one at a time (tasks/s)",
            "start, 16 at a time (tasks/s)",
            "start to end, 16 at a time (tasks/s)",
            "start, 16 at a time, of fork + exec",
            "CPU time from start to end (ms/task)",
        ],
    );
    let ways = ["fork + exec", "fork + exec + cgroups", "process containerizer"];
    for (way, name) in ways.into_iter().enumerate() {
        let mut row = vec![name.to_owned()];
        row.extend(rates.iter().map(|rates| number(Rate::of_rounds(rates[way].clone()).median())));
        row.push(format!("{:.2}", ratio(&rates[1][way], &rates[1][0])));
        row.push(number(Rate::of_rounds(cpu_ms[way].clone()).median()));
        table.row(row);
    }
    let groups = match parents.len() {
        0 => "No cgroup may be written here, so no task has one.".to_owned(),
        count => format!("Each task with cgroups is in {count} fresh ones, with limits where there are any."),
    };
    format!("{table}\nMedians of {ROUNDS} rounds of {TASKS} tasks, in turns. {groups}\n")
}

/// Of this process and of all its children that have ended, with theirs.
fn cpu_time_with_children() -> Duration {
    let used = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].map(|who| {
        let usage = getrusage(who).expect("a process may ask about itself");
        [usage.user_time(), usage.system_time()]
    });
    used.into_iter().flatten().map(|time| Duration::from_micros(time.num_microseconds().cast_unsigned())).sum()
}

fn cgroup_parents() -> Vec<PathBuf> {
    let folders = CGROUPS.iter().map(|folder| Path::new(folder).join(CGROUP_PARENT));
    folders.filter(|folder| folder.join("cgroup.procs").exists()).collect()
}

pub(crate) fn remove_cgroups() {
    for folder in cgroup_parents() {
        if let Err(error) = std::fs::remove_dir(&folder) {
            eprintln!("cannot remove {}: {error}", folder.display());
        }
    }
}

/// Tasks per second. What the tasks leave stays until the end of the benchmark: some file systems (ext4 without a journal)
/// are slow to make files for minutes after many were deleted.
async fn ours(containerizer: &ProcessContainerizer, folder: &Path, until: Until, at_once: usize) -> f64 {
    let names = (0..TASKS).map(|_| format!("bench.{}", unique()));
    let launches: Vec<_> = names.map(|name| task::launch(folder, &name, until.command(), None)).collect();
    let began_at = Instant::now();
    task::start_all(containerizer, &launches, at_once).await;
    let started = began_at.elapsed();
    match until {
        Until::Started => {
            task::stop_all(containerizer, &launches, GRACE).await;
            TASKS as f64 / started.as_secs_f64()
        }
        Until::Ended => {
            task::wait_for_all(containerizer, &launches).await;
            TASKS as f64 / began_at.elapsed().as_secs_f64()
        }
    }
}

/// A process that was started without the containerizer, with its cgroups.
struct Raw {
    child: Child,
    groups: Vec<PathBuf>,
}

fn raw(until: Until, at_once: usize, parents: &[PathBuf]) -> f64 {
    let began_at = Instant::now();
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let starters: Vec<_> = (0..at_once)
            .map(|starter| {
                let count = TASKS / at_once + usize::from(starter < TASKS % at_once);
                scope.spawn(move || (0..count).map(|_| Raw::start(until, parents)).collect::<Vec<_>>())
            })
            .collect();
        all.extend(starters.into_iter().flat_map(|starter| starter.join().expect("no panic")));
    });
    let mut took = began_at.elapsed();
    if matches!(until, Until::Started) {
        all.iter_mut().for_each(|raw| raw.child.kill().expect("it runs"));
    }
    all.into_iter().for_each(Raw::finish);
    if matches!(until, Until::Ended) {
        took = began_at.elapsed();
    }
    TASKS as f64 / took.as_secs_f64()
}

impl Raw {
    /// As the containerizer's tasks: by a shell, which is in its groups before it does what it is for.
    fn start(until: Until, parents: &[PathBuf]) -> Self {
        let name = format!("raw-{}", unique());
        let groups: Vec<PathBuf> = parents.iter().map(|parent| parent.join(&name)).collect();
        for group in &groups {
            std::fs::create_dir(group).expect("a cgroup");
            for (limit, value) in
                [("memory.limit_in_bytes", "33554432"), ("memory.max", "33554432"), ("cpu.shares", "102")]
            {
                let file = group.join(limit);
                if file.exists() {
                    std::fs::write(file, value).expect("a limit");
                }
            }
        }
        // The shell moves itself, which is the fastest way in.
        let entrance =
            |group: &PathBuf| ["tasks", "cgroup.procs"].map(|file| group.join(file)).into_iter().find(|f| f.exists());
        let enter = groups.iter().filter_map(entrance).map(|file| format!("echo 0 >{}; ", file.display()));
        let command = enter.chain([until.command().to_owned()]).collect::<String>();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = shell.spawn().expect("a shell");
        Self { child, groups }
    }

    fn finish(mut self) {
        self.child.wait().expect("it is our child");
        for group in self.groups {
            while let Err(error) = std::fs::remove_dir(&group) {
                assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy, "{}: {error}", group.display());
                std::thread::yield_now();
            }
        }
    }
}

fn unique() -> u32 {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    NAMES.fetch_add(1, Ordering::Relaxed)
}
