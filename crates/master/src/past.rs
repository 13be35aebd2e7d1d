//! A moment of the past: the log folded up to it, from the nearest baseline before it or from the beginning.
//!
//! Nothing is changed by looking. Must not know what the moment is looked at for.

use std::ops::ControlFlow;
use std::sync::Arc;

use eventlog::{BaselineError, Entry, EventLog, Messages, ReadError, committed};
use model::{Event, Position, Record, Seq, TaskId, Tip};
use state::State;

use crate::trimming::load_baseline;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// Before the record that launches this task.
    Launch(TaskId),
    /// After the record with this number.
    After(Seq),
    /// As far as the log goes.
    End,
}

/// The state at that moment.
#[derive(Debug)]
pub struct Past {
    pub state: State,
    /// The record that comes next; None for the end of the log.
    pub next: Option<Arc<Record>>,
}

/// Where folding begins: a state that ends with `tip`, and what comes after it.
pub struct Beginning {
    pub state: State,
    pub tip: Tip,
    pub messages: Messages,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastError {
    #[error("the log cannot be read: {0}")]
    Log(#[from] ReadError),
    #[error(transparent)]
    Baselines(#[from] BaselineError),
    #[error(
        "the log begins after record {kept_from}, and what was before that is trimmed: {moment} is not kept any more"
    )]
    Trimmed { moment: String, kept_from: Seq },
    #[error("the log begins at position {first}, and no baseline of what was before it can be used")]
    NoBaseline { first: Position },
    #[error("no record after {from} launches task '{task}': `bayplan task list --all` names those that are remembered")]
    NotLaunched { task: TaskId, from: Seq },
    #[error("the log ends with record {last}, so there is no record {seq} yet")]
    Ahead { seq: Seq, last: Seq },
    #[error("nobody waits for it any more")]
    GivenUp,
}

impl Moment {
    fn is_before(&self, record: &Record) -> bool {
        match self {
            Self::Launch(task) => record.events.iter().any(|event| launches(event, task)),
            Self::After(seq) => record.seq > *seq,
            Self::End => false,
        }
    }

    /// Whether a baseline lies before it, as far as that can be told. Of a task that is known at the end of the log it can: a
    /// state knows it from its launch on.
    fn is_after(&self, state: &State, is_known: bool) -> bool {
        match self {
            Self::Launch(task) => is_known && !state.tasks.contains(task),
            Self::After(seq) => state.seq <= *seq,
            Self::End => true,
        }
    }

    /// Whether a state shows that it is over.
    fn is_over(&self, state: &State) -> bool {
        match self {
            Self::Launch(task) => state.tasks.contains(task),
            Self::After(seq) => state.seq > *seq,
            Self::End => false,
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Launch(task) => format!("the launch of task '{task}'"),
            Self::After(seq) => format!("record {seq}"),
            Self::End => "the end".to_owned(),
        }
    }
}

fn launches(event: &Event, task: &TaskId) -> bool {
    matches!(event, Event::TaskLaunched { task: launched } if launched.id == *task)
}

/// Where to begin, for a moment of which it is known whether its task is remembered at the end of the log.
pub async fn beginning<L: EventLog>(log: &L, moment: &Moment, is_known: bool) -> Result<Beginning, PastError> {
    let bounds = log.bounds().await?;
    let oldest = log.read(bounds.first).next().await.transpose()?;
    let first = oldest.and_then(|message| message.content.first_seq());
    let is_whole = first.is_none_or(|seq| seq == Seq(1));
    // Whether a task that nobody remembers was launched before or after a baseline, nothing tells but reading.
    let is_told = is_known || !matches!(moment, Moment::Launch(_));
    let baselines = if is_whole && !is_told { Vec::new() } else { log.baselines().await? };
    let mut fallback = None;
    for baseline in baselines.into_iter().rev().filter(|baseline| baseline.position.next() >= bounds.first) {
        let loaded = match load_baseline(log, &baseline).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::warn!(seq = %baseline.seq, %error, "a baseline cannot be used");
                continue;
            }
        };
        let messages = log.read(loaded.mark.position.max(bounds.first)).read_ahead();
        let found = Beginning { state: loaded.state, tip: loaded.mark.tip, messages };
        if moment.is_after(&found.state, is_known) {
            return Ok(found);
        }
        fallback = Some(found);
    }
    if is_whole {
        let messages = log.read(bounds.first).read_ahead();
        return Ok(Beginning { state: State::default(), tip: Tip::default(), messages });
    }
    fallback.ok_or(PastError::NoBaseline { first: bounds.first })
}

/// Folds up to the moment. `going_on` is told how far reading is, and may break it off.
pub async fn fold_to(
    beginning: Beginning,
    moment: &Moment,
    mut going_on: impl FnMut(Position) -> ControlFlow<()>,
) -> Result<Past, PastError> {
    let Beginning { mut state, tip, messages } = beginning;
    if moment.is_over(&state) {
        return Err(PastError::Trimmed { moment: moment.told(), kept_from: state.seq });
    }
    let from = state.seq;
    state.hash_late(true);
    let mut next = None;
    let mut entries = committed(messages, tip);
    while let Some(entry) = entries.next().await {
        let Entry::Accepted { position, record, .. } = entry? else { continue };
        if moment.is_before(&record.record) {
            next = Some(record.record);
            break;
        }
        state.apply(&record.record);
        if going_on(position).is_break() {
            return Err(PastError::GivenUp);
        }
    }
    state.hash_late(false);
    match (moment, &next) {
        (Moment::Launch(task), None) => Err(PastError::NotLaunched { task: task.clone(), from }),
        (Moment::After(seq), None) if state.seq < *seq => Err(PastError::Ahead { seq: *seq, last: state.seq }),
        _ => Ok(Past { state, next }),
    }
}
