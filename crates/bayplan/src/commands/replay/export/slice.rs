//! A part of a log, read as often as it takes. Must not know what becomes of it.

use eventlog::{Entry, EventLog, committed};
use model::{Position, SealedRecord, Seq, Tip};
use state::State;

use crate::cli::when::When;
use crate::commands::log::bar::Bar;
use crate::failure::Failure;
use crate::past::PastLog;

pub(super) struct Slice<'a> {
    past: &'a PastLog,
    pub(super) from: Seq,
    pub(super) to: Seq,
    /// None when it begins with the log's first record.
    pub(super) before: Option<Before>,
    tip: Tip,
    position: Position,
    end: Position,
}

/// What a slice begins with.
pub(super) struct Before {
    pub(super) state: State,
    pub(super) last: SealedRecord,
}

impl<'a> Slice<'a> {
    pub(super) async fn of(past: &'a PastLog, from: Option<&When>, to: Option<&When>) -> Result<Self, Failure> {
        let bounds = past.bounds().await?;
        let wanted = past.seq_of(to.unwrap_or(&When::End)).await?;
        let to = wanted.min(bounds.last);
        if let Some(damage) = bounds.damage.filter(|_| wanted > to) {
            return Err(past.damaged(&damage, to));
        }
        let first = first(past).await?;
        let from = match from {
            Some(When::Seq(seq)) => (*seq).max(Seq(1)),
            // The last record that is not later is the one before.
            Some(when) => match past.seq_of(when).await {
                Ok(seq) => seq.next().max(first),
                Err(Failure::NotFound(_)) => first,
                Err(failure) => return Err(failure),
            },
            None => first,
        };
        if from > to {
            return Err(Failure::Usage(format!(
                "--from {from} --to {to}: there is nothing between them; the log has the records {} to {}",
                bounds.first, bounds.last
            )));
        }
        let end = past.log().bounds().await.map_err(|error| Failure::failed(error.to_string()))?.last;
        let (tip, position) = (Tip::default(), Position::default());
        let mut slice = Self { past, from, to, before: None, tip, position, end };
        if from > Seq(1) || first > Seq(1) {
            slice.begin().await?;
        }
        Ok(slice)
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        let cursor = self.past.open_at(Seq(self.from.0 - 1)).await?;
        (self.tip, self.position) = (cursor.tip(), cursor.position());
        let state = cursor.into_state();
        let mut messages = self.past.log().read(self.position);
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| Failure::failed(error.to_string()))?;
            let found = message.content.records().iter().find(|sealed| sealed.hash == self.tip.hash);
            if let Some(last) = found {
                self.before = Some(Before { state, last: last.clone() });
                return Ok(());
            }
            if message.position > self.position {
                break;
            }
        }
        Err(Failure::NotFound(format!(
            "record {} is not kept as one piece, and a slice has the record that it begins after: use --from {}",
            self.tip.seq,
            self.from.next()
        )))
    }

    /// Shows every record, and whether it is the last one.
    pub(super) async fn each(
        &self,
        what: &str,
        mut see: impl FnMut(&SealedRecord, bool) -> anyhow::Result<()>,
    ) -> Result<(), Failure> {
        let mut bar = Bar::new(what, self.end.0);
        let mut entries = committed(self.past.log().read(self.position).read_ahead(), self.tip);
        while let Some(entry) = entries.next().await {
            let Entry::Accepted { position, record, tip } =
                entry.map_err(|error| Failure::failed(error.to_string()))?
            else {
                continue;
            };
            see(&record, tip.seq == self.to)?;
            bar.at(position.0);
            if tip.seq == self.to {
                return Ok(());
            }
        }
        Err(Failure::failed(format!("the log ends before record {}", self.to)))
    }
}

/// The first record that can be told with what was before it.
async fn first(past: &PastLog) -> Result<Seq, Failure> {
    let oldest = past.beginning().await?.state().seq;
    Ok(oldest.next())
}
