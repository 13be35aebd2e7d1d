//! The log for people: one line per event.

use model::{
    AgentDescription, AppSpec, Container, Deployment, DeploymentOutcome, DeploymentStep, DisconnectReason, Event,
    FrameworkRemovalReason, Invocation, KillReason, LaunchedTask, Module, OfferBatch, OfferId, Record, RemovalReason,
    Row, TaskState, Timestamp,
};
use protocol::operator::Quantities;

use super::table::cut;
use super::time::{moment, span};
use super::{count, one_line, quantity, waiting};
use crate::output::{BAD, BOLD, BUSY, DIM, GOOD, styled};

/// How many things are listed by name before the rest is counted.
const LISTED: usize = 4;
/// How much of a command is shown; `bayplan app show` has all of it.
const COMMAND: usize = 60;
/// As long as `anonymous@127.0.0.1`.
const PRINCIPAL: usize = 19;

/// Number, time, who caused it, the event's name and what it says. A record without events is a line too.
pub(crate) fn lines(record: &Record) -> String {
    let start = format!(
        "{:>6}  {}  {:<PRINCIPAL$}",
        record.seq.0,
        styled(DIM, &moment(record.cause.at)),
        one_line(&record.cause.principal.to_string())
    );
    if record.events.is_empty() {
        return format!("{start}  {}\n", styled(DIM, record.cause.kind.name()));
    }
    let line = |event| format!("{start}  {}  {}\n", styled(BOLD, Event::name(event)), describe(event, record.cause.at));
    record.events.iter().map(line).collect()
}

pub(crate) fn describe(event: &Event, at: Timestamp) -> String {
    match event {
        Event::EpochStarted { cluster, leader, .. } => format!("{} leads cluster {cluster}", one_line(leader)),
        Event::PlacementPolicyChosen { policy } => policy.clone(),
        Event::ProfileDefined { profile } => format!("{} is {}", profile.name, one_line(&profile.to_string())),
        Event::ProfileRemoved { profile } => profile.to_string(),
        Event::ProfileChosen { scope, profile: Some(profile) } => format!("{profile} decides for {scope}"),
        Event::ProfileChosen { scope, profile: None } => format!("the default decides for {scope}"),
        Event::ShadowChosen { profile } => profile.as_deref().unwrap_or("nothing").to_owned(),
        Event::ModuleAdded { module } => self::module(module),
        Event::ModuleRemoved { module } => module.to_string(),
        Event::ModuleDisabled { module, reason } => format!("{module}: {}", styled(BAD, &one_line(reason))),
        Event::AgentRegistered { agent, description } | Event::AgentReconnected { agent, description } => {
            format!("{agent} {}", machine(description))
        }
        Event::AgentDisconnected { agent, reason } => format!("{agent} {}", disconnected(*reason)),
        Event::AgentRemoved { agent, reason } => format!("{agent} {}", removed(*reason)),
        Event::OffersMade { framework, offers } => format!("{framework} is offered {}", offered(offers)),
        Event::OffersClosed { framework, offers, outcome, refused_until: _ } => {
            format!("{framework} {} {}", format!("{outcome:?}").to_lowercase(), ids(offers))
        }
        Event::OffersHeldBack { agents, until: _ } => {
            let agents: Vec<_> = agents.iter().map(ToString::to_string).collect();
            format!("{} refused by every framework", listed(&agents, "agent"))
        }
        Event::OfferTimeoutChosen { offer_timeout_ms } => format!("offers may be kept for {}", span(*offer_timeout_ms)),
        Event::FrameworkSubscribed { framework, info } => format!("{framework} {}", one_line(&info.name)),
        Event::FrameworkDisconnected { framework } => format!("{framework} is away"),
        Event::FrameworkRemoved { framework, reason } => format!("{framework} {}", framework_removed(*reason)),
        Event::OffersRevived { framework } => format!("{framework} wants whatever there is"),
        Event::OffersSuppressed { framework } => format!("{framework} wants no offers"),
        Event::LaunchRefused { framework, task, status, .. } => {
            format!("{framework} {}: {}", one_line(task), styled(style_of(status.state), &waiting::status(status)))
        }
        Event::UpdatesAcknowledged { framework, tasks } => {
            let tasks: Vec<_> = tasks.iter().map(ToString::to_string).collect();
            format!("{framework} has the updates of {}", listed(&tasks, "task"))
        }
        Event::TaskLaunched { task } => launched(task),
        Event::TaskStatusChanged { task, agent, status, .. } => {
            format!("{task} on {agent} {}", styled(style_of(status.state), &waiting::status(status)))
        }
        Event::TaskKillRequested { task, agent, reason } => format!("{task} on {agent}, {}", killed(*reason)),
        Event::AppChanged { app, .. } => changed(app),
        Event::AppDestroyed { app } => app.to_string(),
        Event::LaunchDelayed { app, delay_ms, .. } => format!("{app} starts nothing for {}", span(*delay_ms)),
        Event::LaunchDelayReset { app } => app.to_string(),
        Event::WaitingChanged { app, waiting: None } => format!("{app} waits for nothing"),
        Event::WaitingChanged { app, waiting: Some(waiting) } => {
            format!("{app}: {}", styled(BUSY, &waiting::reason(waiting, None, at)))
        }
        Event::DeploymentStarted { deployment } => format!("{} {}", deployment.id, steps(deployment)),
        Event::DeploymentAdvanced { deployment, current_step } => format!("{deployment} to step {}", current_step + 1),
        Event::DeploymentEnded { deployment, outcome } => match outcome {
            DeploymentOutcome::Succeeded => format!("{deployment} {}", styled(GOOD, "succeeded")),
            DeploymentOutcome::Superseded => format!("{deployment} gave way to a later change"),
        },
        Event::Restored { row } => restored(row),
    }
}

fn module(module: &Module) -> String {
    format!("{} of {} bytes, hash {:.12}", module.name, module.bytes.0.len(), module.hash.to_string())
}

fn machine(description: &AgentDescription) -> String {
    let attributes: Vec<_> = description.attributes.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let attributes = if attributes.is_empty() { String::new() } else { format!(", {}", attributes.join(" ")) };
    let text = format!(
        "{} at {}: {}; {}{attributes}",
        description.hostname,
        description.address,
        quantity::summary(&Quantities::from(&description.resources)),
        description.containerizers.join(" and "),
    );
    one_line(&text)
}

const fn disconnected(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::StreamClosed => "closed its stream",
        DisconnectReason::HeartbeatsMissed => "is silent",
    }
}

const fn removed(reason: RemovalReason) -> &'static str {
    match reason {
        RemovalReason::TimedOut => "was silent for too long",
        RemovalReason::Gone => "is gone for good",
    }
}

const fn framework_removed(reason: FrameworkRemovalReason) -> &'static str {
    match reason {
        FrameworkRemovalReason::TornDown => "was torn down",
        FrameworkRemovalReason::FailoverTimedOut => "was away for too long",
    }
}

fn offered(batch: &OfferBatch) -> String {
    let pairs = batch.offers.iter().zip(&batch.agents).map(|(offer, agent)| format!("{offer} on {agent}"));
    listed(&pairs.collect::<Vec<_>>(), "offer")
}

fn ids(offers: &[OfferId]) -> String {
    listed(&offers.iter().map(ToString::to_string).collect::<Vec<_>>(), "offer")
}

fn listed(names: &[String], what: &str) -> String {
    if names.len() <= LISTED {
        return names.join(", ");
    }
    let shown = names[..LISTED - 1].join(", ");
    format!("{shown} and {}", count((names.len() - LISTED + 1) as u64, &format!("more {what}")))
}

fn launched(task: &LaunchedTask) -> String {
    let ports: Vec<_> = task.host_ports.iter().map(ToString::to_string).collect();
    let mut with = if ports.is_empty() { String::new() } else { format!(" with ports {}", ports.join(", ")) };
    if !task.resources.gpu_slots.is_empty() {
        with += &format!(" with GPUs {}", task.resources.gpu_slots);
    }
    let Some(explanation) = &task.explanation else {
        return format!("{} on {}{with} by framework {}", one_line(task.id.as_str()), task.agent, task.framework);
    };
    let score = explanation.score.map(|score| format!(", score {score}")).unwrap_or_default();
    let account = one_line(&explanation.to_string());
    format!("{} on {}{with} by {}{score}, {account}", task.id, task.agent, explanation.policy)
}

const fn style_of(state: TaskState) -> anstyle::Style {
    match state {
        TaskState::Running | TaskState::Finished => GOOD,
        TaskState::Failed | TaskState::Error | TaskState::Lost => BAD,
        TaskState::Staging | TaskState::Starting | TaskState::Killing | TaskState::Killed => BUSY,
    }
}

pub(crate) const fn killed(reason: KillReason) -> &'static str {
    match reason {
        KillReason::UserRequest => "as a user asks",
        KillReason::ScaledDown => "because fewer instances are wanted",
        KillReason::Superseded => "because a newer version replaces it",
        KillReason::AppDestroyed => "because its app is destroyed",
        KillReason::FrameworkRequest => "as its framework asks",
        KillReason::FrameworkRemoved => "because its framework is gone",
    }
}

fn changed(app: &AppSpec) -> String {
    let resources = quantity::summary(&Quantities::from(&app.resources));
    format!("{}: {} of {}, each {resources}", app.id, count(app.instances.into(), "instance"), command(app))
}

/// What an app runs, in one line.
fn command(app: &AppSpec) -> String {
    let command = match &app.invocation {
        Invocation::Shell(command) => Some(format!("`{}`", cut(&one_line(command), Some(COMMAND)))),
        Invocation::Args(arguments) => Some(format!("`{}`", cut(&one_line(&arguments.join(" ")), Some(COMMAND)))),
        Invocation::ImageDefault => None,
    };
    match (command, &app.container) {
        (Some(command), Some(Container::Docker(docker))) => format!("{command} in {}", one_line(&docker.image)),
        (None, Some(Container::Docker(docker))) => one_line(&docker.image),
        (Some(command), None) => command,
        (None, None) => "nothing".to_owned(),
    }
}

fn steps(deployment: &Deployment) -> String {
    let actions = |step: &DeploymentStep| {
        let told = step.actions.iter().map(|action| format!("{:?} {}", action.kind, action.app));
        listed(&told.collect::<Vec<_>>(), "action")
    };
    deployment.steps.iter().map(actions).collect::<Vec<_>>().join("; then ")
}

fn restored(row: &Row) -> String {
    match row {
        Row::Header(header) => format!("what there is one of, with policy {}", header.placement_policy),
        Row::Agent(agent) => format!("agent {} {}", agent.id, machine(&agent.description)),
        Row::App(app) => format!("app {}", changed(&app.spec)),
        Row::Definition(app, _) => format!("definition of {}", app.id),
        Row::Task(task) => format!("task {} on {} {}", task.id, task.agent, waiting::status(&task.status)),
        Row::Offer(offer) => format!("offer {} on {}", offer.id, offer.agent),
        Row::Deployment(deployment) => format!("deployment {}", deployment.id),
        Row::Framework(framework) => format!("framework {} {}", framework.id, one_line(&framework.info.name)),
        Row::Filter(filter) => format!("{} refuses {}", filter.framework, filter.agent),
        Row::Profile(profile) => format!("profile {}", profile.name),
        Row::Module(module) => format!("module {}", self::module(module)),
    }
}

#[cfg(test)]
mod tests;
