//! A log that is opened to look at it, wherever it is kept: a master's folder, NATS servers, or a file. Nothing is changed.
//!
//! [`PastLog::open_at`] gives the state after a record, and goes on from there; it begins with the nearest state that is kept:
//! a baseline, a checkpoint, or one that an earlier look left in the cache. Must not know what is looked for.

mod any;
mod cache;
mod file;
#[cfg(test)]
pub(crate) mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;

use ::master::{Cursor, Kept, PastError, first_at, nearest, oldest, seq_at};
use eventlog::{EventLog, JetStreamLog, JetStreamOptions, Options, RocksLog};
use model::{ClusterId, Event, Position, Record, SealedRecord, Seq, TaskId, Timestamp};
use snapshot::{Cache, CacheLimits, baseline};
use state::State;

use crate::cli::log::LogPlace;
use crate::cli::past::{LogSource, Meant, ReplayLog};
use crate::cli::when::When;
use crate::commands::log::bar::Bar;
use crate::failure::Failure;
use crate::node::folder;
use crate::node::master::{LOG_FOLDER, SNAPSHOT_FOLDER};
use crate::render::time::moment;
pub(crate) use any::AnyLog;
use cache::Keeping;
use file::FileLog;

/// How often it is looked at the time while folding.
const LOOK_EVERY: u64 = 256;
/// More than any record has.
const END: Seq = Seq(u64::MAX);
/// How most commands are told a moment.
const WAY_OUT: &str = "--at";

/// What a log has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastBounds {
    pub(crate) cluster: Option<ClusterId>,
    /// The oldest record that is there, and its time.
    pub(crate) first: Seq,
    pub(crate) first_at: Timestamp,
    /// The newest one that can be read.
    pub(crate) last: Seq,
    pub(crate) last_at: Timestamp,
    /// What is wrong with the record behind that.
    pub(crate) damage: Option<String>,
}

pub(crate) struct PastLog {
    log: Arc<AnyLog>,
    kept: Kept,
    /// What stands before a record's number in the command that opened it, so that it ends before damage.
    way_out: &'static str,
}

impl PastLog {
    pub(crate) async fn open(place: &ReplayLog) -> Result<Self, Failure> {
        let (log, snapshot) = match &place.log {
            LogSource::Path(file) if file.is_file() => (AnyLog::File(FileLog::open(file)?), None),
            LogSource::Path(folder) if folder.join(LOG_FOLDER).is_dir() => of_folder(folder).await?,
            LogSource::Path(path) => {
                let path = path.display();
                return Err(Failure::NotFound(format!(
                    "{path} is no folder of a master with a log in it, and no file of `bayplan log export`"
                )));
            }
            LogSource::Place(LogPlace::Folder) => of_folder(&folder::choose(None, "master")).await?,
            LogSource::Place(LogPlace::Nats(servers)) => {
                let (servers, cluster) = (servers.clone(), place.cluster.clone());
                let options = JetStreamOptions { servers, cluster, create: false, ..JetStreamOptions::default() };
                (AnyLog::Nats(JetStreamLog::open(options).await?), None)
            }
        };
        let log = Arc::new(log);
        let cluster = if place.no_cache { None } else { cluster_of(log.as_ref()).await? };
        let cache = cluster.map(|cluster| Cache::new(&cache::folder(), &cluster, CacheLimits::default()));
        Ok(Self { log, kept: Kept { snapshot, cache }, way_out: WAY_OUT })
    }

    /// For a command that has no `--at`.
    pub(crate) fn way_out(self, way_out: &'static str) -> Self {
        Self { way_out, ..self }
    }

    pub(crate) const fn log(&self) -> &Arc<AnyLog> {
        &self.log
    }

    /// Compares a file with the checksum at its end. A look at a moment does not read all of it.
    pub(crate) fn check_file(&self) -> Result<(), Failure> {
        if let AnyLog::File(file) = self.log.as_ref() {
            file.check()?;
        }
        Ok(())
    }

    pub(crate) const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Sees what was written meanwhile. Others than a folder show it by themselves.
    pub(crate) async fn look_again(&self) -> Result<(), Failure> {
        match self.log.as_ref() {
            AnyLog::Folder(log) => log.look_again().await.map_err(|error| self.unable(error.into())),
            AnyLog::Nats(_) | AnyLog::File(_) => Ok(()),
        }
    }

    pub(crate) async fn bounds(&self) -> Result<PastBounds, Failure> {
        let log = self.log.as_ref();
        let nothing = || Failure::NotFound("the log is empty".to_owned());
        let (first, first_at) = first_at(log).await.map_err(|error| self.unable(error))?.ok_or_else(nothing)?;
        let (last, last_at, damage) = self.last().await?.unwrap_or((first, first_at, None));
        Ok(PastBounds { cluster: cluster_of(log).await?, first, first_at, last, last_at, damage })
    }

    /// The last record that can be read, and what is wrong with the next one if it is damaged.
    async fn last(&self) -> Result<Option<(Seq, Timestamp, Option<String>)>, Failure> {
        let log = self.log.as_ref();
        let (last, damage) = match seq_at(log, Timestamp(u64::MAX)).await {
            Ok(seq) => (seq, None),
            Err(error @ PastError::Record { seq, .. }) if seq > Seq(1) => (Seq(seq.0 - 1), Some(error.to_string())),
            Err(PastError::Ahead { .. }) => return Ok(None),
            Err(error) => return Err(self.unable(error)),
        };
        let mut records = ::master::Records::from(log, last).await.map_err(|error| self.unable(error))?;
        let found = records.peek().await.map_err(|error| self.unable(error))?;
        Ok(found.map(|sealed| (sealed.record.seq, sealed.record.cause.at, damage)))
    }

    /// A moment, seen from the end of the log. Where that cannot be read, nobody knows what is meant.
    pub(crate) async fn resolved(&self, when: &When) -> Result<Meant, Failure> {
        match when {
            When::Seq(seq) => return Ok(Meant::Seq(*seq)),
            When::Time(at) => return Ok(Meant::Time(*at)),
            When::End | When::Ago(_) | When::TimeOfDay(_) => {}
        }
        let nothing = || Failure::NotFound("the log is empty".to_owned());
        let (last, at, damage) = self.last().await?.ok_or_else(nothing)?;
        match (when.before(at), damage) {
            (Meant::End, None) => Ok(Meant::Seq(last)),
            (meant, None) => Ok(meant),
            (Meant::End, Some(damage)) => Err(self.damaged(&damage, last)),
            (_, Some(damage)) => Err(Failure::failed(format!(
                "{damage}; a time of day, or one such as -10m, counts from the log's end: name a record up to {last}, or a full \
                 date"
            ))),
        }
    }

    /// The record that is meant by a moment.
    pub(crate) async fn seq_of(&self, when: &When) -> Result<Seq, Failure> {
        Ok(self.meant_by(when).await?.0)
    }

    /// The record that is meant by a moment, and the time of it where that is what was asked for.
    pub(crate) async fn meant_by(&self, when: &When) -> Result<(Seq, Option<Timestamp>), Failure> {
        match self.resolved(when).await? {
            Meant::Seq(seq) => Ok((seq, None)),
            Meant::Time(at) => match seq_at(self.log.as_ref(), at).await {
                Ok(seq) => Ok((seq, Some(at))),
                Err(PastError::Before { first, at: first_at }) => Err(Failure::NotFound(format!(
                    "the log begins with record {first}, at {}, and {} is before that",
                    moment(first_at),
                    moment(at)
                ))),
                Err(error) => Err(self.unable(error)),
            },
            Meant::End => Ok((END, None)),
        }
    }

    /// The state after record `seq`, and what follows it.
    pub(crate) async fn open_at(&self, seq: Seq) -> Result<PastCursor, Failure> {
        let mut cursor = self.near(seq).await?;
        cursor.fold(|state| state.seq >= seq).await?;
        if cursor.state().seq < seq {
            return Err(self.unable(PastError::Ahead { seq, last: cursor.state().seq }));
        }
        Ok(cursor)
    }

    /// The state at the end of the log.
    pub(crate) async fn open_at_end(&self) -> Result<PastCursor, Failure> {
        let mut cursor = self.near(END).await?;
        cursor.fold(|_| false).await?;
        Ok(cursor)
    }

    /// The oldest state that there is: nothing, or that of the oldest baseline where the log's beginning was trimmed.
    pub(crate) async fn beginning(&self) -> Result<PastCursor, Failure> {
        let cursor = oldest(self.log.as_ref()).await.map_err(|error| self.unable(error))?;
        self.cursor(cursor).await
    }

    /// The nearest state that is kept, of record `seq` or one before it. Nothing is folded.
    pub(crate) async fn near(&self, seq: Seq) -> Result<PastCursor, Failure> {
        let cursor = nearest(self.log.as_ref(), seq, &self.kept).await.map_err(|error| self.unable(error))?;
        self.cursor(cursor).await
    }

    async fn cursor(&self, cursor: Cursor) -> Result<PastCursor, Failure> {
        let end = self.log.bounds().await.map_err(|error| self.unable(error.into()))?.last;
        Ok(PastCursor { cursor, end, keeping: Keeping::new(self.kept.cache.clone()), way_out: self.way_out })
    }

    /// The records from `seq` on, without any state; from the oldest one that is there where it was trimmed.
    pub(crate) async fn records_from(&self, seq: Seq) -> Result<PastRecords, Failure> {
        let records = ::master::Records::from(self.log.as_ref(), seq).await.map_err(|error| self.unable(error))?;
        Ok(PastRecords { records, told: Seq::default(), upto: END, way_out: self.way_out })
    }

    /// The record that launches a task. All of the log may be read for it.
    pub(crate) async fn launch_of(&self, task: &TaskId) -> Result<Seq, Failure> {
        ::master::check_form(task).map_err(|error| self.unable(error))?;
        let mut bar = Bar::new("searching", self.log.bounds().await.map_err(|error| self.unable(error.into()))?.last.0);
        let going_on = |position: Position| {
            bar.at(position.0);
            ControlFlow::Continue(())
        };
        ::master::launch_of(self.log.as_ref(), task, None, going_on).await.map_err(|error| self.unable(error))
    }

    /// What is wrong with the record behind `last`, and how to do without it.
    pub(crate) fn damaged(&self, damage: &str, last: Seq) -> Failure {
        damaged(damage, last, self.way_out)
    }

    fn unable(&self, error: PastError) -> Failure {
        unable(error, self.way_out)
    }
}

async fn of_folder(folder: &std::path::Path) -> Result<(AnyLog, Option<std::path::PathBuf>), Failure> {
    let log = folder.join(LOG_FOLDER);
    if !log.join("CURRENT").is_file() {
        let log = log.display();
        return Err(Failure::NotFound(format!("there is no log in {log}; name a master's folder with --log")));
    }
    let log = RocksLog::look(log, Options::default()).await?;
    Ok((AnyLog::Folder(log), Some(folder.join(SNAPSHOT_FOLDER))))
}

/// Which cluster's log it is, as its first record or its newest baseline says; None where neither can be read.
async fn cluster_of<L: EventLog>(log: &L) -> Result<Option<ClusterId>, Failure> {
    let first = log.bounds().await.map_err(|error| unable(error.into(), WAY_OUT))?.first;
    let oldest = log.read(first).next().await.and_then(Result::ok);
    let started = oldest.as_ref().and_then(|message| {
        message.content.records().iter().find_map(|sealed| match sealed.record.events.first() {
            Some(Event::EpochStarted { cluster, .. }) => Some(cluster.clone()),
            _ => None,
        })
    });
    if started.is_some() {
        return Ok(started);
    }
    let Some(newest) = log.baselines().await.map_err(|error| unable(error.into(), WAY_OUT))?.pop() else {
        return Ok(None);
    };
    let bytes = log.read_baseline(&newest).await.map_err(|error| unable(error.into(), WAY_OUT))?;
    Ok(baseline::mark(&bytes).ok().and_then(|mark| mark.cluster))
}

/// A state of the log, and the records after it.
pub(crate) struct PastCursor {
    cursor: Cursor,
    end: Position,
    keeping: Keeping,
    way_out: &'static str,
}

impl PastCursor {
    pub(crate) const fn state(&self) -> &State {
        self.cursor.state()
    }

    pub(crate) fn into_state(self) -> State {
        self.cursor.into_state()
    }

    pub(crate) const fn tip(&self) -> model::Tip {
        self.cursor.tip()
    }

    pub(crate) const fn position(&self) -> Position {
        self.cursor.position()
    }

    /// The last message of the log, for progress.
    pub(crate) const fn end(&self) -> Position {
        self.end
    }

    /// The record that comes next, and is not applied.
    pub(crate) async fn peek(&mut self) -> Result<Option<Arc<Record>>, Failure> {
        self.cursor.peek().await.map_err(|error| unable(error, self.way_out))
    }

    /// Applies the next record; None at the end of the log.
    pub(crate) async fn step(&mut self) -> Result<Option<Arc<Record>>, Failure> {
        let record = self.cursor.step().await.map_err(|error| unable(error, self.way_out))?;
        if record.as_ref().is_some_and(|record| record.seq.0.is_multiple_of(LOOK_EVERY)) {
            self.keeping.look(&mut self.cursor);
        }
        Ok(record)
    }

    /// Applies records until `is_there` says so, or the log ends.
    async fn fold(&mut self, is_there: impl Fn(&State) -> bool) -> Result<(), Failure> {
        let mut bar = Bar::new("folding", self.end.0);
        while !is_there(self.state()) && self.step().await?.is_some() {
            if self.state().seq.0.is_multiple_of(LOOK_EVERY) {
                bar.at(self.position().0);
            }
        }
        self.keeping.look(&mut self.cursor);
        Ok(())
    }
}

/// The records of a log that count, in order.
pub(crate) struct PastRecords {
    records: ::master::Records,
    /// The last record that was handed out.
    told: Seq,
    upto: Seq,
    way_out: &'static str,
}

impl PastRecords {
    /// None after record `upto`, which may be followed by one that cannot be read.
    pub(crate) fn upto(self, upto: Seq) -> Self {
        Self { upto, ..self }
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Arc<Record>>, Failure> {
        Ok(self.next_sealed().await?.map(|sealed| sealed.record))
    }

    /// The same, with the bytes that the log keeps.
    pub(crate) async fn next_sealed(&mut self) -> Result<Option<SealedRecord>, Failure> {
        if self.told >= self.upto {
            return Ok(None);
        }
        let next = self.records.next().await.map_err(|error| unable(error, self.way_out))?;
        let next = next.filter(|sealed| sealed.record.seq <= self.upto);
        self.told = next.as_ref().map_or(self.told, |sealed| sealed.record.seq);
        Ok(next)
    }

    /// The message that holds the last record, for progress.
    pub(crate) const fn position(&self) -> Position {
        self.records.position()
    }
}

fn damaged(damage: &str, last: Seq, way_out: &str) -> Failure {
    Failure::failed(format!("{damage}; what was before can be looked at: {way_out} {last}"))
}

fn unable(error: PastError, way_out: &str) -> Failure {
    match error {
        PastError::Record { seq, .. } => damaged(&error.to_string(), Seq(seq.0.saturating_sub(1)), way_out),
        error if error.is_nowhere() => Failure::NotFound(error.to_string()),
        error => Failure::failed(error.to_string()),
    }
}
