//! Resources as Mesos lists them.

use model::{PortRange, PortRanges, Resources, Scalar};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde::{Deserialize, de::IgnoredAny};

#[derive(Deserialize)]
pub(super) struct WireResource {
    name: String,
    scalar: Option<WireScalar>,
    ranges: Option<WireRanges>,
    reservation: Option<IgnoredAny>,
    #[serde(default)]
    reservations: Vec<IgnoredAny>,
    disk: Option<IgnoredAny>,
    revocable: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireScalar {
    value: f64,
}

#[derive(Deserialize)]
struct WireRanges {
    #[serde(default)]
    range: Vec<WireRange>,
}

#[derive(Deserialize)]
struct WireRange {
    begin: u64,
    end: u64,
}

/// The sum of a list; several entries of one name are added up.
pub(super) fn read(list: Vec<WireResource>) -> Result<Resources, String> {
    let mut sum = Resources::default();
    for resource in list {
        let name = resource.name.as_str();
        if resource.reservation.is_some() || !resource.reservations.is_empty() {
            return Err(format!("resource {name} is reserved, but reservations are not built yet"));
        }
        if resource.disk.is_some() || resource.revocable.is_some() {
            return Err(format!("resource {name} is a volume or revocable, which is not built yet"));
        }
        if name == "ports" {
            sum.ports = sum.ports.union(&ports(resource.ranges)?);
            continue;
        }
        let value = resource.scalar.ok_or_else(|| format!("resource {name} has no scalar"))?.value;
        let scalar = Scalar::try_from_f64(value).map_err(|error| format!("resource {name} {error}"))?;
        let target = match name {
            "cpus" => &mut sum.cpus,
            "mem" => &mut sum.mem,
            "disk" => &mut sum.disk,
            "gpus" => &mut sum.gpus,
            _ => return Err(format!("resource {name} is not offered here: there are cpus, mem, disk, gpus and ports")),
        };
        *target = target.plus(scalar);
        if *target > Scalar::LIMIT {
            return Err(format!("resource {name} is too large"));
        }
    }
    Ok(sum)
}

fn ports(ranges: Option<WireRanges>) -> Result<PortRanges, String> {
    let ranges = ranges.ok_or("resource ports has no ranges")?.range;
    let port = |port: u64| u16::try_from(port).map_err(|_| format!("resource ports: {port} is no port"));
    let ranges = ranges.into_iter().map(|range| Ok(PortRange { begin: port(range.begin)?, end: port(range.end)? }));
    Ok(PortRanges::new(ranges.collect::<Result<Vec<_>, String>>()?))
}

/// A list for one role; what there is none of is left out.
pub(super) struct WireList<'a> {
    pub(super) resources: &'a Resources,
    pub(super) role: &'a str,
}

#[derive(serde::Serialize)]
struct Entry<'a> {
    name: &'static str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scalar: Option<ScalarOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<RangesOut<'a>>,
    role: &'static str,
    allocation_info: Role<'a>,
}

#[derive(serde::Serialize)]
pub(super) struct Role<'a> {
    pub(super) role: &'a str,
}

#[derive(serde::Serialize)]
struct ScalarOut {
    value: f64,
}

#[derive(serde::Serialize)]
struct RangesOut<'a> {
    range: &'a [PortRange],
}

/// Offered to any role: there are no reservations.
const ANY_ROLE: &str = "*";

impl Serialize for WireList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Resources { cpus, mem, disk, gpus, ports, gpu_slots: _ } = self.resources;
        let mut list = serializer.serialize_seq(None)?;
        let entry = |name, r#type, scalar, ranges| Entry {
            name,
            r#type,
            scalar,
            ranges,
            role: ANY_ROLE,
            allocation_info: Role { role: self.role },
        };
        for (name, amount) in [("cpus", cpus), ("mem", mem), ("disk", disk), ("gpus", gpus)] {
            if *amount > Scalar::ZERO {
                let scalar = Some(ScalarOut { value: amount.as_f64() });
                list.serialize_element(&entry(name, "SCALAR", scalar, None))?;
            }
        }
        if !ports.is_empty() {
            let ranges = Some(RangesOut { range: ports.ranges() });
            list.serialize_element(&entry("ports", "RANGES", None, ranges))?;
        }
        list.end()
    }
}
