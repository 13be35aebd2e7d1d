//! A place in a log that moves forwards and back. Knows nothing of keys, nor of how anything is shown.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Record, Seq};
use regex::Regex;
use replay::stats::Rates;
use replay::{Condition, Filter, Stats};
use state::State;

use crate::failure::Failure;
use crate::past::{PastBounds, PastLog, PastRecords};
use crate::render;

/// A state is kept after every so many records, so that a step back folds no more than these.
const KEEP_EVERY: u64 = 64;
/// So many states are kept; they share what did not change.
const KEPT: usize = 64;
/// How often somebody is asked whether to go on.
const ASK_EVERY: u64 = 256;

/// Is told the record that was reached, and says whether to go on.
pub(super) type GoOn<'a> = &'a mut (dyn FnMut(Seq) -> ControlFlow<()> + 'a);

/// How looking for something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Found,
    Nowhere,
    BrokenOff,
}

/// Text that a record has: as its JSON has it, or as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Text {
    filter: Filter,
    shown: Regex,
}

impl Text {
    pub(super) fn new(text: &str) -> Result<Self, Failure> {
        let shown = Regex::new(&format!("(?i){}", regex::escape(text)));
        let shown = shown.map_err(|error| Failure::Usage(format!("the text is too long: {error}")))?;
        Ok(Self { filter: Filter { texts: vec![shown.clone()], ..Filter::default() }, shown })
    }

    fn is_in(&self, record: &Record) -> bool {
        self.filter.find(record).is_some() || self.shown.is_match(&render::plain(&render::event::lines(record)))
    }
}

pub(super) struct Walk {
    past: PastLog,
    bounds: PastBounds,
    state: State,
    record: Option<Arc<Record>>,
    /// The records behind the present one, when they were read on from there.
    ahead: Option<PastRecords>,
    kept: BTreeMap<Seq, State>,
}

impl Walk {
    /// Stands before the first record.
    pub(super) async fn new(past: PastLog) -> Result<Self, Failure> {
        let mut bounds = past.bounds().await?;
        let state = begun(past.beginning().await?.into_state());
        // Older ones than the oldest baseline's have no state.
        bounds.first = bounds.first.max(state.seq.next());
        Ok(Self { past, bounds, state, record: None, ahead: None, kept: BTreeMap::new() })
    }

    pub(super) const fn past(&self) -> &PastLog {
        &self.past
    }

    pub(super) const fn bounds(&self) -> &PastBounds {
        &self.bounds
    }

    /// Sees what was written to the log meanwhile; whether there was anything.
    pub(super) async fn look_again(&mut self) -> Result<bool, Failure> {
        self.past.look_again().await?;
        let last = self.past.bounds().await?.last;
        let has_grown = last > self.bounds.last;
        if has_grown {
            (self.bounds.last, self.ahead) = (last, None);
        }
        Ok(has_grown)
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn record(&self) -> Option<&Arc<Record>> {
        self.record.as_ref()
    }

    /// The first record that has a state.
    fn first(&self) -> Seq {
        self.bounds.first
    }

    /// Applies the next record; false at the end of what can be read.
    async fn forward(&mut self) -> Result<bool, Failure> {
        let mut ahead = match self.ahead.take() {
            Some(ahead) => ahead,
            None => self.past.records_from(self.state.seq.next()).await?,
        };
        let Some(record) = ahead.next().await? else { return Ok(false) };
        self.state.apply(&record);
        if record.seq.0.is_multiple_of(KEEP_EVERY) && !self.kept.contains_key(&record.seq) {
            self.keep(record.seq);
        }
        self.record = Some(record);
        self.ahead = Some(ahead);
        Ok(true)
    }

    /// Keeps the present state; the one that is farthest from it gives way.
    fn keep(&mut self, seq: Seq) {
        if self.kept.len() >= KEPT {
            let (first, last) = (self.kept.keys().next().copied(), self.kept.keys().next_back().copied());
            let farthest = first.into_iter().chain(last).max_by_key(|kept| kept.0.abs_diff(seq.0));
            farthest.map(|farthest| self.kept.remove(&farthest));
        }
        self.kept.insert(seq, self.state.clone());
    }

    /// Goes to a record, or to the one nearest to it that there is. Broken off, it stays where it came to.
    pub(super) async fn go(&mut self, seq: Seq, go_on: GoOn<'_>) -> Result<Ended, Failure> {
        let seq = seq.clamp(self.first(), self.bounds.last.max(self.first()));
        if self.record.as_ref().is_some_and(|record| record.seq == seq) {
            return Ok(Ended::Found);
        }
        self.begin_before(seq).await?;
        while self.state.seq < seq && self.forward().await? {
            if self.state.seq.0.is_multiple_of(ASK_EVERY) && go_on(self.state.seq).is_break() {
                return Ok(Ended::BrokenOff);
            }
        }
        Ok(if self.state.seq == seq { Ended::Found } else { Ended::Nowhere })
    }

    /// Takes the nearest state before a record: the present one, one that is kept here, or one that the log has.
    async fn begin_before(&mut self, seq: Seq) -> Result<(), Failure> {
        let here = Some(self.state.seq).filter(|here| *here < seq);
        let kept = self.kept.range(..seq).next_back().map(|(kept, _)| *kept).filter(|kept| Some(*kept) > here);
        if let Some(state) = kept.and_then(|kept| self.kept.get(&kept)) {
            self.state = begun(state.clone());
        } else if here.is_some_and(|here| seq.0 - here.0 <= ASK_EVERY) {
            return Ok(());
        } else {
            let oldest = seq <= self.first();
            let near = if oldest { self.past.beginning().await? } else { self.past.near(Seq(seq.0 - 1)).await? };
            if here.is_some_and(|here| here >= near.state().seq) {
                return Ok(());
            }
            self.state = begun(near.into_state());
        }
        (self.record, self.ahead) = (None, None);
        Ok(())
    }

    /// The rates over all of the log, as far as it can be read.
    pub(super) async fn rates(&self, go_on: GoOn<'_>) -> (Rates, Result<Ended, Failure>) {
        let mut stats = Stats::default();
        let ended = self.each(self.first(), None, go_on, |record| stats.see(record, 0)).await;
        (stats.told().over_time, ended)
    }

    async fn each(
        &self,
        from: Seq,
        until: Option<Seq>,
        go_on: GoOn<'_>,
        mut see: impl FnMut(&Record),
    ) -> Result<Ended, Failure> {
        let mut records = self.past.records_from(from).await?;
        while let Some(record) = records.next().await? {
            if until.is_some_and(|until| record.seq >= until) {
                break;
            }
            see(&record);
            if record.seq.0.is_multiple_of(ASK_EVERY) && go_on(record.seq).is_break() {
                return Ok(Ended::BrokenOff);
            }
        }
        Ok(Ended::Found)
    }

    /// Goes to the next record that has a text, or to the last one before this.
    pub(super) async fn search(&mut self, text: &Text, forwards: bool, go_on: GoOn<'_>) -> Result<Ended, Failure> {
        let here = self.state.seq;
        let mut found = None;
        if forwards {
            let mut records = self.past.records_from(here.next()).await?;
            while let Some(record) = records.next().await? {
                if record.seq > self.bounds.last {
                    break;
                }
                if text.is_in(&record) {
                    found = Some(record.seq);
                    break;
                }
                if record.seq.0.is_multiple_of(ASK_EVERY) && go_on(record.seq).is_break() {
                    return Ok(Ended::BrokenOff);
                }
            }
        } else {
            let mut see = |record: &Record| {
                if text.is_in(record) {
                    found = Some(record.seq);
                }
            };
            if self.each(self.first(), Some(here), go_on, &mut see).await? == Ended::BrokenOff {
                return Ok(Ended::BrokenOff);
            }
        }
        match found {
            Some(seq) => self.go(seq, go_on).await,
            None => Ok(Ended::Nowhere),
        }
    }

    /// Goes on until a condition begins to hold; one that asks for the record itself may do so after each. Where it does not,
    /// this stays where it was.
    pub(super) async fn run_to(&mut self, condition: &Condition, go_on: GoOn<'_>) -> Result<Ended, Failure> {
        let here = (self.state.clone(), self.record.clone());
        let ended = self.run_until(condition, self.bounds.last, go_on).await;
        if !matches!(ended, Ok(Ended::Found | Ended::BrokenOff)) {
            self.stand(here);
        }
        ended
    }

    /// Goes to the last record before this where a condition began to hold.
    pub(super) async fn run_back_to(&mut self, condition: &Condition, go_on: GoOn<'_>) -> Result<Ended, Failure> {
        let here = (self.state.clone(), self.record.clone());
        let until = Seq(self.state.seq.0.saturating_sub(1));
        if self.go(self.first(), go_on).await? == Ended::BrokenOff {
            return Ok(Ended::BrokenOff);
        }
        let mut last = None;
        if self.first() <= until && condition.holds(&self.state, self.record.as_deref()) {
            last = Some(self.first());
        }
        loop {
            match self.run_until(condition, until, go_on).await? {
                Ended::Found => last = Some(self.state.seq),
                Ended::BrokenOff => return Ok(Ended::BrokenOff),
                Ended::Nowhere => break,
            }
        }
        match last {
            Some(last) => self.go(last, go_on).await,
            None => {
                self.stand(here);
                Ok(Ended::Nowhere)
            }
        }
    }

    async fn run_until(&mut self, condition: &Condition, until: Seq, go_on: GoOn<'_>) -> Result<Ended, Failure> {
        let mut held = condition.holds(&self.state, self.record.as_deref());
        while self.state.seq < until && self.forward().await? {
            let Some(record) = &self.record else { break };
            if condition.may_change(record) {
                let holds = condition.holds(&self.state, Some(record));
                if holds && (!held || condition.is_about_records()) {
                    return Ok(Ended::Found);
                }
                held = holds;
            }
            if record.seq.0.is_multiple_of(ASK_EVERY) && go_on(record.seq).is_break() {
                return Ok(Ended::BrokenOff);
            }
        }
        Ok(Ended::Nowhere)
    }

    fn stand(&mut self, (state, record): (State, Option<Arc<Record>>)) {
        (self.state, self.record, self.ahead) = (begun(state), record, None);
    }
}

/// Nobody asks for the hash of a state that is only looked at.
fn begun(mut state: State) -> State {
    state.hash_late(true);
    state
}
