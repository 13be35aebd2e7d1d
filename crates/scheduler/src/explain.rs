//! Why a task is where it is: its record's command is decided again in the world before the record, and watched.
//!
//! What is told comes from the code that decides, on the way to the same decision. Must not know where worlds and records
//! come from.

use std::sync::Arc;

use model::{AgentId, AppId, AppVersion, Event, Explanation, FrameworkId, LaunchedTask, Record, TaskId, Workload};
use placement::{Account, ReadyProfile, Request, Scratch};

use crate::{Policies, World, decide_observed};

/// An instance that is about to be placed.
pub struct Asked<'a> {
    pub app: &'a AppId,
    /// How many instances of the app this command has placed before it.
    pub nth: usize,
    pub profile: &'a ReadyProfile,
    pub seed: u64,
    pub request: &'a Request,
}

/// Is shown every instance before it is placed, with what was placed before it. It may ask and must not place.
pub type Observer<'a> = dyn FnMut(&Asked<'_>, &mut Scratch<'_>) + 'a;

/// The whole account of the placement of one task, at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub task: TaskId,
    pub app: AppId,
    pub version: AppVersion,
    /// Where the record has it, and what it says of that.
    pub agent: AgentId,
    pub recorded: Explanation,
    /// How many tasks of apps the record launches before this one.
    pub earlier: usize,
    pub profile: Arc<str>,
    pub seed: u64,
    /// Of agents with the same score, the first one from this id on is chosen, going round.
    pub first_in_turn: Option<AgentId>,
    pub account: Account,
    pub again: Again,
}

/// What deciding the command again gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    AsRecorded,
    /// This version of the code decides otherwise than the one that wrote the record; in which way.
    Otherwise(String),
}

/// Why there is nothing to explain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    #[error("task '{0}' is not launched by this record")]
    NotLaunched(TaskId),
    #[error("task '{task}' was launched by framework {framework}, which chose the agent itself: nothing was placed")]
    OfFramework { task: TaskId, framework: FrameworkId },
    #[error("this version of the code would not place task '{task}' with this record: {difference}")]
    NotPlaced { task: TaskId, difference: String },
}

/// Why the record launches this task where it does. `world` is the one before the record.
pub fn explain(world: &World, record: &Record, task: &TaskId, policies: &Policies) -> Result<Explained, Unexplained> {
    let not_launched = || Unexplained::NotLaunched(task.clone());
    let launches: Vec<&LaunchedTask> = record.events.iter().filter_map(launched).collect();
    let place = launches.iter().position(|launched| launched.id == *task).ok_or_else(not_launched)?;
    let launch = launches[place];
    let (app, version, recorded) = match (&launch.workload, &launch.explanation) {
        (Workload::App { app, version }, Some(recorded)) => (app.clone(), *version, recorded.clone()),
        _ => return Err(Unexplained::OfFramework { task: task.clone(), framework: launch.framework }),
    };
    let nth = launches[..place].iter().filter(|earlier| is_of(earlier, &app)).count();
    let earlier = launches[..place].iter().filter(|earlier| earlier.explanation.is_some()).count();
    let mut told: Option<(Arc<str>, u64, Account)> = None;
    let decided = decide_observed(
        world,
        &record.cause,
        policies,
        Some(&mut |asked: &Asked<'_>, scratch: &mut Scratch<'_>| {
            if *asked.app == app
                && asked.nth == nth
                && let Ok(account) = scratch.account(asked.profile, asked.seed, asked.request)
            {
                told = Some((Arc::clone(asked.profile.name()), asked.seed, account));
            }
        }),
    );
    let difference = match decided {
        Ok(events) => difference(&record.events, &events),
        Err(rejection) => Some(format!("the command would be refused, {rejection}")),
    };
    let Some((profile, seed, account)) = told else {
        let difference = difference.unwrap_or_else(|| "it is not asked for".to_owned());
        return Err(Unexplained::NotPlaced { task: task.clone(), difference });
    };
    let again = difference.map_or(Again::AsRecorded, Again::Otherwise);
    let (first_in_turn, agent) = (world.view.first_in_turn(seed), launch.agent);
    let task = task.clone();
    Ok(Explained { task, app, version, agent, recorded, earlier, profile, seed, first_in_turn, account, again })
}

fn launched(event: &Event) -> Option<&LaunchedTask> {
    match event {
        Event::TaskLaunched { task } => Some(task),
        _ => None,
    }
}

fn is_of(task: &LaunchedTask, app: &AppId) -> bool {
    matches!(&task.workload, Workload::App { app: of, .. } if of == app)
}

/// Whether an event is of what was decided. Which agents nobody wants offers of is said once more by a world that began with a state,
/// which does not know that it was said.
#[must_use]
pub const fn is_decided(event: &Event) -> bool {
    !matches!(event, Event::OffersHeldBack { .. })
}

/// In which way events differ from those that were recorded.
#[must_use]
pub fn difference(recorded: &[Event], now: &[Event]) -> Option<String> {
    if recorded == now {
        return None;
    }
    let decided = |events: &[Event]| events.iter().filter(|event| is_decided(event)).cloned().collect::<Vec<_>>();
    let (recorded, now) = (decided(recorded), decided(now));
    if recorded == now {
        return None;
    }
    let first = recorded.iter().zip(&now).take_while(|(recorded, now)| recorded == now).count();
    let (all, number) = (recorded.len(), first + 1);
    Some(match (recorded.get(first), now.get(first)) {
        (Some(Event::TaskLaunched { task }), Some(Event::TaskLaunched { task: other }))
            if task.agent != other.agent =>
        {
            format!(
                "event {number} of {all} would launch task '{}' on {} instead of {}",
                task.id, other.agent, task.agent
            )
        }
        (Some(recorded), Some(now)) if recorded.name() == now.name() => {
            format!("event {number} of {all}, {}, would say something else", recorded.name())
        }
        (Some(recorded), Some(now)) => {
            format!("event {number} of {all} would be {} instead of {}", now.name(), recorded.name())
        }
        (Some(recorded), None) => format!("event {number} of {all}, {}, would be missing", recorded.name()),
        (None, _) => format!("there would be {} events instead of {all}", now.len()),
    })
}
