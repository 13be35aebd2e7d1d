//! Commands, states and reasons in a few words, for people.

use model::{
    AgentId, CommandKind, DisconnectReason, Explanation, Filter, Filtered, KillReason, LaunchRequest, OfferOutcome,
    RemovalReason, Resources, StatusReason, TaskId, TaskSelection, TaskStatus, Waiting, WaitingCause,
};

/// How many are named before the rest is counted.
const LISTED: usize = 4;

/// `850 ms`, `3.2 s`, `2 min 5 s`, `3 h 20 min`.
#[must_use]
pub fn span(ms: u64) -> String {
    let (s, tenths) = (ms / 1_000, ms % 1_000 / 100);
    match s {
        0 => format!("{ms} ms"),
        1..60 if tenths > 0 => format!("{s}.{tenths} s"),
        1..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}

/// `1 task`, `2 tasks`.
#[must_use]
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[must_use]
pub fn listed(names: impl IntoIterator<Item = String>, what: &str) -> String {
    let names: Vec<String> = names.into_iter().collect();
    if names.len() <= LISTED {
        return names.join(", ");
    }
    format!("{} and {}", names[..LISTED - 1].join(", "), count(names.len() - LISTED + 1, &format!("more {what}")))
}

/// A command with what it is about, as `scale_app /web to 5 instances`.
#[must_use]
pub fn command(kind: &CommandKind) -> String {
    let name = kind.name();
    let forced = |force: &bool| if *force { ", by force" } else { "" };
    match kind {
        CommandKind::CreateApp { app } => {
            format!("{name} {} with {}", app.id, count(app.instances as usize, "instance"))
        }
        CommandKind::PutApps { apps, force } => {
            let apps = listed(apps.iter().map(|app| app.id.to_string()), "app");
            format!("{name} {apps}{}", forced(force))
        }
        CommandKind::ScaleApp { app, instances, force } => {
            format!("{name} {app} to {}{}", count(*instances as usize, "instance"), forced(force))
        }
        CommandKind::RestartApp { app, force } | CommandKind::DestroyApp { app, force } => {
            format!("{name} {app}{}", forced(force))
        }
        CommandKind::KillTasks { selection: TaskSelection::Tasks(tasks), scale, .. } => {
            let scale = if *scale { ", and scale down" } else { "" };
            format!("{name} {}{scale}", listed(tasks.iter().map(ToString::to_string), "task"))
        }
        CommandKind::KillTasks { selection: TaskSelection::App { app, host }, scale, .. } => {
            let host = host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
            let scale = if *scale { ", and scale down" } else { "" };
            format!("{name} of {app}{host}{scale}")
        }
        CommandKind::RegisterAgent { description } => format!("{name} {}", description.hostname),
        CommandKind::ReconnectAgent { agent, description } => format!("{name} {agent} {}", description.hostname),
        CommandKind::DisconnectAgent { agent, reason } => format!("{name} {agent}, which {}", disconnected(*reason)),
        CommandKind::RemoveAgent { agent, reason } => format!("{name} {agent}, which {}", removed(*reason)),
        CommandKind::UpdateStatus { agent, updates } => {
            let told = updates.iter().map(|update| format!("{} {}", update.task, update.status.state));
            format!("{name} of {agent}: {}", listed(told, "report"))
        }
        CommandKind::ChooseOfferTimeout { offer_timeout_ms } => format!("{name} {}", span(*offer_timeout_ms)),
        CommandKind::SubscribeFramework { info, .. } => format!("{name} {}", info.name),
        CommandKind::DisconnectFramework { framework }
        | CommandKind::TeardownFramework { framework }
        | CommandKind::ReviveOffers { framework }
        | CommandKind::SuppressOffers { framework }
        | CommandKind::AcknowledgeUpdates { framework, .. } => format!("{name} of {framework}"),
        CommandKind::AcceptOffers { framework, launches, .. } => {
            let tasks = launches.iter().map(|launch| match launch {
                LaunchRequest::Task { info, .. } => info.id.to_string(),
                LaunchRequest::Invalid { task, .. } => task.to_string(),
            });
            let tasks = listed(tasks, "task");
            let launching = if tasks.is_empty() { String::new() } else { format!(" to launch {tasks}") };
            format!("{name} of {framework}{launching}")
        }
        CommandKind::DeclineOffers { framework, refuse_ms, .. } => {
            format!("{name} of {framework}, for {}", span(*refuse_ms))
        }
        CommandKind::KillFrameworkTask { framework, task } => format!("{name} {task} of {framework}"),
        CommandKind::DefineProfile { profile } => format!("{name} {}", profile.name),
        CommandKind::RemoveProfile { profile } => format!("{name} {profile}"),
        CommandKind::ChooseProfile { scope, profile } => {
            let scope = scope.as_ref().map_or("everybody else".to_owned(), ToString::to_string);
            format!("{name} {} for {scope}", profile.as_deref().unwrap_or("the default"))
        }
        CommandKind::ChooseShadow { profile } => format!("{name} {}", profile.as_deref().unwrap_or("none")),
        CommandKind::AddModule { name: module, .. } | CommandKind::RemoveModule { module } => {
            format!("{name} {module}")
        }
        CommandKind::StartEpoch { leader, .. } => format!("{name} of {leader}"),
        CommandKind::Allocate => name.to_owned(),
    }
}

/// Why instances wait: `nothing fits (cpus on 3 agents, zone:IS:eu on 2)`.
#[must_use]
pub fn waiting_cause(waiting: &Waiting) -> String {
    match &waiting.cause {
        WaitingCause::NothingFits { explanation } => format!("nothing fits ({})", lacking(explanation)),
        WaitingCause::Backoff { .. } => "a pause, because its tasks end by themselves".to_owned(),
        WaitingCause::Dependency { app } => format!("{app} does not run whole yet"),
        WaitingCause::EarlierStep => "an earlier step of its deployment is under way".to_owned(),
    }
}

/// What failed on how many agents: `cpus on 3 agents`.
fn lacking(explanation: &Explanation) -> String {
    if explanation.considered == 0 {
        return "there is no agent".to_owned();
    }
    if explanation.filtered.is_empty() {
        return format!("0 of {}", count(explanation.considered as usize, "agent"));
    }
    let told = explanation.filtered.iter().map(|Filtered { filter, detail, agents }| {
        let what = match (filter, detail) {
            (Filter::UnfulfilledConstraint, Some(constraint)) => constraint.clone(),
            (Filter::MissingContainerizer, Some(name)) => format!("no containerizer {name}"),
            (Filter::RefusedByPolicy, Some(why)) => format!("the policy: {why}"),
            (filter, _) => filter_words(*filter).to_owned(),
        };
        format!("{what} on {}", count(*agents as usize, "agent"))
    });
    told.collect::<Vec<_>>().join(", ")
}

const fn filter_words(filter: Filter) -> &'static str {
    match filter {
        Filter::AgentInactive => "not connected",
        Filter::MissingContainerizer => "no containerizer",
        Filter::UnfulfilledConstraint => "a constraint",
        Filter::InsufficientCpus => "cpus",
        Filter::InsufficientMemory => "memory",
        Filter::InsufficientDisk => "disk",
        Filter::InsufficientGpus => "gpus",
        Filter::InsufficientPorts => "ports",
        Filter::RefusedByPolicy => "the policy",
    }
}

/// `TASK_FAILED: the command failed, exited with status 1`.
#[must_use]
pub fn status(status: &TaskStatus) -> String {
    details(status).map_or_else(|| status.state.to_string(), |details| format!("{}: {details}", status.state))
}

/// What a status says beside its state: why, how it ended, and its message.
#[must_use]
pub fn details(status: &TaskStatus) -> Option<String> {
    let exit = status.exit.map(|exit| exit.to_string());
    let message = status.message.as_deref().map(one_line).filter(|message| !message.is_empty());
    let said = message.as_ref().map(|message| message.to_lowercase());
    // Messages often say what the exit status says already.
    let exit = exit.filter(|exit| said.as_ref().is_none_or(|said| !said.contains(exit.as_str())));
    let reason = status.reason.map(|reason| status_reason(reason).to_owned());
    let details: Vec<String> = [reason, exit, message].into_iter().flatten().collect();
    (!details.is_empty()).then(|| details.join(", "))
}

/// What others wrote, on one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

const fn status_reason(reason: StatusReason) -> &'static str {
    match reason {
        StatusReason::CommandFailed => "the command failed",
        StatusReason::LaunchFailed => "it could not be started",
        StatusReason::ImagePullFailed => "the image could not be pulled",
        StatusReason::OutOfMemory => "out of memory",
        StatusReason::KillRequested => "it was asked to end",
        StatusReason::AgentStopped => "its agent was stopped",
        StatusReason::EndedUnobserved => "nobody saw how it ended",
        StatusReason::AgentRemoved => "its agent was removed",
        StatusReason::InvalidOffers => "its offers are not valid",
        StatusReason::InvalidTask => "it cannot be run so",
    }
}

pub(crate) const fn kill_reason(reason: KillReason) -> &'static str {
    match reason {
        KillReason::UserRequest => "a user asks for it",
        KillReason::ScaledDown => "fewer instances are wanted",
        KillReason::Superseded => "a newer version replaces it",
        KillReason::AppDestroyed => "its app is destroyed",
        KillReason::FrameworkRequest => "its framework asks for it",
        KillReason::FrameworkRemoved => "its framework is gone",
    }
}

pub(crate) const fn disconnected(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::StreamClosed => "closed its stream",
        DisconnectReason::HeartbeatsMissed => "is silent",
    }
}

pub(crate) const fn removed(reason: RemovalReason) -> &'static str {
    match reason {
        RemovalReason::TimedOut => "was silent for too long",
        RemovalReason::Gone => "is gone for good",
    }
}

pub(crate) const fn outcome(outcome: OfferOutcome) -> &'static str {
    match outcome {
        OfferOutcome::Accepted => "accepted",
        OfferOutcome::Declined => "declined",
        OfferOutcome::Rescinded => "rescinded",
        OfferOutcome::Expired => "expired",
    }
}

pub(crate) fn resources(resources: &Resources) -> String {
    let mut told = format!("{} cpus, {} MB of memory", resources.cpus, resources.mem);
    if resources.disk > model::Scalar::ZERO {
        told += &format!(", {} MB of disk", resources.disk);
    }
    if resources.gpus > model::Scalar::ZERO {
        told += &format!(", {} gpus", resources.gpus);
    }
    told
}

/// The parts of a task's id that tell it from others, as long as nothing is alike by chance.
pub(crate) fn short(task: &TaskId) -> String {
    const KEPT: usize = 8;
    match task.as_str().rsplit_once(".instance-") {
        Some((app, rest)) if rest.is_char_boundary(KEPT.min(rest.len())) => {
            format!("{app}.instance-{}", &rest[..KEPT.min(rest.len())])
        }
        _ => task.to_string(),
    }
}

/// `S3 (h3)`.
pub(crate) fn agent(agent: AgentId, hostname: Option<&String>) -> String {
    hostname.map_or_else(|| agent.to_string(), |hostname| format!("{agent} ({})", one_line(hostname)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let told: Vec<_> = [0, 850, 3_240, 59_000, 125_000, 12_000_000].into_iter().map(span).collect();
        assert_eq!(told, ["0 ms", "850 ms", "3.2 s", "59 s", "2 min 5 s", "3 h 20 min"]);
    }
}
