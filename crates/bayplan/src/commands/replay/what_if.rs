//! `bayplan replay what-if`: reads the records twice, once for what they ask for and once to run that in two clusters.

mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Instant;

use model::{Agent, AgentDescription, AgentId, ModuleBytes, Seq};
use replay::what_if::{Change, Demand, Impossible, NewProfile, Outcome, Reading, WhatIf};
use state::State;

pub(crate) use document::{AccountOf, DifferenceOf, Document, Moment, Parted, PointOf, Side};
#[cfg(test)]
pub(crate) use document::{Move, MovesOf};

use crate::cli::replay::WhatIf as Wish;
use crate::cli::when::When;
use crate::commands::log::bar::Bar;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;
use crate::profiles::{is_file, read_profile};
use crate::{modules, render};

/// How often it is looked at how full the clusters are.
const POINTS: u32 = 240;
/// How many records are followed before others on this thread have their turn.
const AT_ONCE: u64 = 64;
const ADD_AGENT: &str = "--add-agent";
const REMOVE_AGENT: &str = "--remove-agent";
const RESIZE_AGENT: &str = "--resize-agent";

pub(super) async fn run(wish: Wish, out: &mut Output) -> Result<(), Failure> {
    wish.svg.as_deref().map_or(Ok(()), check_svg)?;
    let past = PastLog::open(&wish.log).await?.way_out("--until");
    let fork = past.seq_of(&wish.fork).await?;
    let until = past.seq_of(wish.until.as_ref().unwrap_or(&When::End)).await?;
    let cursor = past.open_at(fork).await?;
    let state = cursor.into_state();
    if until <= fork {
        return Err(Failure::Usage(format!("there is nothing to run between record {fork} and record {until}")));
    }
    let change = change(&wish, &state)?;
    let demand = demand(&past, &state, until).await?;
    let (outcome, took) = follow(&past, &state, until, change.clone(), demand).await?;
    let records_per_s = outcome.records as f64 / took.as_secs_f64().max(f64::EPSILON);
    let document = Document::of(&outcome, &change, &state, records_per_s);
    if let Some(svg) = &wish.svg {
        let written = std::fs::write(svg, render::what_if::chart(&document));
        written.map_err(|error| Failure::failed(format!("{}: {error}", svg.display())))?;
    }
    if out.is_json() {
        return out.document(&document);
    }
    let text = render::what_if::told(&document, wish.all, out.width());
    out.text(&text)
}

/// Said before anything is run, which may take long.
fn check_svg(svg: &Path) -> Result<(), Failure> {
    let bad = |reason: &str| Err(Failure::Usage(format!("--svg: {} {reason}", svg.display())));
    let folder = svg.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return bad("is in a folder that is not there");
    }
    let tried = match svg.metadata() {
        Ok(there) if there.is_dir() => return bad("is a folder; name a file"),
        // Opening a pipe would wait for who reads it.
        Ok(there) if !there.is_file() => Ok(()),
        Ok(_) => OpenOptions::new().append(true).open(svg).map(drop),
        // Nothing is left if the run is refused.
        Err(_) => File::create_new(svg).and_then(|_file| std::fs::remove_file(svg)),
    };
    tried.or_else(|error| bad(&format!("cannot be written: {error}")))
}

fn change(wish: &Wish, state: &State) -> Result<Change, Failure> {
    let profile = wish.profile.as_deref().map(profile).transpose()?;
    let like = state.agents.values().next().map(|agent| &agent.description);
    let add = wish.add_agent.iter().map(|agent| agent.like(like)).collect::<Result<_, _>>().map_err(Failure::Usage)?;
    let mut change = Change { profile, add, ..Change::default() };
    let mut changed = BTreeMap::new();
    for name in &wish.remove_agent {
        change.remove.push(find_once(state, name, REMOVE_AGENT, &mut changed)?);
    }
    for resize in &wish.resize_agent {
        let agent = find_once(state, &resize.agent, RESIZE_AGENT, &mut changed)?;
        change.resize.insert(agent, resize.resources.clone());
    }
    check_new(&change, state)?;
    Ok(change)
}

/// A new agent has a hostname that nobody else has then.
fn check_new(change: &Change, state: &State) -> Result<(), Failure> {
    let mut new = BTreeSet::new();
    for AgentDescription { hostname, .. } in &change.add {
        if !new.insert(hostname) {
            return Err(Failure::Usage(format!(
                "{ADD_AGENT} names {hostname} twice; give each new agent a hostname of its own"
            )));
        }
        let is_there = |agent: &&Agent| agent.description.hostname == *hostname && !change.remove.contains(&agent.id);
        if let Some(Agent { id, .. }) = state.agents.values().find(is_there) {
            return Err(Failure::Usage(format!(
                "{ADD_AGENT} {hostname}: agent {id} is called so at the fork; give the new one another hostname, or the old one \
                 other resources with {RESIZE_AGENT} {id}=…, or leave it out with {REMOVE_AGENT} {id}"
            )));
        }
    }
    Ok(())
}

/// An agent by its id or hostname, that no flag has named before.
fn find_once(
    state: &State,
    name: &str,
    flag: &'static str,
    changed: &mut BTreeMap<AgentId, &'static str>,
) -> Result<AgentId, Failure> {
    let agent = find(state, name)?;
    let Some(other) = changed.insert(agent, flag) else { return Ok(agent) };
    let hostname = state.agents.get(&agent).map_or(name, |agent| &agent.description.hostname);
    let flags = if other == flag { format!("by {flag} twice") } else { format!("by {other} and {flag}") };
    Err(Failure::Usage(format!(
        "agent {agent} ({hostname}) is named {flags}; each agent takes one change: leave one out"
    )))
}

fn profile(name: &str) -> Result<NewProfile, Failure> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "wasm") {
        let bytes = std::fs::read(path).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
        return Ok(NewProfile::Module { name: stem.into(), bytes: ModuleBytes(bytes.into()) });
    }
    if is_file(name) {
        return Ok(NewProfile::Defined(read_profile(path)?.into()));
    }
    Ok(NewProfile::Named(name.into()))
}

/// An agent by its id or hostname.
fn find(state: &State, name: &str) -> Result<AgentId, Failure> {
    let by_id = name.parse().ok().filter(|agent| name.starts_with('S') && state.agents.contains(agent));
    let by_name = || state.agents.values().find(|agent| agent.description.hostname == name).map(|agent| agent.id);
    by_id.or_else(by_name).ok_or_else(|| {
        let known: Vec<String> =
            state.agents.values().map(|agent| format!("{} ({})", agent.id, agent.description.hostname)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::NotFound(format!("there is no agent '{name}' at the fork; there are {known}"))
    })
}

async fn demand(past: &PastLog, state: &State, until: Seq) -> Result<Demand, Failure> {
    let mut reading = Reading::begin(state);
    let mut bar = Bar::new("reading the demand", until.0 - state.seq.0);
    let mut records = past.records_from(state.seq.next()).await?.upto(until);
    while let Some(record) = records.next().await? {
        reading.follow(&record);
        bar.at(record.seq.0 - state.seq.0);
    }
    Ok(reading.close())
}

async fn follow(
    past: &PastLog,
    state: &State,
    until: Seq,
    change: Change,
    demand: Demand,
) -> Result<(Outcome, std::time::Duration), Failure> {
    let began = Instant::now();
    let what_if = WhatIf::begin(state, change, demand, modules::policies()?, POINTS);
    let mut what_if = what_if.map_err(|why| match why {
        Impossible::UnknownAgent(_) => Failure::NotFound(why.to_string()),
        Impossible::Refused(why) => Failure::Usage(why.to_string()),
    })?;
    let mut bar = Bar::new("running both", until.0 - state.seq.0);
    let mut records = past.records_from(state.seq.next()).await?.upto(until);
    while let Some(record) = records.next().await? {
        what_if.follow(&record);
        bar.at(record.seq.0 - state.seq.0);
        if record.seq.0.is_multiple_of(AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    Ok((what_if.finish(), began.elapsed()))
}
