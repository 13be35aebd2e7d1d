//! A stretch of a log, and its records one after the other.

use std::ops::ControlFlow;

use eventlog::EventLog;
use model::{SealedRecord, Seq, Timestamp};
use state::State;

use crate::cli::past::Meant;
use crate::cli::when::When;
use crate::commands::log::bar::Bar;
use crate::failure::Failure;
use crate::past::PastLog;

/// How often it is told how far it is.
const TELL_EVERY: u64 = 256;

/// Both ends are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// The oldest record that the log has.
    oldest: Seq,
}

impl Stretch {
    /// From a moment to a moment; all that there is where none is given. A time begins with the first record that is not before it.
    pub(super) async fn of(log: &PastLog, from: Option<When>, until: Option<When>) -> Result<Self, Failure> {
        let bounds = log.bounds().await?;
        let first = match from.map(|from| from.before(bounds.last_at)) {
            None => bounds.first,
            Some(Meant::End) => bounds.last,
            Some(Meant::Seq(seq)) => seq.max(bounds.first),
            Some(Meant::Time(at)) if at <= bounds.first_at => bounds.first,
            Some(Meant::Time(at)) => log.seq_of(&When::Time(Timestamp(at.0 - 1))).await?.next(),
        };
        let last = match until {
            None => bounds.last,
            Some(until) => log.seq_of(&until).await?.min(bounds.last),
        };
        if first > last {
            return Err(Failure::NotFound(format!(
                "there are no records there: it would begin with record {first} and end with record {last}; the log has {} to {}",
                bounds.first, bounds.last
            )));
        }
        Ok(Self { first, last, oldest: bounds.first })
    }

    /// The state in which it begins: nothing, unless something was before.
    pub(super) async fn state_before(&self, log: &PastLog) -> Result<State, Failure> {
        if self.first == self.oldest {
            return Ok(log.beginning().await?.into_state());
        }
        Ok(log.open_at(Seq(self.first.0 - 1)).await?.into_state())
    }

    /// Shows its records, in order, until somebody has seen enough.
    pub(super) async fn each(
        &self,
        log: &PastLog,
        what: &str,
        mut see: impl FnMut(&SealedRecord) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let end = log.log().bounds().await.map_err(|error| Failure::failed(error.to_string()))?.last;
        let mut records = log.records_from(self.first).await?;
        let mut bar = Bar::new(what, end.0);
        while let Some(sealed) = records.next_sealed().await? {
            let seq = sealed.record.seq;
            if seq > self.last || see(&sealed)?.is_break() {
                break;
            }
            if seq.0.is_multiple_of(TELL_EVERY) {
                bar.at(records.position().0);
            }
        }
        Ok(())
    }
}
