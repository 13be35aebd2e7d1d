//! An app's container, read from the modern form.

use std::collections::BTreeSet;

use model::{Container, DockerContainer, Network, Parameter, Volume, VolumeMode, engine_option};
use serde_json::Value;

use super::fields::Fields;
use super::problems::Problems;
use super::shapes::{CONTAINER, DOCKER, PARAMETER, VOLUME};

/// The container's own fields, if there is one that asks for something.
pub(crate) fn fields<'v>(app: &Fields<'v>, problems: &mut Problems) -> Option<Fields<'v>> {
    let value = app.value("container")?;
    if value.as_object().is_some_and(serde_json::Map::is_empty) {
        return None;
    }
    Fields::open(&app.at("container"), value, &CONTAINER, problems)
}

/// None for a container of Mesos' own without an image: such a task is a plain process in a cgroup, as any other.
pub(crate) fn container(fields: &Fields<'_>, network: Network, problems: &mut Problems) -> Option<Container> {
    let docker = fields.value("docker");
    let kind = fields.text("type", problems).unwrap_or(if docker.is_some() { "DOCKER" } else { "MESOS" });
    match kind {
        "DOCKER" => {}
        "MESOS" => {
            if docker.is_some() {
                problems.add(fields.at("type"), "'MESOS' with an image is not built yet: use DOCKER");
            } else if fields.items("volumes", problems).is_some_and(|volumes| !volumes.is_empty()) {
                problems.add(fields.at("volumes"), "are built for DOCKER containers only so far");
            }
            return None;
        }
        other => {
            problems.add(fields.at("type"), format!("must be DOCKER, not '{other}'"));
            return None;
        }
    }
    let Some(docker) = docker else {
        problems.add(fields.at("docker"), "is missing: it names the image");
        return None;
    };
    let docker = Fields::open(&fields.at("docker"), docker, &DOCKER, problems)?;
    Some(Container::Docker(DockerContainer {
        image: image(&docker, problems),
        network,
        privileged: docker.flag("privileged", problems).unwrap_or_default(),
        force_pull: docker.flag("forcePullImage", problems).unwrap_or_default(),
        parameters: parameters(&docker, problems),
        volumes: volumes(fields, problems),
    }))
}

fn image(docker: &Fields<'_>, problems: &mut Problems) -> String {
    let given = docker.value("image").is_some();
    let image = docker.text("image", problems).unwrap_or_default();
    if image.is_empty() && (!given || docker.value("image").is_some_and(Value::is_string)) {
        problems.add(docker.at("image"), "must not be empty");
    } else if image.contains(char::is_whitespace) {
        problems.add(docker.at("image"), "must not contain spaces");
    }
    image.to_owned()
}

fn parameters(docker: &Fields<'_>, problems: &mut Problems) -> Vec<Parameter> {
    let items = docker.items("parameters", problems).unwrap_or_default();
    let mut parameters = Vec::with_capacity(items.len());
    for (at, value) in &items {
        let Some(fields) = Fields::open(at, value, &PARAMETER, problems) else { continue };
        let key = fields.filled_text("key", problems);
        if key.is_none() {
            problems.add(fields.at("key"), "must not be empty");
        }
        let (Some(key), value) = (key, fields.text("value", problems).unwrap_or_default()) else { continue };
        if let Err(reason) = engine_option::parse(key, value) {
            problems.add(at, format!("'{key}' {reason}"));
        }
        parameters.push(Parameter { key: key.to_owned(), value: value.to_owned() });
    }
    parameters
}

fn volumes(container: &Fields<'_>, problems: &mut Problems) -> Vec<Volume> {
    let items = container.items("volumes", problems).unwrap_or_default();
    let mut paths = BTreeSet::new();
    let mut volumes = Vec::with_capacity(items.len());
    for (at, value) in &items {
        let Some(fields) = Fields::open(at, value, &VOLUME, problems) else { continue };
        let other_kind = ["external", "persistent", "secret"].iter().any(|kind| fields.value(kind).is_some());
        if other_kind {
            continue;
        }
        let container_path = path(&fields, "containerPath", problems);
        if !container_path.is_empty() && !paths.insert(container_path.clone()) {
            problems.add(fields.at("containerPath"), format!("'{container_path}' is an earlier volume's too"));
        }
        volumes.push(Volume {
            container_path,
            host_path: path(&fields, "hostPath", problems),
            mode: volume_mode(&fields, problems),
        });
    }
    volumes
}

fn path(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> String {
    let given = fields.value(name);
    let path = fields.text(name, problems).unwrap_or_default();
    // A value of another type is told already.
    if given.is_none_or(Value::is_string) {
        if !path.starts_with('/') {
            problems.add(fields.at(name), "must be an absolute path");
        } else if path.contains(':') {
            problems.add(fields.at(name), "must not contain ':'");
        }
    }
    path.to_owned()
}

fn volume_mode(fields: &Fields<'_>, problems: &mut Problems) -> VolumeMode {
    match fields.text("mode", problems) {
        None | Some("RW") => VolumeMode::Rw,
        Some("RO") => VolumeMode::Ro,
        Some(other) => {
            problems.add(fields.at("mode"), format!("must be RO or RW, not '{other}'"));
            VolumeMode::Rw
        }
    }
}
