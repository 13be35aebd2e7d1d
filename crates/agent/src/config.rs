//! What an agent is told when it is started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use model::{AgentDescription, Attributes, Constraint, Resources, Scalar};

use crate::AgentError;
use crate::containerizer::fake::FakeContainerizer;
use crate::resources::{add_place, found_on_machine, parse_attributes, parse_resources};

/// Where an agent listens when nothing else is said.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), DEFAULT_PORT);
const DEFAULT_PORT: u16 = 5051;

/// Start from [`Config::new`], which has the defaults.
#[derive(Debug, Clone)]
pub struct Config {
    /// `http://host:5050` or `host:5050`; tried in turn.
    pub masters: Vec<String>,
    /// Shown to the master, and demanded of whoever reads a sandbox.
    pub token: Option<String>,
    /// Everything the agent keeps is in here; a folder of its own for each agent.
    pub work_dir: PathBuf,
    /// Where tasks are reached; the machine's name when None.
    pub hostname: Option<String>,
    /// `cpus:2;mem:1024;disk:4096;gpus:0;ports:[31000-32000]`; parts not given are found on the machine.
    pub resources: Option<String>,
    /// `rack:r1;zone:z2`.
    pub attributes: Option<String>,
    /// What constraints call `@region`.
    pub region: Option<String>,
    /// What constraints call `@zone`: where in the region.
    pub zone: Option<String>,
    pub listen: SocketAddr,
    /// The program whose subcommand `supervise` is [`crate::supervise_main`]; this very program when None.
    pub supervisor: Option<PathBuf>,
    /// The name of the cgroup that tasks' groups are made in; `bayplan` when None.
    pub cgroup_parent: Option<String>,
    pub containerizers: Containerizers,
    /// Served beside the agent's own routes.
    pub routes: axum::Router,
}

/// What tasks are run with.
#[derive(Debug, Clone)]
pub enum Containerizers {
    /// Plain processes, and Docker where an engine answers.
    Real { docker: DockerEngine },
    /// Nothing is run; see [`FakeContainerizer`].
    Fake(Arc<FakeContainerizer>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerEngine {
    /// The one that `DOCKER_HOST` names, or the one at the usual socket.
    Local,
    /// `unix:///var/run/docker.sock` or `tcp://host:2375`.
    At(String),
    Off,
}

/// How an agent is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Tasks keep running; an agent started later on the same folder finds them.
    Leave,
    /// Tasks are stopped first. Their ends are kept and reported by an agent started later.
    StopTasks,
}

impl Config {
    #[must_use]
    pub fn new(masters: Vec<String>, work_dir: PathBuf) -> Self {
        Self {
            masters,
            token: None,
            work_dir,
            hostname: None,
            resources: None,
            attributes: None,
            region: None,
            zone: None,
            listen: DEFAULT_LISTEN,
            supervisor: None,
            cgroup_parent: None,
            containerizers: Containerizers::Real { docker: DockerEngine::Local },
            routes: axum::Router::new(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), AgentError> {
        if self.masters.is_empty() {
            let reason = "name at least one master, such as http://127.0.0.1:5050".to_owned();
            return Err(AgentError::Setting { setting: "master", reason });
        }
        for master in &self.masters {
            let url = reqwest::Url::parse(&base_url(master));
            if !url.is_ok_and(|url| url.scheme() == "http" && url.has_host() && url.path() == "/") {
                let reason = format!("'{master}' is not an address such as http://127.0.0.1:5050");
                return Err(AgentError::Setting { setting: "master", reason });
            }
        }
        if !self.listen.ip().is_loopback() && self.token.is_none() {
            return Err(AgentError::Unprotected { listen: self.listen });
        }
        Ok(())
    }

    /// What the agent says of itself; `work_dir` exists by now. Containerizers are added as they are found.
    pub(crate) fn description(&self, listening: SocketAddr) -> Result<AgentDescription, AgentError> {
        let hostname = match &self.hostname {
            Some(hostname) => hostname.clone(),
            None => machine_name(),
        };
        if hostname.is_empty() || hostname.contains(|c: char| c.is_whitespace() || c == '/' || c == ':') {
            let reason = format!("'{hostname}' is not a host's name or address");
            return Err(AgentError::Setting { setting: "hostname", reason });
        }
        let address = match listening.ip().is_unspecified() {
            true => format!("{hostname}:{}", listening.port()),
            false => listening.to_string(),
        };
        let mut attributes = self.attributes.as_deref().map_or_else(|| Ok(Attributes::new()), parse_attributes)?;
        let places = [("region", Constraint::REGION, &self.region), ("zone", Constraint::ZONE, &self.zone)];
        for (setting, field, place) in places {
            if let Some(place) = place {
                add_place(&mut attributes, setting, field, place)?;
            }
        }
        if matches!(self.containerizers, Containerizers::Fake(_)) {
            attributes.insert("virtual".to_owned(), model::AttributeValue::Scalar(Scalar::from_whole(1)));
        }
        let resources = self.offered()?;
        Ok(AgentDescription { hostname, resources, attributes, address, containerizers: Vec::new() })
    }

    fn offered(&self) -> Result<Resources, AgentError> {
        parse_resources(self.resources.as_deref().unwrap_or_default(), found_on_machine(&self.work_dir))
    }
}

/// An address without its last slash, with its scheme.
pub(crate) fn base_url(master: &str) -> String {
    let (scheme, rest) = master.trim().split_once("://").unwrap_or(("http", master.trim()));
    format!("{scheme}://{}", rest.trim_end_matches('/'))
}

fn machine_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(vec!["127.0.0.1:5050".to_owned()], "/".into())
    }

    #[test]
    fn other_machines_are_let_in_with_a_token_only() {
        let open = Config { listen: "0.0.0.0:5051".parse().expect("an address"), ..config() };
        assert!(matches!(open.check(), Err(AgentError::Unprotected { .. })));
        let guarded = Config { token: Some("secret".to_owned()), ..open };
        guarded.check().expect("guarded");
        let described = Config { hostname: Some("a".to_owned()), ..guarded };
        assert_eq!(described.description(described.listen).map(|all| all.address).ok().as_deref(), Some("a:5051"));
    }

    #[test]
    fn places_are_attributes_whose_names_nobody_else_can_give() {
        let placed = Config {
            attributes: Some("zone:cold".to_owned()),
            region: Some("eu".to_owned()),
            zone: Some(" 1.0 ".to_owned()),
            ..config()
        };
        let described = placed.description(placed.listen).expect("a description").attributes;
        let shown: Vec<String> = described.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        assert_eq!(shown, ["@region:eu", "@zone:1.0", "zone:cold"]);
        let nowhere = Config { region: Some(" ".to_owned()), ..config() };
        let refused = nowhere.description(nowhere.listen).map_err(|error| error.to_string());
        assert_eq!(refused.err().as_deref(), Some("--region: is empty: name one, or leave it out"));
    }

    #[test]
    fn wrong_masters_and_names_are_refused() {
        for masters in [vec![], vec!["https://a:5050".to_owned()], vec!["http://".to_owned()]] {
            assert!(Config { masters, ..config() }.check().is_err());
        }
        config().check().expect("an address without a scheme");
        let config = Config { hostname: Some("a b".to_owned()), ..config() };
        assert!(config.description(config.listen).is_err());
    }
}
