//! A framework that takes what it is offered: first it declines everything, then it launches tasks until there are enough.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use protocol::mesos::{RecordIo, STREAM_ID_HEADER};
use tokio::sync::mpsc;

use crate::LoadError;
use crate::calls::{Answered, Kind, Line, Outgoing};
use crate::latency::Latencies;
use crate::wire::{
    Accept, Acknowledge, Call, Decline, Event, Filters, FrameworkInfo, Id, Launch, Offer, Operation, Resource, Scalar,
    Status, Subscribe, TaskInfo,
};

/// What a task takes.
pub(crate) const TASK_CPUS: f64 = 0.1;
pub(crate) const TASK_MEM_MB: f64 = 32.0;
const COMMAND: &str = "sleep 100000";
/// A framework that has what it wants wants no more offers.
const REFUSE_FOR_GOOD_S: f64 = 1e6;
/// Calls that wait to be made. Beyond it the framework does not read, and the master ends its subscription as too slow.
const CALLS_WAITING: usize = 100_000;

/// What all frameworks of a load share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Until then offers are declined.
    pub(crate) launches: AtomicBool,
    /// Tasks that are still to be launched.
    pub(crate) left: AtomicU64,
    pub(crate) tasks_per_accept: u64,
    pub(crate) offers: AtomicU64,
    pub(crate) accepts: AtomicU64,
    pub(crate) running: AtomicU64,
    /// From the ACCEPT to the update that says that the task runs.
    pub(crate) started: Mutex<Latencies>,
    pub(crate) answered: Arc<Mutex<Answered>>,
}

impl Shared {
    /// How many tasks one more accept launches; none when there are enough.
    fn take_tasks(&self) -> u64 {
        let take = |left: u64| left.checked_sub(left.min(self.tasks_per_accept)).filter(|_| left > 0);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(before) => before.min(self.tasks_per_accept),
            Err(_) => 0,
        }
    }
}

pub(crate) struct Framework {
    name: String,
    id: String,
    stream_id: String,
    subscription: reqwest::Response,
    read: RecordIo,
    line: Line,
    shared: Arc<Shared>,
    resources: [Resource; 2],
    tasks: u64,
    /// When the tasks were asked for that do not run yet.
    asked: BTreeMap<String, Instant>,
}

impl Framework {
    pub(crate) async fn subscribe(master: &str, number: usize, shared: Arc<Shared>) -> Result<Self, LoadError> {
        let name = format!("load-{number}");
        let line = Line::new(master, Arc::clone(&shared.answered));
        let subscribe = Subscribe { framework_info: FrameworkInfo { user: "", name: &name } };
        let call = Call { r#type: "SUBSCRIBE", subscribe: Some(subscribe), ..Call::default() };
        let failed = |reason: String| LoadError::Subscribe { reason };
        let subscription = line.subscribe(encoded(&call)).await.map_err(|error| failed(error.to_string()))?;
        let stream_id = subscription.headers().get(STREAM_ID_HEADER).and_then(|id| id.to_str().ok());
        let Some(stream_id) = stream_id.map(str::to_owned).filter(|_| subscription.status().is_success()) else {
            let status = subscription.status();
            return Err(failed(format!("{status} {}", subscription.text().await.unwrap_or_default())));
        };
        let resources = [("cpus", TASK_CPUS), ("mem", TASK_MEM_MB)];
        let resources = resources.map(|(name, value)| Resource { name, r#type: "SCALAR", scalar: Scalar { value } });
        let (id, read, asked) = (String::new(), RecordIo::default(), BTreeMap::new());
        Ok(Self { name, id, stream_id, subscription, read, line, shared, resources, tasks: 0, asked })
    }

    /// Plays its part until its subscription ends, or a call is refused.
    pub(crate) async fn play(mut self, calls_at_once: usize) -> LoadError {
        let (calls, waiting) = mpsc::channel(CALLS_WAITING);
        let (line, stream_id) = (self.line.clone(), self.stream_id.clone());
        let made = line.make(stream_id, waiting, calls_at_once);
        tokio::select! {
            ended = self.listen(calls) => ended,
            made = made => made.err().unwrap_or_else(|| ended("nobody calls any more")),
        }
    }

    async fn listen(&mut self, calls: mpsc::Sender<Outgoing>) -> LoadError {
        loop {
            let chunk = match self.subscription.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return ended("the master has closed it"),
                Err(error) => return ended(&error.to_string()),
            };
            self.read.push(&chunk);
            let mut read = std::mem::take(&mut self.read);
            loop {
                let outgoing = match read.take() {
                    Ok(Some(message)) => match serde_json::from_slice(message) {
                        Ok(event) => self.hear(&event),
                        Err(error) => Err(ended(&format!("an event cannot be read: {error}"))),
                    },
                    Ok(None) => break,
                    Err(error) => Err(ended(&error.to_string())),
                };
                match outgoing {
                    Ok(outgoing) => {
                        for call in outgoing {
                            // When nobody makes calls any more, that is an end of its own.
                            let _gone = calls.send(call).await;
                        }
                    }
                    Err(why) => return why,
                }
            }
            self.read = read;
        }
    }

    /// What it says to an event.
    fn hear(&mut self, event: &Event<'_>) -> Result<Vec<Outgoing>, LoadError> {
        if let Some(error) = &event.error {
            return Err(ended(&error.message));
        }
        if let Some(subscribed) = &event.subscribed {
            self.id = subscribed.framework_id.value.to_string();
        }
        if let Some(offers) = &event.offers {
            self.shared.offers.fetch_add(offers.offers.len() as u64, Ordering::Relaxed);
            return Ok(self.answer_offers(&offers.offers));
        }
        match &event.update {
            Some(update) => self.note(&update.status).map(|receipt| receipt.into_iter().collect()),
            None => Ok(Vec::new()),
        }
    }

    fn answer_offers(&mut self, offers: &[Offer<'_>]) -> Vec<Outgoing> {
        if !self.shared.launches.load(Ordering::Acquire) {
            return vec![self.decline(offers, 0.0)];
        }
        let mut outgoing = Vec::new();
        for (index, offer) in offers.iter().enumerate() {
            let count = self.shared.take_tasks();
            if count == 0 {
                outgoing.push(self.decline(&offers[index..], REFUSE_FOR_GOOD_S));
                break;
            }
            outgoing.push(self.accept(offer, count));
        }
        outgoing
    }

    fn decline(&self, offers: &[Offer<'_>], refuse_seconds: f64) -> Outgoing {
        let offer_ids = offers.iter().map(|offer| offer.id.clone()).collect();
        let decline = Some(Decline { offer_ids, filters: Filters { refuse_seconds } });
        Outgoing { kind: Kind::Decline, body: self.encoded(Call { r#type: "DECLINE", decline, ..Call::default() }) }
    }

    fn accept(&mut self, offer: &Offer<'_>, count: u64) -> Outgoing {
        let names: Vec<String> = (self.tasks..self.tasks + count).map(|task| format!("{}-{task}", self.name)).collect();
        self.tasks += count;
        let task_infos = names.iter().map(|name| TaskInfo {
            name,
            task_id: Id::new(name),
            agent_id: offer.agent_id.clone(),
            command: Id::new(COMMAND),
            resources: &self.resources,
        });
        let operation = Operation { r#type: "LAUNCH", launch: Launch { task_infos: task_infos.collect() } };
        let filters = Filters { refuse_seconds: 0.0 };
        let accept = Some(Accept { offer_ids: [offer.id.clone()], operations: [operation], filters });
        let body = self.encoded(Call { r#type: "ACCEPT", accept, ..Call::default() });
        let now = Instant::now();
        self.asked.extend(names.into_iter().map(|name| (name, now)));
        self.shared.accepts.fetch_add(1, Ordering::Relaxed);
        Outgoing { kind: Kind::Accept, body }
    }

    /// The receipt for an update. Tasks run for long, so an end is none that a load asked for.
    fn note(&mut self, status: &Status<'_>) -> Result<Option<Outgoing>, LoadError> {
        let task = status.task_id.value.as_ref();
        match status.state.as_ref() {
            "TASK_RUNNING" => {
                if let Some(asked_at) = self.asked.remove(task) {
                    self.shared.running.fetch_add(1, Ordering::Relaxed);
                    self.shared.started.lock().unwrap_or_else(PoisonError::into_inner).add(asked_at.elapsed());
                }
            }
            "TASK_STAGING" | "TASK_STARTING" => {}
            state => {
                let message = status.message.as_deref().unwrap_or("without a reason");
                return Err(ended(&format!("{task} is {state}: {message}")));
            }
        }
        let (Some(uuid), Some(agent_id)) = (status.uuid.as_deref(), status.agent_id.clone()) else { return Ok(None) };
        let acknowledge = Some(Acknowledge { agent_id, task_id: status.task_id.clone(), uuid });
        let call = Call { r#type: "ACKNOWLEDGE", acknowledge, ..Call::default() };
        Ok(Some(Outgoing { kind: Kind::Acknowledge, body: self.encoded(call) }))
    }

    fn encoded(&self, call: Call<'_>) -> Vec<u8> {
        encoded(&Call { framework_id: Some(Id::new(&self.id)), ..call })
    }
}

fn encoded(call: &Call<'_>) -> Vec<u8> {
    serde_json::to_vec(call).expect("a call is plain data")
}

fn ended(reason: &str) -> LoadError {
    LoadError::Ended { reason: reason.to_owned() }
}
