//! Creating and changing apps: a body, on its own or over the present definition.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use model::{AppId, AppSpec, Constraint};
use serde_json::{Map, Value};

use super::decode::{self, ConstraintRule};
use super::encode::definition_of;
use super::legacy::modernise;
use super::problems::Problems;

/// Out of which the cluster chooses service ports, as Marathon does. One outside of it was somebody's own choice.
const CHOSEN_SERVICE_PORTS: RangeInclusive<u16> = 10_000..=20_000;

/// How a body relates to the present definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Fields that the body leaves out stay as they are; those that it has are replaced whole.
    Merge,
    /// Fields that the body leaves out get their defaults.
    Replace,
}

/// Reads a new app. `rule` is what placement says of a constraint.
pub fn create(mut body: Value, rule: &dyn Fn(&Constraint) -> Result<(), String>) -> Result<AppSpec, Problems> {
    let mut problems = Problems::default();
    modernise(&mut body, &mut problems);
    finish(problems, decode::app(&body, rule))
}

/// Reads a change of the app `id`, which does not exist yet when there is no present definition.
///
/// Service ports that the body leaves open stay what they are, so that sending a definition again changes nothing.
pub fn update(
    id: &AppId,
    present: Option<&AppSpec>,
    mut body: Value,
    update: Update,
    rule: &dyn Fn(&Constraint) -> Result<(), String>,
) -> Result<AppSpec, Problems> {
    let mut problems = Problems::default();
    modernise(&mut body, &mut problems);
    let Value::Object(mut body) = body else {
        return finish(problems, decode::app(&body, rule));
    };
    check_id(id, &body, &mut problems);
    body.insert("id".to_owned(), id.as_str().into());
    let whole = match (present, update) {
        (Some(present), Update::Merge) => lay_over(present, body),
        _ => body,
    };
    let mut next = finish(problems, decode::app(&whole.into(), rule as ConstraintRule<'_>))?;
    if let Some(present) = present {
        keep_service_ports(present, &mut next);
    }
    Ok(next)
}

fn finish(mut problems: Problems, decoded: Result<AppSpec, Problems>) -> Result<AppSpec, Problems> {
    match decoded {
        Ok(spec) => problems.or_value(Some(spec)),
        Err(more) => {
            problems.add_all("", more);
            Err(problems)
        }
    }
}

fn check_id(id: &AppId, body: &Map<String, Value>, problems: &mut Problems) {
    // A wrong type, or a text that is no id, counts as another name.
    let named = body.get("id").filter(|named| !named.is_null());
    let same = named.is_none_or(|named| named.as_str().and_then(|text| AppId::parse(text).ok()).as_ref() == Some(id));
    if !same {
        problems.add("/id", format!("must be '{id}', as in the request's path: an app cannot be renamed"));
    }
}

fn lay_over(present: &AppSpec, body: Map<String, Value>) -> Map<String, Value> {
    let Ok(Value::Object(mut merged)) = serde_json::to_value(definition_of(present)) else { return body };
    let asks = |name: &str| match body.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    // A new command takes the place of the old one, whichever way either is written.
    if asks("cmd") {
        merged.remove("args");
    }
    if asks("args") {
        merged.remove("cmd");
    }
    let (defines_ports, requires_ports) = (asks("portDefinitions"), asks("requirePorts"));
    let replaces_container = asks("container");
    merged.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
    // Ports are said in different places on different networks: what the other network had goes.
    let bridged =
        merged.get("networks").and_then(|networks| networks.pointer("/0/mode")) == Some(&"container/bridge".into());
    if bridged && !defines_ports {
        merged.remove("portDefinitions");
    }
    if bridged && !requires_ports {
        merged.remove("requirePorts");
    }
    if !bridged
        && !replaces_container
        && let Some(container) = merged.get_mut("container").and_then(Value::as_object_mut)
    {
        container.remove("portMappings");
    }
    merged
}

fn keep_service_ports(present: &AppSpec, next: &mut AppSpec) {
    let used: Vec<u16> = next.ports.iter().map(|port| port.service_port).collect();
    let kept = |port: &u16| CHOSEN_SERVICE_PORTS.contains(port) && !used.contains(port);
    let mut free: VecDeque<u16> = present.ports.iter().map(|port| port.service_port).filter(kept).collect();
    for port in next.ports.iter_mut().filter(|port| port.service_port == 0) {
        let Some(kept) = free.pop_front() else { return };
        port.service_port = kept;
        if next.require_ports && port.container_port.is_none() {
            port.host_port = kept;
        }
    }
}
