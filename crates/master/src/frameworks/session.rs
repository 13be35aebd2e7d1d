//! One subscription: what is sent when, and again when nobody acknowledges it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Event, FrameworkId, FrameworkRemovalReason, OfferOutcome, Record, Seq, TaskId, TaskState};
use protocol::mesos::{self, HEARTBEAT_INTERVAL_S, Update};
use state::State;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{Wake, told};
use crate::handle::Handle;

/// An update that is not acknowledged is told again after so long, and then after twice as long each time.
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// How many records are looked at before what they say is sent.
const RECORDS_AT_ONCE: usize = 256;

pub(super) struct Session {
    handle: Handle,
    framework: FrameworkId,
    events: mpsc::Sender<Vec<mesos::Event>>,
    /// The last record that is in what was told.
    seq: Seq,
    /// Updates under way: one for each task.
    sent: BTreeMap<TaskId, Sent>,
    retries: BTreeSet<(Instant, TaskId)>,
}

struct Sent {
    state: TaskState,
    again_at: Instant,
    pause: Duration,
}

/// What is to be told, and whether that is all.
#[derive(Default)]
struct Lot {
    events: Vec<mesos::Event>,
    is_last: bool,
}

impl Session {
    pub(super) fn new(handle: Handle, framework: FrameworkId, events: mpsc::Sender<Vec<mesos::Event>>) -> Self {
        let (sent, retries) = (BTreeMap::new(), BTreeSet::new());
        Self { handle, framework, events, seq: Seq(0), sent, retries }
    }

    /// Tells until either side goes away.
    pub(super) async fn run(mut self, mut wakes: mpsc::Receiver<Wake>, mut end: oneshot::Receiver<&'static str>) {
        let mut heartbeat = interval(Duration::from_secs(HEARTBEAT_INTERVAL_S));
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lot = self.begin();
        let mut waiting = Vec::new();
        loop {
            let is_last = lot.is_last;
            if !lot.events.is_empty() {
                let events = std::mem::take(&mut lot.events);
                tokio::select! {
                    biased;
                    sent = self.events.send(events) => if sent.is_err() {
                        return;
                    },
                    // It does not read, so there is nothing to be told either.
                    _ = &mut end => return,
                }
            }
            if is_last {
                return;
            }
            let retry_at = self.retries.first().map(|(at, _)| *at);
            lot = tokio::select! {
                biased;
                ended = &mut end => match ended {
                    Ok(why) => Lot { events: vec![mesos::Event::Error(why.to_owned())], is_last: true },
                    Err(_) => return,
                },
                () = self.events.closed() => return,
                received = wakes.recv_many(&mut waiting, RECORDS_AT_ONCE) => {
                    if received == 0 {
                        return;
                    }
                    self.follow(waiting.drain(..))
                }
                _ = heartbeat.tick() => Lot { events: vec![mesos::Event::Heartbeat], is_last: false },
                () = wait_until(retry_at) => self.tell_again(),
            };
        }
    }

    /// Everything as it is now.
    fn begin(&mut self) -> Lot {
        let handle = self.handle.clone();
        let state = handle.read();
        self.seq = state.seq;
        let (offers, untold) = told::everything(&state, self.framework);
        let mut lot = Lot { events: vec![mesos::Event::Subscribed(told::master(&state))], is_last: false };
        lot.events.extend(offers);
        for task in untold {
            lot.events.extend(self.next_update(&state, &task));
        }
        lot
    }

    fn follow(&mut self, wakes: impl Iterator<Item = Wake>) -> Lot {
        let handle = self.handle.clone();
        let state = handle.read();
        let mut lot = Lot::default();
        for wake in wakes {
            match wake {
                Wake::Tell(events) => lot.events.extend(events),
                Wake::Record(record) if record.seq > self.seq => {
                    self.seq = record.seq;
                    self.tell(&state, &record, &mut lot);
                }
                Wake::Record(_) => {}
            }
        }
        lot
    }

    fn tell(&mut self, state: &State, record: &Record, lot: &mut Lot) {
        for event in &record.events {
            match event {
                Event::OffersMade { framework, offers } if *framework == self.framework => {
                    let rows = offers.offers.iter().zip(&offers.agents).zip(&offers.resources);
                    let offers = rows.filter_map(|((id, agent), resources)| told::offer(state, *id, *agent, resources));
                    lot.events.push(mesos::Event::Offers(offers.collect()));
                }
                Event::OffersClosed { framework, offers, outcome, .. } if *framework == self.framework => {
                    if matches!(outcome, OfferOutcome::Rescinded | OfferOutcome::Expired) {
                        lot.events.extend(offers.iter().map(|offer| mesos::Event::Rescind(*offer)));
                    }
                }
                Event::LaunchRefused { framework, task, agent, status } if *framework == self.framework => {
                    lot.events.push(mesos::Event::Update(Update {
                        task: task.clone(),
                        agent: *agent,
                        status: status.clone(),
                        at: record.cause.at,
                        uuid: None,
                        is_reconciliation: false,
                    }));
                }
                Event::TaskStatusChanged { task, .. } if task.framework() == Some(self.framework) => {
                    lot.events.extend(self.next_update(state, task));
                }
                Event::UpdatesAcknowledged { framework, tasks } if *framework == self.framework => {
                    for task in tasks {
                        lot.events.extend(self.next_update(state, task));
                    }
                }
                Event::AgentRemoved { agent, .. } => lot.events.push(mesos::Event::Failure(*agent)),
                Event::FrameworkRemoved { framework, reason } if *framework == self.framework => {
                    lot.is_last = true;
                    if *reason == FrameworkRemovalReason::FailoverTimedOut {
                        lot.events.push(mesos::Event::Error(super::UNKNOWN.to_owned()));
                    }
                }
                _ => {}
            }
        }
    }

    /// The update of a task that is to be told now, unless it is under way already.
    fn next_update(&mut self, state: &State, id: &TaskId) -> Option<mesos::Event> {
        let update = state.tasks.get(id).and_then(told::pending);
        if let Some(sent) = self.sent.get(id) {
            if update.as_ref().is_some_and(|update| update.status.state == sent.state) {
                return None;
            }
            self.retries.remove(&(sent.again_at, id.clone()));
            self.sent.remove(id);
        }
        let update = update?;
        self.note_sent(id.clone(), update.status.state, FIRST_RETRY);
        Some(mesos::Event::Update(update))
    }

    fn note_sent(&mut self, id: TaskId, state: TaskState, pause: Duration) {
        let again_at = Instant::now() + pause;
        self.retries.insert((again_at, id.clone()));
        self.sent.insert(id, Sent { state, again_at, pause });
    }

    fn tell_again(&mut self) -> Lot {
        let handle = self.handle.clone();
        let state = handle.read();
        let now = Instant::now();
        let mut lot = Lot::default();
        while let Some((_, id)) = self.retries.first().filter(|(at, _)| *at <= now).cloned() {
            let Some(sent) = self.sent.remove(&id) else { break };
            self.retries.remove(&(sent.again_at, id.clone()));
            if let Some(update) = state.tasks.get(&id).and_then(told::pending) {
                let is_same = update.status.state == sent.state;
                let pause = if is_same { (sent.pause * 2).min(LONGEST_RETRY) } else { FIRST_RETRY };
                self.note_sent(id, update.status.state, pause);
                lot.events.push(mesos::Event::Update(update));
            }
        }
        lot
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
