//! Older forms of an app, rewritten into the modern one before anything else is read.
//!
//! - 2014 (Marathon 0.6): `container.image` with `docker:///` and `container.options`. Its network is a bridge, with
//!   one published port as `PORT0`, or as many as `ports` has.
//! - 2014 to 2017: `container.docker.network`, `container.docker.portMappings`, `ports`.

use model::engine_option;
use serde_json::{Map, Value, json};

use super::definition::DEFAULT_PORT_NAME;
use super::fields::{self, must_be};
use super::problems::Problems;

const IMAGE_SCHEME: &str = "docker:///";

/// What is no object, or has the wrong type in a place that is not old, is left for `decode` to complain about.
pub(crate) fn modernise(body: &mut Value, problems: &mut Problems) {
    let Some(app) = body.as_object_mut() else { return };
    let ports = app.remove("ports").filter(|ports| !ports.is_null());
    let ports = ports.and_then(|ports| service_ports(&ports, problems));
    if is_of_2014(app) {
        modernise_container_of_2014(app, ports.as_deref(), problems);
        return;
    }
    modernise_docker(app, problems);
    if let Some(ports) = ports {
        modernise_ports(app, &ports, problems);
    }
}

fn service_ports(ports: &Value, problems: &mut Problems) -> Option<Vec<u16>> {
    let items = fields::items("/ports", ports, problems)?;
    let port = |(at, item): &(String, &Value), problems: &mut Problems| {
        fields::whole(at, item, u32::from(u16::MAX), problems).and_then(|port| u16::try_from(port).ok())
    };
    items.iter().map(|item| port(item, problems)).collect()
}

fn is_of_2014(app: &Map<String, Value>) -> bool {
    let has = |name| app.get("container").and_then(|container| container.get(name)).is_some_and(|v| !v.is_null());
    has("image") || has("options")
}

fn modernise_container_of_2014(app: &mut Map<String, Value>, ports: Option<&[u16]>, problems: &mut Problems) {
    let Some(Value::Object(old)) = app.remove("container") else { return };
    for name in old.keys().filter(|name| *name != "image" && *name != "options") {
        problems.add(
            format!("/container/{name}"),
            "does not go together with container.image, the form of 2014: use container.docker.image",
        );
    }
    for modern in ["networks", "portDefinitions"] {
        if app.get(modern).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            problems.add(format!("/{modern}"), "does not go together with container.image, the form of 2014");
        }
    }
    let mut parameters = options(old.get("options"), problems);
    let mut privileged = false;
    parameters.retain(|parameter| {
        let is_flag = parameter.key == "privileged";
        if is_flag {
            privileged = parameter.value != "false" && parameter.value != "0";
        }
        !is_flag
    });
    let parameters: Vec<Value> = parameters.iter().map(|p| json!({ "key": p.key, "value": p.value })).collect();
    let mappings: Vec<Value> = match ports {
        Some(ports) => ports.iter().map(|port| json!({ "servicePort": port })).collect(),
        None => vec![json!({ "name": DEFAULT_PORT_NAME })],
    };
    app.insert("networks".to_owned(), json!([{ "mode": "container/bridge" }]));
    app.remove("portDefinitions");
    app.insert(
        "container".to_owned(),
        json!({
            "type": "DOCKER",
            "docker": {
                "image": image(old.get("image"), problems),
                "privileged": privileged,
                "parameters": parameters,
            },
            "portMappings": mappings,
        }),
    );
}

fn image(image: Option<&Value>, problems: &mut Problems) -> String {
    let at = "/container/image";
    let wrong = match image {
        None | Some(Value::Null) => "is missing: options alone say nothing of what to run".to_owned(),
        Some(Value::String(text)) => match text.strip_prefix(IMAGE_SCHEME) {
            Some(name) if !name.is_empty() => return name.to_owned(),
            _ => format!("must begin with {IMAGE_SCHEME} and name an image, such as {IMAGE_SCHEME}libmesos/ubuntu"),
        },
        Some(other) => must_be("a string", other),
    };
    problems.add(at, wrong);
    // Something that reads well, because the problem is told already.
    "unnamed".to_owned()
}

fn options(options: Option<&Value>, problems: &mut Problems) -> Vec<model::Parameter> {
    let at = "/container/options";
    let Some(options) = options.filter(|options| !options.is_null()) else { return Vec::new() };
    let Some(items) = fields::items(at, options, problems) else { return Vec::new() };
    let typed: Option<Vec<String>> =
        items.iter().map(|(at, item)| fields::text(at, item, problems).map(ToOwned::to_owned)).collect();
    match typed.map(|typed| engine_option::from_command_line(&typed)) {
        None => Vec::new(),
        Some(Ok(parameters)) => parameters,
        Some(Err(reason)) => {
            problems.add(at, reason);
            Vec::new()
        }
    }
}

fn modernise_docker(app: &mut Map<String, Value>, problems: &mut Problems) {
    let named = app.get("networks").and_then(Value::as_array).is_some_and(|networks| !networks.is_empty());
    let Some(container) = app.get_mut("container").and_then(Value::as_object_mut) else { return };
    let Some(docker) = container.get_mut("docker").and_then(Value::as_object_mut) else { return };
    let network = docker.remove("network").filter(|network| !network.is_null());
    let mappings = docker.remove("portMappings").filter(|mappings| !mappings.is_null());

    if let Some(mappings) = mappings {
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        match container.get("portMappings").filter(|modern| !modern.is_null()) {
            Some(modern) if !is_empty(modern) && !is_empty(&mappings) => {
                let reason = "does not go together with container.portMappings: use that one alone";
                problems.add("/container/docker/portMappings", reason);
            }
            Some(modern) if !is_empty(modern) => {}
            _ => {
                container.insert("portMappings".to_owned(), mappings);
            }
        }
    }
    let at = "/container/docker/network";
    let Some(network) = network else { return };
    let mode = match network.as_str() {
        Some("BRIDGE") => "container/bridge",
        Some("HOST") => "host",
        Some("NONE" | "USER") => {
            problems.add(at, format!("{network} is not built yet: use networks with host or container/bridge"));
            return;
        }
        Some(other) => {
            problems.add(at, format!("must be BRIDGE or HOST, not '{other}'"));
            return;
        }
        None => {
            problems.add(at, must_be("a string", &network));
            return;
        }
    };
    if named {
        problems.add(at, "does not go together with networks: use that one alone");
        return;
    }
    // On the host's network, mappings said nothing in the old form.
    if mode == "host" {
        container.remove("portMappings");
    }
    app.insert("networks".to_owned(), json!([{ "mode": mode }]));
}

/// `ports` are the service ports of `portDefinitions`, or of the port mappings that stand beside them.
fn modernise_ports(app: &mut Map<String, Value>, ports: &[u16], problems: &mut Problems) {
    let numbers = |list: Option<&Value>, field: &str| -> Option<Vec<u64>> {
        let list = list?.as_array().filter(|list| !list.is_empty())?;
        Some(list.iter().map(|item| item.get(field).and_then(Value::as_u64).unwrap_or_default()).collect())
    };
    let mapped = numbers(app.get("container").and_then(|container| container.get("portMappings")), "servicePort");
    let defined = numbers(app.get("portDefinitions"), "port");
    let (modern, name) = match (mapped, defined) {
        (Some(mapped), _) => (mapped, "servicePort of container.portMappings"),
        (None, Some(defined)) => (defined, "portDefinitions"),
        (None, None) => {
            let definitions: Vec<Value> = ports.iter().map(|port| json!({ "port": port })).collect();
            app.insert("portDefinitions".to_owned(), definitions.into());
            return;
        }
    };
    let same =
        modern.len() == ports.len() && modern.iter().zip(ports).all(|(modern, port)| *modern == u64::from(*port));
    if !same && !ports.is_empty() {
        problems.add("/ports", format!("says something else than {name}: use that one alone"));
    }
}
