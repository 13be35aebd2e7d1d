//! How the cluster stands.

use std::collections::BTreeMap;

use model::{Filter, TaskState, WaitingCause};

use super::Family;
use super::history::NO_AGENT;
use crate::State;

/// All of them are told, so that a sum or an alert never finds a gap.
const WAITING_CAUSES: [&str; 4] = ["nothing_fits", "backoff", "dependency", "earlier_step"];

pub(super) fn families(state: &State) -> Vec<Family> {
    let connected = state.agents.values().filter(|agent| agent.is_connected()).count();
    let subscribed = state.frameworks.values().filter(|framework| framework.is_subscribed()).count();
    let disabled = state.modules.values().filter(|module| module.disabled.is_some()).count();
    let oldest = state.offers.values().map(|offer| state.at.ms_since(offer.made_at)).max().unwrap_or(0);
    let mut families = vec![
        Family::gauge("bayplan_log_sequence", None, "The number of the last record that this master shows.")
            .of_count(state.seq.0),
        Family::gauge("bayplan_epoch", None, "The epoch of the leadership.").of_count(state.epoch.0),
        Family::gauge("bayplan_agents", Some("state"), "Agents, by whether they are connected.")
            .with("connected", connected as f64)
            .with("disconnected", (state.agents.len() - connected) as f64),
        Family::gauge(
            "bayplan_frameworks",
            Some("state"),
            "Frameworks outside of the cluster, by whether they are there.",
        )
        .with("subscribed", subscribed as f64)
        .with("away", (state.frameworks.len() - subscribed) as f64),
        Family::gauge("bayplan_offers_open", None, "Offers that are neither accepted nor declined nor taken back.")
            .of(state.offers.len() as f64),
        Family::gauge(
            "bayplan_offers_oldest_seconds",
            None,
            "How old the oldest open offer was at the time of the last record; 0 without one.",
        )
        .of(oldest as f64 / 1000.0),
        Family::gauge("bayplan_apps", None, "App definitions.").of(state.apps.len() as f64),
        Family::gauge("bayplan_deployments", None, "Deployments under way.").of(state.deployments.len() as f64),
        Family::gauge(
            "bayplan_modules_disabled",
            None,
            "Policy modules that gave no usable answer and decide nothing any more.",
        )
        .of(disabled as f64),
        tasks(state),
    ];
    families.extend(waiting(state));
    families
}

fn tasks(state: &State) -> Family {
    let mut tasks = Family::gauge("bayplan_tasks", Some("state"), "Tasks that have not ended, by state.");
    for active in TaskState::ALL.into_iter().filter(|active| !active.is_terminal()) {
        tasks = tasks.with(active.name(), f64::from(state.active_by_state().get(&active).copied().unwrap_or(0)));
    }
    tasks
}

const fn name_of(cause: &WaitingCause) -> &'static str {
    match cause {
        WaitingCause::NothingFits { .. } => WAITING_CAUSES[0],
        WaitingCause::Backoff { .. } => WAITING_CAUSES[1],
        WaitingCause::Dependency { .. } => WAITING_CAUSES[2],
        WaitingCause::EarlierStep => WAITING_CAUSES[3],
    }
}

fn waiting(state: &State) -> [Family; 2] {
    let (mut by_cause, mut by_filter) = (BTreeMap::new(), BTreeMap::new());
    for waiting in state.apps.values().filter_map(|app| app.waiting.as_ref()) {
        let instances = u64::from(waiting.instances);
        *by_cause.entry(name_of(&waiting.cause)).or_default() += instances;
        if let WaitingCause::NothingFits { explanation } = &waiting.cause {
            let filter = explanation.main_obstacle().map_or(NO_AGENT, Filter::name);
            *by_filter.entry(filter).or_default() += instances;
        }
    }
    let of = |counts: &BTreeMap<&str, u64>, name| counts.get(name).copied().unwrap_or(0) as f64;
    let mut causes = Family::gauge(
        "bayplan_instances_waiting",
        Some("cause"),
        "Instances that are wanted and not launched, by what holds them back.",
    );
    for name in WAITING_CAUSES {
        causes = causes.with(name, of(&by_cause, name));
    }
    let mut filters = Family::gauge(
        "bayplan_instances_unplaced",
        Some("filter"),
        "Instances that fit nowhere, by the filter that keeps most agents off.",
    )
    .with(NO_AGENT, of(&by_filter, NO_AGENT));
    for filter in Filter::ALL {
        filters = filters.with(filter.name(), of(&by_filter, filter.name()));
    }
    [causes, filters]
}
