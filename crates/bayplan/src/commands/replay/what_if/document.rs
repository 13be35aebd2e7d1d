//! What a fork came to, as machines read it; the text for people is made of the same.

use std::collections::BTreeMap;

use model::{AgentId, AppId, Event, Seq, TaskId, Timestamp};
use protocol::explain::AccountView;
use protocol::operator::PackingView;
use replay::what_if::{Cause, Change, Difference, Divergence, Moves, NewProfile, Outcome, Point, Sums};
use scheduler::Packing;
use serde::Serialize;
use state::State;

#[derive(Serialize)]
pub(crate) struct Document {
    /// The last record that both have in common, and the time that was run.
    pub(crate) fork: Seq,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) records: u64,
    /// What is otherwise, in words.
    pub(crate) change: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) divergence: Option<Parted>,
    /// Where this version of the code decides otherwise than the one that wrote the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newer_code: Option<Parted>,
    /// Decided anew without a change.
    pub(crate) as_it_was: Side,
    pub(crate) what_if: Side,
    pub(crate) moves: MovesOf,
    /// Frameworks outside, whose part is not comparable.
    pub(crate) not_comparable: Vec<String>,
    pub(crate) points: Vec<PointOf>,
    pub(crate) records_per_s: f64,
}

#[derive(Serialize)]
pub(crate) struct Parted {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
    pub(crate) command: &'static str,
    /// Whether the command is in the log; otherwise it is one that a master would give itself then.
    pub(crate) is_recorded: bool,
    pub(crate) difference: DifferenceOf,
    pub(crate) accounts: [Option<AccountOf>; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DifferenceOf {
    /// None where it is not placed.
    Placement {
        app: AppId,
        tasks: [Option<TaskId>; 2],
        agents: [Option<AgentId>; 2],
    },
    Event([Option<Box<Event>>; 2]),
    Refused([Option<String>; 2]),
}

#[derive(Serialize)]
pub(crate) struct AccountOf {
    pub(crate) profile: String,
    pub(crate) account: AccountView,
}

#[derive(Serialize)]
pub(crate) struct Side {
    pub(crate) launched: u64,
    pub(crate) relaunched: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) killed: u64,
    pub(crate) lost: u64,
    pub(crate) not_placed: u64,
    pub(crate) missing_at_the_end: u64,
    /// Of instances together, by the reason.
    pub(crate) waited_ms: BTreeMap<Cause, u64>,
    pub(crate) launch_wait_p50_ms: u64,
    pub(crate) launch_wait_p99_ms: u64,
    pub(crate) agents_in_use_mean: f64,
    pub(crate) cpus_mean: f64,
    pub(crate) mem_mean: f64,
    pub(crate) gpus_mean: f64,
    pub(crate) fragmented_mean: f64,
    pub(crate) at_the_end: PackingView,
    pub(crate) commands_refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_refused: Option<String>,
    pub(crate) framework_tasks_launched: u64,
    pub(crate) framework_tasks_refused: u64,
}

#[derive(Serialize)]
pub(crate) struct MovesOf {
    pub(crate) same: u64,
    pub(crate) elsewhere: u64,
    pub(crate) only_as_it_was: u64,
    pub(crate) only_what_if: u64,
    /// Some of those that went elsewhere.
    pub(crate) first: Vec<Move>,
}

#[derive(Serialize)]
pub(crate) struct Move {
    pub(crate) app: AppId,
    pub(crate) instance: u32,
    /// How many runs of the instance there were before it since the fork.
    pub(crate) incarnation: u32,
    pub(crate) agents: [AgentId; 2],
}

#[derive(Serialize)]
pub(crate) struct PointOf {
    pub(crate) at: Timestamp,
    pub(crate) as_it_was: Moment,
    pub(crate) what_if: Moment,
}

#[derive(Serialize)]
pub(crate) struct Moment {
    pub(crate) agents_in_use: u32,
    pub(crate) cpus: f64,
    pub(crate) mem: f64,
    pub(crate) gpus: f64,
    pub(crate) missing: u64,
    pub(crate) running: u64,
}

impl Document {
    pub(crate) fn of(outcome: &Outcome, change: &Change, state: &State, records_per_s: f64) -> Self {
        let [control, forked] = &outcome.sums;
        let points = control.points.iter().zip(&forked.points).map(|(control, forked)| PointOf {
            at: control.at,
            as_it_was: Moment::of(control),
            what_if: Moment::of(forked),
        });
        Self {
            fork: outcome.fork,
            from: outcome.from,
            to: outcome.to,
            records: outcome.records,
            change: in_words(change, state),
            divergence: outcome.divergence.as_ref().map(Parted::of),
            newer_code: outcome.newer_code.as_ref().map(Parted::of),
            as_it_was: Side::of(control),
            what_if: Side::of(forked),
            moves: MovesOf::of(&outcome.moves),
            not_comparable: outcome.frameworks.iter().map(|(id, name)| format!("{name} ({id})")).collect(),
            points: points.collect(),
            records_per_s,
        }
    }
}

fn in_words(change: &Change, state: &State) -> Vec<String> {
    let host = |agent: &AgentId| {
        let known = state.agents.get(agent).map(|row| row.description.hostname.as_str());
        known.map_or_else(|| agent.to_string(), |hostname| format!("{hostname} ({agent})"))
    };
    let mut words = Vec::new();
    match &change.profile {
        Some(NewProfile::Defined(profile)) => words.push(format!("{} decides: {profile}", profile.name)),
        Some(profile) => words.push(format!("{} decides", profile.name())),
        None => {}
    }
    words.extend(change.remove.iter().map(|agent| format!("without {}", host(agent))));
    let resized = change.resize.iter().filter_map(|(agent, resized)| {
        let before = &state.agents.get(agent)?.description.resources;
        Some(format!("{} has {}", host(agent), resized.of(before)))
    });
    words.extend(resized);
    words.extend(change.add.iter().map(|agent| format!("with {}: {}", agent.hostname, agent.resources)));
    words
}

impl Parted {
    fn of(divergence: &Divergence) -> Self {
        let difference = match divergence.difference.clone() {
            Difference::Placement { app, tasks, agents, nth: _ } => DifferenceOf::Placement { app, tasks, agents },
            Difference::Event { events } => DifferenceOf::Event(events),
            Difference::Refused { reasons } => DifferenceOf::Refused(reasons),
        };
        let accounts = divergence.accounts.clone().map(|told| {
            told.map(|(profile, account)| AccountOf {
                profile: profile.to_string(),
                account: api::explained::account(account),
            })
        });
        let Divergence { seq, at, command, is_recorded, .. } = *divergence;
        Self { seq, at, command, is_recorded, difference, accounts }
    }
}

impl Side {
    fn of(sums: &Sums) -> Self {
        let last = sums.last().map(|point| point.packing).unwrap_or_default();
        let Packing { agents, in_use, taken: [cpus, mem, disk, gpus], fragmented } = last;
        Self {
            launched: sums.launched,
            relaunched: sums.relaunched,
            finished: sums.finished,
            failed: sums.failed,
            killed: sums.killed,
            lost: sums.lost,
            not_placed: sums.not_placed,
            missing_at_the_end: sums.missing,
            waited_ms: sums.waited_ms.clone(),
            launch_wait_p50_ms: sums.launch_wait_ms(50),
            launch_wait_p99_ms: sums.launch_wait_ms(99),
            agents_in_use_mean: sums.mean(|point| point.packing.in_use.into()),
            cpus_mean: sums.mean(|point| point.packing.taken[0]),
            mem_mean: sums.mean(|point| point.packing.taken[1]),
            gpus_mean: sums.mean(|point| point.packing.taken[3]),
            fragmented_mean: sums.mean(|point| point.packing.fragmented),
            at_the_end: PackingView { agents, agents_in_use: in_use, cpus, mem, disk, gpus, fragmented },
            commands_refused: sums.refused,
            first_refused: sums.first_refused.clone(),
            framework_tasks_launched: sums.framework_launched,
            framework_tasks_refused: sums.framework_refused,
        }
    }
}

impl MovesOf {
    fn of(moves: &Moves) -> Self {
        let first = moves.first.iter().map(|(instance, agents)| Move {
            app: instance.app.clone(),
            instance: instance.number,
            incarnation: instance.incarnation,
            agents: *agents,
        });
        let [only_as_it_was, only_what_if] = moves.only_in;
        Self { same: moves.same, elsewhere: moves.elsewhere, only_as_it_was, only_what_if, first: first.collect() }
    }
}

impl Moment {
    fn of(point: &Point) -> Self {
        let [cpus, mem, _disk, gpus] = point.packing.taken;
        Self { agents_in_use: point.packing.in_use, cpus, mem, gpus, missing: point.missing, running: point.running }
    }
}
