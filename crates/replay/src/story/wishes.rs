//! What is wanted of one app, and what held it back: why its tasks are launched and asked to end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::{
    AppId, CommandKind, Event, KillReason, LaunchedTask, ProfileScope, Record, TaskId, TaskState, TaskStatus,
    Timestamp, Waiting,
};
use state::State;

use super::Because;
use super::known::Known;
use crate::mention::{app_of, flat_app_of};
use crate::words;

/// How many gaps are remembered; more than one app runs would be a story of its own.
const GAPS_KEPT: usize = 1_000;

#[derive(Debug)]
pub(super) struct Wishes {
    app: AppId,
    flat: String,
    instances: u32,
    /// The last change of the app, of the number of its instances down, and of what its tasks are.
    wish: Option<Because>,
    scaled_down: Option<Because>,
    version: Option<Because>,
    destroyed: Option<Because>,
    config_version: Option<model::AppVersion>,
    /// Its active tasks of the present configuration that nobody asked to end.
    staying: BTreeSet<TaskId>,
    /// Why staying tasks became fewer, where no launch has made up for it yet: they ended, or a user asked for that.
    gaps: VecDeque<Because>,
    pub(super) waiting: Option<Wait>,
    /// What changed last, other than by placing: what a wait may have ended with.
    news: Option<Because>,
    /// Who chose what decides for whom, where that is not the cluster's profile.
    profiles: BTreeMap<ProfileScope, Because>,
    role: Option<Arc<str>>,
}

/// What the app waits for.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    pub(super) waiting: Waiting,
    /// Since when this is what it waits for.
    pub(super) since: Timestamp,
    /// Since when it waits for anything.
    pub(super) begin: Timestamp,
}

impl Wishes {
    pub(super) fn of(app: &AppId, state: &State) -> Self {
        let row = state.apps.get(app);
        let waiting = row.and_then(|row| row.waiting.clone());
        let config_version = row.map(|row| row.config_version);
        let staying = state.active_tasks_of_app(app).filter(|task| task.kill.is_none());
        let staying = staying.filter(|task| config_version.is_some_and(|version| task.is_since(version)));
        Self {
            app: app.clone(),
            flat: app.flat(),
            instances: row.map_or(0, |row| row.spec.instances),
            wish: None,
            scaled_down: None,
            version: None,
            destroyed: None,
            config_version,
            staying: staying.map(|task| task.id.clone()).collect(),
            gaps: VecDeque::new(),
            waiting: waiting.map(|waiting| Wait { waiting, since: state.at, begin: state.at }),
            news: None,
            profiles: BTreeMap::new(),
            role: row.and_then(|row| row.spec.role.clone()),
        }
    }

    pub(super) fn is_of(&self, task: &TaskId) -> bool {
        flat_app_of(task) == Some(self.flat.as_str())
    }

    /// What somebody wants, before the record is told.
    pub(super) fn see(&mut self, record: &Record) {
        for event in &record.events {
            match event {
                Event::AppChanged { app, config_version, .. } if app.id == self.app => {
                    let because = Because::of(record);
                    if app.instances < self.instances {
                        self.scaled_down = Some(because.clone());
                    }
                    if self.config_version.is_some_and(|version| version != *config_version) {
                        self.version = Some(because.clone());
                        self.forget_tasks();
                    }
                    self.instances = app.instances;
                    self.role.clone_from(&app.role);
                    self.config_version = Some(*config_version);
                    self.destroyed = None;
                    self.wish = Some(because);
                }
                Event::AppDestroyed { app } if *app == self.app => {
                    self.destroyed = Some(Because::of(record));
                    self.forget_tasks();
                    (self.scaled_down, self.version, self.config_version) = (None, None, None);
                    self.instances = 0;
                    self.waiting = None;
                }
                Event::ProfileChosen { scope, profile: Some(_) } => {
                    self.profiles.insert(scope.clone(), Because::of(record));
                }
                Event::ProfileChosen { scope, profile: None } => drop(self.profiles.remove(scope)),
                _ => {}
            }
        }
    }

    /// What remains of the record for later ones.
    pub(super) fn remember(&mut self, record: &Record, known: &Known) {
        for event in &record.events {
            match event {
                Event::WaitingChanged { app, waiting } if *app == self.app => {
                    let (now, begin) = (record.cause.at, self.waiting.as_ref().map(|wait| wait.begin));
                    let begin = begin.unwrap_or(now);
                    self.waiting = waiting.clone().map(|waiting| Wait { waiting, since: now, begin });
                }
                Event::TaskStatusChanged { task, agent, status, .. }
                    if status.state.is_terminal() && self.staying.contains(task) =>
                {
                    self.staying.remove(task);
                    let task = words::short(task);
                    let text = format!("{task} on {} ended: {}", known.agent(*agent), words::status(status));
                    self.gaps.push_back(Because::saying(record, text));
                }
                Event::TaskKillRequested { task, agent, reason } => {
                    // It is replaced from now on, and not only when it has ended; unless so many fewer are wanted.
                    let is_replaced = *reason == KillReason::UserRequest && !self.is_scaled_down_by(record);
                    if self.staying.remove(task) && is_replaced {
                        let (task, why) = (words::short(task), words::kill_reason(*reason));
                        let text = format!("{task} on {} is asked to end: {why}", known.agent(*agent));
                        self.gaps.push_back(Because::saying(record, text));
                    }
                }
                Event::TaskLaunched { task } if self.is_of(&task.id) => {
                    self.staying.insert(task.id.clone());
                    self.gaps.pop_front();
                }
                _ => {}
            }
        }
        // Where less is wanted than was, nothing replaces the oldest.
        let missing = (self.instances as usize).saturating_sub(self.staying.len());
        while self.gaps.len() > missing.min(GAPS_KEPT) {
            self.gaps.pop_front();
        }
        if record.cause.kind != CommandKind::Allocate && !record.events.is_empty() {
            self.news = Some(Because::of(record));
        }
    }

    /// Whether what is chosen for it decides where its tasks go.
    pub(super) fn is_scope(&self, scope: &ProfileScope) -> bool {
        match scope {
            ProfileScope::App(app) => *app == self.app,
            ProfileScope::Role(role) => self.role.as_ref() == Some(role),
        }
    }

    fn profile(&self) -> Option<&Because> {
        let of_app = self.profiles.get(&ProfileScope::App(self.app.clone()));
        of_app.or_else(|| self.profiles.get(&ProfileScope::Role(self.role.clone()?)))
    }

    fn is_scaled_down_by(&self, record: &Record) -> bool {
        self.scaled_down.as_ref().is_some_and(|because| because.seq == record.seq)
    }

    /// What is there is not what is wanted any more, so that all of it is launched for the change's sake.
    fn forget_tasks(&mut self) {
        self.staying.clear();
        self.gaps.clear();
    }

    /// Why a task is launched, in words and by records. `nth` of those that this record launches.
    pub(super) fn launch(&self, record: &Record, nth: usize) -> (String, Vec<Because>) {
        let at = record.cause.at;
        let mut text = String::new();
        let mut because = Vec::new();
        let gap = self.gaps.get(nth);
        because.extend(gap.cloned());
        // A later change may have decided how it is filled.
        because.extend(self.wish.clone().filter(|wish| gap.is_none_or(|gap| wish.seq > gap.seq)));
        if let Some(wait) = &self.waiting {
            let waited = words::span(at.ms_since(wait.begin));
            text = format!("; waited {waited}: {}", words::waiting_cause(&wait.waiting));
            if let (model::WaitingCause::NothingFits { .. }, Some(news)) = (&wait.waiting.cause, &self.news) {
                let told = format!("it was tried again after this: {}", news.text);
                because.push(Because { text: told, ..news.clone() });
            }
        }
        because.extend(self.profile().cloned());
        (text, because)
    }

    /// What a task is asked to end for, where that is another record than the one that asks.
    pub(super) fn kill(&self, reason: KillReason, record: &Record) -> Option<Because> {
        let because = match reason {
            KillReason::ScaledDown => self.scaled_down.as_ref().or(self.wish.as_ref()),
            KillReason::Superseded => self.version.as_ref().or(self.wish.as_ref()),
            KillReason::AppDestroyed => self.destroyed.as_ref(),
            KillReason::UserRequest | KillReason::FrameworkRequest | KillReason::FrameworkRemoved => None,
        };
        because.filter(|because| because.seq != record.seq).cloned()
    }
}

pub(super) fn is_failure(status: &TaskStatus) -> bool {
    matches!(status.state, TaskState::Failed | TaskState::Lost | TaskState::Error)
}

/// The app of a task, and what is wanted of it.
pub(super) fn of_task(task: &TaskId, state: &State) -> Option<Wishes> {
    app_of(task).map(|app| Wishes::of(&app, state))
}

/// How a launch was decided: `by best-fit, score 12, 3 of 5 agents feasible`.
pub(super) fn decided(task: &LaunchedTask) -> String {
    let Some(explanation) = &task.explanation else {
        return "where its framework wanted it".to_owned();
    };
    let score = explanation.score.map(|score| format!(", score {score}")).unwrap_or_default();
    format!("by {}{score}, {}", explanation.policy, words::one_line(&explanation.to_string()))
}
