//! `bayplan placement compare`: two profiles on the records of a log.

use std::time::Instant;

use model::{AgentId, AppId, Seq, TaskId};
use placement::ReadyProfile;
use protocol::explain::AccountView;
use protocol::operator::PackingView;
use scheduler::{Comparison, FirstDifference, Policies, Sums};
use serde::Serialize;
use state::State;

use super::Session;
use super::log::bar::Bar;
use crate::cli::compare::Compare;
use crate::failure::Failure;
use crate::past::{PastLog, PastRecords};
use crate::profiles::resolve;
use crate::{modules, render};

/// What the two came to.
#[derive(Serialize)]
pub(crate) struct Compared {
    /// Launches that both decided.
    pub(crate) decisions: u64,
    /// Both chose the same agent, or none.
    pub(crate) agreed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_difference: Option<Parted>,
    pub(crate) profiles: [Side; 2],
    /// Of the replay, in which both decided each launch twice: in the recorded cluster and in their own.
    pub(crate) decisions_per_s: f64,
}

#[derive(Serialize)]
pub(crate) struct Parted {
    pub(crate) seq: Seq,
    pub(crate) task: TaskId,
    pub(crate) app: AppId,
    /// None where there was no room.
    pub(crate) agents: [Option<AgentId>; 2],
    pub(crate) accounts: [Option<AccountView>; 2],
}

#[derive(Serialize)]
pub(crate) struct Side {
    pub(crate) profile: String,
    pub(crate) placed: u64,
    pub(crate) not_placed: u64,
    /// At the end of the log, or before the cluster was taken down there.
    pub(crate) packing: PackingView,
}

pub(super) async fn run(session: &mut Session, wish: Compare) -> Result<(), Failure> {
    let log = PastLog::open(&wish.log).await?.way_out("bayplan replay export --to");
    let end = log.open_at_end().await?.into_state();
    let policies = modules::policies()?;
    let profiles = [profile(&policies, &end, &wish.a)?, profile(&policies, &end, &wish.b)?];
    drop(end);
    let began = Instant::now();
    let comparison = follow(&log, &profiles).await?;
    let took = began.elapsed();
    let (decisions, agreed) = comparison.agreed();
    let first_difference = match comparison.first_difference() {
        Some(first) => Some(parted(&log, &profiles, first).await?),
        None => None,
    };
    let sums: Vec<(Sums, &ReadyProfile)> = comparison.sums().into_iter().zip(&profiles).collect();
    let [a, b] = [&sums[0], &sums[1]].map(side);
    let decisions_per_s = 4.0 * decisions as f64 / took.as_secs_f64();
    let compared = Compared { decisions, agreed, first_difference, profiles: [a, b], decisions_per_s };
    if session.out.is_json() {
        return session.out.document(&compared);
    }
    let text = render::compare::compared(&compared, session.out.width());
    session.out.text(&text)
}

/// As the log defines it at its end, or as a file does, of the modules that the log has then.
fn profile(policies: &Policies, state: &State, name: &str) -> Result<ReadyProfile, Failure> {
    resolve(name, policies, state).map_err(|why| Failure::Usage(format!("{name}: {why}")))
}

async fn follow(log: &PastLog, profiles: &[ReadyProfile; 2]) -> Result<Comparison, Failure> {
    let mut comparison = Comparison::begin(profiles.clone(), log.beginning().await?.state());
    let (mut records, mut bar) = records(log).await?;
    while let Some(record) = records.next().await? {
        comparison.follow(&record).map_err(|fault| faulty(&fault))?;
        bar.at(records.position().0);
    }
    Ok(comparison)
}

/// All records that the log's oldest state lacks.
pub(super) async fn records(log: &PastLog) -> Result<(PastRecords, Bar), Failure> {
    let cursor = log.beginning().await?;
    let bar = Bar::new("replaying", cursor.end().0);
    Ok((log.records_from(cursor.state().seq.next()).await?, bar))
}

/// Replays up to the first decision that differs, and asks both for the account of it.
async fn parted(log: &PastLog, profiles: &[ReadyProfile; 2], first: &FirstDifference) -> Result<Parted, Failure> {
    let mut comparison = Comparison::begin(profiles.clone(), log.beginning().await?.state());
    let mut accounts = [None, None];
    let (mut records, mut bar) = records(log).await?;
    while let Some(record) = records.next().await? {
        if record.seq == first.seq {
            accounts = comparison.accounts(&record, first);
            break;
        }
        comparison.follow(&record).map_err(|fault| faulty(&fault))?;
        bar.at(records.position().0);
    }
    let FirstDifference { seq, task, app, agents, .. } = first.clone();
    Ok(Parted { seq, task, app, agents, accounts: accounts.map(|account| account.map(api::explained::account)) })
}

pub(super) fn faulty(fault: &placement::Faulty) -> Failure {
    Failure::failed(format!("module '{}' gave no answer that can be used: {}", fault.policy, fault.reason))
}

fn side((sums, profile): &(Sums, &ReadyProfile)) -> Side {
    Side {
        profile: profile.name().to_string(),
        placed: sums.placed,
        not_placed: sums.not_placed,
        packing: api::explained::packing(sums.packing),
    }
}
