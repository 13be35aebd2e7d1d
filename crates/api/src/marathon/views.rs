//! Pictures of the state in Marathon's shapes. Pure.

use std::fmt::Write;

use model::{App, Deployment, DeploymentAction, Explanation, Task, TaskFailure, TaskState, Timestamp, WaitingCause};
use protocol::marathon::{
    AppAnswer, DeploymentActionAnswer, DeploymentAnswer, DeploymentRef, DeploymentStepAnswer, LastTaskFailure,
    OffersSummary, QueueDelay, QueueItem, RejectSummary, TaskAnswer, VersionInfo, definition_of, write_timestamp,
};
use state::State;

/// What is told of an app beside its definition and its counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct With {
    pub(super) tasks: bool,
    pub(super) last_task_failure: bool,
}

pub(super) fn app(state: &State, app: &App, with: With) -> AppAnswer {
    let id = &app.spec.id;
    let tasks: Vec<&Task> = state.active_tasks_of_app(id).collect();
    let failure = app.last_failure.as_ref().filter(|_| with.last_task_failure);
    AppAnswer {
        definition: definition_of(&app.spec),
        version: write_timestamp(app.version.0),
        version_info: VersionInfo {
            last_scaling_at: write_timestamp(app.last_scaled_at),
            last_config_change_at: write_timestamp(app.config_version.0),
        },
        tasks_staged: count(&tasks, is_staged),
        tasks_running: count(&tasks, is_running),
        // There are no health checks yet, so no task is known to be either.
        tasks_healthy: 0,
        tasks_unhealthy: 0,
        deployments: state.deployments_of(id).map(deployment_ref).collect(),
        tasks: with.tasks.then(|| tasks.iter().filter_map(|found| task(state, found)).collect()),
        last_task_failure: failure.map(|failure| last_task_failure(app, failure)),
    }
}

/// An app that was just made, out of its own record.
pub(super) fn new_app(app: &App, deployment: Option<&Deployment>) -> AppAnswer {
    AppAnswer {
        deployments: deployment.map(deployment_ref).into_iter().collect(),
        ..self::app(&State::default(), app, With { tasks: true, last_task_failure: false })
    }
}

fn count(tasks: &[&Task], counts: impl Fn(&Task) -> bool) -> u32 {
    u32::try_from(tasks.iter().filter(|task| counts(task)).count()).unwrap_or(u32::MAX)
}

pub(super) fn is_staged(task: &Task) -> bool {
    matches!(task.status.state, TaskState::Staging | TaskState::Starting)
}

pub(super) fn is_running(task: &Task) -> bool {
    task.status.state == TaskState::Running
}

fn deployment_ref(deployment: &Deployment) -> DeploymentRef {
    DeploymentRef { id: deployment.id.to_string() }
}

fn last_task_failure(app: &App, failure: &TaskFailure) -> LastTaskFailure {
    let status = &failure.status;
    let message = match (&status.message, status.exit) {
        (Some(message), Some(exit)) => format!("{message} ({exit})"),
        (Some(message), None) => message.clone(),
        (None, Some(exit)) => exit.to_string(),
        (None, None) => String::new(),
    };
    LastTaskFailure {
        app_id: app.spec.id.to_string(),
        host: failure.hostname.clone(),
        message,
        slave_id: failure.agent.to_string(),
        state: status.state.name().to_owned(),
        task_id: failure.task.to_string(),
        timestamp: write_timestamp(failure.at),
        version: write_timestamp(failure.version.0),
    }
}

/// None for a task of a framework: it is no app's, and nothing of Marathon's.
pub(super) fn task(state: &State, task: &Task) -> Option<TaskAnswer> {
    let (app, version) = (task.app()?, task.version()?);
    let definition = state.definition(app, version);
    let service_ports = definition.map(|spec| spec.ports.iter().map(|port| port.service_port).collect());
    Some(TaskAnswer {
        id: task.id.to_string(),
        app_id: app.to_string(),
        host: task.hostname.clone(),
        ports: task.host_ports.clone(),
        service_ports: service_ports.unwrap_or_default(),
        slave_id: task.agent.to_string(),
        state: task.status.state.name().to_owned(),
        staged_at: write_timestamp(task.launched_at),
        started_at: task.running_since.map(write_timestamp),
        version: write_timestamp(version.0),
    })
}

/// Marathon's list for load balancers: a line per app and service port, with the places where it runs.
pub(super) fn endpoints<'a>(state: &State, apps: impl Iterator<Item = &'a App>) -> String {
    let mut text = String::new();
    for app in apps {
        let name = app.spec.id.flat();
        let running: Vec<&Task> = state.active_tasks_of_app(&app.spec.id).filter(|task| is_running(task)).collect();
        if app.spec.ports.is_empty() {
            let hosts: String = running.iter().map(|task| format!("{}\t", task.hostname)).collect();
            let _infallible = writeln!(text, "{name}\t \t{hosts}");
        }
        for (index, port) in app.spec.ports.iter().enumerate() {
            let places: String = running
                .iter()
                .filter_map(|task| task.host_ports.get(index).map(|port| format!("{}:{port}\t", task.hostname)))
                .collect();
            let _infallible = writeln!(text, "{name}\t{}\t{places}", port.service_port);
        }
    }
    text
}

pub(super) fn deployment(deployment: &Deployment) -> DeploymentAnswer {
    let mut affected: Vec<String> = deployment.actions().map(|action| action.app.to_string()).collect();
    affected.sort();
    affected.dedup();
    let steps =
        deployment.steps.iter().map(|step| DeploymentStepAnswer { actions: step.actions.iter().map(action).collect() });
    DeploymentAnswer {
        id: deployment.id.to_string(),
        version: write_timestamp(deployment.version),
        affected_apps: affected,
        affected_pods: Vec::new(),
        steps: steps.collect(),
        current_actions: deployment.current_actions().map(action).collect(),
        current_step: deployment.current_step + 1,
        total_steps: u32::try_from(deployment.steps.len()).unwrap_or(u32::MAX),
    }
}

fn action(action: &DeploymentAction) -> DeploymentActionAnswer {
    DeploymentActionAnswer { action: format!("{:?}", action.kind), app: action.app.to_string() }
}

/// None when nothing holds the app back.
pub(super) fn queue_item(state: &State, app: &App, now: Timestamp) -> Option<QueueItem> {
    let waiting = app.waiting.as_ref()?;
    let left_ms = app.delay.map_or(0, |delay| delay.until.ms_since(now));
    let mut summary = match &waiting.cause {
        WaitingCause::NothingFits { explanation } => offers_summary(explanation),
        _ => no_offers(),
    };
    summary.reason = reason(&waiting.cause);
    if let Some(failure) = app.last_failure.as_ref().filter(|_| matches!(waiting.cause, WaitingCause::Backoff { .. })) {
        let said = last_task_failure(app, failure).message;
        let _infallible = write!(summary.reason, "; the last one, {}: {said}", failure.task);
    }
    Some(QueueItem {
        app: self::app(state, app, With::default()),
        count: waiting.instances,
        delay: QueueDelay { time_left_seconds: left_ms.div_ceil(1000), overdue: left_ms == 0 },
        processed_offers_summary: summary,
    })
}

fn reason(cause: &WaitingCause) -> String {
    match cause {
        WaitingCause::NothingFits { explanation } => format!("no agent fits: {explanation}"),
        WaitingCause::Backoff { until } => {
            format!("its tasks end by themselves; the next launch is at {}", write_timestamp(*until))
        }
        WaitingCause::Dependency { app } => format!("it depends on {app}, which does not run all its instances"),
        WaitingCause::EarlierStep => "an earlier step of its deployment is under way".to_owned(),
    }
}

const fn no_offers() -> OffersSummary {
    OffersSummary {
        processed_offers_count: 0,
        unused_offers_count: 0,
        reject_summary_last_offers: Vec::new(),
        reject_summary_launch_attempt: Vec::new(),
        reason: String::new(),
    }
}

/// The filters as a funnel: what came to each, and what it held back.
fn offers_summary(explanation: &Explanation) -> OffersSummary {
    let mut funnel: Vec<RejectSummary> = Vec::new();
    let mut left = explanation.considered;
    for filtered in &explanation.filtered {
        let reason = filtered.filter.name();
        match funnel.last_mut().filter(|last| last.reason == reason) {
            Some(last) => last.declined += filtered.agents,
            None => {
                let reason = reason.to_owned();
                funnel.push(RejectSummary { reason, declined: filtered.agents, processed: left });
            }
        }
        left = left.saturating_sub(filtered.agents);
    }
    OffersSummary {
        processed_offers_count: explanation.considered,
        unused_offers_count: explanation.considered - left,
        reject_summary_last_offers: funnel.clone(),
        reject_summary_launch_attempt: funnel,
        reason: String::new(),
    }
}
