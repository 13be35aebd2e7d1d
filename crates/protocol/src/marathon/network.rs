//! Networks and ports of an app, read from the modern form.

use std::collections::BTreeSet;

use model::{Network, PortProtocol, PortSpec};
use serde_json::Value;

use super::decode::limits::MAX_PORTS;
use super::definition::DEFAULT_PORT_NAME;
use super::fields::Fields;
use super::problems::Problems;
use super::shapes::{NETWORK, PORT_DEFINITION, PORT_MAPPING};

/// The longest name of a port, as in DNS.
const MAX_PORT_NAME_LEN: usize = 63;

pub(crate) fn network(app: &Fields<'_>, problems: &mut Problems) -> Network {
    let networks = app.items("networks", problems).unwrap_or_default();
    if networks.len() > 1 {
        problems.add(app.at("networks"), "more than one network is not built yet: name one");
    }
    let modes: Vec<Network> = networks.iter().filter_map(|(at, value)| mode(at, value, problems)).collect();
    modes.first().copied().unwrap_or(Network::Host)
}

fn mode(at: &str, value: &Value, problems: &mut Problems) -> Option<Network> {
    let fields = Fields::open(at, value, &NETWORK, problems)?;
    let reason = match fields.text("mode", problems) {
        Some("host") => return Some(Network::Host),
        Some("container/bridge") => return Some(Network::Bridge),
        Some("container") => "'container' is not built yet: use host or container/bridge".to_owned(),
        Some(other) => format!("must be host or container/bridge, not '{other}'"),
        // Marathon's own default is a named network.
        None if fields.value("mode").is_none() => "is missing: use host or container/bridge".to_owned(),
        None => return None,
    };
    problems.add(fields.at("mode"), reason);
    None
}

/// The ports of an app on the host's network.
pub(crate) fn port_definitions(app: &Fields<'_>, require: bool, problems: &mut Problems) -> Vec<PortSpec> {
    if app.value("portDefinitions").is_none() {
        return vec![PortSpec { name: Some(DEFAULT_PORT_NAME.to_owned()), ..any_port(None) }];
    }
    let items = app.items("portDefinitions", problems).unwrap_or_default();
    let mut ports = Vec::with_capacity(items.len());
    for (at, value) in &items {
        let Some(fields) = Fields::open(at, value, &PORT_DEFINITION, problems) else { continue };
        let port = fields.port("port", problems).unwrap_or_default();
        let host_port = if require { port } else { 0 };
        ports.push(PortSpec { host_port, service_port: port, ..described(&fields, None, problems) });
    }
    let all: Vec<u16> = ports.iter().map(|port| port.service_port).collect();
    check_ports(&app.at("portDefinitions"), &ports, &all, "port", problems);
    ports
}

/// The ports of an app on a bridge network. The container's fields are at `container`.
pub(crate) fn port_mappings(container: &Fields<'_>, problems: &mut Problems) -> Vec<PortSpec> {
    if container.value("portMappings").is_none() {
        return vec![PortSpec { name: Some(DEFAULT_PORT_NAME.to_owned()), ..any_port(Some(0)) }];
    }
    let items = container.items("portMappings", problems).unwrap_or_default();
    let mut ports = Vec::with_capacity(items.len());
    for (at, value) in &items {
        let Some(fields) = Fields::open(at, value, &PORT_MAPPING, problems) else { continue };
        let container_port = fields.port("containerPort", problems).unwrap_or_default();
        ports.push(PortSpec {
            host_port: fields.port("hostPort", problems).unwrap_or_default(),
            service_port: fields.port("servicePort", problems).unwrap_or_default(),
            ..described(&fields, Some(container_port), problems)
        });
    }
    let host: Vec<u16> = ports.iter().map(|port| port.host_port).collect();
    check_ports(&container.at("portMappings"), &ports, &host, "hostPort", problems);
    ports
}

fn any_port(container_port: Option<u16>) -> PortSpec {
    PortSpec {
        container_port,
        host_port: 0,
        service_port: 0,
        protocol: PortProtocol::Tcp,
        name: None,
        labels: Default::default(),
    }
}

/// What definitions and mappings have in common.
fn described(fields: &Fields<'_>, container_port: Option<u16>, problems: &mut Problems) -> PortSpec {
    let protocol = match fields.text("protocol", problems) {
        None | Some("tcp") => PortProtocol::Tcp,
        Some("udp") => PortProtocol::Udp,
        Some("udp,tcp" | "tcp,udp") => PortProtocol::Both,
        Some(other) => {
            problems.add(fields.at("protocol"), format!("must be tcp, udp or udp,tcp, not '{other}'"));
            PortProtocol::Tcp
        }
    };
    let name = fields.filled_text("name", problems);
    if name.is_some_and(|name| !is_port_name(name)) {
        problems.add(
            fields.at("name"),
            format!(
                "may hold lowercase letters, digits and '-' only, must begin and end with a letter or digit and have at \
                 most {MAX_PORT_NAME_LEN} characters"
            ),
        );
    }
    PortSpec {
        protocol,
        name: name.map(ToOwned::to_owned),
        labels: fields.text_map("labels", problems).unwrap_or_default(),
        ..any_port(container_port)
    }
}

pub(crate) fn is_port_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= MAX_PORT_NAME_LEN
        && name.starts_with(inner)
        && name.ends_with(inner)
        && name.chars().all(|c| inner(c) || c == '-')
}

/// Names are unique, and so are the given numbers, except 0.
fn check_ports(at: &str, ports: &[PortSpec], numbers: &[u16], field: &str, problems: &mut Problems) {
    if ports.len() > MAX_PORTS {
        problems.add(at, format!("must not hold more than {MAX_PORTS} ports"));
    }
    let mut names = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for (index, (port, number)) in ports.iter().zip(numbers).enumerate() {
        if let Some(name) = port.name.as_deref().filter(|name| !names.insert(*name)) {
            problems.add(format!("{at}({index})/name"), format!("'{name}' is the name of an earlier port too"));
        }
        if *number != 0 && !taken.insert(*number) {
            problems.add(format!("{at}({index})/{field}"), format!("{number} is an earlier port's too"));
        }
    }
}
