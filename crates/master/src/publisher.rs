//! Makes durable records visible, in order: reads first, then answers, then the sessions of agents and frameworks.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AgentId, Event, Position, SealedRecord};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::metered::{Part, metered};
use crate::metrics;
use crate::reads::Reads;
use crate::sessions::Sessions;
use crate::tasks::Tasks;

/// How many durable batches may wait to be published; beyond it the loop waits.
const BACKLOG: usize = 64;

pub(crate) enum Publication {
    /// With the place in the log that it got.
    Batch(Batch, Position),
    /// Answered when everything before it is visible.
    Flush(oneshot::Sender<()>),
}

pub(crate) struct Publisher {
    queue: mpsc::Sender<Publication>,
}

impl Publisher {
    pub(crate) fn start(tasks: &Tasks, reads: Arc<Reads>, sessions: Arc<Sessions>) -> (Self, JoinHandle<Option<()>>) {
        let (queue, publications) = mpsc::channel(BACKLOG);
        let task = tasks.spawn(metered(Part::Publisher, publish(publications, reads, sessions)));
        (Self { queue }, task)
    }

    /// False when the publisher is gone.
    pub(crate) async fn publish(&self, batch: Batch, position: Position) -> bool {
        self.queue.send(Publication::Batch(batch, position)).await.is_ok()
    }

    pub(crate) async fn flush(&self) -> bool {
        let (done, flushed) = oneshot::channel();
        self.queue.send(Publication::Flush(done)).await.is_ok() && flushed.await.is_ok()
    }
}

async fn publish(mut publications: mpsc::Receiver<Publication>, reads: Arc<Reads>, sessions: Arc<Sessions>) {
    while let Some(publication) = publications.recv().await {
        metrics::publisher_waits(publications.len());
        match publication {
            Publication::Batch(batch, position) => {
                reads.apply(&batch.records, batch.tip, position);
                sessions.frameworks.publish(&batch.records);
                let concerned = agents_concerned(&batch.records);
                batch.release();
                sessions.wake(&concerned);
            }
            Publication::Flush(done) => {
                let _gone = done.send(());
            }
        }
    }
}

/// The agents whose desired list the records changed.
fn agents_concerned(records: &[SealedRecord]) -> BTreeSet<AgentId> {
    let events = records.iter().flat_map(|sealed| &sealed.record.events);
    events
        .filter_map(|event| match event {
            Event::TaskLaunched { task } => Some(task.agent),
            Event::TaskKillRequested { agent, .. } => Some(*agent),
            Event::TaskStatusChanged { agent, status, .. } if status.state.is_terminal() => Some(*agent),
            _ => None,
        })
        .collect()
}
