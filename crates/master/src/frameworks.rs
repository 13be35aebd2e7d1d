//! The frameworks' subscriptions: each framework is told what durable records say of it, as soon as they say so.
//!
//! A subscription begins with a picture of the state and goes on with the records behind it. What it tells is bounded by
//! what its client reads: one that is too slow is ended, and finds everything again when it subscribes anew.

mod session;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{
    CommandId, CommandKind, Event, FrameworkId, Principal, Record, SealedRecord, TaskState, TaskStatus, UpdateReceipt,
};
use protocol::mesos::{self, Accept, CallKind, Encoder, ReconciledTask, Subscription, Update};
use scheduler::Rejection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::config::Config;
use crate::environment::Environment;
use crate::handle::{Handle, SubmitError};
use session::Session;

/// How many records may wait for a framework that reads slowly.
const RECORDS_WAITING: usize = 4_096;
/// How many lots of events may wait for its connection.
const EVENTS_WAITING: usize = 16;
/// How many acknowledgements may wait to be written, and how many of them one record takes.
const RECEIPTS_WAITING: usize = 8_192;
const RECEIPTS_PER_RECORD: usize = 1_000;
/// A framework that the log says is subscribed, and that has no subscription here for so long, is away.
const CONTACT_GRACE: Duration = Duration::from_secs(3 * mesos::HEARTBEAT_INTERVAL_S);
const LOOK_EVERY: Duration = Duration::from_secs(1);

const FAILED_OVER: &str = "Framework failed over";
const UNKNOWN: &str = "Framework has been removed, or is one of another cluster: subscribe without an id to begin anew";
const TOO_SLOW: &str = "The subscription is read too slowly: subscribe again with the same id";

pub(crate) struct Frameworks {
    environment: Arc<dyn Environment>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    subscriptions: BTreeMap<FrameworkId, Subscribed>,
    opened: u64,
}

/// The way to the session of a subscription.
struct Subscribed {
    generation: u64,
    stream_id: String,
    wakes: mpsc::Sender<Wake>,
    receipts: mpsc::Sender<UpdateReceipt>,
    /// Ends it, with what it is told last.
    end: oneshot::Sender<&'static str>,
}

/// What a session has to look at.
enum Wake {
    Record(Arc<Record>),
    Tell(Vec<mesos::Event>),
}

/// What a framework reads.
pub struct FrameworkStream {
    /// To be sent with every later call. None when there is nothing but an error to read.
    pub stream_id: Option<String>,
    pub encoder: Encoder,
    pub events: mpsc::Receiver<Vec<mesos::Event>>,
}

/// Why a call is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRefused {
    #[error("the call needs a framework_id")]
    NoFramework,
    #[error("framework '{0}' is unknown to this cluster")]
    UnknownFramework(String),
    #[error("framework '{0}' is not subscribed")]
    NotSubscribed(String),
    #[error("the call needs the header Mesos-Stream-Id of the framework's subscription")]
    NoStreamId,
    #[error(
        "the header Mesos-Stream-Id is not that of the framework's subscription: another process has taken its place"
    )]
    OtherStreamId,
}

impl Frameworks {
    pub(crate) fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A leadership is over: frameworks go to the next leader.
    pub(crate) fn end(&self) {
        self.open().subscriptions.clear();
    }

    /// Passes records on to those that they concern.
    pub(crate) fn publish(&self, records: &[SealedRecord]) {
        let mut open = self.open();
        if open.subscriptions.is_empty() {
            return;
        }
        for sealed in records {
            match concerned(&sealed.record) {
                Concerned::Everybody => {
                    let everybody: Vec<FrameworkId> = open.subscriptions.keys().copied().collect();
                    everybody.into_iter().for_each(|framework| open.wake(framework, &sealed.record));
                }
                Concerned::Some(frameworks) => {
                    frameworks.into_iter().for_each(|framework| open.wake(framework, &sealed.record));
                }
            }
        }
    }

    /// Ends a subscription; false when it was not the current one any more.
    fn close(&self, framework: FrameworkId, generation: u64) -> bool {
        let mut open = self.open();
        let is_current = open.subscriptions.get(&framework).is_some_and(|current| current.generation == generation);
        is_current && open.subscriptions.remove(&framework).is_some()
    }

    fn check(&self, framework: FrameworkId, id: &str, stream_id: Option<&str>) -> Result<(), CallRefused> {
        let open = self.open();
        let Some(current) = open.subscriptions.get(&framework) else {
            return Err(CallRefused::NotSubscribed(id.to_owned()));
        };
        match stream_id {
            None => Err(CallRefused::NoStreamId),
            Some(given) if given != current.stream_id => Err(CallRefused::OtherStreamId),
            Some(_) => Ok(()),
        }
    }

    fn tell(&self, framework: FrameworkId, events: Vec<mesos::Event>) {
        self.open().send(framework, Wake::Tell(events));
    }
}

impl Open {
    fn wake(&mut self, framework: FrameworkId, record: &Arc<Record>) {
        self.send(framework, Wake::Record(Arc::clone(record)));
    }

    fn send(&mut self, framework: FrameworkId, wake: Wake) {
        let Some(current) = self.subscriptions.get(&framework) else { return };
        if current.wakes.try_send(wake).is_err()
            && let Some(slow) = self.subscriptions.remove(&framework)
        {
            tracing::warn!(%framework, "a framework reads too slowly; its subscription is ended");
            let _gone = slow.end.send(TOO_SLOW);
        }
    }
}

enum Concerned {
    Some(BTreeSet<FrameworkId>),
    Everybody,
}

fn concerned(record: &Record) -> Concerned {
    let mut frameworks = BTreeSet::new();
    for event in &record.events {
        match event {
            Event::AgentRemoved { .. } => return Concerned::Everybody,
            Event::OffersMade { framework, .. }
            | Event::OffersClosed { framework, .. }
            | Event::LaunchRefused { framework, .. }
            | Event::UpdatesAcknowledged { framework, .. }
            | Event::FrameworkRemoved { framework, .. } => {
                frameworks.insert(*framework);
            }
            Event::TaskStatusChanged { task, .. } => frameworks.extend(task.framework()),
            _ => {}
        }
    }
    Concerned::Some(frameworks)
}

impl Handle {
    /// Opens a framework's subscription; an earlier one of the same framework ends.
    pub async fn subscribe_framework(
        &self,
        principal: Principal,
        subscription: Subscription,
    ) -> Result<FrameworkStream, SubmitError> {
        let Subscription { framework: id, info, is_suppressed } = subscription;
        let info = Arc::new(info);
        let cluster = self.read().header.cluster.clone();
        let cluster = cluster.ok_or(SubmitError::NotLeading { leader: None, retry_after_s: 1 })?;
        let known = id.as_deref().and_then(|id| mesos::parse_framework_id(&cluster, id));
        if let Some(id) = id.as_ref().filter(|_| known.is_none()) {
            return Ok(FrameworkStream::refused(id.clone(), &info.role));
        }
        let kind = CommandKind::SubscribeFramework { framework: known, info: Arc::clone(&info) };
        let committed = match self.submit(principal.clone(), kind).await {
            Err(SubmitError::Rejected(Rejection::UnknownFramework(framework))) => {
                return Ok(FrameworkStream::refused(mesos::framework_id(&cluster, framework), &info.role));
            }
            other => other?,
        };
        let record = committed.record.expect("a subscription always makes a record");
        let subscribed = record.events.iter().find_map(|event| match event {
            Event::FrameworkSubscribed { framework, .. } => Some(*framework),
            _ => None,
        });
        let framework = subscribed.expect("a subscription names the framework");
        if is_suppressed {
            self.submit(principal, CommandKind::SuppressOffers { framework }).await?;
        }
        let encoder = Encoder { framework: mesos::framework_id(&cluster, framework), role: info.role.clone() };
        Ok(self.open_subscription(framework, encoder))
    }

    fn open_subscription(&self, framework: FrameworkId, encoder: Encoder) -> FrameworkStream {
        let frameworks = &self.sessions.frameworks;
        let (events_sender, events) = mpsc::channel(EVENTS_WAITING);
        let (wakes_sender, wakes) = mpsc::channel(RECORDS_WAITING);
        let (receipts_sender, receipts) = mpsc::channel(RECEIPTS_WAITING);
        let (end_sender, end) = oneshot::channel();
        let stream_id = CommandId(frameworks.environment.random()).derive(0);
        let generation = {
            let mut open = frameworks.open();
            open.opened += 1;
            let generation = open.opened;
            let (stream_id, wakes, receipts) = (stream_id.clone(), wakes_sender, receipts_sender);
            let now = Subscribed { generation, stream_id, wakes, receipts, end: end_sender };
            if let Some(old) = open.subscriptions.insert(framework, now) {
                let _gone = old.end.send(FAILED_OVER);
            }
            generation
        };
        self.tasks.spawn(write_receipts(self.clone(), framework, receipts));
        let session = Session::new(self.clone(), framework, events_sender);
        let handle = self.clone();
        self.tasks.spawn(async move {
            session.run(wakes, end).await;
            if handle.sessions.frameworks.close(framework, generation) {
                let kind = CommandKind::DisconnectFramework { framework };
                if let Err(why) = handle.submit(principal_of(framework), kind).await {
                    tracing::debug!(%framework, %why, "the end of a framework's subscription was not recorded");
                }
            }
        });
        FrameworkStream { stream_id: Some(stream_id), encoder, events }
    }

    /// Which framework a call is of, once it is allowed to call.
    pub fn calling_framework(&self, id: Option<&str>, stream_id: Option<&str>) -> Result<FrameworkId, CallRefused> {
        let id = id.ok_or(CallRefused::NoFramework)?;
        let known = {
            let state = self.read();
            let cluster = state.header.cluster.as_ref();
            let framework = cluster.and_then(|cluster| mesos::parse_framework_id(cluster, id));
            framework.filter(|framework| state.frameworks.contains(framework))
        };
        let framework = known.ok_or_else(|| CallRefused::UnknownFramework(id.to_owned()))?;
        self.sessions.frameworks.check(framework, id, stream_id)?;
        Ok(framework)
    }

    /// Carries a call out. Acknowledgements are written together, a little later; everything else is durable by then.
    pub async fn call_of_framework(
        &self,
        principal: Principal,
        framework: FrameworkId,
        call: CallKind,
    ) -> Result<(), SubmitError> {
        let kind = match call {
            CallKind::Acknowledge(receipt) => return self.acknowledge(framework, receipt),
            CallKind::Reconcile(tasks) => {
                self.reconcile(framework, tasks);
                return Ok(());
            }
            CallKind::Kill { task } => {
                if self.read().task_of_framework(framework, &task).is_none() {
                    self.reconcile(framework, vec![ReconciledTask { task, agent: None }]);
                    return Ok(());
                }
                CommandKind::KillFrameworkTask { framework, task }
            }
            CallKind::Teardown => CommandKind::TeardownFramework { framework },
            CallKind::Accept(Accept { offers, launches, refuse_ms }) => {
                CommandKind::AcceptOffers { framework, offers, launches, refuse_ms }
            }
            CallKind::Decline { offers, refuse_ms } => CommandKind::DeclineOffers { framework, offers, refuse_ms },
            CallKind::Revive => CommandKind::ReviveOffers { framework },
            CallKind::Suppress => CommandKind::SuppressOffers { framework },
            // Neither is the call of a framework that is subscribed, see the API.
            CallKind::Subscribe(_) | CallKind::NotBuilt(_) => return Ok(()),
        };
        self.submit(principal, kind).await.map(drop)
    }

    fn acknowledge(&self, framework: FrameworkId, receipt: UpdateReceipt) -> Result<(), SubmitError> {
        let open = self.sessions.frameworks.open();
        let Some(current) = open.subscriptions.get(&framework) else { return Ok(()) };
        let busy = |_| SubmitError::Busy { limit: RECEIPTS_WAITING, retry_after_s: 1 };
        current.receipts.try_send(receipt).map_err(busy)
    }

    /// Tells what is known of tasks: of these, or of all that have not ended.
    fn reconcile(&self, framework: FrameworkId, tasks: Vec<ReconciledTask>) {
        let state = self.read();
        let mut told = Vec::new();
        if tasks.is_empty() {
            let active = state.holdings(framework).active.iter().filter_map(|id| state.tasks.get(id));
            told.extend(active.filter_map(told::as_it_is));
        }
        for ReconciledTask { task, agent } in tasks {
            told.push(state.task_of_framework(framework, &task).and_then(told::as_it_is).unwrap_or_else(|| Update {
                task,
                agent: agent.and_then(|agent| agent.parse().ok()),
                status: TaskStatus {
                    state: TaskState::Lost,
                    reason: None,
                    message: Some(NO_SUCH_TASK.into()),
                    exit: None,
                },
                at: state.at,
                uuid: None,
                is_reconciliation: true,
            }));
        }
        drop(state);
        // Together, as there may be more of them than may wait.
        self.sessions.frameworks.tell(framework, told.into_iter().map(mesos::Event::Update).collect());
    }
}

const NO_SUCH_TASK: &str = "Reconciliation: the task is unknown";

impl FrameworkStream {
    /// Nothing but the reason why there is no subscription.
    fn refused(framework: String, role: &str) -> Self {
        let (sender, events) = mpsc::channel(1);
        let _room = sender.try_send(vec![mesos::Event::Error(UNKNOWN.to_owned())]);
        Self { stream_id: None, encoder: Encoder { framework, role: role.to_owned() }, events }
    }
}

async fn write_receipts(handle: Handle, framework: FrameworkId, mut receipts: mpsc::Receiver<UpdateReceipt>) {
    let mut waiting = Vec::new();
    while receipts.recv_many(&mut waiting, RECEIPTS_PER_RECORD).await > 0 {
        let kind = CommandKind::AcknowledgeUpdates { framework, receipts: std::mem::take(&mut waiting) };
        if let Err(why) = handle.submit(principal_of(framework), kind).await {
            // The updates are told again.
            tracing::debug!(%framework, %why, "acknowledgements were not recorded");
        }
    }
}

fn principal_of(framework: FrameworkId) -> Principal {
    Principal::new(format!("framework:{framework}"))
}

/// Says how long offers may be kept, and that frameworks are away which the log takes to be subscribed.
pub(crate) async fn watch(handle: Handle, config: Config) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut missed: BTreeMap<FrameworkId, Instant> = BTreeMap::new();
    let offer_timeout_ms = u64::try_from(config.offer_timeout.as_millis()).unwrap_or(u64::MAX);
    loop {
        look.tick().await;
        // A log that does not say keeps the default, so that a master that wants just that has nothing to record.
        let in_force = handle.read().header.offer_timeout_ms.unwrap_or(scheduler::DEFAULT_OFFER_TIMEOUT_MS);
        if in_force != offer_timeout_ms {
            submit(&handle, CommandKind::ChooseOfferTimeout { offer_timeout_ms }).await;
        }
        let subscribed: BTreeSet<FrameworkId> = {
            let state = handle.read();
            state.frameworks.values().filter(|row| row.is_subscribed()).map(|row| row.id).collect()
        };
        let here: BTreeSet<FrameworkId> = handle.sessions.frameworks.open().subscriptions.keys().copied().collect();
        missed.retain(|framework, _| subscribed.contains(framework) && !here.contains(framework));
        for framework in subscribed.difference(&here) {
            let since = *missed.entry(*framework).or_insert_with(Instant::now);
            if since.elapsed() > CONTACT_GRACE {
                submit(&handle, CommandKind::DisconnectFramework { framework: *framework }).await;
            }
        }
    }
}

async fn submit(handle: &Handle, kind: CommandKind) {
    if let Err(why) = handle.submit(Principal::new("master"), kind).await {
        tracing::debug!(%why, "what the master wanted was not recorded; trying again");
    }
}
