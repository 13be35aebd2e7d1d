//! What agents have and tasks need.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{GpuSlots, PortRanges, Scalar};

/// Quantities in Mesos' units: cpus, MB of memory, MB of disk, GPUs, and a set of ports. What is of one agent says which
/// GPUs are meant, but for what an agent has in all, and for what was launched before GPUs were told apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    pub cpus: Scalar,
    pub mem: Scalar,
    pub disk: Scalar,
    pub gpus: Scalar,
    #[serde(default, skip_serializing_if = "PortRanges::is_empty")]
    pub ports: PortRanges,
    #[serde(default, skip_serializing_if = "GpuSlots::is_empty")]
    pub gpu_slots: GpuSlots,
}

impl Resources {
    /// Adds the quantities, the ports and the GPUs of `other`.
    pub fn add(&mut self, other: &Self) {
        self.cpus = self.cpus.plus(other.cpus);
        self.mem = self.mem.plus(other.mem);
        self.disk = self.disk.plus(other.disk);
        self.gpus = self.gpus.plus(other.gpus);
        if !other.ports.is_empty() {
            self.ports = self.ports.union(&other.ports);
        }
        if !other.gpu_slots.is_empty() {
            self.gpu_slots = self.gpu_slots.union(&other.gpu_slots);
        }
    }

    /// Takes away the quantities, the ports and the GPUs of `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.cpus = self.cpus.minus(other.cpus);
        self.mem = self.mem.minus(other.mem);
        self.disk = self.disk.minus(other.disk);
        self.gpus = self.gpus.minus(other.gpus);
        if !other.ports.is_empty() {
            self.ports = self.ports.difference(&other.ports);
        }
        if !other.gpu_slots.is_empty() {
            self.gpu_slots = self.gpu_slots.difference(&other.gpu_slots);
        }
    }

    /// Whether none of the quantities is negative.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        [self.cpus, self.mem, self.disk, self.gpus].iter().all(|scalar| *scalar >= Scalar::ZERO)
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cpus:{};mem:{};disk:{};gpus:{};ports:[{}]", self.cpus, self.mem, self.disk, self.gpus, self.ports)
    }
}

/// What an operator says about an agent, for constraints to match.
pub type Attributes = BTreeMap<String, AttributeValue>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeValue {
    Scalar(Scalar),
    Text(String),
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
