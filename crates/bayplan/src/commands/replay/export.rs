//! `bayplan replay export`: a slice of a log as a log, as JSON lines, or as a database.

mod about;
mod database;
mod slice;
mod target;

use std::io;
use std::path::Path;

use replay::anonymise::{Anonymised, Survey};
use serde::Serialize;

use crate::cli::Global;
use crate::cli::replay::{Export, SliceFormat};
use crate::commands::log::file::discard;
use crate::failure::Failure;
use crate::output::{Output, note};
use crate::past::PastLog;
use crate::render::count;
use about::About;
use slice::Slice;
use target::{STDOUT, Target};

#[derive(Serialize)]
struct Exported {
    file: String,
    format: SliceFormat,
    records: u64,
    #[serde(flatten)]
    about: About,
}

pub(super) async fn run(export: Export, global: &Global, out: &mut Output) -> Result<(), Failure> {
    check_out(&export)?;
    let past = PastLog::open(&export.log).await?.way_out("--to");
    let slice = Slice::of(&past, export.from.as_ref(), export.to.as_ref()).await?;
    let cluster = past.bounds().await?.cluster.filter(|_| !export.anonymise);
    let mut about = About {
        written_by: format!("bayplan {}", env!("CARGO_PKG_VERSION")),
        cluster: cluster.map(|cluster| cluster.to_string()),
        from_seq: slice.from.0,
        to_seq: slice.to.0,
        anonymised: export.anonymise,
        modules: 0,
    };
    let target = Target::create(export.format, &export.out)?;
    let written = if export.anonymise {
        anonymised(&slice, target, &mut about).await
    } else {
        as_it_is(&slice, target, &about).await
    };
    let is_stdout = export.out.as_os_str() == STDOUT;
    if written.is_err() && !is_stdout {
        discard(&export.out);
    }
    written.map_err(|failure| if is_stdout && is_closed(&failure) { Failure::OutputClosed } else { failure })?;
    tell(&export, about, is_stdout, global, out)
}

/// Whether nobody reads on what is written to stdout.
fn is_closed(failure: &Failure) -> bool {
    let Failure::Failed(error) = failure else { return false };
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

async fn as_it_is(slice: &Slice<'_>, mut target: Target, about: &About) -> Result<(), Failure> {
    if let Some(before) = &slice.before {
        target.begin(&before.state, &before.last)?;
    }
    slice.each("writing", |sealed, _| target.record(sealed)).await?;
    Ok(target.finish(about)?)
}

async fn anonymised(slice: &Slice<'_>, mut target: Target, about: &mut About) -> Result<(), Failure> {
    let mut survey = Survey::default();
    if let Some(before) = &slice.before {
        survey.state(&before.state);
        survey.record(&before.last.record);
    }
    let seen = |sealed: &model::SealedRecord, _| {
        survey.record(&sealed.record);
        Ok(())
    };
    slice.each("looking for names", seen).await?;
    about.modules = survey.modules();
    let mut told = Anonymised::new(survey);
    if let Some(before) = &slice.before {
        let begun = told.begin(&before.state, &before.last.record);
        target.begin(&begun.state, &begun.last)?;
    }
    slice.each("writing", |sealed, is_last| target.record(&told.record(&sealed.record, is_last))).await?;
    Ok(target.finish(about)?)
}

/// Said before the log is read, which may take long.
fn check_out(export: &Export) -> Result<(), Failure> {
    let out = &export.out;
    let bad = |reason: &str| Err(Failure::Usage(format!("--out: {} {reason}", out.display())));
    if out.as_os_str() == STDOUT {
        let is_lines = export.format == SliceFormat::Jsonl;
        return if is_lines { Ok(()) } else { bad("is stdout, which takes --format jsonl only; name a file") };
    }
    if out.symlink_metadata().is_ok() {
        return bad("is there already; name another file");
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder: &Path| !folder.is_dir()) {
        return bad("is in a folder that is not there");
    }
    Ok(())
}

fn tell(export: &Export, about: About, is_stdout: bool, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let records = about.to_seq - about.from_seq + 1;
    let whose = if about.anonymised { ", anonymised" } else { "" };
    let file = export.out.display().to_string();
    if about.modules > 0 && about.anonymised {
        note(
            global.color,
            &format!(
                "The code of {} goes along, without its sections for tools; it may still hold texts. Look at it before you \
                 give the file away.",
                count(about.modules as u64, "module")
            ),
        );
    }
    let text = format!("{file} has {}, {} to {}{whose}.", count(records, "record"), about.from_seq, about.to_seq);
    match (is_stdout, out.is_json()) {
        (true, _) => note(global.color, &text),
        (false, true) => out.document(&Exported { file, format: export.format, records, about })?,
        (false, false) => out.text(&format!("{text}\n"))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
