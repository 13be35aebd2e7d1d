//! What is asked of placement: one instance of an app. Must not know where it could go.

use model::{AppId, AppSpec, AppVersion, Constraint, PortSpec, Scalar};

use crate::Dimension;

/// The name of the containerizer that runs containers, as agents give it.
pub(crate) const DOCKER: &str = "docker";

/// One instance that wants a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    pub app: AppId,
    /// Instances of older versions of the app are not counted, neither by constraints nor by policies; so that the
    /// tasks of a new version may stand beside those that they replace.
    pub counted_since: AppVersion,
    /// Whether it is a container, for which an agent needs a Docker engine.
    pub is_container: bool,
    pub cpus: Scalar,
    pub mem: Scalar,
    pub disk: Scalar,
    pub gpus: Scalar,
    pub ports: Vec<PortWanted>,
    pub constraints: Vec<Constraint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortWanted {
    /// Any of the agent's free ports.
    Any,
    /// This port of the agent and no other.
    Fixed(u16),
}

impl Request {
    /// What one instance of this app needs. All of the app's instances are counted, whatever their version.
    #[must_use]
    pub fn of_app(app: &AppSpec) -> Self {
        Self {
            app: app.id.clone(),
            counted_since: AppVersion::default(),
            is_container: app.container.is_some(),
            cpus: app.resources.cpus,
            mem: app.resources.mem,
            disk: app.resources.disk,
            gpus: app.resources.gpus,
            ports: app.ports.iter().map(|port| PortWanted::of_spec(port, app.require_ports)).collect(),
            constraints: app.constraints.clone(),
        }
    }

    /// Counts only instances of `version` and later ones: of the app's `config_version`, as a rule.
    #[must_use]
    pub fn counting_since(mut self, version: AppVersion) -> Self {
        self.counted_since = version;
        self
    }

    /// By dimension, in thousandths, none of them negative.
    #[must_use]
    pub fn amounts(&self) -> [i64; 4] {
        Dimension::ALL.map(|dimension| self.amount(dimension).0.max(0))
    }

    #[must_use]
    pub const fn amount(&self, dimension: Dimension) -> Scalar {
        match dimension {
            Dimension::Cpus => self.cpus,
            Dimension::Mem => self.mem,
            Dimension::Disk => self.disk,
            Dimension::Gpus => self.gpus,
        }
    }
}

impl PortWanted {
    /// A host port that the app names is fixed; so is its service port when the app requires that.
    fn of_spec(port: &PortSpec, require_ports: bool) -> Self {
        match (port.host_port, port.service_port) {
            (0, service_port) if require_ports && service_port != 0 => Self::Fixed(service_port),
            (0, _) => Self::Any,
            (host_port, _) => Self::Fixed(host_port),
        }
    }
}
