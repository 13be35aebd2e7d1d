//! Which fields there are, object by object.
//!
//! A field of Marathon's that is not built yet is refused by name as soon as it asks for something: null, false, an
//! empty text, list or object ask for nothing. A field that only answers have is passed over, so that what was read
//! can be sent back. Every other name is unknown.

use serde_json::Value;

/// The fields of one kind of object.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub built: &'static [&'static str],
    pub not_built: &'static [&'static str],
    pub answered: &'static [&'static str],
}

/// Values of fields that are not built which ask for what is done anyway, as JSON.
pub const AS_IT_IS_DONE: [(&str, &str); 3] =
    [("acceptedResourceRoles", r#"["*"]"#), ("executor", r#""//cmd""#), ("killSelection", r#""YOUNGEST_FIRST""#)];

pub(crate) const APP: Shape = Shape {
    name: "app",
    built: &[
        "id",
        "cmd",
        "args",
        "user",
        "role",
        "env",
        "instances",
        "cpus",
        "mem",
        "disk",
        "gpus",
        "constraints",
        "dependencies",
        "container",
        "networks",
        "portDefinitions",
        "requirePorts",
        "labels",
        "backoffSeconds",
        "backoffFactor",
        "maxLaunchDelaySeconds",
        "taskKillGracePeriodSeconds",
    ],
    not_built: &[
        "acceptedResourceRoles",
        "check",
        "executor",
        "executorResources",
        "fetch",
        "healthChecks",
        "ipAddress",
        "killSelection",
        "readinessChecks",
        "residency",
        "resourceLimits",
        "secrets",
        "storeUrls",
        "taskRateLimit",
        "tty",
        "unreachableStrategy",
        "upgradeStrategy",
        "uris",
    ],
    answered: &[
        "deployments",
        "lastTaskFailure",
        "readinessCheckResults",
        "taskStats",
        "tasks",
        "tasksHealthy",
        "tasksRunning",
        "tasksStaged",
        "tasksUnhealthy",
        "version",
        "versionInfo",
    ],
};

pub(crate) const CONTAINER: Shape = Shape {
    name: "container",
    built: &["type", "docker", "volumes", "portMappings"],
    not_built: &["appc", "linuxInfo"],
    answered: &[],
};

pub(crate) const DOCKER: Shape = Shape {
    name: "container.docker",
    built: &["image", "privileged", "forcePullImage", "parameters"],
    not_built: &["credential", "pullConfig"],
    answered: &[],
};

pub(crate) const PARAMETER: Shape =
    Shape { name: "container.docker.parameters", built: &["key", "value"], not_built: &[], answered: &[] };

pub(crate) const VOLUME: Shape = Shape {
    name: "container.volumes",
    built: &["containerPath", "hostPath", "mode"],
    not_built: &["external", "name", "persistent", "secret"],
    answered: &[],
};

pub(crate) const PORT_MAPPING: Shape = Shape {
    name: "container.portMappings",
    built: &["containerPort", "hostPort", "servicePort", "protocol", "name", "labels"],
    not_built: &["networkNames"],
    answered: &[],
};

pub(crate) const NETWORK: Shape =
    Shape { name: "networks", built: &["mode"], not_built: &["labels", "name"], answered: &[] };

pub(crate) const PORT_DEFINITION: Shape =
    Shape { name: "portDefinitions", built: &["port", "protocol", "name", "labels"], not_built: &[], answered: &[] };

/// All of them, for documentation.
#[must_use]
pub const fn shapes() -> [&'static Shape; 8] {
    [&APP, &CONTAINER, &DOCKER, &PARAMETER, &VOLUME, &PORT_MAPPING, &NETWORK, &PORT_DEFINITION]
}

/// Whether a value of a field that is not built can be passed over.
pub(crate) fn asks_for_nothing(field: &str, value: &Value) -> bool {
    let same = |done: Value| done == *value;
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) if text.is_empty() => true,
        Value::Array(items) if items.is_empty() => true,
        Value::Object(fields) if fields.is_empty() => true,
        _ => AS_IT_IS_DONE.iter().any(|(name, done)| *name == field && serde_json::from_str(done).is_ok_and(same)),
    }
}
