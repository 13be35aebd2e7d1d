//! Processes as `/proc` shows them: names that are never used twice, ancestry, sessions.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::PidfdFlags;
use serde::{Deserialize, Serialize};

use crate::containerizer::Usage;

/// Names one process for ever: process ids are used again, but not with the same start in the same boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessName {
    boot: String,
    pid: i32,
    /// In clock ticks since the boot.
    started: u64,
}

impl ProcessName {
    pub(crate) fn of_self() -> io::Result<Self> {
        let pid = Pid::this().as_raw();
        let stat = Stat::of(pid).ok_or_else(|| io::Error::other("/proc shows nothing of this process"))?;
        Ok(Self { boot: boot_id()?, pid, started: stat.started })
    }

    pub(crate) fn is_alive(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot)
            && Stat::of(self.pid).is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// A handle that stays this process's; it becomes readable when the process ends. None when it has.
    pub(crate) fn open(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = rustix::process::Pid::from_raw(self.pid) else { return Ok(None) };
        match rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK) {
            // Only now is it certain that the handle is not another process's.
            Ok(handle) => Ok(self.is_alive().then_some(handle)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot)
    }
}

fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: i32,
    session: i32,
    /// Clock ticks, with those of children that ended and were waited for.
    cpu: u64,
    started: u64,
    resident_pages: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The second field is the program's name in brackets, which may hold anything.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line[line.rfind(')')? + 1..].split_ascii_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            cpu: ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?,
            started: fields.get(19)?.parse().ok()?,
            resident_pages: fields.get(21)?.parse().ok()?,
        })
    }
}

fn all() -> Vec<(i32, Stat)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, Stat::of(pid)?))).collect()
}

/// All processes as they were at one moment.
pub(crate) struct Processes {
    by_pid: BTreeMap<i32, Stat>,
    children: BTreeMap<i32, Vec<i32>>,
    boot: Option<String>,
}

impl Processes {
    pub(crate) fn read() -> Self {
        let by_pid: BTreeMap<i32, Stat> = all().into_iter().collect();
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, stat) in &by_pid {
            children.entry(stat.parent).or_default().push(*pid);
        }
        Self { by_pid, children, boot: boot_id().ok() }
    }

    /// What a process and its descendants take. None when it has ended.
    pub(crate) fn usage_of(&self, name: &ProcessName) -> Option<Usage> {
        let root = self.by_pid.get(&name.pid).filter(|stat| stat.started == name.started && stat.state != 'Z')?;
        if self.boot.as_ref() != Some(&name.boot) {
            return None;
        }
        let (mut cpu, mut pages) = (root.cpu, root.resident_pages);
        let mut left = vec![name.pid];
        while let Some(parent) = left.pop() {
            for child in self.children.get(&parent).into_iter().flatten() {
                left.push(*child);
                let stat = self.by_pid.get(child)?;
                cpu += stat.cpu;
                pages += stat.resident_pages;
            }
        }
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        let page_bytes = rustix::param::page_size() as u64;
        Some(Usage { cpu_us: cpu * 1_000_000 / ticks_per_second, memory_bytes: pages * page_bytes })
    }
}

/// The children of a process, their children, and so on.
pub(crate) fn descendants(root: Pid) -> Vec<Pid> {
    let all = all();
    let mut found = vec![root.as_raw()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// Kills what is left of a session; its leader may be gone.
pub(crate) fn kill_session(leader: i32) {
    for (pid, _) in all().into_iter().filter(|(_, stat)| stat.session == leader && stat.state != 'Z') {
        kill_hard(Pid::from_raw(pid));
    }
}

pub(crate) fn kill_hard(pid: Pid) {
    // 0 and negative numbers would mean whole groups, our own among them.
    if pid.as_raw() <= 1 {
        return;
    }
    match kill(pid, Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => tracing::warn!(%pid, %errno, "cannot kill a process of a task"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outlive_the_reuse_of_process_ids() {
        let me = ProcessName::of_self().expect("a name");
        assert!(me.is_alive() && me.open().expect("a handle").is_some());
        let earlier = ProcessName { started: me.started - 1, ..me.clone() };
        assert!(!earlier.is_alive() && earlier.open().expect("no error").is_none());
        let before_reboot = ProcessName { boot: "another".to_owned(), ..me };
        assert!(!before_reboot.is_alive());
    }

    #[test]
    fn a_process_takes_what_its_children_take_too() {
        let me = ProcessName::of_self().expect("a name");
        let alone = Processes::read().usage_of(&me).expect("it runs").memory_bytes;
        assert!(alone > 0);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let both = Processes::read().usage_of(&me).expect("it runs").memory_bytes;
        child.kill().and_then(|()| child.wait()).expect("it ends");
        assert!(both > alone, "{both} and {alone}");
        let earlier = ProcessName { started: me.started - 1, ..me };
        assert_eq!(Processes::read().usage_of(&earlier), None);
    }

    #[test]
    fn a_program_name_may_hold_brackets_and_spaces() {
        let line = "12 (a) R 9 9) S 3 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 777 1 9";
        let meant = Stat { state: 'S', parent: 3, session: 12, cpu: 26, started: 777, resident_pages: 9 };
        assert_eq!(Stat::parse(line), Some(meant));
    }
}
