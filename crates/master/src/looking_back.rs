//! A handle of a master as it was at a moment: it answers every question out of that state, and takes no command.

use std::sync::Arc;

use eventlog::EventLog;
use model::{Position, Timestamp, Tip};
use scheduler::Policies;
use state::State;
use tokio::sync::{mpsc, watch};

use crate::config::Config;
use crate::environment::{Environment, System};
use crate::explaining::{ExplainError, Explaining, When};
use crate::handle::Handle;
use crate::past::Kept;
use crate::peers::Peers;
use crate::reads::Reads;
use crate::role::Door;
use crate::sessions::Sessions;
use crate::stream::RecordStreams;
use crate::tasks::Tasks;

impl Handle {
    /// This master's log at a moment. It is folded for it, beside all other work; a few at a time.
    pub async fn at(&self, when: When) -> Result<Self, ExplainError> {
        let asked = match when {
            When::Time(at) => Some(at.min(System.now())),
            When::Seq(_) => None,
        };
        let last = self.read().seq;
        let (state, tip, position) = self.explaining.at(when, last).await?;
        let (streams, explaining, tasks) = (self.streams.clone(), self.explaining.clone(), self.tasks.clone());
        Ok(of_past(state, tip, position, asked, streams, explaining, tasks))
    }

    /// The log of a master that need not run, with a state of it that ends with `tip`, in the message at `position`. Ages count to the
    /// moment that was `asked` for, where that is later than the last record before it.
    #[must_use]
    pub fn over_past<L: EventLog>(
        log: Arc<L>,
        kept: Kept,
        policies: Policies,
        state: State,
        tip: Tip,
        position: Position,
        asked: Option<Timestamp>,
    ) -> Self {
        let (tasks, ended_by_nobody) = Tasks::new();
        ended_by_nobody.disarm();
        let streams = RecordStreams::over(Arc::clone(&log), tasks.clone());
        of_past(state, tip, position, asked, streams, Explaining::over(log, kept, policies), tasks)
    }
}

fn of_past(
    state: State,
    tip: Tip,
    position: Position,
    asked: Option<Timestamp>,
    streams: RecordStreams,
    explaining: Explaining,
    tasks: Tasks,
) -> Handle {
    let config = Config::default();
    let (name, led_since) = (state.header.leader.as_str().into(), state.header.led_since);
    let at = asked.unwrap_or_default().max(state.at);
    let (_, door) = watch::channel(Door::Shut);
    let (orders, _) = mpsc::channel(1);
    Handle {
        name,
        started_at: led_since,
        door,
        orders,
        inbox_limit: config.inbox_limit,
        leader_silence: None,
        peers: Arc::new(Peers::new(System.random())),
        reads: Arc::new(Reads::new(state, tip, position, None, None)),
        sessions: Arc::new(Sessions::new(&config)),
        streams,
        explaining,
        tasks,
        past_at: Some(at),
    }
}
