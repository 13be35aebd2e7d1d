//! From the modern form to the model. Everything that is wrong is said, each with its path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    AppId, AppSpec, Backoff, Constraint, ConstraintOperator, Invocation, Network, PortSpec, Resources, Scalar,
    validate_role,
};
use serde_json::Value;

use super::container;
use super::definition::{DEFAULT_CPUS, DEFAULT_INSTANCES, DEFAULT_KILL_GRACE_MS, DEFAULT_MEM, DEFAULT_ROLE};
use super::fields::{self, Fields};
use super::network;
use super::problems::Problems;
use super::shapes::APP;

/// What an app may ask for at most, so that no sum overflows and no loop runs away.
pub mod limits {
    pub const MAX_INSTANCES: u32 = 100_000;
    pub const MAX_PORTS: usize = 100;
    pub const MAX_CONSTRAINTS: usize = 50;
    pub const MAX_DEPENDENCIES: usize = 500;
    /// The kernel gives a process no more than some 2 MB, and every agent is told all of it.
    pub const MAX_COMMAND_AND_ENV_BYTES: usize = 1 << 20;
    /// A year.
    pub const MAX_SECONDS: u32 = 31_536_000;
    pub const MAX_BACKOFF_FACTOR: u32 = 1_000;
}

/// What placement will have of a constraint, asked before the definition reaches the log.
pub(crate) type ConstraintRule<'a> = &'a dyn Fn(&Constraint) -> Result<(), String>;

pub(crate) fn app(body: &Value, rule: ConstraintRule<'_>) -> Result<AppSpec, Problems> {
    let mut problems = Problems::default();
    let spec = read(body, rule, &mut problems);
    problems.or_value(spec)
}

fn read(body: &Value, rule: ConstraintRule<'_>, problems: &mut Problems) -> Option<AppSpec> {
    let fields = Fields::open("", body, &APP, problems)?;
    let id = id(&fields, problems);
    let network = network::network(&fields, problems);
    let container_fields = container::fields(&fields, problems);
    let container = container_fields.as_ref().and_then(|own| container::container(own, network, problems));
    let require_ports = fields.flag("requirePorts", problems).unwrap_or_default();
    let has_image = container_fields.as_ref().is_some_and(|own| own.value("docker").is_some());
    let invocation = invocation(&fields, has_image, problems);
    let ports = ports(&fields, container_fields.as_ref(), network, require_ports, problems);
    let env = env(&fields, problems);
    refuse_oversize(&invocation, &env, problems);
    let spec = AppSpec {
        id: id?,
        invocation,
        instances: fields.whole("instances", limits::MAX_INSTANCES, problems).unwrap_or(DEFAULT_INSTANCES),
        resources: resources(&fields, problems),
        container,
        user: fields.filled_text("user", problems).map(ToOwned::to_owned),
        role: role(&fields, problems),
        env,
        labels: fields.text_map("labels", problems).unwrap_or_default(),
        ports,
        require_ports,
        constraints: constraints(&fields, rule, problems),
        dependencies: dependencies(&fields, problems),
        backoff: backoff(&fields, problems),
        kill_grace_ms: fields
            .seconds("taskKillGracePeriodSeconds", limits::MAX_SECONDS, problems)
            .unwrap_or(DEFAULT_KILL_GRACE_MS),
    };
    Some(spec)
}

fn refuse_oversize(invocation: &Invocation, env: &BTreeMap<String, String>, problems: &mut Problems) {
    let command = match invocation {
        Invocation::Shell(line) => line.len(),
        Invocation::Args(args) => args.iter().map(String::len).sum(),
        Invocation::ImageDefault => 0,
    };
    let bytes = command + env.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > limits::MAX_COMMAND_AND_ENV_BYTES {
        let limit = limits::MAX_COMMAND_AND_ENV_BYTES;
        problems.add(
            "/env",
            format!("has {bytes} bytes together with the command, but a process is given {limit} at most"),
        );
    }
}

/// Reports a missing or wrong id; the rest is read all the same, with an id that nobody sees.
fn id(app: &Fields<'_>, problems: &mut Problems) -> Option<AppId> {
    if app.value("id").is_none() {
        problems.add(app.at("id"), "is missing");
    } else if let Some(text) = app.text("id", problems) {
        match AppId::parse(text) {
            Ok(id) => return Some(id),
            Err(error) => problems.add(app.at("id"), error.to_string()),
        }
    }
    AppId::parse("unnamed").ok()
}

/// None for the one that stands for all.
fn role(app: &Fields<'_>, problems: &mut Problems) -> Option<Arc<str>> {
    let role = app.filled_text("role", problems).filter(|role| *role != DEFAULT_ROLE)?;
    if let Err(reason) = validate_role(role) {
        problems.add(app.at("role"), reason);
    }
    Some(role.into())
}

fn invocation(app: &Fields<'_>, has_image: bool, problems: &mut Problems) -> Invocation {
    let cmd = app.filled_text("cmd", problems);
    let args = app.texts("args", problems).filter(|args| !args.is_empty());
    match (cmd, args) {
        (Some(_), Some(_)) => problems.add("/", "cmd and args exclude each other: give one of them"),
        (Some(line), None) => return Invocation::Shell(line.to_owned()),
        (None, Some(args)) => return Invocation::Args(args),
        (None, None) if has_image => {}
        (None, None) => problems.add("/", "needs a cmd, or args, or a container whose image says what to run"),
    }
    Invocation::ImageDefault
}

fn ports(
    app: &Fields<'_>,
    container: Option<&Fields<'_>>,
    network: Network,
    require: bool,
    problems: &mut Problems,
) -> Vec<PortSpec> {
    let some = |fields: &Fields<'_>, name| fields.value(name).is_some_and(|list| list.as_array() != Some(&Vec::new()));
    match (network, container) {
        (Network::Host, container) => {
            if let Some(container) = container.filter(|container| some(container, "portMappings")) {
                let reason = "are for the network container/bridge: name it in networks, or use portDefinitions";
                problems.add(container.at("portMappings"), reason);
            }
            network::port_definitions(app, require, problems)
        }
        (Network::Bridge, container) => {
            if some(app, "portDefinitions") {
                problems.add(app.at("portDefinitions"), "are for the network host: use container.portMappings");
            }
            if require {
                let reason = "is for the network host: on a bridge, a hostPort other than 0 is always required";
                problems.add(app.at("requirePorts"), reason);
            }
            match container.filter(|container| container.value("docker").is_some()) {
                Some(container) => network::port_mappings(container, problems),
                None => {
                    problems.add(app.at("networks"), "container/bridge is built for DOCKER containers only so far");
                    Vec::new()
                }
            }
        }
    }
}

fn resources(app: &Fields<'_>, problems: &mut Problems) -> Resources {
    let default = |decimal: super::Decimal| Scalar(decimal.thousandths());
    let gpus = app.scalar("gpus", problems).unwrap_or_default();
    if gpus.0 > 1000 && gpus.0 % 1000 != 0 {
        problems.add(app.at("gpus"), "must be a whole number, or less than 1 for a share of one GPU");
    }
    Resources {
        cpus: app.scalar("cpus", problems).unwrap_or(default(DEFAULT_CPUS)),
        mem: app.scalar("mem", problems).unwrap_or(default(DEFAULT_MEM)),
        disk: app.scalar("disk", problems).unwrap_or_default(),
        gpus,
        ..Resources::default()
    }
}

fn env(app: &Fields<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let secrets = app.value("env").and_then(Value::as_object).into_iter().flatten();
    for (name, _) in secrets.filter(|(_, value)| value.get("secret").is_some()) {
        problems.add(format!("{}/{name}", app.at("env")), "a secret is not built yet: give a string");
    }
    let env = app.text_map("env", problems).unwrap_or_default();
    for name in env.keys().filter(|name| name.is_empty() || name.contains(['=', '\0'])) {
        problems.add(app.at("env"), format!("'{name}' cannot be a variable's name: it is empty or has a '=' or NUL"));
    }
    env
}

fn backoff(app: &Fields<'_>, problems: &mut Problems) -> Backoff {
    let default = Backoff::default();
    let factor = app.scalar("backoffFactor", problems).map(|factor| factor.0);
    let limit = i64::from(limits::MAX_BACKOFF_FACTOR);
    let factor_milli = match factor.map(u32::try_from) {
        None => default.factor_milli,
        Some(Ok(milli)) if (1_000..=limit * 1000).contains(&i64::from(milli)) => milli,
        Some(_) => {
            problems.add(app.at("backoffFactor"), format!("must be between 1 and {limit}"));
            default.factor_milli
        }
    };
    let mut seconds = |name, default_ms| app.seconds(name, limits::MAX_SECONDS, problems).unwrap_or(default_ms);
    Backoff {
        initial_ms: seconds("backoffSeconds", default.initial_ms),
        factor_milli,
        max_ms: seconds("maxLaunchDelaySeconds", default.max_ms),
    }
}

fn constraints(app: &Fields<'_>, rule: ConstraintRule<'_>, problems: &mut Problems) -> Vec<Constraint> {
    let items = app.items("constraints", problems).unwrap_or_default();
    if items.len() > limits::MAX_CONSTRAINTS {
        problems.add(app.at("constraints"), format!("must not be more than {}", limits::MAX_CONSTRAINTS));
        return Vec::new();
    }
    let mut constraints = Vec::with_capacity(items.len());
    for (at, value) in &items {
        let Some(constraint) = constraint(at, value, problems) else { continue };
        if let Err(reason) = rule(&constraint) {
            problems.add(at, of_field(&constraint.field, &reason));
        }
        constraints.push(constraint);
    }
    constraints
}

fn constraint(at: &str, value: &Value, problems: &mut Problems) -> Option<Constraint> {
    let items = fields::items(at, value, problems)?;
    let texts: Option<Vec<&str>> = items.iter().map(|(at, item)| fields::text(at, item, problems)).collect();
    let (field, operator, value) = match texts?[..] {
        [field, operator] => (field, operator, None),
        [field, operator, value] => (field, operator, Some(value).filter(|value| !value.is_empty())),
        _ => {
            problems.add(at, "must be [field, operator] or [field, operator, value]");
            return None;
        }
    };
    let Some(operator) = ConstraintOperator::by_name(operator) else {
        problems.add(at, no_operator(field, operator));
        return None;
    };
    Some(Constraint { field: field.to_owned(), operator, value: value.map(ToOwned::to_owned) })
}

fn no_operator(field: &str, operator: &str) -> String {
    // Marathon lets them pass at first, and fails later.
    if let Some(meant) = ConstraintOperator::by_name(&operator.to_uppercase()) {
        return of_field(field, &format!("operators are written in capitals: {}, not '{operator}'", meant.name()));
    }
    let [others @ .., last] = ConstraintOperator::ALL.map(ConstraintOperator::name);
    of_field(field, &format!("the operator must be {} or {last}, not '{operator}'", others.join(", ")))
}

/// An app may have many constraints, and a path has only their numbers.
fn of_field(field: &str, reason: &str) -> String {
    if field.trim().is_empty() { reason.to_owned() } else { format!("{field}: {reason}") }
}

/// As `id`, a dependency may be written without the first slash. `../db` is next to the app itself.
fn dependencies(app: &Fields<'_>, problems: &mut Problems) -> Vec<AppId> {
    let own = app.value("id").and_then(Value::as_str).unwrap_or_default();
    let items = app.items("dependencies", problems).unwrap_or_default();
    if items.len() > limits::MAX_DEPENDENCIES {
        problems.add(app.at("dependencies"), format!("must not be more than {}", limits::MAX_DEPENDENCIES));
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut dependencies = Vec::with_capacity(items.len());
    for (at, item) in &items {
        let Some(text) = fields::text(at, item, problems) else { continue };
        let parsed = resolve(own, text).and_then(|path| AppId::parse(&path).map_err(|error| error.to_string()));
        match parsed {
            Ok(id) if seen.insert(id.clone()) => dependencies.push(id),
            Ok(_) => {}
            Err(reason) => problems.add(at, reason),
        }
    }
    dependencies
}

/// The path of `text` as seen from the app `own`, when it begins with dots.
fn resolve(own: &str, text: &str) -> Result<String, String> {
    if !(text.starts_with("../") || text.starts_with("./")) {
        return Ok(text.to_owned());
    }
    let mut path: Vec<&str> = own.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in text.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment != ".." {
            path.push(segment);
        } else if path.pop().is_none() {
            return Err("leads above the root".to_owned());
        }
    }
    Ok(format!("/{}", path.join("/")))
}
