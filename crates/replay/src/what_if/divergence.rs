//! Where two runs of the same commands part, and why: the first decision that differs, told with the accounts of both.
//!
//! What is compared are decisions. Ids, which derive from commands, and what a decision says of itself make no difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, AppId, Command, CommandKind, Event, KillReason, Seq, TaskId, Timestamp, WaitingCause, Workload};
use placement::{Account, Scratch};
use scheduler::{Asked, Policies, World, decide_observed};
use state::State;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The record whose command is decided otherwise; or the last one before it, when the log has no such command.
    pub seq: Seq,
    pub at: Timestamp,
    pub command: &'static str,
    /// Whether the command is in the log, or is one that a master would give itself in the fork.
    pub is_recorded: bool,
    pub difference: Difference,
    /// By which profile both decided, with the account of it, where both were asked.
    pub accounts: [Option<(Arc<str>, Account)>; 2],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// An instance goes elsewhere, or nowhere: it fits on no agent, or is not asked for.
    Placement { app: AppId, nth: usize, tasks: [Option<TaskId>; 2], agents: [Option<AgentId>; 2] },
    /// The first event that differs.
    Event { events: [Option<Box<Event>>; 2] },
    /// The command is refused by one of them.
    Refused { reasons: [Option<String>; 2] },
}

/// What became of a command: events, or why it was refused.
pub(crate) type Decided = Result<Vec<Event>, String>;

pub(crate) fn as_ref(decided: &Decided) -> Result<&[Event], &str> {
    decided.as_deref().map_err(String::as_str)
}

/// How much of the events is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// All that was recorded.
    Everything,
    /// Decisions about apps. Frameworks outside answer to offers, so what they do cannot be compared.
    Decisions,
}

/// The first difference between the decisions of two, each in its own state.
pub(crate) fn difference(
    decided: [Result<&[Event], &str>; 2],
    states: [&State; 2],
    strictness: Strictness,
) -> Option<Difference> {
    let [one, other] = match decided {
        [Ok(one), Ok(other)] if one == other => return None,
        [Ok(one), Ok(other)] => [one, other],
        [Err(_), Err(_)] => return None,
        _ => {
            let reasons = decided.map(|decided| decided.err().map(ToOwned::to_owned));
            return Some(Difference::Refused { reasons });
        }
    };
    placement_difference([one, other]).or_else(|| {
        let [one, other] = [told(one, states[0], strictness), told(other, states[1], strictness)];
        let events = match strictness {
            Strictness::Everything => first_in_turn(one, other),
            Strictness::Decisions => first_of_one(&one, &other),
        };
        events.iter().any(Option::is_some).then_some(Difference::Event { events })
    })
}

/// Event by event.
fn first_in_turn(one: Vec<Event>, other: Vec<Event>) -> [Option<Box<Event>>; 2] {
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    [one, other].map(|mut told| (same < told.len()).then(|| Box::new(told.swap_remove(same))))
}

/// Which app is told of first depends on how costly it is to decide for it, and makes no difference: what counts is what only one of
/// them tells.
fn first_of_one(one: &[Event], other: &[Event]) -> [Option<Box<Event>>; 2] {
    let only =
        |these: &[Event], those: &[Event]| these.iter().find(|event| !those.contains(event)).cloned().map(Box::new);
    [only(one, other), only(other, one)]
}

/// A launch that placement decided: the app, how many of its instances come before it in the record, the task and the agent.
type Launch<'a> = (&'a AppId, usize, &'a TaskId, AgentId);

fn launches(events: &[Event]) -> Vec<Launch<'_>> {
    let mut of_app: BTreeMap<&AppId, usize> = BTreeMap::new();
    let launched = events.iter().filter_map(|event| match event {
        Event::TaskLaunched { task } => match &task.workload {
            Workload::App { app, .. } => Some((app, &task.id, task.agent)),
            Workload::Own(_) => None,
        },
        _ => None,
    });
    let numbered = launched.map(|(app, task, agent)| {
        let nth = of_app.entry(app).or_default();
        *nth += 1;
        (app, *nth - 1, task, agent)
    });
    numbered.collect()
}

fn placement_difference(events: [&[Event]; 2]) -> Option<Difference> {
    let both = events.map(launches);
    let place = |launch: &Launch<'_>| (launch.0.clone(), launch.1, launch.3);
    let same = both[0].iter().zip(&both[1]).take_while(|(one, other)| place(one) == place(other)).count();
    let [one, other] = [both[0].get(same), both[1].get(same)];
    // Apps are placed in their order, so what comes first in it is what the other does not place.
    let is_of = |launch: &Launch<'_>, first: &Launch<'_>| (launch.0, launch.1) == (first.0, first.1);
    let first = match (one, other) {
        (Some(one), Some(other)) => {
            if (other.0, other.1) < (one.0, one.1) {
                other
            } else {
                one
            }
        }
        (Some(first), None) | (None, Some(first)) => first,
        (None, None) => return None,
    };
    let sides = [one, other].map(|launch| launch.filter(|launch| is_of(launch, first)));
    let tasks = sides.map(|side| side.map(|launch| launch.2.clone()));
    let agents = sides.map(|side| side.map(|launch| launch.3));
    Some(Difference::Placement { app: first.0.clone(), nth: first.1, tasks, agents })
}

/// The events without what makes no difference.
fn told(events: &[Event], state: &State, strictness: Strictness) -> Vec<Event> {
    let kept = events.iter().filter(|event| strictness == Strictness::Everything || is_decision(event));
    kept.filter(|event| !says_the_same_again(event, state)).map(|event| plain(event, strictness)).collect()
}

const fn is_decision(event: &Event) -> bool {
    match event {
        Event::TaskLaunched { task } => matches!(task.workload, Workload::App { .. }),
        Event::TaskKillRequested { reason, .. } => {
            !matches!(reason, KillReason::FrameworkRequest | KillReason::FrameworkRemoved)
        }
        Event::AppChanged { .. }
        | Event::AppDestroyed { .. }
        | Event::WaitingChanged { .. }
        | Event::DeploymentStarted { .. }
        | Event::DeploymentAdvanced { .. }
        | Event::DeploymentEnded { .. } => true,
        _ => false,
    }
}

/// Whether an app waits for the same as before, told in other words.
fn says_the_same_again(event: &Event, state: &State) -> bool {
    let Event::WaitingChanged { app, waiting: Some(now) } = event else { return false };
    let before = state.apps.get(app).and_then(|app| app.waiting.as_ref());
    before.is_some_and(|before| {
        let nothing_fits = |cause: &WaitingCause| matches!(cause, WaitingCause::NothingFits { .. });
        before.instances == now.instances && nothing_fits(&before.cause) && nothing_fits(&now.cause)
    })
}

fn plain(event: &Event, strictness: Strictness) -> Event {
    let mut event = event.clone();
    match &mut event {
        Event::TaskLaunched { task } => {
            task.explanation = None;
            if strictness == Strictness::Decisions {
                task.offer = model::OfferId::default();
            }
        }
        Event::WaitingChanged { waiting: Some(waiting), .. } => {
            if let WaitingCause::NothingFits { explanation } = &mut waiting.cause {
                let told = model::Explanation {
                    policy: String::new(),
                    score: None,
                    considered: 0,
                    feasible: None,
                    filtered: Vec::new(),
                };
                *explanation = told;
            }
        }
        // It says which version of the code leads.
        Event::EpochStarted { state_version, .. } => *state_version = 0,
        _ => {}
    }
    event
}

/// Whether a command is decided, or only says what happened elsewhere.
pub(crate) const fn is_decided(kind: &CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::Allocate
            | CommandKind::CreateApp { .. }
            | CommandKind::PutApps { .. }
            | CommandKind::ScaleApp { .. }
            | CommandKind::RestartApp { .. }
            | CommandKind::DestroyApp { .. }
            | CommandKind::KillTasks { .. }
    )
}

/// Which profile decides about an instance when a command is decided, and its account; None when it is not asked for.
pub(crate) fn account(
    world: &World,
    command: &Command,
    policies: &Policies,
    app: &AppId,
    nth: usize,
) -> Option<(Arc<str>, Account)> {
    let mut told = None;
    let decided = decide_observed(
        world,
        command,
        policies,
        Some(&mut |asked: &Asked<'_>, scratch: &mut Scratch<'_>| {
            if asked.app == app
                && asked.nth == nth
                && let Ok(account) = scratch.account(asked.profile, asked.seed, asked.request)
            {
                told = Some((Arc::clone(asked.profile.name()), account));
            }
        }),
    );
    decided.ok().and(told)
}
