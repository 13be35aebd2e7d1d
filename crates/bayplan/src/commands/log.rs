//! `bayplan log …`: opens a log where it is kept, without a master.

pub(crate) mod bar;
pub(crate) mod file;
mod fitting;
mod fold;
mod info;
mod place;
mod transfer;
pub(crate) mod verify;

use std::path::Path;

use eventlog::EventLog;
use model::Position;
use serde::Serialize;

use crate::cli::log::LogPlace;
use crate::cli::log_commands::{Backup, Export, Import, Log, NewPlace, Place, Restore, Trim};
use crate::cli::{ColorWhen, Global};
use crate::failure::Failure;
use crate::node::{folder, master};
use crate::output::{Output, note};
use file::check_new;
use fold::failed;
use place::Opened;

/// What a command works with.
struct Session {
    out: Output,
    color: ColorWhen,
}

impl Session {
    /// A sentence for people, or a document for machines.
    fn tell<T: Serialize>(&mut self, document: &T, text: &str) -> Result<(), Failure> {
        if self.out.is_json() { self.out.document(document) } else { self.out.text(&format!("{text}\n")) }
    }

    fn note(&self, text: &str) {
        note(self.color, text);
    }
}

pub(crate) async fn run(command: Log, global: Global) -> Result<(), Failure> {
    let mut session = Session { out: Output::new(global.color, global.json), color: global.color };
    if let Log::Export(Export { to, .. }) | Log::Backup(Backup { to, .. }) = &command {
        check_new(to)?;
    }
    let place = match &command {
        Log::Info(info) => &info.place,
        Log::Verify(verify) => &verify.place,
        Log::Export(export) => &export.place,
        Log::Trim(trim) => &trim.place,
        Log::Backup(backup) => &backup.place,
        Log::Import(Import { place, from }) => return fill(place, from, None, &mut session).await,
        Log::Restore(Restore { place, from, pass_epochs }) => {
            return fill(place, from, Some(*pass_epochs), &mut session).await;
        }
    };
    match place::existing(place).await? {
        Opened::Folder(log) => {
            let done = on(&log, command, &mut session).await;
            log.close().await;
            done
        }
        Opened::Nats(log) => on(&log, command, &mut session).await,
    }
}

/// A new log from a file, for a cluster that goes on from it where epochs are to pass.
async fn fill(place: &NewPlace, from: &Path, pass_epochs: Option<u64>, session: &mut Session) -> Result<(), Failure> {
    // Before anything is made.
    let file = transfer::check(from).await?;
    match place::new(place).await? {
        Opened::Folder(log) => {
            let done = transfer::put(&log, file, place.remove_baselines, pass_epochs, session).await;
            log.close().await;
            done
        }
        Opened::Nats(log) => {
            let (found, wanted) = (log.replicas(), place.log_replicas);
            if found != wanted {
                session.note(&format!(
                    "The stream was there before, with {found} replicas and not with {wanted} (--log-replicas)."
                ));
            }
            transfer::put(&log, file, place.remove_baselines, pass_epochs, session).await
        }
    }
}

async fn on<L: EventLog>(log: &L, command: Log, session: &mut Session) -> Result<(), Failure> {
    match command {
        Log::Info(info) => info::run(log, snapshot_folder(&info.place).as_deref(), session).await,
        Log::Verify(_) => verify::run(log, verify::CHECK_EVERY, || Ok(()), &mut session.out).await,
        Log::Export(export) => transfer::export(log, &export.to, session).await,
        Log::Backup(backup) => transfer::backup(log, &backup.to, backup.upto.map(Position), session).await,
        Log::Trim(trim) => self::trim(log, &trim, session).await,
        Log::Import(_) | Log::Restore(_) => unreachable!("they make a log"),
    }
}

/// Where a master that has its log in a folder keeps its snapshot. Those on NATS servers have one each.
fn snapshot_folder(place: &Place) -> Option<std::path::PathBuf> {
    let is_folder = place.log == LogPlace::Folder;
    (is_folder || place.dir.is_some())
        .then(|| folder::choose(place.dir.clone(), "master").join(master::SNAPSHOT_FOLDER))
}

#[derive(Serialize)]
struct Trimmed {
    baseline_seq: u64,
    baseline_bytes: u64,
    /// The oldest message that is left.
    first_position: u64,
    trimmed_messages: u64,
}

async fn trim<L: EventLog>(log: &L, trim: &Trim, session: &mut Session) -> Result<(), Failure> {
    let bounds = log.bounds().await.map_err(failed)?;
    if bounds.is_empty() {
        return Err(failed("the log is empty, so there is nothing to trim"));
    }
    let found = verify::fold_upto(log, bounds.last).await?;
    let baseline = ::master::write_baseline(log, found.state, found.tip, found.at).await.map_err(failed)?;
    if trim.behind_newest {
        // Younger ones are of another log.
        for older in log.baselines().await.map_err(failed)?.iter().filter(|older| **older < baseline) {
            log.remove_baseline(older).await.map_err(failed)?;
        }
        let upto = ::master::trimmable_behind(log, &baseline).await.map_err(failed)?;
        log.trim(upto).await.map_err(failed)?;
    } else if ::master::trim_behind_baselines(log).await.map_err(failed)?.is_none() {
        session.note(
            "There is one baseline now, and the log is trimmed when there are two; trim again later, or with \
             --behind-newest.",
        );
    }
    let first = log.bounds().await.map_err(failed)?.first;
    let told = Trimmed {
        baseline_seq: baseline.seq.0,
        baseline_bytes: baseline.bytes,
        first_position: first.0,
        trimmed_messages: first.0.saturating_sub(bounds.first.0),
    };
    let text = format!(
        "A baseline of record {} was written and read back; {} trimmed, and the log begins at position {first}.",
        baseline.seq,
        match told.trimmed_messages {
            1 => "1 message was".to_owned(),
            messages => format!("{messages} messages were"),
        }
    );
    session.tell(&told, &text)
}
