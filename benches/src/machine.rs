//! What the figures were measured on. Without it they say nothing.

use std::fs::read_to_string;
use std::path::Path;

/// Prints the heading of a benchmark, with the command that makes it and the machine. `folder` is where it writes.
pub fn start(bench: &str, folder: &Path) {
    println!("## {bench}\n");
    println!("`BENCH_ARGS='--bench {bench}' make bench`\n");
    println!("{}\n", describe(folder));
    if cfg!(debug_assertions) {
        println!("**Not the release profile: these figures say nothing.**\n");
    }
    if file_system(folder) == "tmpfs" {
        println!(
            "**{} is in memory, so syncs cost nothing: set TMPDIR to a folder on a disk.**\n",
            std::env::temp_dir().display()
        );
    }
}

fn describe(folder: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!(
        "{cores} cores ({}), {} GB of memory, Linux {}, {} under the temporary folder; load before the start {load}.",
        processor(),
        memory_gb(),
        kernel.trim(),
        file_system(folder),
    )
}

fn processor() -> String {
    let table = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = table.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn memory_gb() -> String {
    let table = read_to_string("/proc/meminfo").unwrap_or_default();
    let kb = table.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    kb.map_or_else(|| "?".to_owned(), |kb: f64| format!("{:.0}", kb / f64::from(1 << 20)))
}

/// The kind of file system that a folder is on.
#[must_use]
pub fn file_system(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = read_to_string("/proc/self/mounts").unwrap_or_default();
    let found = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (point, kind) = (fields.nth(1)?, fields.next()?);
        folder.starts_with(point).then_some((point.len(), kind))
    });
    // Of two mounts on the same folder the later one is seen.
    found.max_by_key(|(length, _)| *length).map_or_else(|| "?".to_owned(), |(_, kind)| kind.to_owned())
}
