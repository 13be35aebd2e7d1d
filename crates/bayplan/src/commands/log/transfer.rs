//! Copies between a log and a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eventlog::{Bounds, EventLog, beginning_of};
use model::{Hash, Position};
use serde::Serialize;
use snapshot::{Loaded, Mark, baseline};

use super::bar::Bar;
use super::file::{Reader, Writer, discard};
use super::fitting::Fitting;
use super::fold::{Expected, Found, Start, failed, fold, start};
use super::{Session, verify};
use crate::failure::Failure;
use crate::render::count;

#[derive(Serialize)]
struct Copied {
    messages: u64,
    bytes: u64,
    last_seq: u64,
    epoch: u64,
}

pub(super) async fn export<L: EventLog>(log: &L, to: &Path, session: &mut Session) -> Result<(), Failure> {
    let last = log.bounds().await.map_err(failed)?.last;
    let found = verify::fold_upto(log, last).await?;
    let begin = start(log).await?;
    let mut writer = Writer::create(to)?;
    let copied = async {
        if let Some(baseline) = &begin.baseline {
            let bytes = log.read_baseline(baseline).await.map_err(failed)?;
            writer.baseline(baseline.position, &bytes)?;
        }
        let first = log.bounds().await.map_err(failed)?.first;
        copy(log, begin.at.max(first), first, last, &mut writer).await
    };
    finish(copied.await, writer, to, &found, session)
}

pub(super) async fn backup<L: EventLog>(
    log: &L,
    to: &Path,
    upto: Option<Position>,
    session: &mut Session,
) -> Result<(), Failure> {
    let bounds = log.bounds().await.map_err(failed)?;
    if let Some(upto) = upto.filter(|upto| *upto < bounds.first || *upto > bounds.last) {
        let Bounds { first, last } = bounds;
        return Err(Failure::Usage(format!("--upto {upto}: the log has the positions {first} to {last}")));
    }
    let last = upto.unwrap_or(bounds.last);
    let found = verify::fold_upto(log, last).await?;
    let mut writer = Writer::create(to)?;
    let copied = async {
        let mark = Mark::of(&found.state, found.tip, found.at);
        writer.baseline(found.at, &baseline::encode(&found.state, &mark))?;
        copy(log, found.at, bounds.first, last, &mut writer).await
    };
    finish(copied.await, writer, to, &found, session)
}

/// Copies messages, the first of them with the parts before it that are there.
async fn copy<L: EventLog>(
    log: &L,
    from: Position,
    first: Position,
    last: Position,
    writer: &mut Writer,
) -> Result<(), Failure> {
    let from = beginning_of(log, from).await.map_err(failed)?.max(first);
    let mut bar = Bar::new("writing", last.0);
    let mut messages = log.read(from).upto(last);
    while let Some(message) = messages.next().await {
        let message = message.map_err(failed)?;
        writer.message(&message)?;
        bar.at(message.position.0);
    }
    Ok(())
}

fn finish(
    copied: Result<(), Failure>,
    writer: Writer,
    to: &Path,
    found: &Found,
    session: &mut Session,
) -> Result<(), Failure> {
    let finished = copied.and_then(|()| writer.finish().map_err(Failure::from));
    let (messages, bytes) = finished.inspect_err(|_| discard(to))?;
    let told = Copied { messages, bytes, last_seq: found.tip.seq.0, epoch: found.tip.epoch.0 };
    let text = format!(
        "{} has {} up to record {} of epoch {}, {bytes} bytes.",
        to.display(),
        count(messages, "message"),
        told.last_seq,
        told.epoch
    );
    session.tell(&told, &text)
}

/// A file that was read as a whole and folded.
pub(super) struct Checked {
    from: PathBuf,
    found: Found,
    baseline: Option<Loaded>,
}

/// Reads and folds a file, so that one that is unfit changes nothing.
pub(super) async fn check(from: &Path) -> Result<Checked, Failure> {
    let named = |failure: Failure| Failure::failed(format!("{}: {failure}", from.display()));
    let (reader, bytes) = Reader::open(from)?;
    let baseline = bytes.map(|bytes| baseline::decode(&bytes)).transpose().map_err(|error| named(failed(error)))?;
    let begin = baseline.clone().map_or_else(Start::nothing, |loaded| Start::of(loaded, None));
    let mut bar = Bar::new("checking", 0);
    let found = fold(reader.messages(), begin, &Expected::default(), &mut bar)
        .await
        .map_err(|unsound| named(unsound.into()))?;
    if found.tip.seq.0 == 0 {
        return Err(failed(format!("{} has no record", from.display())));
    }
    Ok(Checked { from: from.to_owned(), found, baseline })
}

/// The baseline of a file, with the place that it is going to have in a log whose messages are no larger.
async fn placed(file: &Checked, limit_bytes: usize) -> Result<Option<(Mark, Vec<u8>)>, Failure> {
    let Some(loaded) = file.baseline.clone() else { return Ok(None) };
    let (mut next, mut places) = (Position(1), BTreeMap::<Hash, Position>::new());
    let wanted = loaded.mark.tip.hash;
    let mut messages = Reader::open(&file.from)?.0.messages();
    let mut fitting = Fitting::new(limit_bytes);
    while let Some(message) = messages.next().await {
        for content in fitting.take(message.map_err(failed)?)? {
            if content.completes(wanted) {
                places.insert(wanted, next);
            }
            next = next.next();
        }
    }
    at_its_new_place(loaded, &places).map(Some)
}

fn at_its_new_place(
    Loaded { state, mark }: Loaded,
    places: &BTreeMap<Hash, Position>,
) -> Result<(Mark, Vec<u8>), Failure> {
    let Some(position) = places.get(&mark.tip.hash).copied() else {
        return Err(failed(format!("the file lacks record {}, with which its baseline ends", mark.tip.seq)));
    };
    let mark = Mark { position, ..mark };
    let bytes = baseline::encode(&state, &mark);
    Ok((mark, bytes))
}

/// Puts a file into an empty log, and lets epochs pass where a cluster is to go on from it.
pub(super) async fn put<L: EventLog>(
    log: &L,
    file: Checked,
    remove_baselines: bool,
    pass_epochs: Option<u64>,
    session: &mut Session,
) -> Result<(), Failure> {
    let filled = fill(log, &file, remove_baselines).await?;
    let Some(pass_epochs) = pass_epochs else {
        let text = format!(
            "The log has all of {}: {} up to record {} of epoch {}.",
            file.from.display(),
            count(filled.messages, "message"),
            filled.last_seq,
            filled.epoch
        );
        return session.tell(&filled, &text);
    };
    restore(log, filled, pass_epochs, session).await
}

async fn fill<L: EventLog>(log: &L, file: &Checked, remove_baselines: bool) -> Result<Copied, Failure> {
    let bounds = log.bounds().await.map_err(failed)?;
    if bounds.last > Position(0) {
        return Err(Failure::Refused(format!(
            "the log is not empty, it ends at position {}; nothing was changed. Choose another --dir or --cluster",
            bounds.last
        )));
    }
    let limit_bytes = log.max_message_bytes();
    let baseline = placed(file, limit_bytes).await?;
    let found = &file.found;
    clear_baselines(log, found, remove_baselines).await?;
    if let Some((mark, bytes)) = baseline {
        let put = log.put_baseline(mark.tip.seq, mark.position, bytes.into()).await.map_err(failed)?;
        master::read_back_baseline(log, &put).await.map_err(failed)?;
    }
    let mut bar = Bar::new("writing", 0);
    let (mut end, mut bytes) = (Position(0), 0);
    let mut messages = Reader::open(&file.from)?.0.messages();
    let mut fitting = Fitting::new(limit_bytes);
    while let Some(message) = messages.next().await {
        for content in fitting.take(message.map_err(failed)?)? {
            bytes += content.size_bytes() as u64;
            end = log.append(Some(end), content).await.map_err(|error| {
                failed(format!(
                    "{error}; the log has only the beginning, up to position {end}: remove it, and try again before any \
                     master starts with it"
                ))
            })?;
            bar.at(end.0);
        }
    }
    Ok(Copied { messages: end.0, bytes, last_seq: found.tip.seq.0, epoch: found.tip.epoch.0 })
}

/// Baselines of a log that was here before may be all that is left of what the file lacks. So nobody but an operator removes them.
async fn clear_baselines<L: EventLog>(log: &L, found: &Found, remove: bool) -> Result<(), Failure> {
    let baselines = log.baselines().await.map_err(failed)?;
    let Some(newest) = baselines.last() else { return Ok(()) };
    if !remove {
        return Err(Failure::Refused(format!(
            "of the log that was here before, baselines are left ({}), the newest of record {}, and the file ends with record {}; \
             nothing was changed. Remove them with --remove-baselines, or choose another --cluster",
            baselines.len(),
            newest.seq,
            found.tip.seq
        )));
    }
    for baseline in &baselines {
        log.remove_baseline(baseline).await.map_err(failed)?;
    }
    Ok(())
}

async fn restore<L: EventLog>(log: &L, filled: Copied, pass_epochs: u64, session: &mut Session) -> Result<(), Failure> {
    let config = master::Config { leader: "bayplan log restore".to_owned(), ..master::Config::default() };
    let (epoch, seq) = master::pass_epochs(log, &config, pass_epochs).await.map_err(failed)?;
    let told = Copied { last_seq: seq.0, epoch: epoch.0, ..filled };
    let text = format!(
        "The cluster is back as after record {} of epoch {}; {pass_epochs} epochs have passed, and the next master leads epoch \
         {}. Start it now.",
        filled_seq(&told, pass_epochs),
        epoch.0 - pass_epochs,
        epoch.next()
    );
    session.tell(&told, &text)
}

/// Each epoch that passed is a record.
fn filled_seq(told: &Copied, pass_epochs: u64) -> u64 {
    told.last_seq - pass_epochs
}
