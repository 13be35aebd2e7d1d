//! What happened over the life of the cluster.

use model::{Counts, Filter, OfferOutcome, StatusReason, TaskState};

use super::Family;
use crate::State;

/// The label of launches that a framework placed itself.
const BY_FRAMEWORK: &str = "framework";
/// The label where there is no agent that a filter could keep off.
pub(super) const NO_AGENT: &str = "NoAgent";
const NO_REASON: &str = "none";

pub(super) fn families(state: &State) -> Vec<Family> {
    let nothing = Counts::default();
    let counts = state.header.counts.as_deref().unwrap_or(&nothing);
    let totals = &state.header.totals;
    let mut families = vec![
        Family::counter("bayplan_records_total", None, "Records in the log, over the life of the cluster.")
            .of_count(state.seq.0),
        Family::counter("bayplan_events_total", None, "Events in these records.").of_count(totals.events),
        Family::counter("bayplan_tasks_launched_total", None, "Tasks launched.").of_count(totals.tasks_launched),
        Family::counter(
            "bayplan_launches_refused_total",
            None,
            "Launches that a framework asked for and did not get: its offers were not open, or its task is not valid.",
        )
        .of_count(counts.launches_refused),
        Family::counter(
            "bayplan_agents_disconnected_total",
            None,
            "How often the connection to an agent was lost or ended.",
        )
        .of_count(counts.agents_disconnected),
        Family::counter(
            "bayplan_agents_timed_out_total",
            None,
            "Agents that were removed because they were silent for too long.",
        )
        .of_count(counts.agents_timed_out),
    ];
    families.extend(offers(state, counts));
    families.extend(placements(counts));
    families.extend(ends(state, counts));
    families
}

fn offers(state: &State, counts: &Counts) -> [Family; 6] {
    let totals = &state.header.totals;
    let closed = |outcome| totals.offers_closed.get(&outcome).copied().unwrap_or(0);
    let for_agent = counts.offers_rescinded_for_agent;
    let for_others = closed(OfferOutcome::Rescinded).saturating_sub(for_agent);
    let mut open = Family::histogram(
        "bayplan_offer_open_seconds",
        Some("outcome"),
        "How long frameworks outside of the cluster had an offer until it was closed, by what became of it.",
    );
    for outcome in OfferOutcome::ALL {
        open = open.with_times(outcome.name(), counts.offers_open.get(&outcome).copied().unwrap_or_default());
    }
    [
        Family::counter("bayplan_offers_made_total", None, "Resource offers made to frameworks.")
            .of_count(totals.offers_made),
        Family::counter("bayplan_offers_accepted_total", None, "Offers that a framework accepted.")
            .of_count(closed(OfferOutcome::Accepted)),
        Family::counter("bayplan_offers_declined_total", None, "Offers that a framework declined.")
            .of_count(closed(OfferOutcome::Declined)),
        Family::counter(
            "bayplan_offers_rescinded_total",
            Some("cause"),
            "Offers that were taken back, because their agent went or has changed (agent), or for another cause, as a rule \
             because the framework went (other).",
        )
        .with("agent", for_agent as f64)
        .with("other", for_others as f64),
        Family::counter("bayplan_offers_expired_total", None, "Offers that a framework kept for too long.")
            .of_count(closed(OfferOutcome::Expired)),
        open,
    ]
}

fn placements(counts: &Counts) -> [Family; 5] {
    let mut placed = Family::counter(
        "bayplan_placements_total",
        Some("profile"),
        "Launches, by the profile that chose the agent; framework: it was chosen by the framework itself.",
    )
    .with(BY_FRAMEWORK, counts.placed_by_framework as f64);
    for (profile, count) in &counts.placed_by {
        placed = placed.with(profile, *count as f64);
    }
    let mut failed = Family::counter(
        "bayplan_placement_failures_total",
        Some("filter"),
        "How often it was found anew that instances of an app fit nowhere, by the filter that kept most agents off.",
    )
    .with(NO_AGENT, counts.fitted_without_agents as f64);
    for filter in Filter::ALL {
        failed = failed.with(filter.name(), counts.fitted_nowhere.get(&filter).copied().unwrap_or(0) as f64);
    }
    [
        placed,
        failed,
        Family::histogram(
            "bayplan_placement_wait_seconds",
            None,
            "From when an app's instance could have been launched until it was: since its definition, its last scaling, the \
             last end of one of its tasks, or the end of its backoff.",
        )
        .with_times("", counts.until_launched),
        Family::histogram(
            "bayplan_task_start_seconds",
            None,
            "From a task's launch until its agent reported that it runs.",
        )
        .with_times("", counts.until_started),
        Family::histogram(
            "bayplan_launch_latency_seconds",
            None,
            "From the request for an instance until it runs: the wait for a place and the start. Of frameworks' tasks, the \
             start.",
        )
        .with_times("", counts.until_running),
    ]
}

fn ends(state: &State, counts: &Counts) -> [Family; 2] {
    let mut by_state =
        Family::counter("bayplan_tasks_ended_total", Some("state"), "Tasks that ended, by their last state.");
    for ended in TaskState::ALL.into_iter().filter(|ended| ended.is_terminal()) {
        let count = state.header.totals.tasks_ended.get(&ended).copied().unwrap_or(0);
        by_state = by_state.with(ended.name(), count as f64);
    }
    let mut by_reason = Family::counter(
        "bayplan_task_end_reasons_total",
        Some("reason"),
        "Tasks that ended, by the reason; none: they ended by themselves and well.",
    )
    .with(NO_REASON, counts.ended_without_reason as f64);
    for reason in StatusReason::ALL {
        by_reason = by_reason.with(reason.name(), counts.ended_for.get(&reason).copied().unwrap_or(0) as f64);
    }
    [by_state, by_reason]
}
