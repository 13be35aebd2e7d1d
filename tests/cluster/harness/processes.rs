//! The processes of a cluster's tasks, as `/proc` shows them.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::eventually;

pub(crate) fn is_alive(pid: Pid) -> bool {
    kill(pid, None).is_ok()
}

/// The processes whose command line or environment names something in `folder`: an agent's tasks with all that they
/// started, and their supervising processes; also the cluster's own processes that are told a folder in it.
pub(crate) fn processes_of(folder: &Path) -> Vec<Pid> {
    let needle = folder.display().to_string();
    let pids = std::fs::read_dir("/proc").expect("a list of processes").filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Some(Pid::from_raw(pid))
    });
    let names_it = |pid: &Pid| {
        let holds = |file: &str| {
            // A process that has ended meanwhile, or is another user's, has no such file.
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            text.windows(needle.len()).any(|window| window == needle.as_bytes())
        };
        *pid != Pid::this() && (holds("cmdline") || holds("environ"))
    };
    pids.filter(names_it).collect()
}

/// What the plug of the machine does to them.
pub(crate) fn kill_everything_of(folder: &Path) {
    eventually("everything is dead", || {
        let left = processes_of(folder);
        for pid in &left {
            // It may have gone by itself.
            let _gone = kill(*pid, Signal::SIGKILL);
        }
        left.is_empty().then_some(())
    });
}
