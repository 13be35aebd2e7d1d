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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// The oldest record that the log has.
    oldest: Seq,
    /// It ends here only because the next record, which it should have, cannot be read for this reason.
    pub(super) damage: Option<String>,
}

impl Stretch {
    /// From a moment to a moment; all that there is where none is given. A time begins with the first record that is not before it.
    pub(super) async fn of(log: &PastLog, from: Option<When>, until: Option<When>) -> Result<Self, Failure> {
        let bounds = log.bounds().await?;
        let from = match &from {
            Some(from) => Some(log.resolved(from).await?),
            None => None,
        };
        let first = match from {
            None => bounds.first,
            Some(Meant::End) => bounds.last,
            Some(Meant::Seq(seq)) => seq.max(bounds.first),
            Some(Meant::Time(at)) if at <= bounds.first_at => bounds.first,
            Some(Meant::Time(at)) => log.seq_of(&When::Time(Timestamp(at.0 - 1))).await?.next(),
        };
        let until = match until {
            None | Some(When::End) => None,
            Some(until) => Some(log.seq_of(&until).await?),
        };
        let last = until.map_or(bounds.last, |until| until.min(bounds.last));
        let damage = bounds.damage.filter(|_| until.is_none_or(|until| until > bounds.last));
        if let Some(damage) = damage.as_ref().filter(|_| first > last) {
            return Err(log.damaged(damage, last));
        }
        if first > last {
            return Err(Failure::NotFound(format!(
                "there are no records there: it would begin with record {first} and end with record {last}; the log has {} to {}",
                bounds.first, bounds.last
            )));
        }
        Ok(Self { first, last, oldest: bounds.first, damage })
    }

    /// The state in which it begins: nothing, unless something was before.
    pub(super) async fn state_before(&self, log: &PastLog) -> Result<State, Failure> {
        if self.first == self.oldest {
            return Ok(log.beginning().await?.into_state());
        }
        Ok(log.open_at(Seq(self.first.0 - 1)).await?.into_state())
    }

    /// Shows its records, in order, until somebody has seen enough. Who wanted more than can be read is told so.
    pub(super) async fn each(
        &self,
        log: &PastLog,
        what: &str,
        mut see: impl FnMut(&SealedRecord) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let end = log.log().bounds().await.map_err(|error| Failure::failed(error.to_string()))?.last;
        let mut records = log.records_from(self.first).await?.upto(self.last);
        let mut bar = Bar::new(what, end.0);
        while let Some(sealed) = records.next_sealed().await? {
            let seq = sealed.record.seq;
            if see(&sealed)?.is_break() {
                return Ok(());
            }
            if seq.0.is_multiple_of(TELL_EVERY) {
                bar.at(records.position().0);
            }
        }
        self.damage.as_ref().map_or(Ok(()), |damage| Err(log.damaged(damage, self.last)))
    }
}
