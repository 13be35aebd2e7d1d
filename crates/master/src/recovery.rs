//! From a log to a running master: fold what is there, then lead or follow.

use std::sync::Arc;

use eventlog::{AppendError, Entry, EventLog, ReadError, committed};
use model::{Position, Seq, Tip};
use scheduler::World;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::config::{Config, Standby};
use crate::handle::{Handle, SubmitError};
use crate::node::{Node, lead_alone};
use crate::peers::{self, Peers};
use crate::reads::Reads;
use crate::role::Door;
use crate::sessions::Sessions;
use crate::stream::RecordStreams;
use crate::tasks::Tasks;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the log cannot be folded: {0}")]
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
}

/// A master at work. [`Running::stop`] ends it in good order; dropping it ends it where it is, as a crash would.
pub struct Running {
    stop: watch::Sender<bool>,
    node: JoinHandle<Option<Result<(), String>>>,
    _tasks: DropGuard,
}

impl Running {
    /// Takes no more commands, finishes what is in flight, and ends.
    pub async fn stop(self) {
        let _already_stopped = self.stop.send(true);
        let _ended = self.node.await;
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

/// What the log says.
struct Recovered {
    world: World,
    tip: Tip,
    position: Position,
}

/// Folds the log, and begins to lead, or to follow where there may be other masters.
pub async fn start<L: EventLog>(log: Arc<L>, config: Config) -> Result<(Handle, Running), StartError> {
    let Recovered { world, tip, position } = fold(log.as_ref()).await?;
    let environment = Arc::clone(&config.environment);
    let (state, mandate, tip, position) = match config.standby {
        Some(_) => (world.state, None, tip, position),
        None => {
            let mandate = lead_alone(log.as_ref(), world, tip, position, &config).await?;
            let (tip, position) = (mandate.tip, mandate.position);
            (mandate.world.state.clone(), Some(mandate), tip, position)
        }
    };
    let (tasks, guard) = Tasks::new();
    let reads = Arc::new(Reads::new(state));
    let sessions = Arc::new(Sessions::new(&config));
    let peers = Arc::new(Peers::new(environment.random()));
    let (stop_sender, stop) = watch::channel(false);
    let (door_sender, door) = watch::channel(Door::Shut);
    let (orders_sender, orders) = mpsc::channel(1);
    let leads = watch::Sender::new(mandate.is_some());
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
        tasks: tasks.clone(),
    };
    if let Some(Standby { heartbeat, .. }) = config.standby {
        tasks.spawn(Arc::clone(&peers).listen(log.notices()));
        let heralding = (Arc::clone(&peers), Arc::clone(&log), config.clone(), Arc::clone(&reads), leads.subscribe());
        let (peers, log, config, reads, leads) = heralding;
        tasks.spawn(peers::herald(peers, log, config, heartbeat, reads, leads));
    }
    let leads_already = mandate.is_some();
    let mut is_open = handle.door.clone();
    let node = Node {
        log,
        config,
        handle: handle.clone(),
        reads,
        sessions,
        peers,
        tasks: tasks.clone(),
        door: door_sender,
        leads,
        orders,
        stop,
        tip,
        position,
        candidacy: None,
        hold_back_until: None,
    };
    let running = Running { stop: stop_sender, node: tasks.spawn(node.run(mandate)), _tasks: guard };
    if leads_already {
        // Whoever has the handle may submit at once.
        let _opened = is_open.wait_for(|door| matches!(door, Door::Open(_) | Door::Stopping)).await;
    }
    Ok((handle, running))
}

async fn fold<L: EventLog>(log: &L) -> Result<Recovered, StartError> {
    let position = log.bounds().await?.last;
    let mut world = World::default();
    let mut records = committed(log.read(Position(1)), Tip::default());
    while let Some(entry) = records.next().await {
        match entry? {
            Entry::Accepted { record, .. } => {
                world.apply(&record.record);
                if world.state.differs_from(record.record.state_hash) {
                    return Err(StartError::Diverged(record.record.seq));
                }
            }
            Entry::Void { position, record, reason } => {
                tracing::info!(%position, seq = %record.record.seq, %reason, "a record in the log is void");
            }
        }
    }
    Ok(Recovered { world, tip: records.tip(), position })
}
