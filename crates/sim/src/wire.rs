//! The agents' way to the masters: requests that may be lost, delayed or come twice, and streams that may break.

use std::fmt;
use std::sync::Arc;

use agent::{Events, Lost, Transport};
use futures_util::future::BoxFuture;
use master::SubmitError;
use protocol::agent::{Acknowledgement, AgentEvent, StatusReport, Subscribe};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::faults::Fault;
use crate::machine::Machine;
use crate::world::{Dice, Life, Place, World, sleep_ms, unless};

/// Events of a stream that may be on their way.
const ON_THEIR_WAY: usize = 8;

pub(crate) struct Wire {
    pub(crate) world: Arc<World>,
    pub(crate) machine: Arc<Machine>,
    pub(crate) number: u8,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("agent", &self.number).finish_non_exhaustive()
    }
}

/// The name that agents know a master by.
pub(crate) fn name_of(master: u8) -> String {
    format!("m{master}")
}

fn master_named(name: &str) -> Result<u8, String> {
    name.trim_start_matches('m').parse().map_err(|error| format!("{name} is no master: {error}"))
}

impl Transport for Wire {
    fn subscribe(&self, master: &str, subscribe: Subscribe) -> BoxFuture<'static, Result<Box<dyn Events>, Lost>> {
        let (world, machine, number, master) =
            (Arc::clone(&self.world), Arc::clone(&self.machine), self.number, master_named(master));
        Box::pin(async move {
            let master = master?;
            let (here, there) = (Place::Agent(number), Place::Master(master));
            if world.travel(here, there).await.is_err() {
                return Err(Lost::Reason(reset(&world).await));
            }
            let Some(life) = world.master(master) else { return Err("connection refused".to_owned().into()) };
            // The master goes on with it whatever becomes of the agent.
            let (told, opened) = tokio::sync::oneshot::channel();
            tokio::spawn(serve(Arc::clone(&world), machine.clone(), (number, master), life, subscribe, told));
            let events = match opened.await {
                Ok(Ok(events)) => events,
                Ok(Err(why)) => return Err(why),
                Err(_) => return Err("connection reset".to_owned().into()),
            };
            if world.travel(there, here).await.is_err() {
                return Err(Lost::Reason(reset(&world).await));
            }
            Ok(Box::new(Stream { world, machine, number, events }) as Box<dyn Events>)
        })
    }

    fn report(&self, master: &str, report: StatusReport) -> BoxFuture<'static, Result<Acknowledgement, String>> {
        let (world, number, master) = (Arc::clone(&self.world), self.number, master_named(master));
        Box::pin(async move {
            let master = master?;
            let (here, there) = (Place::Agent(number), Place::Master(master));
            if world.travel(here, there).await.is_err() {
                return Err(reset(&world).await);
            }
            if world.strikes(Fault::Duplication, 20) {
                tokio::spawn(repeat(Arc::clone(&world), (here, there, master), report.clone()));
            }
            let (told, answer) = tokio::sync::oneshot::channel();
            let served = Arc::clone(&world);
            tokio::spawn(async move {
                let outcome = served.served(master, |handle| async move { handle.report(report).await }).await;
                let _gone = told.send(outcome);
            });
            let answer = match answer.await {
                Ok(Some(Ok(acknowledgement))) => Ok(acknowledgement),
                Ok(Some(Err(why))) => Err(why.to_string()),
                Ok(None) | Err(_) => return Err("connection reset".to_owned()),
            };
            if world.travel(there, here).await.is_err() {
                return Err(reset(&world).await);
            }
            if let Ok(acknowledgement) = &answer {
                world.note("acknowledged", &[u64::from(number), acknowledgement.mark.seq.0]);
                world.observe(|invariants| invariants.on_acknowledgement(acknowledgement.mark));
            }
            answer
        })
    }
}

/// What an agent sees in the end whose request, or the answer to it, was lost.
async fn reset(world: &World) -> String {
    world.find_out_loss().await;
    "connection reset".to_owned()
}

/// The same report once more, later.
async fn repeat(world: Arc<World>, (here, there, master): (Place, Place, u8), report: StatusReport) {
    sleep_ms(world.roll(Dice::Fault(Fault::Duplication), |rng| rng.u64(0..2_000))).await;
    if world.travel(here, there).await.is_ok() {
        // Nobody waits for the answer.
        drop(world.served(master, |handle| async move { handle.report(report).await }).await);
    }
}

type Opened = Result<mpsc::Receiver<(Instant, AgentEvent)>, Lost>;

/// The master's side of a subscription, to its end.
async fn serve(
    world: Arc<World>,
    machine: Arc<Machine>,
    (number, master): (u8, u8),
    life: Life,
    subscribe: Subscribe,
    told: tokio::sync::oneshot::Sender<Opened>,
) {
    let Life { handle, over } = life;
    let mut events = match unless(&over, handle.subscribe_agent(subscribe)).await {
        None => return,
        Some(Err(why)) => {
            let why = match why {
                SubmitError::NotLeading { leader: Some(leader), .. } => Lost::SentOn(leader.name),
                why => Lost::Reason(why.to_string()),
            };
            let _gone = told.send(Err(why));
            return;
        }
        Some(Ok(events)) => events,
    };
    let (out, received) = mpsc::channel(ON_THEIR_WAY);
    if told.send(Ok(received)).is_err() {
        return;
    }
    let (here, there) = (Place::Master(master), Place::Agent(number));
    let mut last = Instant::now();
    loop {
        let event = tokio::select! {
            biased;
            () = over.cancelled() => return,
            () = machine.hang_up.notified() => return,
            // That the agent has hung up is a message, too.
            () = out.closed() => return world.network.until_open(there, here).await,
            event = events.recv() => event,
        };
        let Some(event) = event else { return };
        tokio::select! {
            biased;
            () = over.cancelled() => return,
            () = world.network.until_open(here, there) => {}
        }
        last = last.max(Instant::now() + world.latency());
        if out.send((last, event)).await.is_err() {
            return world.network.until_open(there, here).await;
        }
    }
}

/// The agent's side of a subscription.
struct Stream {
    world: Arc<World>,
    machine: Arc<Machine>,
    number: u8,
    events: mpsc::Receiver<(Instant, AgentEvent)>,
}

impl Events for Stream {
    fn next(&mut self) -> BoxFuture<'_, Result<AgentEvent, String>> {
        Box::pin(async {
            let (arrives_at, event) = self.events.recv().await.ok_or("the master closed the connection")?;
            tokio::time::sleep_until(arrives_at).await;
            if let AgentEvent::Desired(list) = &event {
                self.world.note("list", &[u64::from(self.number), list.mark.seq.0, list.tasks.len() as u64]);
                let durable = self.machine.disk.mark();
                self.world.observe(|invariants| invariants.on_list(self.number, list, durable));
            }
            Ok(event)
        })
    }
}
