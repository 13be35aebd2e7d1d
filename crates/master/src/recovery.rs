//! From a log to a running master: fold what is there, then lead or follow.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{AppendError, EventLog, ReadError};
use model::{Position, Seq, Tip};
use scheduler::World;
use snapshot::SnapshotError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::config::{Config, Standby};
use crate::explaining::Explaining;
use crate::feed::Feed;
use crate::folding::{Folded, fold};
use crate::handle::{Handle, SubmitError};
use crate::node::{Mandate, Node, lead_alone};
use crate::past::Kept;
use crate::peers::{self, Peers};
use crate::reads::Reads;
use crate::role::Door;
use crate::sessions::Sessions;
use crate::stream::RecordStreams;
use crate::tasks::Tasks;
use crate::trimming;

/// How long a master waits for modules of its log to be compiled before it leads.
pub(crate) const MODULES_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the log is not the one that this master has followed up to record {seq}: of the snapshot in {}, {reason}. It was \
         deleted, put back as it was before, or is another cluster's. Put the right log back (`bayplan log restore`), or \
         choose the right --log, --cluster or --dir; to go on with the log as it is, without what is missing in it, remove \
         that folder",
        .folder.display()
    )]
    OtherLog { seq: Seq, reason: String, folder: PathBuf },
    #[error("the log cannot be folded: {}", unreadable(.0))]
    Read(#[from] ReadError),
    #[error("no leadership could be started in the log: {0}")]
    Append(#[from] AppendError),
    #[error("no leadership could be started: {0}")]
    Refused(#[from] SubmitError),
    #[error(
        "record {0} was written with another state hash than its replay gives: the log was changed, or was written by a \
         version of bayplan that folds differently"
    )]
    Diverged(Seq),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("the log begins at position {first}, and no baseline of what was before it can be used: {reason}")]
    NoBaseline { first: Position, reason: String },
}

/// What went wrong, with the way out when waiting is none.
pub(crate) fn unreadable(error: &ReadError) -> String {
    if matches!(error, ReadError::Trimmed { .. }) {
        return format!("{error}; this master was away for too long. Start it again: it begins from a baseline");
    }
    if !error.is_damage() {
        return error.to_string();
    }
    format!(
        "{error}. Nothing was changed. Put the log back as it was, or save what is before that position with `bayplan log \
         backup --upto` and restore it into a new log"
    )
}

/// A master at work. [`Running::stop`] ends it in good order; dropping it ends it where it is, as a crash would.
pub struct Running {
    stop: watch::Sender<bool>,
    node: JoinHandle<Option<Result<(), String>>>,
    reads: Arc<Reads>,
    _tasks: DropGuard,
}

impl Running {
    /// Takes no more commands, finishes what is in flight, and ends.
    pub async fn stop(self) {
        let _already_stopped = self.stop.send(true);
        let _ended = self.node.await;
        let reads = self.reads;
        // What the snapshot was not told to write yet is written. The log has it all the same.
        let _written = tokio::task::spawn_blocking(move || reads.feed().map(Feed::close)).await;
    }

    /// Resolves when the master has ended by itself, with the reason.
    pub async fn failed(&mut self) -> String {
        match (&mut self.node).await {
            Ok(Some(Err(reason))) => reason,
            Ok(_) => "the loop has ended".to_owned(),
            Err(panic) => format!("the loop has failed: {panic}"),
        }
    }
}

/// Folds the log, and begins to lead, or to follow where there may be other masters.
pub async fn start<L: EventLog>(log: Arc<L>, config: Config) -> Result<(Handle, Running), StartError> {
    let Folded { mut state, mut tip, mut tip_at, mut resume_at, mut position, kept } =
        fold(log.as_ref(), &config).await?;
    let environment = Arc::clone(&config.environment);
    let mut leads_with = None;
    if config.standby.is_none() {
        let mut world = World::of(state);
        let (sealed, at) = lead_alone(log.as_ref(), &world, tip, position, &config).await?;
        world.apply(&sealed.record);
        tip = Tip { seq: sealed.record.seq, epoch: sealed.record.epoch, hash: sealed.hash };
        (tip_at, resume_at, position) = (at, at, at);
        // The loop gets the copy: of a copy, nobody is told what changed.
        let copy = world.state.clone();
        state = std::mem::replace(&mut world.state, copy);
        leads_with = Some(Mandate { world, tip, position });
    }
    let leads_already = leads_with.is_some();
    let feed = kept.and_then(|kept| Feed::start(kept, &mut state, tip, tip_at));
    let checkpoints = Kept { snapshot: config.snapshot.as_ref().map(|kept| kept.folder.clone()), cache: None };
    let (tasks, guard) = Tasks::new();
    let reads = Arc::new(Reads::new(state, tip, tip_at, feed, Some(&config.policies)));
    let sessions = Arc::new(Sessions::new(&config));
    let peers = Arc::new(Peers::new(environment.random()));
    let (stop_sender, stop) = watch::channel(false);
    let (door_sender, door) = watch::channel(Door::Shut);
    let (orders_sender, orders) = mpsc::channel(1);
    let leads = watch::Sender::new(leads_already);
    let handle = Handle {
        name: config.leader.as_str().into(),
        started_at: environment.now(),
        door,
        orders: orders_sender,
        inbox_limit: config.inbox_limit,
        leader_silence: config.standby.as_ref().map(|standby| standby.campaign_after),
        peers: Arc::clone(&peers),
        reads: Arc::clone(&reads),
        sessions: Arc::clone(&sessions),
        streams: RecordStreams::over(Arc::clone(&log), tasks.clone()),
        explaining: Explaining::over(Arc::clone(&log), checkpoints, config.policies.clone()),
        tasks: tasks.clone(),
        past_at: None,
    };
    if let Some(Standby { heartbeat, .. }) = config.standby {
        tasks.spawn(Arc::clone(&peers).listen(log.notices()));
        let heralding = (Arc::clone(&peers), Arc::clone(&log), config.clone(), Arc::clone(&reads), leads.subscribe());
        let (peers, log, config, reads, leads) = heralding;
        tasks.spawn(peers::herald(peers, log, config, heartbeat, reads, leads));
    }
    if let Some(retention) = config.retention.clone() {
        let (log, reads, config) = (Arc::clone(&log), Arc::clone(&reads), config.clone());
        tasks.spawn(trimming::watch(log, reads, config, retention, leads.subscribe()));
    }
    let mut is_open = handle.door.clone();
    let node = Node {
        log,
        config,
        handle: handle.clone(),
        reads: Arc::clone(&reads),
        sessions,
        peers,
        tasks: tasks.clone(),
        door: door_sender,
        leads,
        orders,
        stop,
        tip,
        resume_at,
        position,
        candidacy: None,
        hold_back_until: None,
    };
    if leads_already {
        reads.preparing().ready(MODULES_PATIENCE).await;
    }
    let running = Running { stop: stop_sender, node: tasks.spawn(node.run(leads_with)), reads, _tasks: guard };
    if leads_already {
        // Whoever has the handle may submit at once.
        let _opened = is_open.wait_for(|door| matches!(door, Door::Open(_) | Door::Stopping)).await;
    }
    Ok((handle, running))
}
