//! From a log to a running master: fold, start an epoch, run the loop.

use std::sync::Arc;

use eventlog::{AppendError, Entry, EventLog, ReadError, committed};
use model::{CommandKind, Position, Principal, Seq, Tip};
use scheduler::World;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::config::Config;
use crate::contact;
use crate::handle::{Handle, SubmitError};
use crate::leader::{Allocation, Leader, epoch_start};
use crate::minting::{mint, new_cluster_id};
use crate::publisher::Publisher;
use crate::reads::Reads;
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
    leader: JoinHandle<Option<Result<(), String>>>,
    publisher: JoinHandle<Option<()>>,
    contact: JoinHandle<Option<()>>,
    _tasks: DropGuard,
}

impl Running {
    /// Takes no more commands, finishes what is in flight, and ends.
    pub async fn stop(self) {
        self.contact.abort();
        let _already_stopped = self.stop.send(true);
        let _ended = self.leader.await;
        let _ended = self.publisher.await;
    }

    /// Resolves when the loop has ended by itself, with the reason.
    pub async fn failed(&mut self) -> String {
        match (&mut self.leader).await {
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

/// Folds the log, starts an epoch in it and begins to lead.
pub async fn start<L: EventLog>(log: Arc<L>, config: Config) -> Result<(Handle, Running), StartError> {
    let recovered = fold(log.as_ref()).await?;
    let Recovered { world, tip, position } = begin_epoch(log.as_ref(), recovered, &config).await?;
    let reads = Arc::new(Reads::new(world.state.clone(), config.leader.clone(), config.environment.now()));
    let (tasks, guard) = Tasks::new();
    let sessions = Arc::new(Sessions::new(config.heartbeat_interval));
    let (publisher, publishing) = Publisher::start(&tasks, Arc::clone(&reads), Arc::clone(&sessions));
    let (inbox_sender, inbox) = mpsc::channel(config.inbox_limit);
    let (stop_sender, stop) = watch::channel(false);
    let handle = Handle {
        inbox: inbox_sender,
        inbox_limit: config.inbox_limit,
        reads: Arc::clone(&reads),
        sessions,
        streams: RecordStreams::over(Arc::clone(&log), tasks.clone()),
        tasks: tasks.clone(),
    };
    let contact = tasks.spawn(contact::watch(handle.clone(), config.clone()));
    let leader = Leader {
        log,
        config,
        world,
        tip,
        durable: tip,
        position,
        inbox,
        reads,
        publisher,
        stop,
        allocation: Allocation::Due,
        is_refused: false,
    };
    let leader = tasks.spawn(leader.run());
    let running = Running { stop: stop_sender, leader, publisher: publishing, contact, _tasks: guard };
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
                if record.record.state_hash.is_some_and(|recorded| recorded != world.state.hash()) {
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

async fn begin_epoch<L: EventLog>(log: &L, mut from: Recovered, config: &Config) -> Result<Recovered, StartError> {
    let environment = config.environment.as_ref();
    let kind = CommandKind::StartEpoch {
        cluster: new_cluster_id(environment),
        leader: config.leader.clone(),
        placement_policy: config.placement_policy.clone(),
    };
    let cause = mint(environment, Principal::new("master"), kind, from.world.state.at);
    let sealed = epoch_start(&from.world, from.tip, cause)?;
    let position = log.append(Some(from.position), Arc::new([sealed.clone()])).await?;
    from.world.apply(&sealed.record);
    let tip = Tip { seq: sealed.record.seq, epoch: sealed.record.epoch, hash: sealed.hash };
    Ok(Recovered { world: from.world, tip, position })
}
