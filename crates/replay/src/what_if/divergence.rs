//! Where two runs of the same commands part, and why: the first decision that differs, told with the accounts of both.
//!
//! What is compared are decisions. Ids, which derive from commands, and what a decision says of itself make no difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, AppId, Command, CommandKind, Event, KillReason, Seq, TaskId, Timestamp, WaitingCause, Workload};
use placement::{Account, Scratch};
use scheduler::{Asked, Policies, World, decide_observed};
use state::State;

use super::run::Run;

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
    /// All that was decided.
    Everything,
    /// Decisions about apps. Frameworks outside answer to offers, so what they do cannot be compared.
    Decisions,
}

/// The first difference between the decisions of two runs.
pub(crate) fn difference(
    decided: [Result<&[Event], &str>; 2],
    runs: [&Run; 2],
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
        let [one, other] = [told(one, runs[0], strictness), told(other, runs[1], strictness)];
        let events = match strictness {
            Strictness::Everything => first_in_turn(&one, &other),
            Strictness::Decisions => first_of_one(&one, &other),
        };
        let events = events.map(|told| told.map(|told| Box::new(told.event.clone())));
        events.iter().any(Option::is_some).then_some(Difference::Event { events })
    })
}

/// An event without what makes no difference.
struct Told {
    event: Event,
    /// The event where the same task has the same name in both runs.
    compared: Event,
}

/// Event by event.
fn first_in_turn<'a>(one: &'a [Told], other: &'a [Told]) -> [Option<&'a Told>; 2] {
    let same = one.iter().zip(other).take_while(|(one, other)| one.compared == other.compared).count();
    [one, other].map(|told| told.get(same))
}

/// Which app is told of first depends on how costly it is to decide for it, and makes no difference: what counts is what only one of
/// them tells.
fn first_of_one<'a>(one: &'a [Told], other: &'a [Told]) -> [Option<&'a Told>; 2] {
    let only = |these: &'a [Told], those: &[Told]| {
        these.iter().find(|this| those.iter().all(|that| this.compared != that.compared))
    };
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

/// The first instance, as the first one places them, that the other places elsewhere or not at all. In which order apps have their turn
/// depends on how costly it is to decide for them, so it is no difference.
fn placement_difference(events: [&[Event]; 2]) -> Option<Difference> {
    let both = events.map(launches);
    let of = |side: usize, wanted: &Launch<'_>| {
        both[side].iter().find(|launch| (launch.0, launch.1) == (wanted.0, wanted.1)).copied()
    };
    let elsewhere = |side: usize, launch: &Launch<'_>| of(side, launch).map(|launch| launch.3) != Some(launch.3);
    let first = both[0].iter().find(|launch| elsewhere(1, launch));
    let first = first.or_else(|| both[1].iter().find(|launch| elsewhere(0, launch)))?;
    let sides = [of(0, first), of(1, first)];
    Some(Difference::Placement {
        app: first.0.clone(),
        nth: first.1,
        tasks: sides.map(|side| side.map(|launch| launch.2.clone())),
        agents: sides.map(|side| side.map(|launch| launch.3)),
    })
}

fn told(events: &[Event], run: &Run, strictness: Strictness) -> Vec<Told> {
    let is_told = |event: &&Event| match strictness {
        Strictness::Everything => scheduler::is_decided(event),
        Strictness::Decisions => is_decision(event),
    };
    let kept = events.iter().filter(is_told);
    let kept = kept.filter(|event| !says_the_same_again(event, &run.world.state));
    let told = kept.map(|event| {
        let event = plain(event, strictness);
        let compared = match strictness {
            Strictness::Everything => event.clone(),
            Strictness::Decisions => by_instance(&event, run),
        };
        Told { event, compared }
    });
    told.collect()
}

/// Ids of tasks and their ports depend on the turn in which apps were placed. A launch is known by its app and agent, any other task by its instance.
fn by_instance(event: &Event, run: &Run) -> Event {
    let mut event = event.clone();
    match &mut event {
        Event::TaskLaunched { task } => {
            task.id = TaskId::new("");
            task.resources.ports = model::PortRanges::default();
            task.host_ports.clear();
        }
        Event::TaskKillRequested { task, .. } => {
            if let Some(instance) = run.instances.of(task) {
                *task = TaskId::new(format!("{instance:?}"));
            }
        }
        _ => {}
    }
    event
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
