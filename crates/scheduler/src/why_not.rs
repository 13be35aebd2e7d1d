//! Why an instance would not go to an agent, what would have to change so that it could, and how many would fit there.
//!
//! It is asked of the world as it is: what decides is the app's own profile, and the filters are those of a decision. Must
//! not know who asks.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::{
    AgentId, AppId, AppSpec, AppVersion, Event, FrameworkId, GpuSlots, Scalar, Task, TaskId, TaskState, TaskStatus,
    WHOLE_GPU, Workload,
};
use placement::{
    Account, AgentAccount, Dimension, Faulty, Lack, Node, ReadyProfile, Request, Scratch, Standing, View, Wishes,
};
use state::State;

use crate::{Policies, World};

/// So many instances can be asked about at once.
pub const COUNT_LIMIT: u32 = 10_000;

/// The seed of a question: it has no command that would bring one. Among equals, the lowest id has it.
const SEED: u64 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyNot {
    pub app: AppId,
    pub version: AppVersion,
    /// Asked about as if it were to be placed anew.
    pub task: Option<TaskId>,
    pub agent: AgentId,
    pub hostname: String,
    pub profile: Arc<str>,
    /// Of one instance.
    pub account: Account,
    /// Its place among those that were compared in that, from 1.
    pub rank: Option<usize>,
    /// All that keeps one instance off the agent.
    pub lacks: Vec<Lack>,
    pub count: u32,
    /// So many of them fit, one after the other.
    pub fit: u32,
    /// The smallest change of amounts with which all of them would.
    pub changes: Vec<Change>,
    /// What would be lacking still, after that change.
    pub beyond: Vec<Lack>,
}

/// So much less for each instance, or so much more free on the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub dimension: Dimension,
    pub less: Scalar,
    pub more: Scalar,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    #[error(
        "'{0}' is neither an app nor a task that is known, nor the beginning of one task's id: `bayplan app list` and `bayplan task list` name those that are"
    )]
    Nobody(String),
    #[error("no agent has the id or hostname '{0}': `bayplan agent list` names those that are known")]
    NoAgent(String),
    #[error("hostname '{hostname}' is that of several agents, {}: name one by its id", list(.agents))]
    ManyAgents { hostname: String, agents: Vec<AgentId> },
    #[error("task '{task}' is of framework {framework}, which chooses agents itself: nothing is placed for it")]
    OfFramework { task: TaskId, framework: FrameworkId },
    #[error("what task '{task}' ran is not kept any more: ask about its app, '{app}'")]
    Forgotten { task: TaskId, app: AppId },
    #[error("count must be 1 to {COUNT_LIMIT}, not {0}")]
    Count(u32),
    #[error("nobody waits for it any more")]
    GivenUp,
}

/// Whether somebody still waits for the answer.
pub type GoingOn<'a> = dyn Fn() -> ControlFlow<()> + 'a;

/// So many instances are tried before it is asked whether somebody still waits.
const TRIED_AT_ONCE: u32 = 32;

/// Why a profile gave no answer.
enum Stopped {
    Faulty(Faulty),
    GivenUp,
}

impl From<Faulty> for Stopped {
    fn from(fault: Faulty) -> Self {
        Self::Faulty(fault)
    }
}

fn list(agents: &[AgentId]) -> String {
    agents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl WhyNot {
    /// The agent's part of the account.
    #[must_use]
    pub fn standing(&self) -> Option<&AgentAccount> {
        self.account.agents.iter().find(|told| told.agent == self.agent)
    }
}

/// What is to be placed.
struct Subject {
    task: Option<TaskId>,
    spec: Arc<AppSpec>,
    version: AppVersion,
    /// Instances of older versions are not counted.
    since: AppVersion,
}

/// Asks about an app or a task, by its id, and an agent, by its id or hostname.
pub fn why_not(world: &World, what: &str, agent: &str, count: u32, policies: &Policies) -> Result<WhyNot, Unasked> {
    why_not_while(world, what, agent, count, policies, &|| ControlFlow::Continue(()))
}

/// The same, for somebody who may go away: with many instances, and a policy that takes its time, it is long.
pub fn why_not_while(
    world: &World,
    what: &str,
    agent: &str,
    count: u32,
    policies: &Policies,
    going_on: &GoingOn<'_>,
) -> Result<WhyNot, Unasked> {
    if !(1..=COUNT_LIMIT).contains(&count) {
        return Err(Unasked::Count(count));
    }
    let state = &world.state;
    let subject = subject(state, what)?;
    let agent = agent_named(state, agent)?;
    let view = without(&world.view, state, subject.task.as_ref());
    let mut disabled: Vec<Arc<str>> = Vec::new();
    loop {
        let profile = policies.deciding_for(state, &subject.spec, &disabled);
        match answer(view.as_ref().unwrap_or(&world.view), &subject, agent, count, &profile, going_on) {
            Ok(answer) => return Ok(answer),
            Err(Stopped::Faulty(fault)) => disabled.push(fault.policy.into()),
            Err(Stopped::GivenUp) => return Err(Unasked::GivenUp),
        }
    }
}

/// A task, or an app, or the only task whose id begins so.
fn subject(state: &State, what: &str) -> Result<Subject, Unasked> {
    if let Some(task) = state.tasks.get(&TaskId::new(what)) {
        return of_task(state, task);
    }
    if let Some(app) = AppId::parse(what).ok().and_then(|id| state.apps.get(&id)) {
        let (spec, version, since) = (Arc::clone(&app.spec), app.version, app.config_version);
        return Ok(Subject { task: None, spec, version, since });
    }
    let mut named = state.tasks.values().filter(|task| task.id.as_str().starts_with(what));
    match (named.next(), named.next()) {
        (Some(task), None) => of_task(state, task),
        _ => Err(Unasked::Nobody(what.to_owned())),
    }
}

fn of_task(state: &State, task: &Task) -> Result<Subject, Unasked> {
    let id = task.id.clone();
    let Workload::App { app, version } = &task.workload else {
        return Err(Unasked::OfFramework { task: id, framework: task.framework });
    };
    let Some(spec) = state.definition(app, *version) else {
        return Err(Unasked::Forgotten { task: id, app: app.clone() });
    };
    let since = state.apps.get(app).map_or(*version, |row| row.config_version.min(*version));
    Ok(Subject { task: Some(id), spec: Arc::clone(spec), version: *version, since })
}

fn agent_named(state: &State, name: &str) -> Result<AgentId, Unasked> {
    if let Some(agent) = name.parse().ok().filter(|agent| state.agents.contains(agent)) {
        return Ok(agent);
    }
    let is_named = |agent: &&model::Agent| agent.description.hostname == name;
    let agents: Vec<AgentId> = state.agents.values().filter(is_named).map(|agent| agent.id).collect();
    match agents[..] {
        [] => Err(Unasked::NoAgent(name.to_owned())),
        [agent] => Ok(agent),
        _ => Err(Unasked::ManyAgents { hostname: name.to_owned(), agents }),
    }
}

/// The picture without a task that has not ended: what is asked is where it would go if it were placed anew.
fn without(view: &View, state: &State, task: Option<&TaskId>) -> Option<View> {
    let task = state.tasks.get(task?).filter(|task| task.is_active())?;
    let status = TaskStatus { state: TaskState::Killed, reason: None, message: None, exit: None };
    let mut view = view.clone();
    view.apply(&Event::TaskStatusChanged { task: task.id.clone(), agent: task.agent, update: None, status });
    Some(view)
}

fn answer(
    view: &View,
    subject: &Subject,
    agent: AgentId,
    count: u32,
    profile: &ReadyProfile,
    going_on: &GoingOn<'_>,
) -> Result<WhyNot, Stopped> {
    let request = Request::of_app(&subject.spec).counting_since(subject.since);
    let mut scratch = Scratch::new(view);
    let account = scratch.account(profile, SEED, &request)?;
    let wishes = if account.without_wishes { Wishes::LeftAside } else { Wishes::Count };
    let lacks = scratch.lacks(agent, profile, SEED, &request, wishes)?;
    let fit = place_on(&mut scratch, agent, profile, &request, count, going_on)?;
    let changes = match view.node(agent) {
        Some(node) if fit < count => changes(node, &request, count),
        _ => Vec::new(),
    };
    let reduced = reduced(&request, &changes);
    let mut changed = Scratch::new(view);
    let beyond = match place_on(&mut changed, agent, profile, &reduced, count, going_on)? {
        all if all == count => Vec::new(),
        _ => changed.lacks(agent, profile, SEED, &reduced, Wishes::LeftAside)?,
    };
    let is_it = |told: &AgentAccount| told.agent == agent;
    let compared = |told: &AgentAccount| matches!(told.standing, Standing::Compared { .. });
    let rank = account.agents.iter().position(is_it).filter(|place| compared(&account.agents[*place]));
    Ok(WhyNot {
        app: subject.spec.id.clone(),
        version: subject.version,
        task: subject.task.clone(),
        agent,
        hostname: view.node(agent).map(|node| node.hostname().to_owned()).unwrap_or_default(),
        profile: Arc::clone(profile.name()),
        rank: rank.map(|place| place + 1),
        account,
        lacks,
        count,
        fit,
        changes,
        beyond,
    })
}

/// How many fit, one after the other.
fn place_on(
    scratch: &mut Scratch<'_>,
    agent: AgentId,
    profile: &ReadyProfile,
    request: &Request,
    count: u32,
    going_on: &GoingOn<'_>,
) -> Result<u32, Stopped> {
    let mut fit = 0;
    while fit < count {
        let tried = TRIED_AT_ONCE.min(count - fit);
        let placed = scratch.place_on(agent, profile, SEED.wrapping_add(u64::from(fit)), request, tried)?;
        fit += placed;
        if placed < tried {
            break;
        }
        if going_on().is_break() {
            return Err(Stopped::GivenUp);
        }
    }
    Ok(fit)
}

/// The request with so much less.
fn reduced(request: &Request, changes: &[Change]) -> Request {
    let mut reduced = request.clone();
    for Change { dimension, less, .. } in changes {
        let amount = reduced.amount(*dimension).minus(*less);
        set(&mut reduced, *dimension, amount);
    }
    reduced
}

fn set(request: &mut Request, dimension: Dimension, amount: Scalar) {
    match dimension {
        Dimension::Cpus => request.cpus = amount,
        Dimension::Mem => request.mem = amount,
        Dimension::Disk => request.disk = amount,
        Dimension::Gpus => request.gpus = amount,
    }
}

/// What each dimension alone lacks for so many instances.
fn changes(node: Node<'_>, request: &Request, count: u32) -> Vec<Change> {
    let mut changes = Vec::new();
    for dimension in [Dimension::Cpus, Dimension::Mem, Dimension::Disk] {
        let (wanted, free) = (request.amount(dimension), node.free(dimension));
        let all = Scalar(wanted.0.saturating_mul(count.into()));
        if wanted > Scalar::ZERO && all > free {
            let each = Scalar(free.0.max(0) / i64::from(count));
            changes.push(Change { dimension, less: wanted.minus(each), more: Scalar(all.0.saturating_sub(free.0)) });
        }
    }
    changes.extend(gpus(&node.free_gpus(), request.gpus, count));
    changes
}

/// GPUs do not add up: they are tried. What an app may ask for is a share of one, or whole ones.
fn gpus(free: &GpuSlots, wanted: Scalar, count: u32) -> Option<Change> {
    let (fit, left) = picked(free, wanted, count);
    if wanted <= Scalar::ZERO || fit == count {
        return None;
    }
    let (mut fits, mut too_many) = (0, wanted.0);
    while too_many - fits > 1 {
        let middle = fits + (too_many - fits) / 2;
        if picked(free, Scalar(middle), count).0 == count {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    if fits > WHOLE_GPU.0 {
        fits -= fits % WHOLE_GPU.0;
    }
    let more = Scalar(wanted.0.saturating_mul(i64::from(count - fit))).minus(left.most_for_one());
    Some(Change { dimension: Dimension::Gpus, less: Scalar(wanted.0 - fits), more })
}

/// How many tasks get so much of GPUs, up to `count`, and what is left.
fn picked(free: &GpuSlots, gpus: Scalar, count: u32) -> (u32, GpuSlots) {
    let mut left = free.clone();
    for fit in 0..count {
        let Some(slots) = left.pick(gpus) else { return (fit, left) };
        left = left.difference(&slots);
    }
    (count, left)
}
