//! A master's life: it follows the log, tries to lead when nobody seems to, leads until somebody else does, and follows
//! again.
//!
//! Whoever appends the next epoch's first record behind the end of the log leads; there is no other election. Silence, and
//! what the masters tell each other, only say when to try.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{AppendError, Committed, Entry, EventLog, ReadError, committed};
use model::{CommandKind, Hash, Position, Principal, SealedRecord, Tip};
use scheduler::World;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::batch::Submission;
use crate::config::{Config, Standby};
use crate::contact;
use crate::frameworks;
use crate::handle::{Handle, SubmitError};
use crate::leader::{Allocation, Ending, Leader, Left, epoch_start};
use crate::metered::{Part, metered};
use crate::metrics::Deciding;
use crate::minting::{mint, new_cluster_id};
use crate::peers::{Peers, Says, Signs};
use crate::publisher::Publisher;
use crate::reads::Reads;
use crate::recovery::{MODULES_PATIENCE, StartError, unreadable};
use crate::role::Door;
use crate::sessions::Sessions;
use crate::tasks::Tasks;

/// Before the log is read again that could not be read.
const READ_AGAIN: Duration = Duration::from_millis(500);
/// How long a candidate waits for what it has to read first.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(2);
/// How long a master that handed over leaves it to the others.
const HOLD_BACK: Duration = Duration::from_secs(3);
/// When a hand-over names nobody, candidates are spread over this time.
const HAND_OVER_SPREAD: Duration = Duration::from_millis(30);

/// What an operator asks of a master.
pub(crate) enum Order {
    HandOver { to: Option<String> },
}

pub(crate) struct Node<L> {
    pub(crate) log: Arc<L>,
    pub(crate) config: Config,
    pub(crate) handle: Handle,
    pub(crate) reads: Arc<Reads>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) tasks: Tasks,
    pub(crate) door: watch::Sender<Door>,
    pub(crate) leads: watch::Sender<bool>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) stop: watch::Receiver<bool>,
    /// The end of what the reads have.
    pub(crate) tip: Tip,
    /// Where reading goes on after an interruption: the message that holds the tip, or the one behind it. What is read again
    /// changes nothing, and a record in parts needs all of them.
    pub(crate) resume_at: Position,
    /// The end of the log, as far as it was read.
    pub(crate) position: Position,
    /// The last epoch that this master tried to begin. If its record turns up in the log, it leads.
    pub(crate) candidacy: Option<Hash>,
    pub(crate) hold_back_until: Option<Instant>,
}

/// The right to lead from here on.
pub(crate) struct Mandate {
    pub(crate) world: World,
    pub(crate) tip: Tip,
    pub(crate) position: Position,
}

enum Next {
    Stop,
    Campaign,
    /// An epoch of this master's has begun.
    Lead,
}

impl<L: EventLog> Node<L> {
    /// Runs until it is told to stop; an error says why this master can do nothing any more.
    pub(crate) async fn run(mut self, mandate: Option<Mandate>) -> Result<(), String> {
        let ended = self.live(mandate).await;
        self.door.send_replace(Door::Stopping);
        ended
    }

    async fn live(&mut self, mut mandate: Option<Mandate>) -> Result<(), String> {
        loop {
            if let Some(mandate) = mandate.take() {
                match self.lead(mandate).await? {
                    Ending::Stopped => return Ok(()),
                    Ending::HandedOver => self.hold_back_until = Some(Instant::now() + HOLD_BACK),
                    Ending::Deposed(why) => match self.config.standby {
                        Some(_) => tracing::warn!(why, "this master does not lead any more; it follows"),
                        None => return Err(why),
                    },
                }
            }
            let Some(standby) = self.config.standby.clone() else {
                return Err("it leads no more, and this log knows no other master".to_owned());
            };
            mandate = match self.follow(&standby).await? {
                Next::Stop => return Ok(()),
                Next::Campaign => self.campaign().await?,
                Next::Lead => Some(self.mandate()),
            };
        }
    }

    /// Leads, until somebody else does or it is told to stop.
    async fn lead(&mut self, mandate: Mandate) -> Result<Ending, String> {
        let Mandate { world, tip, position } = mandate;
        let epoch = tip.epoch;
        tracing::info!(%epoch, seq = %tip.seq, "this master leads");
        self.sessions.begin();
        self.reads.set_writable(Ok(()));
        let (publisher, publishing) =
            Publisher::start(&self.tasks, Arc::clone(&self.reads), Arc::clone(&self.sessions));
        let (inbox_sender, inbox) = mpsc::channel::<Submission>(self.config.inbox_limit);
        self.door.send_replace(Door::Open(inbox_sender));
        self.leads.send_replace(true);
        let contact = self.tasks.spawn(contact::watch(self.handle.clone(), self.config.clone()));
        let frameworks = self.tasks.spawn(frameworks::watch(self.handle.clone(), self.config.clone()));
        let leader = Leader {
            log: Arc::clone(&self.log),
            config: self.config.clone(),
            world,
            tip,
            durable: tip,
            durable_at: self.resume_at,
            position,
            inbox,
            deferred: VecDeque::new(),
            reads: Arc::clone(&self.reads),
            publisher,
            peers: Arc::clone(&self.peers),
            signs: self.peers.signs(),
            stop: self.stop.clone(),
            allocation: Allocation::Due,
            is_refused: false,
            answered_at: Instant::now(),
            deciding: Deciding::new(),
            leaving: None,
        };
        let left = metered(Part::Loop, leader.run(&mut self.orders)).await;
        contact.abort();
        frameworks.abort();
        self.leads.send_replace(false);
        let Left { ending, tip, tip_at, position } = left?;
        self.door.send_replace(if ending == Ending::Stopped { Door::Stopping } else { Door::Shut });
        // Everything that is durable becomes visible.
        let _published = publishing.await;
        self.sessions.end();
        (self.tip, self.resume_at, self.position) = (tip, tip_at, position);
        if self.config.standby.is_some() {
            match &ending {
                Ending::Deposed(_) => self.peers.leader_lives(),
                Ending::HandedOver => {}
                // Nobody has to wait for silence.
                Ending::Stopped => self.say(Says::HandsOver { to: None }).await,
            }
        }
        Ok(ending)
    }

    async fn say(&self, says: Says) {
        self.peers.say(self.log.as_ref(), &self.config, &self.reads, says).await;
    }

    /// Folds what others write until it is time to try to lead.
    async fn follow(&mut self, standby: &Standby) -> Result<Next, String> {
        let mut signs = self.peers.signs();
        let [spread, _] = self.spread();
        let mut records = self.records();
        loop {
            let campaign_at = self.campaign_at(&signs.borrow_and_update(), standby, spread);
            tokio::select! {
                biased;
                Ok(()) = self.stop.changed() => return Ok(Next::Stop),
                entry = records.next() => match self.take(entry)? {
                    Taken::Record { begins_own_epoch: true } => return Ok(Next::Lead),
                    Taken::Record { .. } | Taken::Part => self.peers.leader_lives(),
                    Taken::Void => {}
                    Taken::Nothing(reason) => {
                        self.reads.set_writable(Err(reason));
                        sleep(READ_AGAIN).await;
                        records = self.records();
                    }
                },
                Some(_) = self.orders.recv() => tracing::debug!("an order to hand over came too late"),
                Ok(()) = signs.changed() => {}
                () = sleep_until(campaign_at) => return Ok(Next::Campaign),
            }
        }
    }

    fn patience(&self) -> Duration {
        self.config.standby.as_ref().map_or(CATCH_UP_LIMIT, |standby| standby.campaign_after)
    }

    /// Two numbers of milliseconds below hundred, by chance: masters that wait for the same shall not try at once.
    fn spread(&self) -> [Duration; 2] {
        let random = self.config.environment.random();
        [random[0], random[1]].map(|byte| Duration::from_millis(u64::from(byte) * 100 / 256))
    }

    fn campaign_at(&self, signs: &Signs, standby: &Standby, spread: Duration) -> Instant {
        let after_silence = signs.leader_heard_at + standby.campaign_after + spread;
        let handed = signs.hand_over.as_ref().filter(|hand_over| hand_over.epoch >= self.tip.epoch);
        let at = match handed.map(|hand_over| hand_over.to.as_deref()) {
            Some(Some(name)) if name == self.config.leader => Instant::now(),
            Some(None) => Instant::now() + spread.min(HAND_OVER_SPREAD),
            Some(Some(_)) | None => after_silence,
        };
        self.hold_back_until.map_or(at, |until| at.max(until))
    }

    /// What is in the log behind the reads. The tip's message is read again, as it may have been left in its middle.
    fn records(&self) -> Committed {
        committed(self.log.tail(self.resume_at), self.tip)
    }

    fn take(&mut self, entry: Option<Result<Entry, ReadError>>) -> Result<Taken, String> {
        match entry {
            Some(Ok(Entry::Accepted { position, record, tip })) => {
                let begins_own_epoch = self.candidacy == Some(record.hash);
                self.advance(position, tip, &[record]);
                self.reads.set_writable(Ok(()));
                Ok(Taken::Record { begins_own_epoch })
            }
            Some(Ok(Entry::Void { position, record, reason })) => {
                if position > self.position {
                    tracing::info!(%position, seq = %record.record.seq, %reason, "a record in the log is void");
                    if self.config.sabotage.folds_void_records {
                        self.reads.apply(&[record], self.tip, position);
                    }
                    self.position = position;
                }
                Ok(Taken::Void)
            }
            Some(Ok(Entry::Part { position, .. })) => {
                if position <= self.position {
                    return Ok(Taken::Void);
                }
                self.position = position;
                Ok(Taken::Part)
            }
            Some(Ok(Entry::Unfinished { last, part })) => {
                if last >= self.position {
                    tracing::info!(%last, "a record in the log is void, it ends with {part}");
                }
                Ok(Taken::Void)
            }
            Some(Err(ReadError::Unavailable { reason })) => Ok(Taken::Nothing(reason)),
            Some(Err(error)) => Err(unreadable(&error)),
            None => Err("the log was closed".to_owned()),
        }
    }

    fn advance(&mut self, position: Position, tip: Tip, records: &[SealedRecord]) {
        self.reads.apply(records, tip, position);
        (self.position, self.resume_at, self.tip) = (position, position, tip);
    }

    /// Tries to begin an epoch. None: somebody else was quicker, or the log cannot be reached.
    async fn campaign(&mut self) -> Result<Option<Mandate>, String> {
        // What had to be compiled was, as a rule, long ago.
        self.reads.preparing().ready(MODULES_PATIENCE).await;
        let (silent_since, began_at) = (self.tip, Instant::now());
        match timeout(CATCH_UP_LIMIT, self.catch_up()).await {
            Ok(Ok(Some(true))) => return Ok(Some(self.mandate())),
            // It was this master that heard nothing: there is more in the log, or the way to it was blocked.
            Ok(Ok(Some(false))) if self.tip != silent_since || began_at.elapsed() > self.patience() => {
                self.peers.leader_lives();
                return Ok(None);
            }
            Ok(Ok(Some(false))) => {}
            Ok(Ok(None)) | Err(_) => {
                self.peers.leader_lives();
                if self.reads.writable().is_ok() {
                    self.reads.set_writable(Err("the log cannot be reached".to_owned()));
                }
                sleep(READ_AGAIN).await;
                return Ok(None);
            }
            Ok(Err(why)) => return Err(why),
        }
        let world = World::of(self.reads.state().clone());
        let sealed = begin_epoch(&world, self.tip, &self.config).map_err(|why| why.to_string())?;
        self.candidacy = Some(sealed.hash);
        let appended = self.log.append(Some(self.position), vec![sealed.clone()].into()).await;
        // Whatever became of it, the next try waits.
        self.peers.leader_lives();
        match appended {
            Ok(position) => Ok(Some(self.begin(world, &sealed, position))),
            Err(AppendError::WrongLastPosition { .. }) => {
                tracing::debug!("another master was quicker");
                Ok(None)
            }
            Err(why) => {
                tracing::warn!(%why, "this master tried to lead and could not");
                self.reads.set_writable(Err(why.to_string()));
                Ok(None)
            }
        }
    }

    /// Reads to the end as it is now. Some(true) when an epoch of this master's own has begun there; None when the log
    /// cannot be read, and then the reads say why.
    async fn catch_up(&mut self) -> Result<Option<bool>, String> {
        let bounds = match self.log.bounds().await {
            Ok(bounds) => bounds,
            Err(error) => {
                self.reads.set_writable(Err(error.to_string()));
                return Ok(None);
            }
        };
        let mut records = committed(self.log.read(self.resume_at), self.tip);
        let mut own_epoch = None;
        while self.position < bounds.last || !records.is_drained() {
            match self.take(records.next().await) {
                Ok(Taken::Record { begins_own_epoch: true }) => own_epoch = Some(self.tip.epoch),
                Ok(Taken::Record { .. } | Taken::Part | Taken::Void) => {}
                Ok(Taken::Nothing(reason)) => {
                    self.reads.set_writable(Err(reason));
                    return Ok(None);
                }
                Err(why) => return Err(why),
            }
        }
        Ok(Some(own_epoch == Some(self.tip.epoch)))
    }

    fn begin(&mut self, mut world: World, sealed: &SealedRecord, position: Position) -> Mandate {
        let tip = Tip { seq: sealed.record.seq, epoch: sealed.record.epoch, hash: sealed.hash };
        self.advance(position, tip, std::slice::from_ref(sealed));
        world.apply(&sealed.record);
        Mandate { world, tip, position }
    }

    /// From what the reads have.
    fn mandate(&self) -> Mandate {
        Mandate { world: World::of(self.reads.state().clone()), tip: self.tip, position: self.position }
    }
}

enum Taken {
    Record {
        begins_own_epoch: bool,
    },
    /// One more part of a record that is not whole yet.
    Part,
    /// Nothing new that counts.
    Void,
    /// The log cannot be read at the moment.
    Nothing(String),
}

/// The record that begins this master's next epoch.
pub(crate) fn begin_epoch(world: &World, tip: Tip, config: &Config) -> Result<SealedRecord, SubmitError> {
    let begin = |placement_policy, profile| {
        let environment = config.environment.as_ref();
        let kind = CommandKind::StartEpoch {
            cluster: new_cluster_id(environment),
            leader: config.leader.clone(),
            addresses: config.addresses.clone(),
            placement_policy,
            profile,
        };
        let cause = mint(environment, Principal::new("master"), kind, world.state.at);
        epoch_start(world, tip, cause, &config.policies)
    };
    match begin(config.placement_policy.clone(), config.profile.clone()) {
        // What was configured may have been removed since. Others would fail likewise, and nobody would lead.
        Err(SubmitError::Rejected(why)) if config.standby.is_some() && tip != Tip::default() => {
            tracing::warn!(%why, "the placement profile of the configuration is not used; the log's stays");
            begin(None, None)
        }
        begun => begun,
    }
}

/// The first leadership of a master that has its log for itself: its first record, and where it is.
pub(crate) async fn lead_alone<L: EventLog>(
    log: &L,
    world: &World,
    tip: Tip,
    position: Position,
    config: &Config,
) -> Result<(SealedRecord, Position), StartError> {
    let sealed = begin_epoch(world, tip, config)?;
    let position = log.append(Some(position), vec![sealed.clone()].into()).await?;
    Ok((sealed, position))
}
