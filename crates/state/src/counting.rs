//! What an event adds to the counts that metrics are made of. It looks at the state as it was before the event.
//!
//! It is asked for every event of every fold, so it looks up one row at most, and nothing of what it counts is listed.

use model::{
    AppId, CommandKind, Counts, Event, Explanation, FrameworkId, LaunchedTask, OfferId, OfferOutcome, RemovalReason,
    TaskId, TaskState, TaskStatus, Timestamp, WaitingCause,
};

use crate::{COUNTED_SINCE, State};

impl State {
    /// A leader of an older version neither counts nor keeps what was counted, in baselines for example: then it begins anew.
    pub(crate) fn begin_counting(&mut self) {
        if self.header.state_version < COUNTED_SINCE {
            self.header.counts = None;
        } else {
            self.header.counts.get_or_insert_default();
        }
    }

    pub(crate) fn count(&mut self, cause: &CommandKind, event: &Event) {
        let Some(mut counts) = self.header.counts.take() else { return };
        self.count_event(&mut counts, cause, event);
        self.header.counts = Some(counts);
    }

    fn count_event(&self, counts: &mut Counts, cause: &CommandKind, event: &Event) {
        match event {
            Event::OffersClosed { framework, offers, outcome, .. } => {
                self.count_closed(counts, cause, *framework, offers, *outcome);
            }
            Event::TaskLaunched { task } => self.count_launch(counts, task),
            Event::TaskStatusChanged { task, status, .. } => self.count_status(counts, task, status),
            Event::WaitingChanged { waiting: Some(waiting), .. } => {
                if let WaitingCause::NothingFits { explanation } = &waiting.cause {
                    count_obstacle(counts, explanation);
                }
            }
            Event::LaunchRefused { .. } => counts.launches_refused += 1,
            Event::AgentDisconnected { .. } => counts.agents_disconnected += 1,
            Event::AgentRemoved { reason: RemovalReason::TimedOut, .. } => counts.agents_timed_out += 1,
            _ => {}
        }
    }

    /// The services framework takes what it is offered at once, so its offers would only hide the others' times.
    fn count_closed(
        &self,
        counts: &mut Counts,
        cause: &CommandKind,
        framework: FrameworkId,
        offers: &[OfferId],
        outcome: OfferOutcome,
    ) {
        if framework == FrameworkId::SERVICES {
            return;
        }
        let is_for_agent = outcome == OfferOutcome::Rescinded
            && matches!(
                cause,
                CommandKind::ReconnectAgent { .. }
                    | CommandKind::DisconnectAgent { .. }
                    | CommandKind::RemoveAgent { .. }
            );
        let times = counts.offers_open.entry(outcome).or_default();
        for offer in offers.iter().filter_map(|id| self.offers.get(id)) {
            times.add(self.at.ms_since(offer.made_at));
            counts.offers_rescinded_for_agent += u64::from(is_for_agent);
        }
    }

    fn count_launch(&self, counts: &mut Counts, task: &LaunchedTask) {
        match &task.explanation {
            Some(explanation) => counts.placed_by(&explanation.policy),
            None => counts.placed_by_framework += 1,
        }
        if let Some(app) = task.workload.app() {
            counts.until_launched.add(self.at.ms_since(self.wanted_since(app, self.at)));
        }
    }

    fn count_status(&self, counts: &mut Counts, id: &TaskId, status: &TaskStatus) {
        let is_start = status.state == TaskState::Running;
        if !is_start && !status.state.is_terminal() {
            return;
        }
        let Some(task) = self.tasks.get(id).filter(|task| task.is_active()) else { return };
        if is_start {
            if task.running_since.is_none() {
                let launched_at = task.launched_at;
                let wanted_at = task.app().map_or(launched_at, |app| self.wanted_since(app, launched_at));
                counts.until_started.add(self.at.ms_since(launched_at));
                counts.until_running.add(self.at.ms_since(wanted_at));
            }
        } else if let Some(reason) = status.reason {
            *counts.ended_for.entry(reason).or_default() += 1;
        } else {
            counts.ended_without_reason += 1;
        }
    }

    /// Since when an app's instance that was launched at `by` could have been launched: since the app's definition, its last
    /// scaling, the last end of one of its tasks, or the end of its backoff, whichever came last.
    fn wanted_since(&self, app: &AppId, by: Timestamp) -> Timestamp {
        let Some(row) = self.apps.get(app) else { return by };
        let delay = row.delay.map(|delay| delay.until);
        let ended = self.tasks_of_app(app).ended.iter().rev().map(|(at, _)| *at).find(|at| *at <= by);
        let reasons = [Some(row.version.0), Some(row.last_scaled_at), delay, ended];
        reasons.into_iter().flatten().filter(|at| *at <= by).max().unwrap_or(by)
    }
}

fn count_obstacle(counts: &mut Counts, explanation: &Explanation) {
    match explanation.main_obstacle() {
        Some(filter) => *counts.fitted_nowhere.entry(filter).or_default() += 1,
        None => counts.fitted_without_agents += 1,
    }
}
