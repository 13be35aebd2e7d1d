//! What the agent offers: given in Mesos' syntax, or found on the machine.

use std::path::Path;

use model::{AttributeValue, Attributes, Constraint, PortRange, PortRanges, Resources, Scalar};

use crate::AgentError;

/// Offered when nothing else is said.
const DEFAULT_PORTS: PortRange = PortRange { begin: 31_000, end: 32_000 };
/// Left to the system, as Mesos does; machines with less than twice this offer half of what they have.
const MEM_RESERVE_MB: u64 = 1024;
const DISK_RESERVE_MB: u64 = 5 * 1024;

/// Reads `cpus:2;mem:1024;disk:4096;gpus:0;ports:[31000-32000]`. What is not in the text is taken from `found`.
pub fn parse_resources(text: &str, found: Resources) -> Result<Resources, AgentError> {
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

/// Reads `rack:r1;zone:z2`. A value that is a number is one; ranges and sets are texts in which the order in which they were
/// written does not show.
pub fn parse_attributes(text: &str) -> Result<Attributes, AgentError> {
    let wrong = |reason: String| AgentError::Setting { setting: "attributes", reason };
    let mut attributes = Attributes::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = match part.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => (name.trim(), value.trim()),
            _ => return Err(wrong(format!("'{part}' is not NAME:VALUE; an example is rack:r1;zone:z2"))),
        };
        if name.starts_with(Constraint::RESERVED) {
            let way_out = "say where the agent is with --region and --zone, and choose another name for anything else";
            return Err(wrong(format!("the name '{name}' begins with '{}': {way_out}", Constraint::RESERVED)));
        }
        let value = quantity(value).map_or_else(|_| AttributeValue::Text(in_order(value)), AttributeValue::Scalar);
        if attributes.insert(name.to_owned(), value).is_some() {
            return Err(wrong(format!("{name} is given twice")));
        }
    }
    Ok(attributes)
}

/// Ranges `[1-2,5-9]` and sets `{a,b}` as constraints compare them: in order, without spaces. Any other text stays as it is.
fn in_order(text: &str) -> String {
    if let Some(items) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let mut items: Vec<&str> = items.split(',').map(str::trim).collect();
        items.sort_unstable();
        return format!("{{{}}}", items.join(","));
    }
    let ranges = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let range = |range: &str| {
        let (begin, end) = range.split_once('-')?;
        Some((begin.trim().parse::<u64>().ok()?, end.trim().parse::<u64>().ok()?))
    };
    let Some(mut ranges) = ranges.and_then(|ranges| ranges.split(',').map(range).collect::<Option<Vec<_>>>()) else {
        return text.to_owned();
    };
    ranges.sort_unstable();
    let ranges: Vec<String> = ranges.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
    format!("[{}]", ranges.join(","))
}

/// Where the agent is, among its attributes.
pub(crate) fn add_place(
    attributes: &mut Attributes,
    setting: &'static str,
    field: &str,
    place: &str,
) -> Result<(), AgentError> {
    let place = place.trim();
    if place.is_empty() {
        let reason = "is empty: name one, or leave it out".to_owned();
        return Err(AgentError::Setting { setting, reason });
    }
    attributes.insert(field.to_owned(), AttributeValue::Text(place.to_owned()));
    Ok(())
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
    fn names_of_places_are_not_for_attributes() {
        for name in ["@zone", "@hostname", "@any"] {
            let refused = parse_attributes(&format!("rack:r1;{name}:x")).map_err(|error| error.to_string());
            let expected = format!(
                "--attributes: the name '{name}' begins with '@': say where the agent is with --region and --zone, and \
                 choose another name for anything else"
            );
            assert_eq!(refused, Err(expected));
        }
    }

    #[test]
    fn ranges_and_sets_are_told_in_order() {
        for (text, told) in [
            ("[9-12, 1-3]", "[1-3,9-12]"),
            ("[100-200]", "[100-200]"),
            ("{b, a}", "{a,b}"),
            ("[a-b]", "[a-b]"),
            ("r1", "r1"),
        ] {
            assert_eq!(in_order(text), told);
        }
    }

    #[test]
    fn small_machines_keep_half_for_the_system() {
        assert_eq!(less_reserve(8000, 1024), 6976);
        assert_eq!(less_reserve(1000, 1024), 500);
        assert!(found_on_machine(Path::new("/")).mem > Scalar::ZERO);
    }
}
