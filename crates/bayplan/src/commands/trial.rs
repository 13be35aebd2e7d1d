//! `bayplan placement simulate --log`: policies on what a log asked for, each in a cluster of its own.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::{AgentId, Event, Record};
use placement::{Faulty, ReadyProfile};
use scheduler::{ShadowCounts, Trial, TrialPoint};
use state::State;

use super::Session;
use super::compare::{faulty, records};
use crate::cli::past::ReplayLog;
use crate::cli::placement::Simulate;
use crate::failure::Failure;
use crate::modules;
use crate::output::ResultFile;
use crate::past::PastLog;
use crate::profiles::resolve_all;
use crate::render::trial::{chart, document, table};

/// So many records wait at most for policies that are slower than reading.
const RECORDS_WAITING: usize = 1_024;

/// What one policy made of the log.
pub(crate) struct Tried {
    pub(crate) policy: String,
    pub(crate) counts: ShadowCounts,
    /// The last one is the end, or the moment before the cluster was taken down there.
    pub(crate) points: Vec<TrialPoint>,
    pub(crate) took: Duration,
    placements: String,
}

pub(super) async fn run(session: &mut Session, wish: &Simulate) -> Result<(), Failure> {
    let Some(log) = &wish.log else {
        return Err(Failure::Usage("a simulation of a trace is no question to a cluster".to_owned()));
    };
    let (log, cluster) = (log.clone(), wish.cluster.clone());
    let log = PastLog::open(&ReplayLog { log, cluster, no_cache: false }).await?;
    let log = log.way_out("bayplan replay export --to");
    let end = log.open_at_end().await?.into_state();
    let profiles = resolve_all(&wish.policy, &modules::policies()?, &end)?;
    drop(end);
    let svg = wish.svg.as_deref().map(|path| ResultFile::create("--svg", path)).transpose()?;
    let placements = wish.placements.as_deref().map(|path| ResultFile::create("--placements", path)).transpose()?;
    let tried = follow(&log, &profiles, jobs(wish), placements.is_some()).await?;
    if let Some(file) = svg {
        file.write(&chart(&tried))?;
    }
    if let Some(file) = placements {
        let rows: String = tried.iter().map(|tried| tried.placements.as_str()).collect();
        file.write(&format!("policy,seq,task,recorded,agent\n{rows}"))?;
    }
    if session.out.is_json() {
        return session.out.document(&document(&tried));
    }
    let text = table(&tried, session.out.width());
    session.out.text(&text)
}

fn jobs(wish: &Simulate) -> usize {
    wish.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1)
}

/// In the order of the profiles.
async fn follow(
    log: &PastLog,
    profiles: &[ReadyProfile],
    jobs: usize,
    with_placements: bool,
) -> Result<Vec<Tried>, Failure> {
    let begin = log.beginning().await?.into_state();
    let of_lane = |lane| {
        let profiles = profiles.iter().enumerate().skip(lane).step_by(jobs);
        let trials = profiles.map(|(place, profile)| Tracked::begin(place, profile, &begin, with_placements));
        Lane::begin(trials.collect())
    };
    let lanes: Vec<Lane> = (0..jobs.min(profiles.len())).map(of_lane).collect();
    drop(begin);
    let (mut records, mut bar) = records(log).await?;
    while let Some(record) = records.next().await? {
        // One that is over has a fault to tell.
        if lanes.iter().any(|lane| lane.records.send(Arc::clone(&record)).is_err()) {
            break;
        }
        bar.at(records.position().0);
    }
    let mut tried = Vec::new();
    for Lane { records, thread } in lanes {
        drop(records);
        let done = thread.join().map_err(|_| Failure::failed("a policy ended with a panic, which is told above"))?;
        tried.extend(done.map_err(|fault| faulty(&fault))?);
    }
    tried.sort_by_key(|(place, _)| *place);
    Ok(tried.into_iter().map(|(_, tried)| tried).collect())
}

/// Some of the policies, in a thread of their own.
struct Lane {
    records: SyncSender<Arc<Record>>,
    thread: JoinHandle<Result<Vec<(usize, Tried)>, Faulty>>,
}

impl Lane {
    fn begin(mut trials: Vec<Tracked>) -> Self {
        let (records, told): (_, Receiver<Arc<Record>>) = sync_channel(RECORDS_WAITING);
        let work = move || {
            for record in told {
                trials.iter_mut().try_for_each(|trial| trial.follow(&record))?;
            }
            Ok(trials.into_iter().map(Tracked::end).collect())
        };
        Self { records, thread: std::thread::spawn(work) }
    }
}

/// A trial with its place among all, the time that it took, and where it placed what.
struct Tracked {
    place: usize,
    policy: String,
    trial: Trial,
    took: Duration,
    placements: Option<String>,
}

impl Tracked {
    fn begin(place: usize, profile: &ReadyProfile, state: &State, with_placements: bool) -> Self {
        let (policy, trial) = (profile.name().to_string(), Trial::begin(profile.clone(), state));
        Self { place, policy, trial, took: Duration::ZERO, placements: with_placements.then(String::new) }
    }

    fn follow(&mut self, record: &Record) -> Result<(), Faulty> {
        let began = Instant::now();
        self.trial.follow(record)?;
        self.took += began.elapsed();
        let Self { policy, trial, placements, .. } = self;
        if let Some(rows) = placements {
            let agent = |agent: Option<AgentId>| agent.map_or_else(String::new, |agent| agent.to_string());
            for task in record.events.iter().filter_map(placed) {
                let own = agent(trial.place_of(&task.id, task.agent));
                *rows += &format!("{policy},{},{},{},{own}\n", record.seq, task.id, task.agent);
            }
        }
        Ok(())
    }

    fn end(self) -> (usize, Tried) {
        let (counts, points) = (self.trial.counts(), self.trial.points());
        let placements = self.placements.unwrap_or_default();
        (self.place, Tried { policy: self.policy, counts, points, took: self.took, placements })
    }
}

/// A launch that placement decided.
fn placed(event: &Event) -> Option<&model::LaunchedTask> {
    match event {
        Event::TaskLaunched { task } if task.explanation.is_some() => Some(task),
        _ => None,
    }
}
