//! The loop: drain, decide, apply speculatively, append, publish.
//!
//! One append is in flight; the next batch is decided meanwhile, from a world that already has the records in flight.
//! When an append fails, that world is dropped and made anew from what is durable.
//!
//! A record that is larger than a message is a batch of its own, and its append is that of all of its parts. When one of them
//! is refused, those before it stay in the log as void, and the loop goes on behind them.

mod deciding;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{AppendError, Bounds, EventLog, ReadError};
use model::{Epoch, Position, Record, SealedRecord, Seq, Tip};
use scheduler::{Policies, World};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::batch::{Batch, Submission};
use crate::config::Config;
use crate::handle::SubmitError;
use crate::metrics::Deciding;
use crate::node::Order;
use crate::peers::{Peers, Says, Signs};
use crate::publisher::Publisher;
use crate::pursuit::{self, Refused};
use crate::reads::Reads;

/// How long the loop leaves a log alone that refused an append, unless somebody submits a command.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long after an allocation that came to nothing without being through the next one follows.
const GO_ON_AFTER: Duration = Duration::from_millis(500);
/// How long a master that is to stop waits to learn what became of its last batch.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How often a leader that has nothing to append looks whether somebody else has.
const LOOK_AT_END_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Leader<L> {
    pub(crate) log: Arc<L>,
    pub(crate) config: Config,
    /// Has everything that was decided, durable or not.
    pub(crate) world: World,
    /// The end of everything that was decided.
    pub(crate) tip: Tip,
    /// The end of what is durable.
    pub(crate) durable: Tip,
    /// The message that holds the last durable record.
    pub(crate) durable_at: Position,
    /// The end of the log. Behind what is durable, parts of a record may be that was given up.
    pub(crate) position: Position,
    pub(crate) inbox: mpsc::Receiver<Submission>,
    /// Taken from the inbox, but there was no room in the batch; the next one begins with these.
    pub(crate) deferred: VecDeque<Submission>,
    pub(crate) reads: Arc<Reads>,
    pub(crate) publisher: Publisher,
    pub(crate) peers: Arc<Peers>,
    pub(crate) signs: watch::Receiver<Signs>,
    pub(crate) stop: watch::Receiver<bool>,
    /// Whether records were decided that an allocation has not seen yet.
    pub(crate) allocation: Allocation,
    /// Whether the log refused the last append.
    pub(crate) is_refused: bool,
    /// When the log said anything last.
    pub(crate) answered_at: Instant,
    pub(crate) deciding: Deciding,
    /// Set when nothing is taken any more, and the loop ends with what is under way.
    pub(crate) leaving: Option<Leaving>,
}

/// Whether the next batch ends with an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocation {
    Due,
    /// The log refused the last append.
    NotBefore(Instant),
    /// The last one was not through and came to nothing; the next one follows with the next record, or at this time.
    Unfinished(Instant),
    Settled,
}

/// Why a leadership ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Stopped,
    HandedOver,
    /// Somebody else leads.
    Deposed(String),
}

pub(crate) struct Leaving {
    ending: Ending,
    /// Whoever is to try first.
    to: Option<String>,
    give_up_at: Instant,
}

/// What a leadership leaves behind: its end in the log.
pub(crate) struct Left {
    pub(crate) ending: Ending,
    pub(crate) tip: Tip,
    /// The message that holds the tip.
    pub(crate) tip_at: Position,
    pub(crate) position: Position,
}

type Appending = Pin<Box<dyn Future<Output = Result<Position, Refused>> + Send>>;
type Looking = Pin<Box<dyn Future<Output = Result<Bounds, ReadError>> + Send>>;

struct InFlight {
    batch: Batch,
    began_at: Instant,
    appending: Appending,
}

impl<L: EventLog> Leader<L> {
    /// Runs until it is told to stop or somebody else leads; an error says why nobody may lead with this log any more.
    pub(crate) async fn run(mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Left, String> {
        let ending = self.lead(orders).await?;
        self.turn_away().await;
        if let Some(Leaving { ending: Ending::HandedOver, to, .. }) = &self.leaving {
            self.peers.say(self.log.as_ref(), &self.config, &self.reads, Says::HandsOver { to: to.clone() }).await;
        }
        Ok(Left { ending, tip: self.durable, tip_at: self.durable_at, position: self.position })
    }

    async fn lead(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Ending, String> {
        let mut in_flight: Option<InFlight> = None;
        let mut next = Batch::new(self.tip);
        let mut submissions = Vec::new();
        let mut looking: Option<Looking> = None;
        let mut look_at = Instant::now() + LOOK_AT_END_INTERVAL;
        let mut gives_way = false;
        self.answered_at = Instant::now();
        loop {
            self.take_deferred(&mut next);
            self.allocate_if_due(&mut next);
            if in_flight.is_none() && !next.is_empty() {
                let batch = std::mem::replace(&mut next, Batch::new(self.tip));
                in_flight = self.send(batch).await?;
                gives_way = in_flight.is_some();
                look_at = Instant::now() + LOOK_AT_END_INTERVAL;
                continue;
            }
            if let Some(leaving) = self.leaving.as_ref().filter(|_| in_flight.is_none()) {
                return Ok(leaving.ending.clone());
            }
            let is_staying = self.leaving.is_none();
            let room = if is_staying { self.room_in(&next) } else { 0 };
            let wake_at = self.allocation_wakes_at().filter(|_| is_staying);
            let give_up_at = self.leaving.as_ref().map(|leaving| leaving.give_up_at);
            let may_look = self.config.standby.is_some() && in_flight.is_none() && looking.is_none();
            let epoch = self.tip.epoch;
            let step_down_at = self.steps_down_at().filter(|_| is_staying);
            tokio::select! {
                biased;
                outcome = append_outcome(&mut in_flight), if in_flight.is_some() => {
                    let Some(sent) = in_flight.take() else { continue };
                    if !matches!(outcome, Err(Refused { why: AppendError::Unavailable { .. }, .. })) {
                        self.answered_at = Instant::now();
                    }
                    if let Some(why) = self.settle(sent, outcome, &mut next).await? {
                        return Ok(Ending::Deposed(why));
                    }
                }
                // Whom the append has woken, the log's client, would wait for this thread until the next batch is decided.
                () = tokio::task::yield_now(), if gives_way => gives_way = false,
                received = self.inbox.recv_many(&mut submissions, room), if room > 0 && !gives_way => {
                    if received == 0 {
                        return Ok(Ending::Stopped);
                    }
                    submissions.drain(..).for_each(|submission| self.take(submission, &mut next));
                }
                () = wait_until(wake_at) => self.allocation = Allocation::Due,
                Ok(()) = self.stop.changed(), if is_staying => self.leave(Ending::Stopped, None),
                Some(Order::HandOver { to }) = orders.recv(), if is_staying => self.leave(Ending::HandedOver, to),
                () = newer_epoch(&mut self.signs, epoch), if is_staying => {
                    // What is under way may have come before the other one's first record.
                    self.leave(Ending::Deposed("another master says that it leads".to_owned()), None);
                }
                () = wait_until(give_up_at) => {
                    fail(in_flight, next, &unclear("the master had to stop before the log answered"));
                    return Ok(self.leaving.as_ref().map_or(Ending::Stopped, |leaving| leaving.ending.clone()));
                }
                () = wait_until(step_down_at) => {
                    let why = self.reads.writable().err().unwrap_or_else(|| "the log does not answer".to_owned());
                    fail(in_flight, next, &unclear(&why));
                    return Ok(Ending::Deposed(why));
                }
                () = wait_until(Some(look_at)), if may_look => {
                    let log = Arc::clone(&self.log);
                    looking = Some(Box::pin(async move { log.bounds().await }));
                }
                bounds = look_outcome(&mut looking), if looking.is_some() => {
                    (looking, look_at) = (None, Instant::now() + LOOK_AT_END_INTERVAL);
                    match &bounds {
                        Ok(_) => {
                            self.answered_at = Instant::now();
                            if !self.is_refused && in_flight.is_none() {
                                self.reads.set_writable(Ok(()));
                            }
                        }
                        // Whoever asks for the health learns it before anybody wants to change something.
                        Err(error) => self.reads.set_writable(Err(error.to_string())),
                    }
                    if in_flight.is_none() && bounds.is_ok_and(|bounds| bounds.last > self.position) {
                        return Ok(Ending::Deposed("somebody else has written to the log".to_owned()));
                    }
                }
            }
        }
    }

    /// Where others could lead meanwhile.
    fn steps_down_at(&self) -> Option<Instant> {
        self.config.standby.as_ref().map(|standby| self.answered_at + standby.step_down_after())
    }

    /// Takes nothing any more; what is under way is finished.
    fn leave(&mut self, ending: Ending, to: Option<String>) {
        self.inbox.close();
        self.leaving = Some(Leaving { ending, to, give_up_at: Instant::now() + STOP_PATIENCE });
    }

    /// Refuses what has come in and was not decided.
    async fn turn_away(&mut self) {
        self.inbox.close();
        while let Some(submission) = self.next_left().await {
            let _gone = submission.reply.send(Err(SubmitError::NotLeading { leader: None, retry_after_s: 1 }));
        }
    }

    /// A submission that was not decided.
    async fn next_left(&mut self) -> Option<Submission> {
        match self.deferred.pop_front() {
            Some(submission) => Some(submission),
            None => self.inbox.recv().await,
        }
    }

    async fn send(&self, mut batch: Batch) -> Result<Option<InFlight>, String> {
        if batch.records.is_empty() {
            // Answers only, and everything they were decided from is durable already.
            return self.publish(batch).await.map(|()| None);
        }
        let (log, reads, after) = (Arc::clone(&self.log), Arc::clone(&self.reads), self.position);
        let Some(messages) = batch.messages(log.max_message_bytes()) else {
            return Err(format!("record {} is too large for the log, and was decided all the same", batch.tip.seq));
        };
        crate::metrics::batch_sent(&batch);
        if self.config.sabotage.shows_before_durable {
            let nothing = Batch::new(batch.tip);
            self.publish(std::mem::replace(&mut batch, nothing)).await?;
        }
        let appending: Appending =
            Box::pin(async move { pursuit::append(log.as_ref(), after, messages, &reads).await });
        Ok(Some(InFlight { batch, began_at: Instant::now(), appending }))
    }

    async fn settle(
        &mut self,
        sent: InFlight,
        outcome: Result<Position, Refused>,
        next: &mut Batch,
    ) -> Result<Option<String>, String> {
        let outcome = outcome.map_err(|Refused { why, position }| {
            self.position = position;
            why
        });
        match outcome {
            Ok(position) => {
                crate::metrics::batch_durable(&sent.batch, sent.began_at);
                (self.position, self.durable_at) = (position, position);
                self.durable = sent.batch.tip;
                if std::mem::take(&mut self.is_refused) {
                    tracing::info!("the log takes writes again");
                }
                self.reads.set_writable(Ok(()));
                self.publish(sent.batch).await.map(|()| None)
            }
            Err(why @ (AppendError::Full { .. } | AppendError::Unavailable { .. })) => {
                // Once for as long as it lasts.
                if !self.is_refused {
                    tracing::warn!(%why, "the log refused an append; nothing of it was acknowledged");
                }
                self.start_over(sent.batch, next, why.to_string()).await.map(|()| None)
            }
            Err(why @ AppendError::WrongLastPosition { .. }) => {
                let refusal = SubmitError::NotLeading { leader: None, retry_after_s: 1 };
                std::mem::replace(next, Batch::new(self.durable)).fail(&refusal);
                sent.batch.fail(&refusal);
                Ok(Some(why.to_string()))
            }
            Err(why) => {
                let next = std::mem::replace(next, Batch::new(self.durable));
                next.fail(&SubmitError::Stopping);
                sent.batch.fail(&SubmitError::Stopping);
                Err(why.to_string())
            }
        }
    }

    async fn publish(&self, batch: Batch) -> Result<(), String> {
        if self.publisher.publish(batch, self.position).await {
            Ok(())
        } else {
            Err("the second fold has failed".to_owned())
        }
    }

    /// Drops everything that was decided and is not durable.
    async fn start_over(&mut self, sent: Batch, next: &mut Batch, reason: String) -> Result<(), String> {
        self.is_refused = true;
        self.reads.set_writable(Err(reason.clone()));
        let why = SubmitError::LogUnavailable { reason, retry_after_s: RETRY_AFTER.as_secs() };
        if !self.publisher.flush().await {
            return Err("the second fold has failed".to_owned());
        }
        self.world = World::of(self.reads.state().clone());
        self.tip = self.durable;
        sent.fail(&why);
        std::mem::replace(next, Batch::new(self.durable)).fail(&why);
        self.allocation = Allocation::NotBefore(Instant::now() + RETRY_AFTER);
        Ok(())
    }
}

fn unclear(reason: &str) -> SubmitError {
    SubmitError::Unclear { reason: reason.to_owned() }
}

/// Answers those who wait for a batch that may be in the log, and for one that is not.
fn fail(in_flight: Option<InFlight>, next: Batch, unclear: &SubmitError) {
    if let Some(sent) = in_flight {
        sent.batch.fail(unclear);
    }
    next.fail(&SubmitError::NotLeading { leader: None, retry_after_s: 1 });
}

/// Resolves when another master says that it leads in an epoch after this one.
async fn newer_epoch(signs: &mut watch::Receiver<Signs>, epoch: Epoch) {
    if signs.wait_for(|signs| signs.epoch > epoch).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn look_outcome(looking: &mut Option<Looking>) -> Result<Bounds, ReadError> {
    match looking {
        Some(looking) => looking.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn append_outcome(in_flight: &mut Option<InFlight>) -> Result<Position, Refused> {
    match in_flight {
        Some(sent) => sent.appending.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The record that begins a leadership.
pub(crate) fn epoch_start(
    world: &World,
    tip: Tip,
    cause: model::Command,
    policies: &Policies,
) -> Result<SealedRecord, SubmitError> {
    let events = scheduler::decide(world, &cause, policies)?;
    let (seq, epoch): (Seq, Epoch) = (tip.seq.next(), tip.epoch.next());
    Ok(Record { seq, epoch, previous: tip.hash, cause, events, state_hash: None }.seal())
}
