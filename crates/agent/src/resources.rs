//! What the agent offers: given in Mesos' syntax, or found on the machine.

use std::path::Path;

use model::{AttributeValue, Attributes, PortRange, PortRanges, Resources, Scalar};

use crate::AgentError;

/// Offered when nothing else is said.
const DEFAULT_PORTS: PortRange = PortRange { begin: 31_000, end: 32_000 };
/// Left to the system, as Mesos does; machines with less than twice this offer half of what they have.
const MEM_RESERVE_MB: u64 = 1024;
const DISK_RESERVE_MB: u64 = 5 * 1024;

/// Reads `cpus:2;mem:1024;disk:4096;gpus:0;ports:[31000-32000]`. What is not in the text is taken from `found`.
pub(crate) fn parse_resources(text: &str, found: Resources) -> Result<Resources, AgentError> {
    let wrong = |reason: String| AgentError::Setting { setting: "resources", reason };
    let mut resources = found;
    let mut seen: Vec<&str> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once(':').ok_or_else(|| {
            wrong(format!("'{part}' is not NAME:VALUE; an example is cpus:2;mem:1024;ports:[31000-32000]"))
        })?;
        // `cpus(*):2` names Mesos' default role.
        let name = name.trim().trim_end_matches("(*)");
        if seen.contains(&name) {
            return Err(wrong(format!("{name} is given twice")));
        }
        seen.push(name);
        match name {
            "cpus" => resources.cpus = quantity(value).map_err(|reason| wrong(format!("cpus {reason}")))?,
            "mem" => resources.mem = quantity(value).map_err(|reason| wrong(format!("mem {reason}")))?,
            "disk" => resources.disk = quantity(value).map_err(|reason| wrong(format!("disk {reason}")))?,
            "gpus" => resources.gpus = quantity(value).map_err(|reason| wrong(format!("gpus {reason}")))?,
            "ports" => resources.ports = value.parse().map_err(|error| wrong(format!("ports: {error}")))?,
            _ => return Err(wrong(format!("'{name}' is none of cpus, mem, disk, gpus and ports"))),
        }
    }
    if resources.ports.contains(0) {
        return Err(wrong("ports: 0 is no port".to_owned()));
    }
    Ok(resources)
}

fn quantity(text: &str) -> Result<Scalar, String> {
    let number: f64 = text.trim().parse().map_err(|_| format!("must be a number, not '{text}'"))?;
    Scalar::try_from_f64(number).map_err(|error| error.to_string())
}

/// Reads `rack:r1;zone:z2`. A value that is a number is one.
pub(crate) fn parse_attributes(text: &str) -> Result<Attributes, AgentError> {
    let wrong = |reason: String| AgentError::Setting { setting: "attributes", reason };
    let mut attributes = Attributes::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = match part.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => (name.trim(), value.trim()),
            _ => return Err(wrong(format!("'{part}' is not NAME:VALUE; an example is rack:r1;zone:z2"))),
        };
        let value = quantity(value).map_or_else(|_| AttributeValue::Text(value.to_owned()), AttributeValue::Scalar);
        if attributes.insert(name.to_owned(), value).is_some() {
            return Err(wrong(format!("{name} is given twice")));
        }
    }
    Ok(attributes)
}

/// What this machine has, less a reserve for the system. `folder` is where the sandboxes will be.
pub(crate) fn found_on_machine(folder: &Path) -> Resources {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Resources {
        cpus: Scalar::from_whole(i64::try_from(cpus).unwrap_or(1)),
        mem: megabytes(less_reserve(memory_mb(), MEM_RESERVE_MB)),
        disk: megabytes(less_reserve(free_disk_mb(folder), DISK_RESERVE_MB)),
        gpus: Scalar::ZERO,
        ports: PortRanges::new([DEFAULT_PORTS]),
        gpu_slots: model::GpuSlots::none(),
    }
}

fn megabytes(count: u64) -> Scalar {
    i64::try_from(count).map_or(Scalar::LIMIT, |count| Scalar::from_whole(count.min(Scalar::LIMIT.0 / 1000)))
}

fn less_reserve(available_mb: u64, reserve_mb: u64) -> u64 {
    if available_mb >= 2 * reserve_mb { available_mb - reserve_mb } else { available_mb / 2 }
}

fn memory_mb() -> u64 {
    let table = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = table.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|text| text.trim().parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes / 1024)
}

fn free_disk_mb(folder: &Path) -> u64 {
    match nix::sys::statvfs::statvfs(folder) {
        Ok(space) => space.blocks_available().saturating_mul(space.fragment_size()) >> 20,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        let found = Resources { mem: Scalar::from_whole(7), ..Resources::default() };
        parse_resources(text, found).map(|all| all.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn given_parts_win_over_found_ones() {
        let all = parse("cpus:2.5; disk:100;gpus:1;ports:[31000-31010, 8000-8000]");
        assert_eq!(all.as_deref(), Ok("cpus:2.5;mem:7;disk:100;gpus:1;ports:[8000-8000,31000-31010]"));
        assert_eq!(parse("cpus(*):1").as_deref(), Ok("cpus:1;mem:7;disk:0;gpus:0;ports:[]"));
    }

    #[test]
    fn says_which_part_is_wrong() {
        for (text, reason) in [
            ("cpus:-1", "--resources: cpus must not be negative"),
            ("mem:lots", "--resources: mem must be a number, not 'lots'"),
            ("cpus:1;cpus:2", "--resources: cpus is given twice"),
            ("fish:1", "--resources: 'fish' is none of cpus, mem, disk, gpus and ports"),
            ("ports:[9-3]", "--resources: ports: '9-3' ends before it begins"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn attributes_are_texts_or_numbers() {
        let attributes = parse_attributes("rack:r1;weight:1.5;host:a:b").expect("attributes");
        let shown: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["host=a:b", "rack=r1", "weight=1.5"]);
        assert_eq!(attributes["weight"], AttributeValue::Scalar(Scalar(1500)));
        assert!(parse_attributes("rack").is_err());
    }

    #[test]
    fn small_machines_keep_half_for_the_system() {
        assert_eq!(less_reserve(8000, 1024), 6976);
        assert_eq!(less_reserve(1000, 1024), 500);
        assert!(found_on_machine(Path::new("/")).mem > Scalar::ZERO);
    }
}
