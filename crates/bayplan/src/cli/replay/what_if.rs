//! `bayplan replay what-if`

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use model::{AgentDescription, Resources};
use replay::what_if::Resized;

use crate::cli::past::ReplayLog;
use crate::cli::when::{When, parse_when};

/// Where an agent that does not exist would answer.
const NO_ADDRESS: &str = "0.0.0.0:0";

/// Run the recorded demand again from a moment on, with another placement profile or other agents
///
/// What users did, agents that came and went, how long tasks took to start, how long they ran and how they ended comes again; what the
/// master decided is decided anew. Told are the first decision that differs, with the accounts of both, and what the two came
/// to. Without any change, it tells whether this version of bayplan decides as the log has it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bayplan replay what-if --log history.log --fork 4711 --profile spread
  bayplan replay what-if --log history.log --fork 10:30 --until 11:00 --profile examples/profiles/packed.json --svg packed.svg
  bayplan replay what-if --log history.log --fork 4711 --remove-agent S3 --remove-agent h4
  bayplan replay what-if --log history.log --fork 4711 --add-agent 'hostname:h9;cpus:8;mem:16384;rack:r2'
  bayplan replay what-if --log history.log --fork 4711 --resize-agent 'S2=cpus:16;mem:65536' --json
  bayplan replay what-if --log nats://127.0.0.1:4222 --cluster shop --fork -2h --profile mine.wasm")]
pub(crate) struct WhatIf {
    #[command(flatten)]
    pub(crate) log: ReplayLog,

    /// The record after which, or the time from which on, it is otherwise: 4711, 2026-11-26T10:00:00Z, 02:27, -10m; in UTC
    #[arg(long, env = "BAYPLAN_WHAT_IF_FORK", value_name = "SEQ|TIME", value_parser = parse_when)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) fork: When,

    /// How far to go; to the end of the log otherwise
    #[arg(long, env = "BAYPLAN_WHAT_IF_UNTIL", value_name = "SEQ|TIME", value_parser = parse_when)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) until: Option<When>,

    /// What decides for the cluster: a policy, a profile or a module, as the log defines it at the fork; or a file with a profile
    /// (.json) or a module (.wasm). Apps and roles that have a profile of their own keep it
    #[arg(long, env = "BAYPLAN_WHAT_IF_PROFILE", value_name = "PROFILE")]
    pub(crate) profile: Option<String>,

    /// One more agent: hostname:NAME, its resources as `bayplan agent` takes them, and attributes. What is not said is as the first
    /// agent at the fork has it; where there is none, cpus and mem have to be said
    #[arg(long, env = "BAYPLAN_WHAT_IF_ADD_AGENT", value_name = "AGENT", value_parser = parse_new_agent)]
    pub(crate) add_agent: Vec<NewAgent>,

    /// Without this agent, by its id or hostname; its tasks are lost at the fork
    #[arg(long, env = "BAYPLAN_WHAT_IF_REMOVE_AGENT", value_name = "AGENT")]
    pub(crate) remove_agent: Vec<String>,

    /// This agent with so much: AGENT=cpus:16;mem:65536;disk:…;gpus:…;ports:[…]. What is not said stays; tasks on it too.
    /// An agent takes one change: it is removed, or resized once
    #[arg(long, env = "BAYPLAN_WHAT_IF_RESIZE_AGENT", value_name = "AGENT=RESOURCES", value_parser = parse_resize)]
    pub(crate) resize_agent: Vec<Resize>,

    /// Draw packing and waiting over time into this file
    #[arg(long, env = "BAYPLAN_WHAT_IF_SVG", value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Name all instances that went elsewhere that are kept, not only the first five
    #[arg(long, env = "BAYPLAN_WHAT_IF_ALL", value_parser = BoolishValueParser::new())]
    pub(crate) all: bool,
}

/// What is said of an agent that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAgent {
    hostname: String,
    resources: Resized,
    attributes: model::Attributes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resize {
    /// Its id or hostname.
    pub(crate) agent: String,
    pub(crate) resources: Resized,
}

impl NewAgent {
    /// With what another agent has where nothing was said. Without one, what every task needs has to be said.
    pub(crate) fn like(&self, other: Option<&AgentDescription>) -> Result<AgentDescription, String> {
        let name = &self.hostname;
        if other.is_none() && (self.resources.cpus.is_none() || self.resources.mem.is_none()) {
            return Err(format!(
                "--add-agent {name}: there is no agent at the fork that says what it has; say its cpus and mem: \
                 --add-agent 'hostname:{name};cpus:8;mem:16384'"
            ));
        }
        let nothing = Resources::default();
        Ok(AgentDescription {
            hostname: self.hostname.clone(),
            resources: self.resources.of(other.map_or(&nothing, |other| &other.resources)),
            attributes: self.attributes.clone(),
            address: NO_ADDRESS.to_owned(),
            containerizers: other.map(|other| other.containerizers.clone()).unwrap_or_default(),
        })
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

fn parse_new_agent(text: &str) -> Result<NewAgent, String> {
    let (mut hostname, mut resources, mut attributes) = (None, Vec::new(), Vec::new());
    for part in parts(text) {
        match part.split_once(':').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("hostname", name)) if !name.is_empty() => hostname = Some(name.to_owned()),
            Some(("cpus" | "mem" | "disk" | "gpus" | "ports", _)) => resources.push(part),
            _ => attributes.push(part),
        }
    }
    let hostname = hostname.ok_or("has no hostname; an example is 'hostname:h9;cpus:8;mem:16384'")?;
    let resources = parse_resized(&resources.join(";"))?;
    let attributes = agent::parse_attributes(&attributes.join(";")).map_err(|error| error.to_string())?;
    Ok(NewAgent { hostname, resources, attributes })
}

fn parse_resize(text: &str) -> Result<Resize, String> {
    let (agent, resources) =
        text.split_once('=').ok_or("is not AGENT=RESOURCES; an example is 'S2=cpus:16;mem:65536'")?;
    let resources = parse_resized(resources)?;
    if resources == Resized::default() {
        return Err("says no resources; an example is 'S2=cpus:16;mem:65536'".to_owned());
    }
    Ok(Resize { agent: agent.trim().to_owned(), resources })
}

fn parse_resized(text: &str) -> Result<Resized, String> {
    let said = agent::parse_resources(text, Resources::default()).map_err(|error| error.to_string())?;
    let has =
        |wanted: &str| parts(text).any(|part| part.split([':', '(']).next().is_some_and(|name| name.trim() == wanted));
    Ok(Resized {
        cpus: has("cpus").then_some(said.cpus),
        mem: has("mem").then_some(said.mem),
        disk: has("disk").then_some(said.disk),
        gpus: has("gpus").then_some(said.gpus),
        ports: has("ports").then_some(said.ports),
    })
}

#[cfg(test)]
mod tests {
    use model::Scalar;

    use super::*;

    #[test]
    fn agents_are_told_in_mesos_syntax() {
        let new = parse_new_agent("hostname:h9; cpus:8;ports:[100-199,300-399];rack:r2").expect("an agent");
        let other = parse_new_agent("hostname:h0;cpus:1;mem:512").expect("another").like(None).expect("enough");
        let described = new.like(Some(&other)).expect("enough");
        assert_eq!(described.hostname, "h9");
        assert_eq!(described.resources.to_string(), "cpus:8;mem:512;disk:0;gpus:0;ports:[100-199,300-399]");
        assert_eq!(described.attributes.keys().collect::<Vec<_>>(), ["rack"]);
        for wrong in ["cpus:8", "hostname:", "hostname:h;cpus:x", "hostname:h;rack"] {
            assert!(parse_new_agent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_said_of_an_agent_stays() {
        let resize = parse_resize("S2=mem:64").expect("resources");
        let resources = Resized { mem: Some(Scalar::from_whole(64)), ..Resized::default() };
        assert_eq!(resize, Resize { agent: "S2".to_owned(), resources });
        for wrong in ["S2", "S2=", "S2=cpu:1", "S2=cpus:1;cpus:2"] {
            assert!(parse_resize(wrong).is_err(), "{wrong}");
        }
    }
}
